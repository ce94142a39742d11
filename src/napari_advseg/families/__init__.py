"""The registry of families: one line each, and the only place that knows them all."""

from __future__ import annotations

import dataclasses
from importlib import import_module
from types import ModuleType
from typing import Any, Literal

from napari_advseg.families.adversarial_unet import settings as adversarial_unet
from napari_advseg.families.boundless import settings as boundless
from napari_advseg.families.boundless_transfer import settings as boundless_transfer
from napari_advseg.families.cgan import settings as cgan
from napari_advseg.families.cyclegan import settings as cyclegan
from napari_advseg.families.deconvnet import settings as deconvnet
from napari_advseg.families.seggan import settings as seggan
from napari_advseg.families.stylegan import settings as stylegan
from napari_advseg.families.unet import settings as unet
from napari_advseg.families.unet3d import settings as unet3d
from napari_advseg.settings import Settings
from napari_advseg.settings.channels import Channels

Needs = Literal["paired", "unpaired", "unlabelled"]
Paints = Literal["holes", "labels", "crops", "nothing"]

ONE_MAP = Channels()
RGB_PASCAL = Channels(image=3, output=21, gives="classes")
RGB_TWO_CLASSES = Channels(image=3, output=2, gives="classes")


@dataclasses.dataclass(frozen=True)
class Entry:
    """What can be said of a family without loading torch.

    Its parameters are counted for `counted` channels and with the settings `counted_with` on top of a preset's.
    `needs` is what its model says too: pairs of image and labels, sets that need not belong together, or images
    alone; so are `dimensions`: 3 where it looks at blocks of sections.
    """

    name: str
    summary: str
    reference: str
    settings: type[Settings]
    presets: dict[str, dict[str, Any]]
    counted: Channels = ONE_MAP
    needs: Needs = "paired"
    counted_with: dict[str, Any] = dataclasses.field(default_factory=dict)
    dimensions: Literal[2, 3] = 2


def listed(module: Any, settings: type[Settings], counted: Channels = ONE_MAP) -> Entry:
    """The entry of a family from its module of settings."""
    needs: Needs = getattr(module, "NEEDS", "paired")
    dimensions: Literal[2, 3] = getattr(module, "DIMENSIONS", 2)
    named = module.NAME, module.SUMMARY, module.REFERENCE
    counted_with = getattr(module, "COUNTED", {})
    return Entry(*named, settings, module.PRESETS, counted, needs, counted_with, dimensions)


FAMILIES: dict[str, Entry] = {
    entry.name: entry
    for entry in (
        listed(unet, unet.UNetSettings),
        listed(cgan, cgan.CganSettings),
        listed(cyclegan, cyclegan.CycleGanSettings),
        listed(seggan, seggan.SegGanSettings, RGB_PASCAL),
        listed(deconvnet, deconvnet.DeconvNetSettings, RGB_TWO_CLASSES),
        listed(adversarial_unet, adversarial_unet.AdversarialUNetSettings),
        listed(unet3d, unet3d.UNet3dSettings),
        listed(boundless, boundless.BoundlessSettings),
        listed(boundless_transfer, boundless_transfer.BoundlessTransferSettings),
        listed(stylegan, stylegan.StyleGanSettings),
    )
}


def find(name: str) -> Entry:
    """The family called `name`.

    Raises:
        ValueError: there is none; the message lists those that exist.
    """
    if name not in FAMILIES:
        raise ValueError(f"There is no family '{name}'; choose one of: {', '.join(FAMILIES)}.")
    return FAMILIES[name]


def paints(chosen: Settings) -> Paints:
    """What a model with these settings paints: holes in images, images of labels, crops of nothing, or nothing."""
    found: Paints = getattr(chosen, "paints", "nothing")
    return found


def segments(chosen: Settings) -> bool:
    """Whether a model with these settings makes maps of images, and so labels."""
    return bool(getattr(chosen, "segments", True))


def judges(chosen: Settings) -> bool:
    """Whether a model with these settings has a critic that says how false segmentations look."""
    return bool(getattr(chosen, "judges", False))


def preset_on(name: str, device: str) -> str:
    """The preset of a family for a kind of device: `seed` on "cuda", else `quick`, where there are such."""
    presets = find(name).presets
    wanted = "seed" if device == "cuda" else "quick"
    return wanted if wanted in presets else next(iter(presets))


def load(name: str) -> ModuleType:
    """The module `families.<name>.model` with its class `Model`; this is where torch is first imported."""
    return import_module(f"{__name__}.{find(name).name}.model")
