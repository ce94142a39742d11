"""What is painted in a labels layer, undone and redone, as sections with the labels before and after.

napari says what was painted, but not what was undone: that is told from the length of its history.
"""

# mypy: disallow-subclassing-any=false
from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from qtpy.QtCore import QObject, Signal

from napari_advseg.gui.viewer import window
from napari_advseg.volume.volume import Array

MOST = 200_000


@dataclasses.dataclass(frozen=True, eq=False)
class Stroke:
    """Voxels of one section that got other labels; of very many only that they did (`before` is None)."""

    section: int
    before: Array | None = None
    after: Any = None

    def undone(self) -> Stroke:
        """What takes it back."""
        return Stroke(self.section, self.after, self.before)


class Strokes(QObject):
    """Watches one layer at a time."""

    painted = Signal(object)  # a list of strokes
    replaced = Signal()  # the layer has other data

    def __init__(self, parent: QObject) -> None:
        super().__init__(parent)
        self._layer: Any = None
        self._done = self._undone = 0

    def follow(self, layer: Any) -> None:
        """Watch this layer from now on, or none."""
        events = {"paint": self._paint, "set_data": self._look_back, "data": self._replace}
        for one, turn in ((self._layer, "disconnect"), (layer, "connect")):
            for name, slot in events.items():
                if one is not None:
                    getattr(getattr(one.events, name), turn)(slot)
        self._layer = layer
        self._count()

    def _paint(self, event: Any) -> None:
        self._count()
        self.painted.emit(strokes_of(event.value, self._layer.ndim))

    def _look_back(self, _event: object = None) -> None:
        """Look whether the last step was taken back or done again."""
        was_done, was_undone = self._done, self._undone
        done, undone = self._count()
        if len(undone) == was_undone + 1:
            strokes = strokes_of(undone[-1], self._layer.ndim)
            self.painted.emit([stroke.undone() for stroke in strokes])
        elif len(undone) == was_undone - 1 and len(done) != was_done:
            self.painted.emit(strokes_of(done[-1], self._layer.ndim))

    def _replace(self, _event: object = None) -> None:
        self._count()
        self.replaced.emit()

    def _count(self) -> tuple[Sequence[Any], Sequence[Any]]:
        done, undone = window.history(self._layer)
        self._done, self._undone = len(done), len(undone)
        return done, undone


def strokes_of(atoms: Iterable[Any], ndim: int) -> list[Stroke]:
    """The strokes that napari's list of atoms stands for, in the order in which they were painted."""
    found: list[Stroke] = []
    for atom in atoms:
        found += _windowed(atom, ndim) if hasattr(atom, "slice_key") else _pointed(atom, ndim)
    return found


def _windowed(atom: Any, ndim: int) -> list[Stroke]:
    """A window with a mask, painted in one label."""
    first = atom.slice_key[0]
    sections = range(first.start, first.stop) if ndim > 2 else range(1)
    old = np.asarray(atom.old_values).ravel()
    if len(sections) == 1 and old.size <= MOST:
        return [Stroke(sections[0], old, np.full(old.size, atom.new_value, old.dtype))]
    return [Stroke(section) for section in sections]


def _pointed(atom: Any, ndim: int) -> list[Stroke]:
    """Places one by one, each with its labels before and after."""
    places, old, new = atom
    if ndim == 2:
        sections = np.zeros(len(places[0]), np.intp)
    else:
        sections = np.broadcast_to(np.asarray(places[0]), np.shape(old)).ravel()
    chosen = np.unique(sections)
    if np.size(old) > MOST:
        return [Stroke(int(section)) for section in chosen]
    old, new = np.ravel(old), np.broadcast_to(np.asarray(new), np.shape(old)).ravel()
    return [Stroke(int(one), old[sections == one], new[sections == one]) for one in chosen]


def places_of(atoms: Iterable[Any], shape: tuple[int, ...]) -> list[tuple[Array, Array]]:
    """The same atoms as flat places in a layer of `shape` with the label that each got, in their order."""
    return [_places(atom, shape) for atom in atoms]


def _places(atom: Any, shape: tuple[int, ...]) -> tuple[Array, Array]:
    if not hasattr(atom, "slice_key"):
        places, _, new = atom
        flat = np.ravel_multi_index(
            [np.asarray(one) % n for one, n in zip(places, shape, strict=True)], shape
        )
        return np.ravel(flat), np.broadcast_to(np.asarray(new), np.shape(flat)).ravel()
    spans = [one.indices(n) for one, n in zip(atom.slice_key, shape, strict=True)]
    starts = [span[0] for span in spans]
    inside = np.nonzero(np.asarray(atom.mask).reshape([span[1] - span[0] for span in spans]))
    flat = np.ravel_multi_index([k + start for k, start in zip(inside, starts, strict=True)], shape)
    return flat, np.full(flat.size, atom.new_value)
