"""Volume = array + Frame: every step keeps the frame, so that no output loses its voxel size."""

from __future__ import annotations

import dataclasses
import itertools
import math
from collections.abc import Iterator
from typing import Any, Literal

import numpy as np

from napari_advseg.volume.arrays.lazy import Array, Cut, LazyArray
from napari_advseg.volume.frame import Frame

__all__ = ["Array", "Cut", "Kind", "LazyArray", "Volume"]

Kind = Literal["image", "labels"]
SLAB_BYTES = 1 << 28


@dataclasses.dataclass(frozen=True, eq=False)
class Volume:
    """An array (possibly on disk) of shape `frame.axes`; nothing is read before it is indexed.

    `source` is the file or store it was read from, where there is one; a derived volume has none.
    `kind` says whether the file called itself labels, or `as_labels` did. `synthetic` is not 0 where a model has
    painted what no microscope has seen, on the axes without channels; most volumes have none.
    """

    array: LazyArray
    frame: Frame
    source: str | None = None
    kind: Kind = "image"
    synthetic: LazyArray | None = None

    def __post_init__(self) -> None:
        if len(self.array.shape) != len(self.frame.axes):
            raise ValueError(
                f"An array of shape {self.array.shape} does not have the axes '{self.frame.axes}'."
            )

    @property
    def shape(self) -> tuple[int, ...]:
        return tuple(self.array.shape)

    @property
    def dtype(self) -> np.dtype[Any]:
        return np.dtype(self.array.dtype)

    @property
    def axes(self) -> str:
        return self.frame.axes

    def size(self, axis: str) -> int:
        """Length along one axis; 1 where the axis does not exist."""
        return self.shape[self.axes.index(axis)] if axis in self.axes else 1

    def numpy(self) -> Array:
        """The whole array in memory."""
        return np.asarray(self.array[...])

    def like(self, array: LazyArray, what: str = "") -> Volume:
        """The same place with another array: of the same shape, or without the channel axis."""
        frame = self.frame.after(what) if what else self.frame
        if len(array.shape) == len(self.axes) - 1 and "c" in self.axes:
            frame = frame.without("c")
        labels = self.kind == "labels" and np.dtype(array.dtype).kind in "iu"
        return Volume(array, frame, kind="labels" if labels else "image")

    def section(self, index: int) -> Array:
        """Section `index` in memory, shape (y, x) or (c, y, x)."""
        if "z" not in self.axes:
            return self.numpy()
        key = tuple(index if axis == "z" else slice(None) for axis in self.axes)
        return np.asarray(self.array[key])

    def sections(self) -> Iterator[Array]:
        """Every section in turn; where chunks hold several sections, each chunk is read once."""
        if "z" not in self.axes:
            yield self.numpy()
            return
        axis = self.axes.index("z")
        for first, end in self._slabs():
            slab = np.asarray(self.array[(*(slice(None),) * axis, slice(first, end))])
            yield from np.moveaxis(slab, axis, 0)

    def cut(self, first: int, end: int) -> Volume:
        """Sections first..end-1, still lazy where the array is; translate moves along.

        Raises:
            ValueError: the range is empty or outside the volume.
        """
        count = self.size("z")
        if not 0 <= first < end <= count:
            raise ValueError(
                f"Sections {first}:{end} are not inside 0:{count}; choose a range inside it."
            )
        if (first, end) == (0, count):
            return self
        return self.along("z", first, end)

    def along(self, axis: str, first: int, end: int) -> Volume:
        """What lies from `first` to `end` - 1 along an axis of space, lazy; translate moves along."""
        part, mask = Cut.along(self.array, self.axes.index(axis), first, end), self.synthetic
        if mask is not None:
            mask = Cut.along(mask, self.axes.replace("c", "").index(axis), first, end)
        return Volume(part, self.frame.shifted(axis, first), kind=self.kind, synthetic=mask)

    def _slabs(self) -> Iterator[tuple[int, int]]:
        """Sections to read at once: those of one layer of chunks where that is small, else one by one."""
        count = self.size("z")
        section = math.prod(self.shape) // max(1, count) * self.dtype.itemsize
        depths = self._chunk_depths()
        first = 0
        while first < count:
            depth = min(next(depths, 1), count - first)
            step = depth if depth * section <= SLAB_BYTES else 1
            for begin in range(first, first + depth, step):
                yield begin, begin + step
            first += depth

    def _chunk_depths(self) -> Iterator[int]:
        """Sections in each layer of chunks: zarr names one number for all of them, dask a tuple."""
        chunks = getattr(self.array, "chunks", None)
        if not chunks or len(chunks) != len(self.shape):
            return iter(())
        depth = chunks[self.axes.index("z")]
        return itertools.repeat(depth) if isinstance(depth, int) else iter(depth)
