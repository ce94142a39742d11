"""Labels under proofreading: a base that is only read, whole objects renamed by a table, voxels painted in tiles.

What a voxel of the base shows is looked up, so that joining two objects costs one entry whatever their size. A painted
voxel holds a handle and not an id: a table says which label each handle shows, and joining renames handles like ids.
So an id that was joined into another may be given to something new without either becoming the other.
"""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_advseg.proofreading.store.records import Grid, Patch
from napari_advseg.volume.arrays.lazy import Array, LazyArray, Window, Windowed
from napari_advseg.volume.arrays.writable import by_tile
from napari_advseg.volume.compiled import compiled

SIDE, DEPTH = 64, 8
IDS = np.dtype(np.uint64)
HANDLE = np.dtype(np.uint32)
UNTOUCHED = 0

Place = tuple[int, ...]
Table = tuple[npt.NDArray[np.uint64], npt.NDArray[np.uint64]]


@dataclasses.dataclass(frozen=True)
class Renamed:
    """A whole object that got another label.

    Attributes:
        old: the label it had.
        new: the label it has.
        base: ids of the base that showed `old`.
        handles: handles of painted voxels that showed it.
    """

    old: int
    new: int
    base: tuple[int, ...]
    handles: tuple[int, ...]


@dataclasses.dataclass(frozen=True, eq=False)
class Overpainted:
    """Voxels that were painted, with what each held before: handles as runs, 0 where the base shone through."""

    patch: Patch
    handles: Array
    lengths: Array


class Edited(Windowed):
    """Labels as they are after all edits, uint64, read like any lazy array; the base is never copied whole."""

    def __init__(self, base: LazyArray) -> None:
        self.base = base
        self._shape = tuple(int(length) for length in base.shape)
        self._goes: dict[int, int] = {}
        self._come_to: dict[int, set[int]] = {}
        self._labels: list[int] = [0]
        self._handles: dict[int, set[int]] = {}
        self._painted = Tiles(self._shape)
        self._table: Table | None = None

    @property
    def shape(self) -> tuple[int, ...]:
        return self._shape

    @property
    def dtype(self) -> np.dtype[Any]:
        return IDS

    @property
    def chunks(self) -> Any:
        """Those of the base."""
        return getattr(self.base, "chunks", None)

    @property
    def grid(self) -> Grid:
        """Shape and type."""
        return Grid(self._shape, IDS)

    @property
    def table(self) -> Table:
        """Ids of the base that show another label, ascending, and the label of each."""
        found = self._table
        if found is None:
            goes = self._goes.copy()  # another thread may rename meanwhile
            keys = np.fromiter(goes, IDS, len(goes))
            values = np.fromiter(goes.values(), IDS, len(goes))
            order = np.argsort(keys)
            self._table = found = keys[order], values[order]
        return found

    def read(self, window: Window) -> Array:
        return self._shown(self.base, window, (1,) * self.ndim)

    def level(self, base: LazyArray) -> Windowed:
        """The same edits on a coarser level of the base, whose voxels are the first of those they stand for."""
        return _Level(self, base)

    def at(self, point: Sequence[int]) -> int:
        """The label of a voxel."""
        return int(self[tuple(point)])

    def do(
        self, renames: Iterable[tuple[int, int]], patches: Iterable[Patch]
    ) -> tuple[Renamed | Overpainted, ...]:
        """Rename objects and then paint, in place; what `put_back` wants, the last first, comes back."""
        renamed = [self.rename(old, new) for old, new in renames]
        return (*renamed, *(self.paint(patch) for patch in patches))

    def rename(self, old: int, new: int) -> Renamed:
        """Give a whole object another label in place; `put_back` takes it back.

        Raises:
            ValueError: it is 0, which is no object.
        """
        if old == 0:
            raise ValueError("Label 0 is no object and cannot be renamed; paint its voxels.")
        ids = set(self._come_to.get(old, ()))
        if old not in self._goes:
            ids.add(old)
        handles = set(self._handles.get(old, ()))
        self._send(ids, handles, new)
        return Renamed(old, new, tuple(ids), tuple(handles))

    def paint(self, patch: Patch) -> Overpainted:
        """Give voxels their new labels in place; `put_back` takes it back."""
        flat = patch.flat
        before = self._painted.swap(flat, self._handles_of(patch.new))
        return Overpainted(patch, *_runs(before))

    def put_back(self, done: Renamed | Overpainted) -> None:
        """Take back what was done last."""
        if isinstance(done, Renamed):
            self._send(done.base, done.handles, done.old)
            return
        flat = done.patch.flat
        self._painted.swap(flat, np.repeat(done.handles, done.lengths))

    def _shown(self, base: LazyArray, window: Window, step: Sequence[int]) -> Array:
        """What `window` of a level shows; `step` is that of a voxel of the level in voxels of the base."""
        found = np.asarray(base[window]).astype(
            IDS, order="C"
        )  # always a copy: it is changed below
        keys, values = self.table
        if keys.size and found.size:
            _look_up(found.reshape(-1), keys, values)
        self._painted.show(found, window, step, np.array(self._labels, IDS))
        return found

    def _send(self, ids: Iterable[int], handles: Iterable[int], label: int) -> None:
        self._table = None
        for one in ids:
            before = self._goes.pop(one, one)
            if before != one:
                self._come_to[before].discard(one)
            if one != label:
                self._goes[one] = label
                self._come_to.setdefault(label, set()).add(one)
        for handle in handles:
            self._handles[self._labels[handle]].discard(handle)
            self._labels[handle] = label
            self._handles.setdefault(label, set()).add(handle)

    def _handles_of(self, labels: Array) -> Array:
        """A handle that shows each of some labels."""
        if labels.size and labels.strides == (0,):
            return np.broadcast_to(HANDLE.type(self._handle(int(labels[0]))), labels.shape)
        ids, place = np.unique(labels, return_inverse=True)
        return np.array([self._handle(int(one)) for one in ids], HANDLE)[place]

    def _handle(self, label: int) -> int:
        known = self._handles.setdefault(label, set())
        if not known:
            known.add(len(self._labels))
            self._labels.append(label)
        return min(known)


class Tiles:
    """Handles of painted voxels, 0 where nothing was painted; memory only for tiles that were touched."""

    def __init__(self, shape: tuple[int, ...]) -> None:
        self._shape = shape
        sides = (*(1,) * max(0, len(shape) - 3), DEPTH, SIDE, SIDE)[-len(shape) :]
        self._size = tuple(min(n, length) for n, length in zip(sides, shape, strict=True))
        self._tiles: dict[Place, Array] = {}

    def swap(self, flat: Array, handles: Array) -> Array:
        """Write handles at flat indices; what was there comes out."""
        before = np.zeros(flat.size, HANDLE)
        points = np.unravel_index(flat, self._shape)
        for place, chosen in by_tile(points, self._shape, self._size):
            tile = self._tiles.setdefault(place, np.zeros(self._size, HANDLE))
            inside = tuple(
                p[chosen] - k * n for p, k, n in zip(points, place, self._size, strict=True)
            )
            before[chosen] = tile[inside]
            tile[inside] = handles[chosen]
        return before

    def show(self, found: Array, window: Window, step: Sequence[int], labels: Array) -> None:
        """Put the labels of the painted voxels in `window` into `found`, which shows it, in place."""
        for place in self._under(window, step):
            pairs = [
                _shared(k * n, n, one, by)
                for k, n, one, by in zip(place, self._size, window, step, strict=True)
            ]
            tile = self._tiles[place][tuple(here for here, _ in pairs)]
            shown = found[tuple(there for _, there in pairs)]
            np.copyto(shown, labels[tile], where=tile != UNTOUCHED)

    def _under(self, window: Window, step: Sequence[int]) -> list[Place]:
        """The touched tiles that a window meets."""
        if any(one.start >= one.stop for one in window):
            return []
        spans = [
            range(one.start * by // n, (one.stop - 1) * by // n + 1)
            for one, n, by in zip(window, self._size, step, strict=True)
        ]
        if np.prod([len(span) for span in spans], dtype=object) < len(self._tiles):
            return [place for place in itertools.product(*spans) if place in self._tiles]
        return [
            place
            for place in list(self._tiles)  # another thread may paint meanwhile
            if all(k in span for k, span in zip(place, spans, strict=True))
        ]


class _Level(Windowed):
    """A coarser level of labels under proofreading."""

    def __init__(self, whole: Edited, base: LazyArray) -> None:
        self._whole = whole
        self._base = base
        self._shape = tuple(int(length) for length in base.shape)
        if len(self._shape) != whole.ndim or 0 in self._shape:
            raise ValueError(
                f"A level of shape {self._shape} does not belong to labels of shape {whole.shape}; "
                "take the levels of one pyramid."
            )
        self._step = tuple(
            max(1, round(n / length)) for n, length in zip(whole.shape, self._shape, strict=True)
        )

    @property
    def shape(self) -> tuple[int, ...]:
        return self._shape

    @property
    def dtype(self) -> np.dtype[Any]:
        return IDS

    @property
    def chunks(self) -> Any:
        """Those of the level below."""
        return getattr(self._base, "chunks", None)

    def read(self, window: Window) -> Array:
        return self._whole._shown(self._base, window, self._step)  # noqa: SLF001 - two halves of one array


def _shared(begin: int, length: int, window: slice, step: int) -> tuple[slice, slice]:
    """What a tile and a window have in common along an axis: inside the tile, and inside the window."""
    first = max(window.start, -(-begin // step))
    end = min(window.stop, -(-(begin + length) // step))
    here = slice(first * step - begin, max(0, (end - 1) * step - begin + 1), step)
    if first >= end:
        return slice(0, 0), slice(0, 0)
    return here, slice(first - window.start, end - window.start)


def _runs(values: Array) -> tuple[Array, Array]:
    """Values as runs of equal ones."""
    first = np.flatnonzero(np.diff(values, prepend=values[:1]) != 0)
    first = np.concatenate(([0], first)) if values.size else first
    return values[first], np.diff(np.append(first, values.size))


@compiled
def _look_up(labels: Array, keys: Array, values: Array) -> None:
    """Replace those of `labels` that stand in `keys`, in place; runs of equal ones are looked up once."""
    last, shown = np.uint64(0), np.uint64(0)
    is_known = False
    for k in range(len(labels)):
        if not is_known or labels[k] != last:
            last = labels[k]
            shown = last
            is_known = True
            place = np.searchsorted(keys, last)
            if place < len(keys) and keys[place] == last:
                shown = values[place]
        labels[k] = shown
