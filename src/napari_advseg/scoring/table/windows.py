"""Windows that together cover two volumes on disk or in memory, and what both hold there."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator

import numpy as np

from napari_advseg.scoring.table.pair import stack_shape
from napari_advseg.volume.volume import Array, LazyArray, Volume

WINDOW_BYTES = 1 << 23
# Grids that fit worse than this are not brought together: some chunks are then decoded again.
LARGEST_MULTIPLE = 4

Window = tuple[slice, ...]
Shape = tuple[int, ...]


def window_pairs(one: Volume, other: Volume) -> Iterator[tuple[Array, Array]]:
    """What two volumes of the same voxels hold, window by window; every voxel once.

    A window follows the chunks on disk and takes as many of them as fit into 8 MB, at least one;
    of an array in memory it is a view. A section counts as a stack of one.
    """
    shape = stack_shape(one)
    piece = _shared(shape, _piece(one, shape), _piece(other, shape))
    itemsize = max(one.dtype.itemsize, other.dtype.itemsize)
    for window in _windows(shape, _enlarged(piece, shape, itemsize)):
        yield _read(one, window), _read(other, window)


def _piece(volume: Volume, shape: Shape) -> Shape:
    """The least that is worth reading: a row in memory, a chunk on disk, else a section."""
    if isinstance(volume.array, np.ndarray):
        return (1, 1, shape[2])
    chunks = _chunks(volume.array)
    return (1,) * (3 - len(chunks)) + chunks if chunks else (1, *shape[1:])


def _chunks(array: LazyArray) -> Shape:
    chunks = getattr(array, "chunks", None)
    if not isinstance(chunks, tuple) or len(chunks) != len(array.shape):
        return ()
    return chunks if all(isinstance(n, int) and n > 0 for n in chunks) else ()


def _shared(shape: Shape, one: Shape, other: Shape) -> Shape:
    """Along each axis a length that both grids divide, where that is not far larger than both."""
    lengths = []
    for size, a, b in zip(shape, one, other, strict=True):
        both, larger = math.lcm(max(a, 1), max(b, 1)), max(a, b, 1)
        lengths.append(min(max(size, 1), both if both <= LARGEST_MULTIPLE * larger else larger))
    return tuple(lengths)


def _enlarged(piece: Shape, shape: Shape, itemsize: int) -> Shape:
    """Several pieces in a row, from the last axis on, up to `WINDOW_BYTES`."""
    lengths = list(piece)
    for axis in reversed(range(len(shape))):
        times = max(1, WINDOW_BYTES // (math.prod(lengths) * itemsize))
        lengths[axis] = max(1, min(shape[axis], lengths[axis] * times))
    return tuple(lengths)


def _windows(shape: Shape, lengths: Shape) -> Iterator[Window]:
    starts = [range(0, size, length) for size, length in zip(shape, lengths, strict=True)]
    for corner in itertools.product(*starts):
        yield tuple(
            slice(first, min(first + length, size))
            for first, length, size in zip(corner, lengths, shape, strict=True)
        )


def _read(volume: Volume, window: Window) -> Array:
    return np.asarray(volume.array[window[-len(volume.shape) :]])
