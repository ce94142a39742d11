"""Arrays that can be written into: one place that understands keys, several that write windows."""

from __future__ import annotations

import abc
from collections.abc import Iterator
from typing import Any

import numpy as np

from napari_advseg.volume.arrays.lazy import Array, Window, Windowed

Place = tuple[int, ...]


class Writable(Windowed):
    """An array that can write a window too.

    From that follows writing by numbers and slices of step 1, and reading and writing by one array of places an axis,
    as numpy does.
    """

    @property
    @abc.abstractmethod
    def tile(self) -> Place:
        """Lengths of the parts in which single places are read and written."""

    @abc.abstractmethod
    def write(self, window: Window, values: Array) -> None:
        """Put `values`, of the shape and type of the window, in its place."""

    def __getitem__(self, key: Any) -> Any:
        if not _are_points(key, self.ndim):
            return super().__getitem__(key)
        points = _points(key, self.shape)
        found = np.empty(points[0].shape, self.dtype)
        for window, inside, chosen in self._parts(points):
            found[chosen] = self.read(window)[inside]
        return found

    def __setitem__(self, key: Any, value: Any) -> None:
        if not _are_points(key, self.ndim):
            self._write_key(key, value)
            return
        points = _points(key, self.shape)
        values = np.broadcast_to(np.asarray(value, self.dtype), points[0].shape)
        for window, inside, chosen in self._parts(points):
            part = np.array(self.read(window))
            part[inside] = values[chosen]
            self.write(window, part)

    def _write_key(self, key: Any, value: Any) -> None:
        keys = self._spread(key)
        window = tuple(map(_slice_of, keys, self.shape))
        lengths = [one.stop - one.start for one in window]
        kept = [n for one, n in zip(keys, lengths, strict=True) if isinstance(one, slice)]
        values = np.broadcast_to(np.asarray(value, self.dtype), kept)
        self.write(window, values.reshape(lengths))

    def _parts(
        self, points: tuple[Array, ...]
    ) -> Iterator[tuple[Window, tuple[Array, ...], Array]]:
        """The window around the points in each tile, where they lie in it, and which they are."""
        for _, chosen in by_tile(points, self.shape, self.tile):
            here = [one[chosen] for one in points]
            window = tuple(slice(int(one.min()), int(one.max()) + 1) for one in here)
            yield window, tuple(p - w.start for p, w in zip(here, window, strict=True)), chosen


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
    if not isinstance(key, slice):
        place = range(length)[key]
        return slice(place, place + 1)
    start, stop, step = key.indices(length)
    if step != 1:
        raise IndexError(f"{key!r} is no window; only slices of step 1 can be written to.")
    return slice(start, max(start, stop))
