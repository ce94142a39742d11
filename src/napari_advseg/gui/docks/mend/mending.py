"""What the Mend dock does on threads: layers on their way to a model that paints, and what it painted as layers."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import numpy as np
from napari.layers import Layer

from napari_advseg import families
from napari_advseg.gui.compute.cancellable import Cancellable
from napari_advseg.gui.compute.checks import NO_IMAGE, free_place
from napari_advseg.gui.compute.handover import (
    COPY,
    HOME,
    copied,
    folder_for,
    holds,
    named,
    plain,
    taken,
)
from napari_advseg.gui.docks.segment.segmenting import in_file
from napari_advseg.gui.viewer.results import flat_colours, made_of
from napari_advseg.model_store import Card
from napari_advseg.napari_io import LayerData, read_layers, volume_to_layer
from napari_advseg.project import Project
from napari_advseg.recipes import Extend, Generate, Mend
from napari_advseg.volume.formats.canvas import Canvas
from napari_advseg.volume.volume import Volume

Use = Literal["mend", "extend", "generate"]
Painting = Mend | Extend

DOES: dict[Use, str] = {
    "mend": "fills regions",
    "extend": "extends images",
    "generate": "generates images",
}
REMEDY: dict[Use, str] = {
    "mend": "the family boundless",
    "extend": "the family boundless",
    "generate": "the family stylegan (crops), or of cgan with direction map_to_image, cyclegan or seggan (of labels)",
}
WORDS: dict[Use, str] = {"mend": "filled", "extend": "extended"}
SYNTHETIC = "synthetic voxels"
MASK_COLOUR = "#e69f00"
MASK_OPACITY = 0.8
OUTLINE_PX = 1
NO_REGION = (
    "Choose the labels layer that marks what is to be filled, or press New layer and paint it."
)


def fits(card: Card, use: Use) -> bool:
    """Whether a model can be used so."""
    paints = families.paints(card.recipe.model)
    return paints in ("crops", "labels") if use == "generate" else paints == "holes"


def painted_by(card: Card | None) -> families.Paints:
    """What a model paints; nothing where there is none."""
    return "nothing" if card is None else families.paints(card.recipe.model)


def look_of(layer: Any) -> dict[str, Any]:
    """How an image layer is shown, as far as it suits what is painted into it."""
    if getattr(layer, "rgb", False):
        return {}
    limits = [float(limit) for limit in layer.contrast_limits]
    return {"contrast_limits": limits, "colormap": layer.colormap.name, "gamma": layer.gamma}


def named_by(result: Mapping[str, Any]) -> str:
    """A name for what a job has made that another dock has started."""
    return Path(result["image"]).name.partition(".")[0]


def why_not_model(card: Card | None, use: Use) -> str:
    """Why there is no model for a use (None for no model at all), with the one to train."""
    remedy = f"choose, or train in the Train dock, a model of {REMEDY[use]}."
    if card is None:
        return f"No model here {DOES[use]}: {remedy}"
    return "" if fits(card, use) else f"A {card.recipe.family} {_instead(card, use)}: {remedy}"


def _instead(card: Card, use: Use) -> str:
    does = {
        "holes": "fills and extends images and generates none",
        "nothing": "segments images and paints nothing",
    }
    return does.get(families.paints(card.recipe.model), f"generates images and {_not(use)}")


def _not(use: Use) -> str:
    return "fills no regions" if use == "mend" else "extends none"


def why_not_image(image: Volume | None, card: Card | None) -> str:
    """Why a model cannot paint into an image."""
    if image is None:
        return NO_IMAGE
    if card is None:
        return ""
    count, wanted = image.size("c"), card.channels.image
    if count == wanted:
        return ""
    return (
        f"The image has {count} channel{'s' if count > 1 else ''}, the model was trained on {wanted}; choose a "
        "matching image, or split the channels (right-click the layer > Split Stack)."
    )


def why_not_region(image: Volume, region: Any) -> str:
    """Why a labels layer (None for none) does not mark what of an image is to be filled."""
    if region is None:
        return "" if image.dtype.kind == "f" else NO_REGION
    try:
        marks = taken(region)
    except ValueError as error:
        return str(error)
    sizes = [tuple(one.size(axis) for axis in "yx") for one in (image, marks)]
    sections = image.size("z"), marks.size("z")
    if sizes[0] == sizes[1] and sections[1] in (1, sections[0]):
        return ""
    return (
        f"The image has {sections[0]} sections of {sizes[0][0]} x {sizes[0][1]} px, the region {sections[1]} of "
        f"{sizes[1][0]} x {sizes[1][1]}; choose a region on this image, or press New layer."
    )


def new_region(image: Volume, name: str, place: Path | None) -> LayerData:
    """An empty labels layer on the voxels of an image; in a new store at `place`, or in memory.

    Raises:
        ValueError: the store cannot be made.
    """
    frame = dataclasses.replace(image.frame, name=name, history=())
    for axis in "tc":
        frame = frame.without(axis) if axis in frame.axes else frame
    shape = tuple(image.size(axis) for axis in frame.axes)
    array = Canvas.create(place, shape, np.uint8, frame) if place else np.zeros(shape, np.uint8)
    data, attributes, kind = volume_to_layer(
        Volume(array, frame, str(place) if place else None, "labels"), "labels"
    )
    return data, {**attributes, "opacity": 0.6}, kind


def place_for_region(name: str, project: Project | None) -> Path:
    """Where a region that is too large for memory is kept."""
    folder = Path.home() / HOME / "annotations" if project is None else project.annotations
    return free_place(folder / f"{plain(name)}{COPY}")


def place_for_image(image: Any, use: Use, project: Project | None) -> str:
    """A new path for what is made of an image layer: in the open project, beside its file, or in the user's home."""
    name = plain(image.name) if image is not None else "image"
    return str(free_place(folder_for(image, project) / f"{name}-{WORDS[use]}{COPY}"))


def place_for_generated(model: str, project: Project | None) -> str:
    """A new folder for what a model generates, in the open project or in the user's home."""
    folder = Path.home() / HOME / "generated" if project is None else project.results
    return str(free_place(folder / (plain(model) if model else "images")))


def painting(
    recipe: Painting, image: Volume, region: Volume | None, cancellable: Cancellable
) -> Painting:
    """The recipe with its image named, and its region copied beside what it makes, so that it can be replayed.

    A file goes by its path; of anything else the chosen sections are copied.

    Raises:
        ValueError: nothing is painted in the region, a copy cannot be written, or it was stopped.
    """
    out = Path(recipe.out).expanduser()
    recipe = recipe.changed(out=str(out))
    found = in_file(image)
    if found is None:
        if recipe.sections is not None:
            image = image.cut(*recipe.sections)
            region = _cut_alike(region, recipe.sections)
        copy = out.with_name(f"{plain(image.frame.name)}-image{COPY}")
        path = str(copy) if holds(str(copy), image, cancellable) else ""
        path = path or copied(image, free_place(copy), cancellable, tell=cancellable.tell)
        found = {"image": path, "sections": None}
    if region is None:
        return recipe.changed(**found)
    place = free_place(out.with_name(f"{out.name.partition('.')[0]}-region{COPY}"))
    marks = copied(region, place, cancellable, must_show="paint what is to be filled")
    return recipe.changed(**found, holes=marks)


def generation(recipe: Generate, labels: Volume | None, cancellable: Cancellable) -> Generate:
    """The recipe with its labels named; copies stand beside the folder, so that it can be replayed.

    Raises:
        ValueError: a copy cannot be written, or it was stopped.
    """
    out = Path(recipe.out).expanduser()
    recipe = recipe.changed(out=str(out))
    if labels is None:
        return recipe
    copy = out.with_name(f"{out.name}-data") / f"labels{COPY}"
    return recipe.changed(labels=named(labels, copy, cancellable, str(copy)))


@dataclasses.dataclass(frozen=True)
class Painted:
    """What a model painted as layers, made and not yet added: of the user's, and a mask that only shows."""

    layers: tuple[Layer, ...]
    mask: Layer | None = None


def as_layers(result: Mapping[str, Any], name: str, style: Mapping[str, Any]) -> Painted:
    """What the child wrote; `style` is how its image is shown.

    Raises:
        ValueError: a file cannot be read.
    """
    image = _layer(result["image"], "image", name, style)
    mask = result.get("synthetic")
    if mask is not None:
        look = {"colormap": flat_colours([MASK_COLOUR]), "opacity": MASK_OPACITY}
        shown = _layer(mask, "labels", f"{name}, {SYNTHETIC}", look)
        shown.contour = OUTLINE_PX
        return Painted((image,), shown)
    if result.get("labels") is None:
        return Painted((image,))
    return Painted((image, _layer(result["labels"], "labels", f"{name}, labels", {})))


def _layer(
    path: str, kind: Literal["image", "labels"], name: str, look: Mapping[str, Any]
) -> Layer:
    (data, attributes, shown), *_ = read_layers(path, kind)
    return made_of((data, {**attributes, **look, "name": name}, shown))


def _cut_alike(region: Volume | None, sections: tuple[int, int]) -> Volume | None:
    if region is None or region.size("z") == 1:
        return region
    return region.cut(*sections)
