"""An image layer on its way to be segmented, in part or whole, and what comes back as layers."""

from __future__ import annotations

import dataclasses
import itertools
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from napari.layers import Layer

from napari_advseg import model_store
from napari_advseg.gui.compute.cancellable import Cancellable
from napari_advseg.gui.compute.checks import free_place
from napari_advseg.gui.compute.handover import (
    COPY,
    copied,
    holds,
    lies_as,
    model_at,
    plain,
    stored_as,
)
from napari_advseg.gui.viewer import results
from napari_advseg.gui.viewer.field_of_view import Look
from napari_advseg.model_store import Card
from napari_advseg.napari_io import LayerData, small, volume_to_layer
from napari_advseg.recipes import Label, Placement, Segment
from napari_advseg.settings.labelling import LabellingSettings
from napari_advseg.settings.prediction import PredictionSettings
from napari_advseg.volume.arrays.lazy import Level
from napari_advseg.volume.formats.files import levels, read
from napari_advseg.volume.frame import Frame
from napari_advseg.volume.painted import classes_of
from napari_advseg.volume.part import Part, in_view
from napari_advseg.volume.volume import Volume

VIEW_PX = {"cpu": 1024}
VIEW_PX_ELSEWHERE = 2048
"""Side of the largest field of view that is shown within a second or two, by a small network."""
HEAVY_BYTES = 32 << 20
"""From this size on a network is so slow that half the side is shown."""
MARGIN_PX = 256
NEAR = 0.2
"""Part of its side by which a view that is not all on screen may lie off the middle, doubled."""
WHOLE_SECTION = 1 << 24
ORDER = itertools.count(1)


def segmentation(recipe: Segment, image: Volume, cancellable: Cancellable) -> Segment:
    """The recipe of a whole run, with its image named.

    A file goes by its path; of anything else the chosen sections are copied beside the labels, so that the recipe can
    be replayed. The interior map is kept, to label it anew; a model of classes makes none.

    Raises:
        ValueError: a copy cannot be written, or it was stopped.
    """
    out = Path(recipe.out).expanduser()
    out.parent.mkdir(parents=True, exist_ok=True)
    kept: str | None = None
    card = model_at(recipe.model).card
    if card is None or card.channels.gives != "classes":
        kept = str(free_place(out.with_name(f"{out.name.partition('.')[0]}-interior{COPY}")))
    recipe = recipe.changed(out=str(out), interior_map=kept)
    found = in_file(image)
    if found is not None:
        return recipe.changed(**found)
    image, sections = with_neighbours(image, recipe.sections, card)
    copy = out.with_name(f"{plain(image.frame.name)}-image{COPY}")
    path = str(copy) if holds(str(copy), image, cancellable) else ""
    path = path or copied(image, free_place(copy), cancellable, tell=cancellable.tell)
    return recipe.changed(image=path, sections=sections)


def with_neighbours(
    image: Volume, sections: tuple[int, int] | None, card: Card | None
) -> tuple[Volume, tuple[int, int] | None]:
    """What of an image a model has to be given for some sections, and which of it they are; None for all of it.

    A model of volumes looks at the sections beside them too.
    """
    if sections is None:
        return image, None
    more = (card and card.recipe.examples.depth) or 0
    first, end = max(0, sections[0] - more), min(image.size("z"), sections[1] + more)
    inside = (sections[0] - first, sections[1] - first) if more else None
    return image.cut(first, end), inside


def in_file(image: Volume) -> dict[str, Any] | None:
    """What a recipe says of the file that an image comes from, and of where the viewer has it; None without a file."""
    stored = stored_as(image)
    if stored is None:
        return None
    frame = image.frame
    placed = Placement(scale=frame.scale, units=frame.units, translate=frame.translate)
    return {"image": image.source, "placed": None if lies_as(stored, image) else placed}


@dataclasses.dataclass(frozen=True)
class ViewRequest:
    """What shall be segmented first: of an image what the viewer looks at; called on a thread, it gives the recipe.

    `device` is what the child computes on ("cpu", "cuda").
    """

    recipe: Segment
    image: Volume
    look: Look
    folder: Path
    device: str

    def __call__(self, cancellable: Cancellable) -> Segment:
        """The recipe, in a folder of its own; without a file a copy of no more than the section goes along."""
        folder = self.folder / f"view-{next(ORDER)}"
        folder.mkdir(parents=True)
        card = model_store.read_card(self.recipe.model)
        part, _ = self.part(card)
        is_map = card.channels.gives != "classes"
        recipe = self.recipe.changed(
            out=str(folder / f"labels{COPY}"),
            interior_map=str(folder / f"interior{COPY}") if is_map else None,
            part=part.box,
            sections=self._sections(),
            prediction=self._prediction(),
        )
        found = in_file(self.image)
        if found is not None:
            return recipe.changed(**found)
        height, width = self._shape
        around = part.grown(MARGIN_PX, self._shape)
        if height * width <= WHOLE_SECTION:
            around = Part(0, height, 0, width)
        given, sections = with_neighbours(self.image, recipe.sections, card)
        path = copied(around.of(given), folder / f"image{COPY}", cancellable)
        inside = part.moved(-around.top, -around.left)
        return recipe.changed(image=path, part=inside.box, sections=sections)

    def part(self, card: Card) -> tuple[Part, bool]:
        """Which part of the section the network is shown, and whether that is all that is on screen."""
        most = VIEW_PX.get(self.device, VIEW_PX_ELSEWHERE)
        if weight_of(self.recipe.model) > HEAVY_BYTES:
            most //= 2
        if self.recipe.prediction.resize:
            most = round(most / max(1.0, *card.factors(self.image.frame)))
        low, high = zip(self.look.rows, self.look.columns, strict=True)
        return in_view(self._shape, low, high, max(1, most))

    def seen(self) -> Part:
        """All of the section that is on screen."""
        low, high = zip(self.look.rows, self.look.columns, strict=True)
        return in_view(self._shape, low, high, max(self._shape))[0]

    def asked(self) -> tuple[object, ...]:
        """What the interior map depends on, besides the place."""
        recipe, frame = self.recipe, self.image.frame
        return recipe.model, recipe.weights, recipe.channel, recipe.prediction, frame, self._shape

    @property
    def _shape(self) -> tuple[int, int]:
        return self.image.size("y"), self.image.size("x")

    def _prediction(self) -> PredictionSettings:
        """In full precision: a probe of whether less would do takes longer than what is saved on a part."""
        chosen = self.recipe.prediction
        return chosen.changed(precision="fp32") if chosen.precision == "auto" else chosen

    def _sections(self) -> tuple[int, int] | None:
        first = self.look.section
        return (first, first + 1) if "z" in self.image.axes else None


def weight_of(model: str) -> int:
    """Bytes of the weights of a model and all its members."""
    folder = model_store.place(model)
    return sum(file.stat().st_size for file in folder.glob("**/best*.safetensors"))


@dataclasses.dataclass(frozen=True)
class View:
    """A part of one section that was segmented: its interior map, or its classes as layer data.

    `part` says where it lies in the section, `is_all` whether it is all that was on screen.
    """

    view_request: ViewRequest
    map_path: str
    frame: Frame
    part: Part
    is_all: bool
    classes: LayerData | None = None

    @property
    def section(self) -> int:
        """Index of the section in the image."""
        return self.view_request.look.section

    def shows(self, view_request: ViewRequest) -> bool:
        """Whether a request of the view would show nothing else: the same made by the same model, of the same place."""
        one, other = self.view_request, view_request
        if one.asked() != other.asked() or one.look.section != other.look.section:
            return False
        seen = other.seen()
        if self.is_all:
            return self.part.holds(seen)
        low, high = (
            [a + b for a, b in ((part.top, part.bottom), (part.left, part.right))]
            for part in (self.part, seen)
        )
        near = [
            abs(a - b) <= NEAR * side for a, b, side in zip(low, high, self.part.shape, strict=True)
        ]
        return all(near)

    def words(self) -> str:
        """What of the picture it is, where it is not all that was on screen."""
        height, width = self.part.shape
        return "" if self.is_all else f"; the middle {height} x {width} px of what is on screen"


def as_view(made: dict[str, Any], view_request: ViewRequest) -> View:
    """What the child made of what was on screen; older ones are removed."""
    folder = Path(made["labels"]).parent
    labels = read(made["labels"])
    names = classes_of(labels.frame)
    part, is_all = view_request.part(model_store.read_card(view_request.recipe.model))
    classes = (
        class_layer(shown(labels, made["labels"]), names) if not made["probabilities"] else None
    )
    frame = read(made["probabilities"]).frame if made["probabilities"] else labels.frame
    view = View(view_request, made["probabilities"] or "", frame, part, is_all, classes)
    for older in folder.parent.glob("view-*"):
        if older != folder and older.stat().st_mtime < folder.stat().st_mtime:
            shutil.rmtree(older, ignore_errors=True)
    return view


@dataclasses.dataclass(frozen=True)
class Result:
    """Labels as a layer that no viewer has yet, and the interior map they were made from, where and how large it is.

    `map_path` is empty for classes, which come from no such map. `fragments` is the store that agglomerated
    labels were joined from, empty for others.
    """

    layer: Layer
    map_path: str
    frame: Frame
    sections: int
    labelling: LabellingSettings
    fragments: str = ""


def as_result(made: dict[str, Any], name: str) -> Result:
    """What was written; in memory, so that it can be painted on, unless it is large: then lazy, with its pyramid."""
    volume = read(made["labels"])
    layer = shown(volume, made["labels"])
    if not made["probabilities"]:
        layer = class_layer(layer, classes_of(volume.frame))
    interior_map = read(made["probabilities"]) if made["probabilities"] else volume
    data, attributes, kind = layer
    return Result(
        results.made_of((data, {**attributes, "name": name}, kind)),
        made["probabilities"] or "",
        interior_map.frame,
        interior_map.size("z"),
        made["labelling"],
        made.get("fragments", ""),
    )


def shown(volume: Volume, path: str) -> LayerData:
    """Labels in a file as layer data: in memory, or lazy as a pyramid where they are large."""
    data, attributes, kind = volume_to_layer(volume, "labels")
    if small(volume):
        return np.asarray(data[...]), attributes, kind
    pyramid = [Level(level.array) for level in levels(path)]
    if len(pyramid) == 1:
        return pyramid[0].array, attributes, kind
    return pyramid, {**attributes, "multiscale": True}, kind


def class_layer(layer: LayerData, names: dict[int, str]) -> LayerData:
    """Labels that are classes, in colours of their own and with their names; 0 is transparent."""
    data, attributes, kind = layer
    highest = max(names, default=0) or 255
    named = {"index": list(names), "class": list(names.values())} if names else None
    more = {"colormap": results.class_colours(highest), **({"features": named} if named else {})}
    return data, {**attributes, **more}, kind


def relabelling(recipe: Label, _cancellable: Callable[[], bool]) -> Label:
    """The recipe at a place that is free."""
    out = free_place(Path(recipe.out).expanduser())
    return recipe.changed(out=str(out))
