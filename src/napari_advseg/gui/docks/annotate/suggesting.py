"""An image and what is annotated of it on their way to the search for places, and the places that come back."""

from __future__ import annotations

import dataclasses
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from napari_advseg.annotation.suggestions import Place
from napari_advseg.gui.compute.cancellable import Cancellable
from napari_advseg.gui.compute.handover import COPY, copied, named
from napari_advseg.gui.kit.comparison import Side, side_of
from napari_advseg.napari_io import LayerData
from napari_advseg.recipes import Suggest
from napari_advseg.volume.painted import where_painted
from napari_advseg.volume.volume import Volume

FRAME_PX = 3


def suggestion(
    recipe: Suggest, image: Volume, labels: Volume | None, folder: Path, cancellable: Cancellable
) -> Suggest:
    """The recipe with its image named; of the labels only where they are annotated is copied, into `folder`.

    Raises:
        ValueError: a copy cannot be written, or it was stopped.
    """
    copy = folder / f"suggest-image{COPY}"
    shown = named(image, copy, cancellable, str(copy))
    if labels is None:
        return recipe.changed(image=shown)
    mask = folder / f"suggest-labels{COPY}"
    shutil.rmtree(mask, ignore_errors=True)
    painted = copied(where_painted(labels), mask, cancellable, tell=cancellable.tell)
    return recipe.changed(image=shown, labels=painted)


def places_in(result: dict[str, Any]) -> list[Place]:
    """What the child found."""
    return [Place.from_json(row) for row in result["places"]]


@dataclasses.dataclass(frozen=True)
class View:
    """Where the camera goes for a place: its box and point in the world."""

    low: Sequence[float]
    high: Sequence[float]
    point: Sequence[float]


def view_of(place: Place, side: Side) -> View:
    """A place as the viewer has it."""
    low, high = (tuple(span[end] - 0.5 for span in place.box) for end in (0, 1))
    return View(side.world(low), side.world(high), side.world(place.point))


def spatial_side(layer: Any) -> Side:
    """An image layer without its channels, and where it lies.

    Raises:
        ValueError: its axes cannot be told, or it is rotated.
    """
    whole = side_of(layer)
    count = sum(axis in "zyx" for axis in whole.volume.axes)
    return dataclasses.replace(
        whole,
        scale=whole.scale[-count:],
        translate=whole.translate[-count:],
        units=whole.units[-count:],
        axis_labels=whole.axis_labels[-count:],
    )


def frame_of(place: Place, side: Side) -> LayerData:
    """A frame around a place, as labels."""
    (_, _), (top, bottom), (left, right) = place.box
    frame = np.ones((bottom - top, right - left), np.uint8)
    inside = slice(FRAME_PX, -FRAME_PX)
    frame[inside, inside] = 0
    start = (place.section, top, left)
    data = frame[None] if "z" in side.volume.axes else frame
    return data, side.placed(start), "labels"
