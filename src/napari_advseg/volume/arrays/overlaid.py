"""A lazy array that can be written to: what was touched is in memory, its source stays as it is."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np

from napari_advseg.volume.arrays.lazy import Array, LazyArray, Window, Windowed, native

TILE = 256

Place = tuple[int, ...]


class Overlaid(Windowed):
    """`source`, with the values written over it since. Memory grows with the tiles that were touched only.

    It is read like any lazy array, and by one array of places an axis; it is written with numbers and slices of
    step 1, or with one array of places an axis.
    """

    def __init__(self, source: LazyArray, dtype: Any = None) -> None:
        self._source = source
        self._shape = tuple(int(length) for length in source.shape)
        self._dtype = native(source.dtype if dtype is None else dtype)
        self._size = tuple(
            min(TILE, length) if axis >= len(self._shape) - 2 else 1
            for axis, length in enumerate(self._shape)
        )
        self._tiles: dict[Place, Array] = {}

    @property
    def shape(self) -> tuple[int, ...]:
        return self._shape

    @property
    def dtype(self) -> np.dtype[Any]:
        return self._dtype

    @property
    def chunks(self) -> Any:
        """Those of the source."""
        return getattr(self._source, "chunks", None)

    def touched_planes(self) -> set[Place]:
        """Indices, without the last two axes, of the planes that were written into."""
        return {place[:-2] for place in self._tiles}

    def read(self, window: Window) -> Array:
        found = np.array(self._source[window], self._dtype)
        for place in self._under(window):
            if place in self._tiles:
                here, there = self._shared(place, window)
                found[there] = self._tiles[place][here]
        return found

    def __getitem__(self, key: Any) -> Any:
        if not _are_points(key, self.ndim):
            return super().__getitem__(key)
        points = _points(key, self._shape)
        found = np.empty(points[0].shape, self._dtype)
        for place, chosen in by_tile(points, self._shape, self._size):
            found[chosen] = self._tile(place)[self._inside(points, place, chosen)]
        return found

    def __setitem__(self, key: Any, value: Any) -> None:
        if _are_points(key, self.ndim):
            self._write_points(_points(key, self._shape), value)
        else:
            self._write_window(key, value)

    def _write_points(self, points: tuple[Array, ...], value: Any) -> None:
        values = np.broadcast_to(np.asarray(value, self._dtype), points[0].shape)
        for place, chosen in by_tile(points, self._shape, self._size):
            self._own(place)[self._inside(points, place, chosen)] = values[chosen]

    def _write_window(self, key: Any, value: Any) -> None:
        keys = self._spread(key)
        window = tuple(map(_slice_of, keys, self._shape))
        lengths = [one.stop - one.start for one in window]
        kept = [n for one, n in zip(keys, lengths, strict=True) if isinstance(one, slice)]
        values = np.broadcast_to(np.asarray(value, self._dtype), kept).reshape(lengths)
        for place in self._under(window):
            here, there = self._shared(place, window)
            self._own(place)[here] = values[there]

    def _under(self, window: Window) -> list[Place]:
        """The tiles that a window touches."""
        if any(one.start >= one.stop for one in window):
            return []
        spans = (
            range(one.start // n, (one.stop - 1) // n + 1)
            for one, n in zip(window, self._size, strict=True)
        )
        return list(itertools.product(*spans))

    def _shared(self, place: Place, window: Window) -> tuple[Window, Window]:
        """What tile and window have in common: inside the tile, and inside the window."""
        pairs = list(zip(self._window(place), window, strict=True))
        ends = [(max(a.start, b.start), min(a.stop, b.stop)) for a, b in pairs]
        here = tuple(
            slice(s - a.start, e - a.start) for (s, e), (a, _) in zip(ends, pairs, strict=True)
        )
        there = tuple(
            slice(s - b.start, e - b.start) for (s, e), (_, b) in zip(ends, pairs, strict=True)
        )
        return here, there

    def _window(self, place: Place) -> Window:
        return tuple(
            slice(k * n, min((k + 1) * n, length))
            for k, n, length in zip(place, self._size, self._shape, strict=True)
        )

    def _tile(self, place: Place) -> Array:
        """A tile to read from."""
        found = self._tiles.get(place)
        return np.asarray(self._source[self._window(place)]) if found is None else found

    def _own(self, place: Place) -> Array:
        """A tile to write into."""
        if place not in self._tiles:
            self._tiles[place] = np.array(self._source[self._window(place)], self._dtype)
        return self._tiles[place]

    def _inside(self, points: tuple[Array, ...], place: Place, chosen: Array) -> tuple[Array, ...]:
        return tuple(p[chosen] - k * n for p, k, n in zip(points, place, self._size, strict=True))


def _are_points(key: Any, axes: int) -> bool:
    """Whether a key names single elements by one list of places an axis."""
    return (
        isinstance(key, tuple)
        and len(key) == axes
        and any(isinstance(one, (np.ndarray, list)) and np.ndim(one) == 1 for one in key)
        and not any(one is Ellipsis or one is None or isinstance(one, slice) for one in key)
    )


def _points(key: Any, shape: tuple[int, ...]) -> tuple[Array, ...]:
    """The places as arrays of one length; negative ones count from the end."""
    axes = np.broadcast_arrays(*(np.asarray(one) for one in key))
    for one, length in zip(axes, shape, strict=True):
        if one.dtype.kind not in "iu" or (
            one.size and not -length <= int(one.min()) <= int(one.max()) < length
        ):
            raise IndexError(f"Places must be whole numbers inside 0..{length - 1}.")
    return tuple(one.astype(np.int64) % length for one, length in zip(axes, shape, strict=True))


def _slice_of(key: Any, length: int) -> slice:
    """A number or a slice of step 1 as a slice with both ends."""
    if isinstance(key, slice):
        start, stop, step = key.indices(length)
        if step != 1:
            raise IndexError("Only slices of step 1 can be written to.")
        return slice(start, max(start, stop))
    place = range(length)[key]
    return slice(place, place + 1)


def by_tile(
    points: tuple[Array, ...], shape: tuple[int, ...], size: tuple[int, ...]
) -> list[tuple[Place, Array]]:
    """The tiles under some points of an array, each with the positions of its points, in their order."""
    if not points[0].size:
        return []
    grid = tuple(-(-length // n) for length, n in zip(shape, size, strict=True))
    places = tuple(p // n for p, n in zip(points, size, strict=True))
    flat = np.ravel_multi_index(places, grid)
    order = np.argsort(flat, kind="stable")
    starts = np.flatnonzero(np.diff(flat[order], prepend=-1))
    return [
        (tuple(int(p[group[0]]) for p in places), group) for group in np.split(order, starts[1:])
    ]
