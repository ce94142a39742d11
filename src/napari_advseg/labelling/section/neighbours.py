"""Framed sections and stacks seen as one row of places, so that a kernel serves both."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_advseg.volume.volume import Array

Places = npt.NDArray[np.int64]


def framed(array: Array, value: int) -> Array:
    """A copy with a frame of `value` one place wide around it, so that neighbours always exist."""
    return np.pad(array, 1, constant_values=value)


def inside(array: Array) -> Array:
    """A framed array without its frame, not copied."""
    return array[(slice(1, -1),) * array.ndim]


def row_starts(framed_shape: tuple[int, ...]) -> Places:
    """Flat places where the rows inside of the frame begin, in raster order."""
    *above, width = framed_shape
    rows = np.arange(np.prod(above, dtype=np.int64)).reshape(above)
    return inside(rows).reshape(-1) * width + 1


def side_steps(framed_shape: tuple[int, ...]) -> tuple[int, ...]:
    """From a place to those beside it along one axis, in raster order: 4 in a section, 6 in a stack."""
    strides = [int(np.prod(framed_shape[axis + 1 :])) for axis in range(len(framed_shape))]
    return (*(-stride for stride in strides), *reversed(strides))


def corner_steps(framed_shape: tuple[int, ...]) -> Places:
    """From a place to all around it, in raster order: 8 in a section, 26 in a stack."""
    strides = [np.prod(framed_shape[axis + 1 :]) for axis in range(len(framed_shape))]
    offsets = itertools.product((-1, 0, 1), repeat=len(framed_shape))
    steps = np.array(list(offsets)) @ np.array(strides, np.int64)
    return np.delete(steps, len(steps) // 2)


def index_dtype(size: int) -> np.dtype[Any]:
    """int32 where it can count `size` places, as half the memory is twice the speed; else int64."""
    return np.dtype(np.int32 if size <= np.iinfo(np.int32).max else np.int64)
