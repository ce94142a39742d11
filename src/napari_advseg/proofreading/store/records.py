"""Edits as values and as bytes: which voxels got which labels in place of which.

A record is anything with a `kind` (a number below 256), that can be put into bytes and applied to an array. Kinds from
128 on are notes: a program that does not know them may pass over them. Others change the labels.
"""

from __future__ import annotations

import dataclasses
import struct
import zlib
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, ClassVar, Protocol, Self

import numpy as np

from napari_advseg.volume.arrays.lazy import Array, Window
from napari_advseg.volume.refusals import afford

NOTES_FROM = 128
PAYLOAD_BYTES = 1 << 33
PACKED_FROM = 64
AT_ONCE = 1 << 22
UNSIGNED: dict[int, np.dtype[Any]] = {
    1: np.dtype("<u1"),
    2: np.dtype("<u2"),
    4: np.dtype("<u4"),
    8: np.dtype("<u8"),
}


class Damaged(ValueError):
    """Bytes that are no record of this array."""


@dataclasses.dataclass(frozen=True)
class Grid:
    """Shape and type of the array that records belong to."""

    shape: tuple[int, ...]
    dtype: np.dtype[Any]

    @property
    def size(self) -> int:
        return int(np.prod(self.shape, dtype=object))


class Record(Protocol):
    """One entry of a journal."""

    kind: ClassVar[int]

    def to_bytes(self) -> bytes:
        """All of it but its kind."""

    @classmethod
    def from_bytes(cls, payload: bytes, grid: Grid) -> Self:
        """The record; raises Damaged."""

    def apply(self, array: Any) -> None:
        """Change the labels in place."""


@dataclasses.dataclass(frozen=True, eq=False)
class Patch:
    """Voxels that got other labels, in C order.

    Attributes:
        starts: flat index of the first voxel of each run, ascending; no run leaves its row.
        lengths: voxels in each run.
        old: the label that each voxel had.
        new: the label that each voxel got; of the same dtype.
    """

    starts: Array
    lengths: Array
    old: Array
    new: Array

    @property
    def voxels(self) -> int:
        return int(self.lengths.sum())

    @property
    def flat(self) -> Array:
        """Flat index of each voxel."""
        return expanded(self.starts, self.lengths)

    def places(self, shape: tuple[int, ...]) -> tuple[Array, ...]:
        """Index of each voxel in an array of this shape, one array an axis."""
        return np.unravel_index(self.flat, shape)

    def between(self, first: int, end: int) -> tuple[Array, Array]:
        """Flat indices from `first` up to `end`, as of one section, and the label that each voxel got."""
        begin, last = np.searchsorted(self.starts, (first, end))
        done = int(self.lengths[:begin].sum())
        flat = expanded(self.starts[begin:last], self.lengths[begin:last])
        return flat, self.new[done : done + flat.size]

    def reverted(self) -> Patch:
        """What takes it back."""
        return Patch(self.starts, self.lengths, self.new, self.old)


@dataclasses.dataclass(frozen=True, eq=False)
class Edit:
    """One step that a user made: patches in the order in which they were painted."""

    kind: ClassVar[int] = 1
    patches: tuple[Patch, ...]

    @property
    def voxels(self) -> int:
        """How many voxels were written, each as often as it was."""
        return sum(patch.voxels for patch in self.patches)

    def reverted(self) -> Edit:
        """What takes it back."""
        return Edit(tuple(patch.reverted() for patch in reversed(self.patches)))

    def apply(self, array: Any) -> None:
        write(self.patches, array)

    def to_bytes(self) -> bytes:
        parts = [struct.pack("<I", len(self.patches))]
        for patch in self.patches:
            parts += _patch_bytes(patch)
        plain = b"".join(parts)
        packed = zlib.compress(plain, 1) if len(plain) >= PACKED_FROM else plain
        is_packed = len(packed) < len(plain)
        return struct.pack("<?Q", is_packed, len(plain)) + (packed if is_packed else plain)

    @classmethod
    def from_bytes(cls, payload: bytes, grid: Grid) -> Self:
        try:
            is_packed, length = struct.unpack_from("<?Q", payload)
            reader = _Reader(_unpacked(payload[9:], length) if is_packed else payload[9:])
            (count,) = reader.take("<I")
            patches = tuple(_read_patch(reader, grid) for _ in range(count))
        except (struct.error, zlib.error, ValueError) as fault:
            raise Damaged(f"An edit cannot be read ({fault}).") from fault
        return cls(patches)


KINDS: dict[int, type[Record]] = {Edit.kind: Edit}


def write(patches: Iterable[Patch], array: Any) -> None:
    """Give `array` (numpy or Overlaid) the new labels of patches in their order, some millions of voxels at a time.

    Thousands of small ones are written as one: a session's strokes are replayed in the time of a few.
    """
    places: list[Array] = []
    labels: list[Array] = []
    waiting = 0
    for patch in patches:
        done = 0
        for first, end in _spans(patch.lengths):
            flat = expanded(patch.starts[first:end], patch.lengths[first:end])
            places.append(flat)
            labels.append(patch.new[done : done + flat.size])
            done += flat.size
            waiting += flat.size
            if waiting >= AT_ONCE:
                _put(array, np.concatenate(places), np.concatenate(labels))
                places, labels, waiting = [], [], 0
    if places:
        _put(array, np.concatenate(places), np.concatenate(labels))


def masked(grid: Grid, window: Window, mask: Array | None, old: Any, new: Any) -> Patch:
    """The patch of the voxels inside `window` that `mask` (None for all) marks.

    Args:
        old: the labels before, one for each marked voxel in C order, or of the shape of the window where all are.
        new: the labels after, one for all or one each.
    """
    lengths = tuple(one.stop - one.start for one in window)
    marks = np.broadcast_to(np.bool_(True) if mask is None else mask, lengths)  # noqa: FBT003 - a value
    row, begin, end = _rows_of(marks)
    places = np.unravel_index(row, lengths[:-1])
    corner = tuple(one.start for one in window)
    at = (*(p + c for p, c in zip(places, corner, strict=False)), begin + corner[-1])
    starts = np.ravel_multi_index(at, grid.shape)
    return _patch(grid, starts, end - begin, np.asarray(old).reshape(-1), new)


def pointed(grid: Grid, places: Sequence[Any], old: Any, new: Any) -> Patch:
    """The patch of single voxels, one array of places an axis; a voxel named twice gets the later label."""
    at = np.broadcast_arrays(*(np.atleast_1d(one) for one in places))
    wrapped = [one % length for one, length in zip(at, grid.shape, strict=True)]
    flat = np.ravel_multi_index(tuple(one.reshape(-1) for one in wrapped), grid.shape)
    olds = np.broadcast_to(np.asarray(old).reshape(-1), flat.shape)
    news = np.broadcast_to(np.asarray(new).reshape(-1), flat.shape)
    order = np.argsort(flat, kind="stable")
    last = np.flatnonzero(np.diff(flat[order], append=grid.size))
    chosen = order[last]
    starts, lengths = _runs(flat[chosen], grid.shape[-1])
    return _patch(grid, starts, lengths, olds[chosen], news[chosen])


def differing(grid: Grid, plane: int, before: Array, after: Array) -> Patch:
    """The patch that turns the labels of plane number `plane` (over all axes but the last two) into others."""
    width = before.shape[-1]
    apart = np.flatnonzero((before != after).reshape(-1))
    starts, lengths = _runs(apart + plane * before.size, width)
    return _patch(grid, starts, lengths, before.reshape(-1)[apart], after.reshape(-1)[apart])


def expanded(starts: Array, lengths: Array) -> Array:
    """All flat indices of some runs."""
    ends = np.cumsum(lengths)
    return np.repeat(starts - (ends - lengths), lengths) + np.arange(ends[-1] if ends.size else 0)


def _spans(lengths: Array) -> Iterator[tuple[int, int]]:
    """Ranges of runs of some millions of voxels together."""
    ends = np.cumsum(lengths)
    first = 0
    while first < lengths.size:
        before = int(ends[first] - lengths[first])
        end = max(first + 1, int(np.searchsorted(ends, before + AT_ONCE, side="right")))
        yield first, end
        first = end


def _rows_of(marks: Array) -> tuple[Array, Array, Array]:
    """Row, begin and end of every run of marked voxels, some millions of voxels at a time."""
    width = marks.shape[-1]
    if not marks.size:
        return (np.zeros(0, np.int64),) * 3
    rows = marks.reshape(-1, width)
    step = max(1, AT_ONCE // max(1, width))
    found = []
    for first in range(0, rows.shape[0], step):
        edges = np.diff(np.pad(rows[first : first + step], ((0, 0), (1, 1))).view(np.int8), axis=1)
        row, begin = np.nonzero(edges == 1)
        found.append((row + first, begin, np.nonzero(edges == -1)[1]))
    row, begin, end = (np.concatenate(parts) for parts in zip(*found, strict=True))
    return row, begin, end


def _put(array: Any, flat: Array, labels: Array) -> None:
    """Write labels at flat indices; the last one of those that are named twice stays."""
    if isinstance(array, np.ndarray) and array.flags.c_contiguous:
        array.reshape(-1)[flat] = labels
    else:
        array[np.unravel_index(flat, array.shape)] = labels


def _patch(grid: Grid, starts: Array, lengths: Array, old: Any, new: Any) -> Patch:
    count = int(np.sum(lengths))
    return Patch(
        np.asarray(starts, np.int64),
        np.asarray(lengths, np.int64),
        _slim(np.asarray(old).astype(grid.dtype, copy=False), count),
        _slim(np.asarray(new).astype(grid.dtype, copy=False), count),
    )


def _slim(labels: Array, count: int) -> Array:
    """Labels of so many voxels; where all are equal, one is kept in memory."""
    whole = np.broadcast_to(labels, count)
    is_one = count > 1 and bool((whole == whole[0]).all())
    return np.broadcast_to(whole[0].copy(), count) if is_one else whole


def _runs(flat: Array, width: int) -> tuple[Array, Array]:
    """Ascending flat indices as runs that stay in their rows."""
    if not flat.size:
        return flat, flat
    breaks = np.flatnonzero((np.diff(flat) != 1) | (flat[1:] % width == 0)) + 1
    first = np.concatenate(([0], breaks))
    return flat[first], np.diff(np.append(first, flat.size))


def _patch_bytes(patch: Patch) -> list[bytes]:
    first = int(patch.starts[0]) if patch.starts.size else 0
    gaps = np.diff(patch.starts) - patch.lengths[:-1]
    return [
        struct.pack("<Q", first),
        *_numbers(gaps),
        *_numbers(patch.lengths),
        *_labels(patch.old),
        *_labels(patch.new),
    ]


def _numbers(values: Array) -> list[bytes]:
    """Whole numbers that are not negative, as narrow as the largest of them."""
    largest = int(values.max()) if values.size else 0
    width = next(n for n in UNSIGNED if largest < 1 << (8 * n))
    return [struct.pack("<BQ", width, values.size), values.astype(UNSIGNED[width]).tobytes()]


def _labels(values: Array) -> list[bytes]:
    """Labels as runs of equal ones; negative ones as the number with the same bits."""
    if values.strides == (0,) and values.size:  # one label for all, stored once
        one = values[:1].view(f"u{values.dtype.itemsize}")
        return [*_numbers(one), *_numbers(np.array([values.size]))]
    whole = np.ascontiguousarray(values).view(f"u{values.dtype.itemsize}")
    first = np.flatnonzero(np.diff(whole, prepend=whole[:1]) != 0)
    first = np.concatenate(([0], first)) if whole.size else first
    return [*_numbers(whole[first]), *_numbers(np.diff(np.append(first, whole.size)))]


class _Reader:
    """Takes values off the front of some bytes."""

    def __init__(self, content: bytes) -> None:
        self._content = content
        self._at = 0

    def take(self, form: str) -> tuple[Any, ...]:
        values = struct.unpack_from(form, self._content, self._at)
        self._at += struct.calcsize(form)
        return values

    def numbers(self) -> Array:
        width, count = self.take("<BQ")
        if width not in UNSIGNED or count * width > len(self._content) - self._at:
            raise Damaged("it says that it is longer than it is")
        found = np.frombuffer(self._content, UNSIGNED[width], count, self._at)
        self._at += count * width
        return found

    def labels(self, count: int, dtype: np.dtype[Any]) -> Array:
        values, lengths = self.numbers(), self.numbers()
        if values.size != lengths.size or int(lengths.sum(dtype=object)) != count:
            raise Damaged("it has another number of labels than of voxels")
        if values.size and int(values.max()) >= 1 << (8 * dtype.itemsize):
            raise Damaged(f"its labels do not fit {dtype}")
        if values.size == 1:
            return np.broadcast_to(values.astype(f"u{dtype.itemsize}").view(dtype), count)
        afford(count * dtype.itemsize, "Reading an edit")
        return np.repeat(values.astype(f"u{dtype.itemsize}").view(dtype), lengths.astype(np.int64))


def _read_patch(reader: _Reader, grid: Grid) -> Patch:
    (first,) = reader.take("<Q")
    gaps, lengths = reader.numbers(), reader.numbers().astype(np.int64)
    if gaps.size != max(0, lengths.size - 1):
        raise Damaged("its runs are not complete")
    count = int(lengths.sum(dtype=object))
    if first + int(gaps.sum(dtype=object)) + count > grid.size:
        raise Damaged(f"it reaches beyond an array of shape {grid.shape}")
    steps = gaps.astype(np.int64) + lengths[:-1]
    starts = first + np.concatenate(([0], np.cumsum(steps)))[: lengths.size]
    old, new = reader.labels(count, grid.dtype), reader.labels(count, grid.dtype)
    return Patch(starts.astype(np.int64), lengths, old, new)


def _unpacked(packed: bytes, length: int) -> bytes:
    if length > PAYLOAD_BYTES:
        raise Damaged(f"it says that it has {length} bytes")
    worker = zlib.decompressobj()
    plain = worker.decompress(packed, length)
    if len(plain) != length or not worker.eof:
        raise Damaged("it is longer or shorter than it says")
    return plain
