"""The registry of families: one line each, and the only place that knows them all."""

from __future__ import annotations

import dataclasses
from importlib import import_module
from types import ModuleType
from typing import Any

from napari_advseg.families.unet import settings as unet
from napari_advseg.settings import Settings


@dataclasses.dataclass(frozen=True)
class Entry:
    """What can be said of a family without loading torch."""

    name: str
    summary: str
    reference: str
    settings: type[Settings]
    presets: dict[str, dict[str, Any]]


FAMILIES: dict[str, Entry] = {
    entry.name: entry
    for entry in (Entry(unet.NAME, unet.SUMMARY, unet.REFERENCE, unet.UNetSettings, unet.PRESETS),)
}


def find(name: str) -> Entry:
    """The family called `name`.

    Raises:
        ValueError: there is none; the message lists those that exist.
    """
    if name not in FAMILIES:
        raise ValueError(f"There is no family '{name}'; choose one of: {', '.join(FAMILIES)}.")
    return FAMILIES[name]


def preset_on(name: str, device: str) -> str:
    """The preset of a family for a kind of device: `seed` on "cuda", else `quick`, where there are such."""
    presets = find(name).presets
    wanted = "seed" if device == "cuda" else "quick"
    return wanted if wanted in presets else next(iter(presets))


def load(name: str) -> ModuleType:
    """The module `families.<name>.model` with its class `Model`; this is where torch is first imported."""
    return import_module(f"{__name__}.{find(name).name}.model")
