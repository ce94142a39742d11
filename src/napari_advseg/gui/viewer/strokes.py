"""What is painted in a labels layer, undone, redone and given up: napari's history of it, decoded in one place.

napari says what was painted (`events.paint`), but not what was undone: undo and redo of a layer that is followed pass
through here.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Literal, NamedTuple

import numpy as np

from napari_advseg.gui.viewer import window
from napari_advseg.proofreading.store.records import Edit, Grid, Patch, masked, pointed
from napari_advseg.volume.volume import Array

MOST = 200_000
PASSED_THROUGH = ("undo", "redo", "_abort_stroke")
How = Literal["done", "undone", "given up"]


class Repainted(NamedTuple):
    """Voxels of one section that got other labels; of very many only that they did (`before` is None)."""

    section: int
    before: Array | None = None
    after: Any = None


@dataclasses.dataclass(frozen=True, eq=False)
class Stroke:
    """What was painted at once, or taken back at once.

    Attributes:
        atoms: as napari keeps them, in the order in which they were painted.
        how: of a stroke that was given up nobody was told before.
    """

    atoms: Sequence[Any]
    how: How = "done"

    def edit(self, grid: Grid) -> Edit | None:
        """What it did to an array, as an edit; None where it changed nothing."""
        edit = Edit(tuple(_patch(grid, atom) for atom in self.atoms))
        if not edit.voxels:
            return None
        return edit if self.how == "done" else edit.reverted()

    def sections(self, ndim: int) -> Iterator[Repainted]:
        """What it did to each section of a layer of so many axes, in its order."""
        for atom in self.atoms if self.how == "done" else reversed(self.atoms):
            parts = _windowed(atom, ndim) if _is_masked(atom) else _pointed(atom, ndim)
            for section, before, after in parts:
                if self.how == "done" or before is None:
                    yield Repainted(section, before, after)
                elif self.how == "undone":
                    yield Repainted(section, after, before)
                else:
                    yield Repainted(section)


Told = Callable[[Stroke], object]


def follow(
    layer: Any, told: Told, replaced: Callable[[], object] = lambda: None
) -> Callable[[], None]:
    """Have `told` called with every stroke, and `replaced` when the layer gets other data.

    What comes back ends that; then the layer is as it was.
    """
    owner = getattr(layer.undo, "__self__", None)
    strokes = owner if isinstance(owner, _Strokes) else _Strokes(layer)
    listener = told, replaced
    strokes.listeners.append(listener)

    def leave() -> None:
        if listener in strokes.listeners:
            strokes.listeners.remove(listener)
            strokes.end_alone()

    return leave


class _Strokes:
    """Tells of one layer whoever listens."""

    def __init__(self, layer: Any) -> None:
        self._layer = layer
        self.listeners: list[tuple[Told, Callable[[], object]]] = []
        layer.events.paint.connect(self._paint)
        layer.events.data.connect(self._replace)
        # napari's keys and buttons call these on the layer, so they are put before its own.
        ours = (self._undo, self._redo, self._abort)
        for name, do in zip(PASSED_THROUGH, ours, strict=True):
            if hasattr(layer, name):
                setattr(layer, name, do)

    def end_alone(self) -> None:
        """Leave the layer as it was where nobody listens any more."""
        if self.listeners:
            return
        for name in PASSED_THROUGH:
            self._layer.__dict__.pop(name, None)
        self._layer.events.paint.disconnect(self._paint)
        self._layer.events.data.disconnect(self._replace)

    def _tell(self, atoms: Sequence[Any], how: How = "done") -> None:
        for told, _ in list(self.listeners) if atoms else ():
            told(Stroke(tuple(atoms), how))

    def _paint(self, event: Any) -> None:
        self._tell(event.value)

    def _replace(self, _event: object = None) -> None:
        for _, replaced in list(self.listeners):
            replaced()

    def _undo(self) -> None:
        self._pass("undo", window.history(self._layer)[0], "undone")

    def _redo(self) -> None:
        """napari keeps what was undone the other way round."""
        self._pass("redo", [atoms[::-1] for atoms in list(window.history(self._layer)[1])[-1:]])

    def _abort(self) -> None:
        self._pass("_abort_stroke", [window.begun(self._layer)], "given up")

    def _pass(self, name: str, steps: Sequence[Any], how: How = "done") -> None:
        """Let napari do it, and tell of the newest step, which it is about."""
        atoms = list(steps[-1]) if steps else []
        getattr(type(self._layer), name)(self._layer)
        self._tell(atoms, how)


def _is_masked(atom: Any) -> bool:
    """Whether an atom is a window with a mask painted in one label; else it is places one by one."""
    return hasattr(atom, "slice_key")


def _patch(grid: Grid, atom: Any) -> Patch:
    if not _is_masked(atom):
        places, old, new = atom
        return pointed(grid, places, old, new)
    spans = (one.indices(length) for one, length in zip(atom.slice_key, grid.shape, strict=True))
    window = tuple(slice(start, stop) for start, stop, _ in spans)
    return masked(grid, window, atom.mask, atom.old_values, atom.new_value)


def _windowed(atom: Any, ndim: int) -> list[Repainted]:
    first = atom.slice_key[0]
    sections = range(first.start, first.stop) if ndim > 2 else range(1)
    old = np.asarray(atom.old_values).ravel()
    if len(sections) == 1 and old.size <= MOST:
        return [Repainted(sections[0], old, np.full(old.size, atom.new_value, old.dtype))]
    return [Repainted(section) for section in sections]


def _pointed(atom: Any, ndim: int) -> list[Repainted]:
    places, old, new = atom
    if ndim == 2:
        sections = np.zeros(len(places[0]), np.intp)
    else:
        sections = np.broadcast_to(np.asarray(places[0]), np.shape(old)).ravel()
    chosen = np.unique(sections)
    if np.size(old) > MOST:
        return [Repainted(int(section)) for section in chosen]
    old, new = np.ravel(old), np.broadcast_to(np.asarray(new), np.shape(old)).ravel()
    return [Repainted(int(one), old[sections == one], new[sections == one]) for one in chosen]


__all__ = ["Repainted", "Stroke", "follow"]
