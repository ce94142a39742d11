"""What can be known before a job starts, as one sentence with the remedy; empty where all is well."""

from __future__ import annotations

import dataclasses
import math
from pathlib import Path
from typing import Any, Literal

from napari_advseg import families, model_store
from napari_advseg.recipes import Train, train_recipe
from napari_advseg.runs.remembered import Memory, pace_of, steps_of
from napari_advseg.volume.formats.files import describe
from napari_advseg.volume.formats.sections import PARTIAL
from napari_advseg.volume.units import PIXEL
from napari_advseg.volume.volume import Volume

CLOSE = 1e-3
CPU = "CPU"
NO_IMAGE = "Choose an image layer: open a file, or File > Open Sample > Adversarial segmentation."


@dataclasses.dataclass(frozen=True)
class Pairing:
    """How an image and an annotation are learnt from: as a pair, or as two sets that need not belong together.

    `problem` says why they cannot be, `words` which of the two it will be where a family can do both.
    """

    problem: str = ""
    words: str = ""
    is_pair: bool = True


def pairing(image: Volume | None, labels: Volume | None, family: str) -> Pairing:
    """How a family would learn from these; None stands for a layer that is not chosen."""
    if image is None:
        return Pairing(NO_IMAGE)
    if needs_no_labels(family):
        return Pairing(words=f"{family} learns from the image alone; no labels are needed.")
    if labels is None:
        return Pairing(
            "Choose a labels layer: add one below the layer list and paint a few cells in it."
        )
    if families.find(family).needs == "paired":
        return Pairing(_why_apart(image, labels, "zyx"))
    if any(image.size(axis) != labels.size(axis) for axis in "zyx"):
        return Pairing(words=_unpaired_words(image, labels), is_pair=False)
    return Pairing(
        _why_apart(image, labels, "zyx"),
        f"As a pair: {family} does not look at which labels belong to which section, but withheld sections "
        "are compared.",
    )


def needs_no_labels(family: str) -> bool:
    """Whether a family learns from images alone."""
    return families.find(family).needs == "unlabelled"


def _unpaired_words(image: Volume, labels: Volume) -> str:
    pictures, masks = (
        f"{one.size('z')} section{'s' if one.size('z') > 1 else ''} of {one.size('y')} x {one.size('x')} px"
        for one in (image, labels)
    )
    words = (
        f"Unpaired: the image has {pictures}, the labels have {masks}; they need not belong together. "
        "Nothing can be validated, so look at the first result."
    )
    steps = [one.frame.step("x") for one in (image, labels)]
    if not math.isclose(*steps, rel_tol=CLOSE):
        words += " Their voxel sizes differ: objects should be equally large in pixels."
    return words


def why_not_tune(shown: Volume | None, truth: Volume | None, *, names_sections: bool) -> str:
    """Why thresholds cannot be searched on an image or interior map and its truth."""
    if shown is None:
        return NO_IMAGE
    if truth is None:
        return "Choose the labels layer with the true objects."
    return _why_apart(shown, truth, "yx" if names_sections else "zyx")


def _why_apart(image: Volume, labels: Volume, sizes: str) -> str:
    for axis in sizes:
        if image.size(axis) != labels.size(axis):
            return (
                f"The image is {describe(image)}, the labels are {describe(labels)}; "
                "choose layers that belong together."
            )
    for axis in "zyx":
        if not math.isclose(image.frame.step(axis), labels.frame.step(axis), rel_tol=CLOSE):
            return (
                f"The scale of the image is {scale_words(image)}, that of the labels {scale_words(labels)}; "
                "give both layers the same scale."
            )
    return ""


def why_other_pixels(labels: Volume, truth: Volume) -> str:
    """Why two volumes without units do not lie on the same voxels: nothing else tells that their scales differ."""
    for axis in "yx":
        if any(one.frame.units[one.axes.index(axis)] != PIXEL for one in (labels, truth)):
            return ""
        if not math.isclose(labels.frame.step(axis), truth.frame.step(axis), rel_tol=CLOSE):
            return (
                f"The scale of the labels is {scale_words(labels)}, that of the truth {scale_words(truth)}; "
                "give both layers the same scale."
            )
    return ""


def scale_words(volume: Volume) -> str:
    """For example "50 x 4 x 4 nanometer"."""
    frame = volume.frame
    places = [k for k, axis in enumerate(frame.axes) if axis in "zyx"]
    return " x ".join(f"{frame.scale[k]:g}" for k in places) + f" {frame.units[places[-1]]}"


def auto_preset(family: str, device: dict[str, Any] | None) -> str:
    """The preset for a device; for the CPU as long as the device is not known."""
    return families.preset_on(family, str((device or {}).get("device", "cpu")))


def preset_words(family: str, preset: str) -> str:
    """What a preset means, for example "widths 16 32 64 128 256, 2300 steps"."""
    recipe: Train = train_recipe(family, preset)
    widths = " ".join(str(width) for width in getattr(recipe.model, "widths", ()))
    size = getattr(recipe.model, "width", None) or getattr(recipe.model, "segmenter", "")
    network = f"widths {widths}" if widths else f"{'width ' if size != str(size) else ''}{size}"
    length = f"{recipe.training.steps:,} steps"
    if recipe.training.epochs is not None:
        length = f"{recipe.training.epochs} epochs"
    return f"{network}, {length} of {recipe.examples.batch} crops"


def device_line(device: dict[str, Any] | None, if_slow: str = "") -> str:
    """What a dock says before Start: "Computes on: CPU, 2 cores, bf16"."""
    if device is None:
        return "Computes on: starting the compute process …"
    is_cpu = device.get("device") == "cpu"
    room = f"{device.get('cores')} cores" if is_cpu else f"{device.get('memory_gb')} GB free"
    words = f"Computes on: {device.get('name')}, {room}, {device.get('precision')}"
    return f"{words} {if_slow}".strip() if is_cpu else words


def time_words(
    recipe: Train, device: dict[str, Any] | None, memory: Memory, sections: int = 0
) -> str:
    """How long a training takes: as asked, as measured on this computer, or that it was never measured here.

    `sections` is how many train, where that is known.
    """
    if recipe.training.minutes is not None:
        return f"Training takes {recipe.training.minutes:g} min, as asked."
    steps, name = steps_of(recipe, sections), device_name(recipe, device)
    seconds = memory.paces.get(pace_of(recipe, name))
    if seconds is not None and steps is not None:
        return f"Training takes about {about(steps * seconds)}, as measured on this computer."
    slow = " Without a GPU it takes minutes to hours." if name == CPU else ""
    return (
        f"How long this training takes was not measured on this computer yet.{slow}" if name else ""
    )


def about(seconds: float) -> str:
    """A length of time as roughly as it is known."""
    if seconds < 90:
        return f"{max(5, 5 * round(seconds / 5))} s"
    return f"{round(seconds / 60)} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def device_name(recipe: Train, device: dict[str, Any] | None) -> str:
    """What a training will compute on; empty where only the child could tell."""
    wanted = recipe.training.device
    if device is not None and wanted in ("auto", device.get("device")):
        return str(device.get("name"))
    return CPU if wanted == "cpu" else ""


@dataclasses.dataclass(frozen=True)
class Place:
    """A path for something new, and what stands there now."""

    path: str
    holds: Literal["nothing", "model", "other"] = "nothing"

    @property
    def problem(self) -> str:
        """Why nothing new can be put there."""
        if not self.path:
            return "Say where the result goes."
        if self.holds == "model":
            return "This folder holds a model already: resume its training, or take a new name."
        return (
            f"{Path(self.path).name} exists already; choose another name."
            if self.holds == "other"
            else ""
        )


def look_at(path: str) -> Place:
    """What stands at `path`; an empty folder is nothing."""
    place = Path(path).expanduser()
    if (place / model_store.CARD).is_file():
        return Place(path, "model")
    is_taken = place.exists() and not (place.is_dir() and not any(place.iterdir()))
    is_taken = is_taken or place.with_name(f"{place.name}{PARTIAL}").exists()
    return Place(path, "other" if path and is_taken else "nothing")


def free_place(path: Path) -> Path:
    """`path` itself where nothing is there, else with the first free number: model-2, labels-2.ome.zarr."""
    stem, dot, suffix = path.name.partition(".")
    count = 1
    free = path
    while look_at(str(free)).holds != "nothing":
        count += 1
        free = path.with_name(f"{stem}-{count}{dot}{suffix}")
    return free
