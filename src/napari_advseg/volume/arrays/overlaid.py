"""A lazy array that can be written to: what was touched is in memory, its source stays as it is."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np

from napari_advseg.volume.arrays.lazy import Array, Derived, LazyArray, Window, native, overlap
from napari_advseg.volume.arrays.writable import Place, Writable

TILE = 256


class Overlaid(Derived, Writable):
    """`array`, with the values written over it since. Memory grows with the tiles that were touched only."""

    def __init__(self, array: LazyArray, dtype: Any = None) -> None:
        self.array = array
        self._dtype = native(array.dtype if dtype is None else dtype)
        self._tile = tuple(
            min(TILE, length) if axis >= self.ndim - 2 else 1
            for axis, length in enumerate(self.shape)
        )
        self._tiles: dict[Place, Array] = {}

    @property
    def dtype(self) -> np.dtype[Any]:
        return self._dtype

    @property
    def tile(self) -> Place:
        return self._tile

    def touched_planes(self) -> set[Place]:
        """Indices, without the last two axes, of the planes that were written into."""
        return {place[:-2] for place in self._tiles}

    def read(self, window: Window) -> Array:
        found = np.array(self.array[window], self._dtype)
        for place in self._under(window):
            if place in self._tiles:
                here, there = self._shared(place, window)
                found[there] = self._tiles[place][here]
        return found

    def write(self, window: Window, values: Array) -> None:
        for place in self._under(window):
            here, there = self._shared(place, window)
            self._own(place)[here] = values[there]

    def _under(self, window: Window) -> list[Place]:
        """The tiles that a window touches."""
        if any(one.start >= one.stop for one in window):
            return []
        spans = (
            range(one.start // n, (one.stop - 1) // n + 1)
            for one, n in zip(window, self._tile, strict=True)
        )
        return list(itertools.product(*spans))

    def _shared(self, place: Place, window: Window) -> tuple[Window, Window]:
        """What tile and window have in common: inside the tile, and inside the window."""
        pairs = map(overlap, self._window(place), window)
        here, there = zip(*pairs, strict=True)
        return here, there

    def _window(self, place: Place) -> Window:
        return tuple(
            slice(k * n, min((k + 1) * n, length))
            for k, n, length in zip(place, self._tile, self.shape, strict=True)
        )

    def _own(self, place: Place) -> Array:
        """A tile to write into."""
        if place not in self._tiles:
            self._tiles[place] = np.array(self.array[self._window(place)], self._dtype)
        return self._tiles[place]
