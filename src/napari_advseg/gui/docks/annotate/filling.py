"""Edits of whole sections on their way into a layer: made on a thread, put in piece by piece, one undo a section."""

# mypy: disallow-subclassing-any=false
from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import numpy as np
from qtpy.QtCore import QObject, Signal

from napari_advseg.annotation.edits import Edit
from napari_advseg.gui.compute.session import Session
from napari_advseg.gui.viewer.turns import Turns
from napari_advseg.volume.volume import Array

PIECE = 150_000
LEFT = "The layer was removed; nothing more was filled in."


class Filling(QObject):
    """Fills one layer at a time. `done` tells how it went in words, `failed` why it could not."""

    done = Signal(str)
    failed = Signal(str)
    changed = Signal()

    def __init__(self, viewer: Any, session: Session, parent: QObject) -> None:
        super().__init__(parent)
        self._viewer = viewer
        self._session = session
        self._edits: Iterator[Edit] | None = None
        self._layer: Any = None
        self._replaces = False
        self._sections = self._voxels = self._kept = 0

    @property
    def is_busy(self) -> bool:
        """Whether edits are under way."""
        return self._edits is not None

    def start(self, layer: Any, edits: Callable[[], Iterator[Edit]], *, replace: bool) -> None:
        """Put edits into a layer, section by section; where it is annotated by then it stays, unless `replace`."""
        self._layer, self._replaces = layer, replace
        self._edits = _later(edits)
        self._sections = self._voxels = self._kept = 0
        self.changed.emit()
        self._ask()

    def stop(self) -> None:
        """Leave out the sections that are not filled yet."""
        self._edits = None
        self.changed.emit()

    def _ask(self) -> None:
        if self._edits is None:
            self._tell()
            return
        task = self._session.background(partial(next, self._edits, None))
        task.done.connect(self._take)
        task.failed.connect(self._fail)

    def _take(self, edit: Edit | None) -> None:
        if edit is None or self._edits is None:
            self._tell()
            return
        if self._layer not in self._viewer.layers:
            self._fail(LEFT)
            return
        self._sections += 1
        self._kept += edit.kept
        block = contextlib.ExitStack()
        pieces = range(0, len(edit.rows), PIECE)
        steps = [partial(self._put, edit, slice(first, first + PIECE)) for first in pieces]
        begin = partial(block.enter_context, self._layer.block_history())
        Turns(self._viewer, [begin, *steps, block.close, self._ask])

    def _put(self, edit: Edit, part: slice) -> None:
        """Write some of an edit's voxels, as one of napari's own."""
        rows, columns, values = edit.rows[part], edit.columns[part], edit.values[part]
        places: tuple[Array, ...] = (rows, columns)
        if self._layer.ndim == 3:
            places = (np.full(len(rows), edit.section), *places)
        if not self._replaces:  # it may have been painted on since
            is_open = np.asarray(self._layer.data[places]) == 0
            places, values = tuple(axis[is_open] for axis in places), values[is_open]
        self._voxels += len(values)
        if len(values):
            self._layer.data_setitem(places, values)

    def _tell(self) -> None:
        self._edits = None
        self.changed.emit()
        self.done.emit(describe_filling(self._sections, self._voxels, self._kept))

    def _fail(self, text: str) -> None:
        self._edits = None
        self.changed.emit()
        self.failed.emit(text)


def describe_filling(sections: int, voxels: int, kept: int) -> str:
    """For example "4 sections filled in, 120,000 pixels; 300 that were annotated already stay as they were."."""
    noun = "section" if sections == 1 else "sections"
    rest = f"; {kept:,} that were annotated already stay as they were" if kept else ""
    return f"{sections} {noun} filled in, {voxels:,} pixels{rest}."


def _later(edits: Callable[[], Iterator[Edit]]) -> Iterator[Edit]:
    """The edits, begun on the thread that asks for the first."""
    yield from edits()
