"""Where things lie: a count, a box and a point for every key, within a section and over all."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

import numpy as np
import numpy.typing as npt

from napari_advseg.volume.compiled import compiled
from napari_advseg.volume.volume import Array

Keys = npt.NDArray[np.uint64]
Whole = npt.NDArray[np.int64]
Real = npt.NDArray[np.float64]
Part = TypeVar("Part")

SCORED = float(1 << 32)
FAR = 1 << 62
FEW = 1 << 18


@dataclasses.dataclass(frozen=True, eq=False)
class Places:
    """Things known by a key of one or more ids, and where they lie; one row each.

    Attributes:
        keys: shape (things, ids of a key), uint64.
        count: pixels or faces, int64.
        box: z0, z1, y0, y1, x0, x1, half open, shape (things, 6), int64.
        weight: how good the point is; of two points the one of larger weight is kept.
        point: z, y, x, shape (things, 3), int64.
    """

    keys: Keys
    count: Whole
    box: Whole
    weight: Real
    point: Whole

    def __len__(self) -> int:
        return len(self.count)

    def __getitem__(self, chosen: Array) -> Places:
        return Places(*(getattr(self, one.name)[chosen] for one in dataclasses.fields(self)))


class Gathered(Generic[Part]):
    """Parts joined again and again as they come, so that memory follows the result, not the parts."""

    def __init__(self, join: Callable[[Sequence[Part]], Part], size: Callable[[Part], int]) -> None:
        self._join, self._size = join, size
        self._parts: list[Part] = []
        self._waiting = 0

    def add(self, part: Part) -> None:
        """Take one more part."""
        self._parts.append(part)
        self._waiting += self._size(part)
        if self._waiting > max(FEW, 2 * self._size(self._parts[0])):
            self._parts = [self.whole()]
            self._waiting = self._size(self._parts[0])

    def whole(self) -> Part:
        """All parts as one."""
        return self._join(self._parts)


def all_places(parts: Sequence[Places], ids: int) -> Places:
    """Things of the same key as one: counts added, boxes joined, the best point kept.

    `ids` is the number of ids of a key, for when there are no parts.
    """
    none = Places(
        np.zeros((0, ids), np.uint64),
        np.zeros(0, np.int64),
        np.zeros((0, 6), np.int64),
        np.zeros(0),
        np.zeros((0, 3), np.int64),
    )
    names = [one.name for one in dataclasses.fields(Places)]
    rows = Places(
        *(np.concatenate([getattr(part, name) for part in [none, *parts]]) for name in names)
    )
    return gathered(rows, *grouped(rows.keys))


def gathered(rows: Places, first: Whole, group: Whole) -> Places:
    """Rows as one for each group that `grouped` found among their keys, in its order.

    Of equal weights the first row gives the point.
    """
    count, box, best = _gather(group, len(first), rows.count, rows.box, rows.weight)
    return Places(rows.keys[first], count, box, rows.weight[best], rows.point[best])


def grouped(keys: Keys) -> tuple[Whole, Whole]:
    """Equal keys found: the first row of each group, shape (groups,), and the group of each row."""
    return _group(np.ascontiguousarray(keys))


def look_up(wanted: Array, keys: Array, values: Array) -> tuple[npt.NDArray[np.bool_], Array]:
    """Whether each wanted key is among the ascending `keys`, and its value, 0 where it is not."""
    if not len(keys):
        return np.zeros(len(wanted), np.bool_), np.zeros(len(wanted), values.dtype)
    place = np.minimum(np.searchsorted(keys, wanted), len(keys) - 1)
    is_known = keys[place] == wanted
    return is_known, np.where(is_known, values[place], values.dtype.type(0))


def run_starts(a: Array, b: Array, keep: npt.NDArray[np.bool_]) -> Whole:
    """Flat places in three arrays (y, x) of one shape at which a run begins: neighbours in a row
    that are equal in all of them.
    """
    flat, other, kept = (np.ascontiguousarray(one).reshape(-1) for one in (a, b, keep))
    return _starts(flat, other, kept, a.shape[1])


def run_lengths(starts: Whole, size: int) -> Whole:
    """Pixels of each run, where all runs together have `size`."""
    return np.diff(starts, append=size)


def extents(ids: Array, given: Array, keep: npt.NDArray[np.bool_], z: int) -> Places:
    """Size, box and a point of every id in a section, keys of one id.

    Size and box are those of the pixels that `keep` leaves in; an id that has none stays, with the
    count 0, as another section may have some. The point is the middle of the longest run in which
    `given` has the id too, if possible of pixels left in.
    """
    starts = run_starts(ids, given, keep)
    length = run_lengths(starts, ids.size)
    flat = ids.reshape(-1)[starts]
    keys = flat.astype(np.uint64)[:, None]
    sure, kept = given.reshape(-1)[starts] == flat, keep.reshape(-1)[starts]
    first, group = grouped(keys)
    found = _summed(group, len(first), starts, length, kept, sure, max(1, ids.shape[1]))
    count, box, weight, point = found
    sections, here = np.full((len(first), 2), (z, z + 1)), np.full((len(first), 1), z)
    sections[count == 0] = FAR, -FAR
    return Places(
        keys[first],
        count,
        np.concatenate([sections, box], 1),
        weight,
        np.concatenate([here, point], 1),
    )


@compiled
def _group(keys: Keys) -> tuple[Whole, Whole]:
    """`grouped` by open addressing; neighbours mostly are equal and are compared first."""
    rows = len(keys)
    capacity = 16
    while capacity < 2 * rows:
        capacity *= 2
    table, mask = np.full(capacity, -1, np.int64), np.uint64(capacity - 1)
    first, group = np.empty(rows, np.int64), np.empty(rows, np.int64)
    groups = 0
    for i in range(rows):
        if i > 0 and _same(keys, i, i - 1):
            group[i] = group[i - 1]
            continue
        slot = np.uint64(0)
        for k in range(keys.shape[1]):
            slot = (slot ^ keys[i, k]) * np.uint64(0x9E3779B97F4A7C15)
            slot ^= slot >> np.uint64(32)
        slot &= mask
        while table[slot] >= 0 and not _same(keys, i, first[table[slot]]):
            slot = (slot + np.uint64(1)) & mask
        if table[slot] < 0:
            table[slot] = groups
            first[groups] = i
            groups += 1
        group[i] = table[slot]
    return first[:groups].copy(), group


@compiled
def _same(keys: Keys, i: int, j: int) -> bool:
    for k in range(keys.shape[1]):  # noqa: SIM110 - plain loops are what is compiled
        if keys[i, k] != keys[j, k]:
            return False
    return True


@compiled
def _gather(
    group: Whole, groups: int, count: Whole, box: Whole, weight: Real
) -> tuple[Whole, Whole, Whole]:
    """Sums of counts, enclosing boxes and the row of largest weight, for each group."""
    counts, best = np.zeros(groups, np.int64), np.full(groups, -1, np.int64)
    boxes = np.empty((groups, 6), np.int64)
    for g in range(groups):
        for k in range(3):
            boxes[g, 2 * k], boxes[g, 2 * k + 1] = FAR, -FAR
    for i in range(len(group)):
        g = group[i]
        counts[g] += count[i]
        for k in range(3):
            boxes[g, 2 * k] = min(boxes[g, 2 * k], box[i, 2 * k])
            boxes[g, 2 * k + 1] = max(boxes[g, 2 * k + 1], box[i, 2 * k + 1])
        if best[g] < 0 or weight[i] > weight[best[g]]:
            best[g] = i
    return counts, boxes, best


@compiled
def _starts(a: Array, b: Array, keep: Array, width: int) -> Whole:
    starts = np.empty(len(a), np.int64)
    found = 0
    for row in range(0, len(a), max(1, width)):
        for i in range(row, row + width):
            if i == row or a[i] != a[i - 1] or b[i] != b[i - 1] or keep[i] != keep[i - 1]:
                starts[found] = i
                found += 1
    return starts[:found].copy()


@compiled
def _summed(
    group: Whole,
    groups: int,
    starts: Whole,
    length: Whole,
    kept: npt.NDArray[np.bool_],
    sure: npt.NDArray[np.bool_],
    width: int,
) -> tuple[Whole, Whole, Real, Whole]:
    """Kept pixels, their box (y0, y1, x0, x1), weight of the point and the point (y, x), by group."""
    count, weight = np.zeros(groups, np.int64), np.full(groups, -1.0)
    box, point = np.empty((groups, 4), np.int64), np.zeros((groups, 2), np.int64)
    box[:, ::2], box[:, 1::2] = FAR, -FAR
    for i in range(len(group)):
        g = group[i]
        y = starts[i] // width
        x = starts[i] - y * width
        if kept[i]:
            count[g] += length[i]
            box[g, 0], box[g, 1] = min(box[g, 0], y), max(box[g, 1], y + 1)
            box[g, 2], box[g, 3] = min(box[g, 2], x), max(box[g, 3], x + length[i])
        worth = length[i] + SCORED * kept[i]
        if sure[i] and worth > weight[g]:
            weight[g] = worth
            point[g, 0], point[g, 1] = y, x + length[i] // 2
    return count, box, weight, point
