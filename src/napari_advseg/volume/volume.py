"""Volume = array + Frame: every step keeps the frame, so that no output loses its voxel size."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from napari_advseg.volume.frame import Frame

Array = npt.NDArray[Any]


class LazyArray(Protocol):
    """What a volume reads from: numpy, zarr, h5py and TIFF arrays all have it."""

    @property
    def shape(self) -> tuple[int, ...]: ...
    @property
    def dtype(self) -> np.dtype[Any]: ...
    def __getitem__(self, key: Any) -> Any: ...


@dataclasses.dataclass(frozen=True, eq=False)
class Volume:
    """An array (possibly on disk) of shape `frame.axes`; nothing is read before it is indexed.

    `source` is the file or store it was read from, where there is one; a derived volume has none.
    """

    array: LazyArray
    frame: Frame
    source: str | None = None

    def __post_init__(self) -> None:
        if len(self.array.shape) != len(self.frame.axes):
            raise ValueError(f"An array of shape {self.array.shape} does not have the axes '{self.frame.axes}'.")

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
        return Volume(array, frame)

    def section(self, index: int) -> Array:
        """Section `index` in memory, shape (y, x) or (c, y, x)."""
        if "z" not in self.axes:
            return self.numpy()
        key = tuple(index if axis == "z" else slice(None) for axis in self.axes)
        return np.asarray(self.array[key])

    def sections(self) -> Iterator[Array]:
        """Every section in turn."""
        for index in range(self.size("z")):
            yield self.section(index)

    def cut(self, first: int, end: int) -> Volume:
        """Sections first..end-1, still lazy where the array is; translate moves along.

        Raises:
            ValueError: the range is empty or outside the volume.
        """
        count = self.size("z")
        if not 0 <= first < end <= count:
            raise ValueError(f"Sections {first}:{end} are not inside 0:{count}; choose a range inside it.")
        if (first, end) == (0, count):
            return self
        return Volume(Cut(self.array, self.axes.index("z"), first, end), self.frame.shifted("z", first))


@dataclasses.dataclass(frozen=True, eq=False)
class Cut:
    """A range along one axis of a lazy array, read only where it is indexed."""

    array: LazyArray
    axis: int
    first: int
    end: int

    @property
    def shape(self) -> tuple[int, ...]:
        whole = self.array.shape
        return (*whole[: self.axis], self.end - self.first, *whole[self.axis + 1 :])

    @property
    def dtype(self) -> np.dtype[Any]:
        return np.dtype(self.array.dtype)

    @property
    def ndim(self) -> int:
        return len(self.array.shape)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Array:
        return np.asarray(self[...], dtype=dtype)

    def __getitem__(self, key: Any) -> Any:
        keys = list(key) if isinstance(key, tuple) else [key]
        if Ellipsis in keys:
            at = keys.index(Ellipsis)
            keys[at : at + 1] = [slice(None)] * (self.ndim - len(keys) + 1)
        keys += [slice(None)] * (self.ndim - len(keys))
        keys[self.axis] = self._moved(keys[self.axis])
        return self.array[tuple(keys)]

    def _moved(self, key: Any) -> Any:
        length = self.end - self.first
        if isinstance(key, slice):
            first, end, step = key.indices(length)
            return slice(self.first + first, self.first + max(first, end), step)
        index = int(key)
        if not -length <= index < length:
            raise IndexError(f"Section {index} is outside 0..{length - 1}.")
        return self.first + index % length
