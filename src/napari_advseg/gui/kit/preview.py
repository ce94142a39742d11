"""Live labels of the section on screen: gap closing on a thread of the viewer, without torch."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np

from napari_advseg.gui.viewer.field_of_view import in_own_units
from napari_advseg.labelling.section.gap_closing import Prepared, close_gaps, prepare
from napari_advseg.napari_io import LayerData, volume_to_layer
from napari_advseg.settings.labelling import LabellingSettings
from napari_advseg.volume.formats.files import read
from napari_advseg.volume.frame import Frame
from napari_advseg.volume.volume import Array, Volume

COUNT = "cells"
HALF = 0.5 + 1e-6


@dataclasses.dataclass(frozen=True)
class Wish:
    """A section of an interior map, to be labelled like this.

    `steps` says how many sections below the map's first it lies, where that is not its index.
    """

    path: str
    index: int
    settings: LabellingSettings
    steps: int | None = None


class Relabeller:
    """Labels of single sections; keeps the last section and what the gap threshold does not change.

    For one thread at a time.
    """

    def __init__(self) -> None:
        self._place: tuple[str, int] | None = None
        self._map: Volume | None = None
        self._path = ""
        self._section: Array = np.zeros((0, 0), np.float32)
        self._prepared: Prepared | None = None

    def label(self, wish: Wish) -> LayerData:
        """The labels of one section as layer data, at its place in the stack.

        Raises:
            ValueError: the map cannot be read.
        """
        if self._place != (wish.path, wish.index):
            self._turn_to(wish)
        if self._prepared is None or not self._prepared.fits(wish.settings):
            self._prepared = prepare(self._section, wish.settings)
        labels = close_gaps(self._prepared, wish.settings)
        frame = self._map.frame if self._map is not None else Frame("yx")
        steps = wish.index if wish.steps is None else wish.steps
        return as_layer(labels, frame, steps, int(labels.max(initial=0)))

    def _turn_to(self, wish: Wish) -> None:
        if self._map is None or self._path != wish.path:
            self._map, self._path = read(wish.path), wish.path
        self._section = np.asarray(self._map.section(wish.index))
        self._place, self._prepared = (wish.path, wish.index), None


def as_layer(labels: Array, frame: Frame, steps: int, count: int) -> LayerData:
    """One section of labels as layer data, so many sections below the first of `frame`; it shows `count` cells."""
    shown = quick_to_show(labels)
    is_stack = "z" in frame.axes
    placed = Volume(shown[None], frame.shifted("z", steps)) if is_stack else Volume(shown, frame)
    _, attributes, kind = volume_to_layer(placed, "labels")
    attributes["metadata"][COUNT] = count
    return placed.array, attributes, kind


def quick_to_show(labels: Array) -> Array:
    """The same labels as uint16 where they fit: napari draws those as they are and maps wider ones first."""
    fits = int(labels.max(initial=0)) <= np.iinfo(np.uint16).max
    return labels.astype(np.uint16) if fits else labels


def words_of(layer: LayerData) -> str:
    """What a preview found, for example "37 cells in this section"."""
    count = layer[1]["metadata"][COUNT]
    if count == 0:
        return "Nothing in this section exceeds the threshold; choose a lower one."
    return f"{count} cell{'s' if count > 1 else ''} in this section"


def section_on_screen(viewer: Any, frame: Frame, count: int) -> int:
    """Which section of a volume the viewer shows, the nearest where it shows none."""
    return nearest(viewer, frame, range(count))


def nearest(viewer: Any, frame: Frame, steps: Sequence[int]) -> int:
    """Index of the section nearest to the one on screen, of those so many steps below the first."""
    shown = _steps_on_screen(viewer, frame)
    return 0 if shown is None else int(np.argmin(np.abs(np.asarray(steps) - shown)))


def is_on_screen(viewer: Any, frame: Frame, steps: int) -> bool:
    """Whether the viewer shows the section so many steps below the first."""
    shown = _steps_on_screen(viewer, frame)
    return shown is None or abs(shown - steps) <= HALF


def turn_to(viewer: Any, frame: Frame, steps: int) -> None:
    """Show the section so many steps below the first."""
    if not is_on_screen(viewer, frame, steps):
        at = frame.axes.index("z")
        axis = viewer.dims.ndim - 3
        place = frame.translate[at] + steps * frame.scale[at]
        viewer.dims.set_point(axis, place / in_own_units(viewer, frame, "z", axis))


def _steps_on_screen(viewer: Any, frame: Frame) -> float | None:
    """How many steps below the first section the viewer looks; None where there is only one."""
    if "z" not in frame.axes or len(viewer.dims.point) < 3:
        return None
    at, axis = frame.axes.index("z"), viewer.dims.ndim - 3
    place = viewer.dims.point[axis] * in_own_units(viewer, frame, "z", axis)
    return float((place - frame.translate[at]) / frame.scale[at])
