"""Pairs of ids counted under way: an open-addressing table that grows outside the hot loop."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_advseg.volume.compiled import compiled
from napari_advseg.volume.volume import Array

Ids = npt.NDArray[np.uint64]
Counts = npt.NDArray[np.int64]

FIRST_CAPACITY = 1 << 13
STRETCH = 4096


class Tally:
    """Counts of pairs of ids, added to from arrays or from pairs counted elsewhere.

    One thread at a time. Ids are kept as `dtype`, uint32 or uint64: what is added must have it.
    """

    def __init__(self, dtype: npt.DTypeLike = np.uint64) -> None:
        self.dtype = np.dtype(dtype)
        self._used = 0
        self._table = self._empty(FIRST_CAPACITY)

    def count(self, a: Array, b: Array, keep: npt.NDArray[np.bool_] | None = None) -> None:
        """Add each pair of ids of two flat arrays, where `keep` is True (everywhere if None).

        Neighbours mostly carry the same pair, so runs are looked up, not pixels.
        """
        self._fill(partial(_count, a, b, keep), a.size)

    def include(self, a: Array, b: Array, counts: Counts) -> None:
        """Add pairs that are counted already."""
        self._fill(partial(_add, a, b, counts), len(counts))

    def pairs(self) -> tuple[Ids, Ids, Counts]:
        """Each pair once: its two ids and its count, in no order that means anything."""
        a, b, counts = self._table
        full = counts > 0
        return (
            a[full].astype(np.uint64, copy=False),
            b[full].astype(np.uint64, copy=False),
            counts[full],
        )

    def _fill(self, fill: Callable[..., tuple[int, int]], size: int) -> None:
        position, self._used = fill(0, self._used, *self._table)
        while position < size:
            larger = self._empty(4 * len(self._table[2]))
            _move(*self._table, *larger)
            self._table = larger
            position, self._used = fill(position, self._used, *self._table)

    def _empty(self, capacity: int) -> tuple[Array, Array, Counts]:
        return (
            np.zeros(capacity, self.dtype),
            np.zeros(capacity, self.dtype),
            np.zeros(capacity, np.int64),
        )


@compiled
def _count(
    a: Array,
    b: Array,
    keep: Any,
    start: int,
    used: int,
    keys_a: Array,
    keys_b: Array,
    counts: Counts,
) -> tuple[int, int]:
    """Count in place from pixel `start` to the one returned, where the table is half full."""
    limit = len(counts) // 2
    flags, ends = np.empty(STRETCH, np.uint8), np.empty(STRETCH, np.uint16)
    for first in range(start, a.size, STRETCH):
        stretch = slice(first, min(first + STRETCH, a.size))
        p, t = a[stretch], b[stretch]
        _changes(p, t, flags)
        if keep is not None:
            _also_changes(keep[stretch], flags)
        runs = _run_ends(flags, len(p), ends)
        i = np.uint64(0)
        for k in range(np.uint64(runs)):
            end = np.uint64(ends[k])
            if keep is None or keep[np.uint64(first) + i]:
                slot = _slot(p[i], t[i], keys_a, keys_b, counts)
                if counts[slot] == 0:
                    if used >= limit:
                        return first + int(i), used
                    used += 1
                    keys_a[slot], keys_b[slot] = p[i], t[i]
                counts[slot] += np.int64(end - i)
            i = end
    return a.size, used


@compiled
def _changes(a: Array, b: Array, flags: npt.NDArray[np.uint8]) -> None:
    """Flag k is 1 where pixel k + 1 carries another pair than pixel k."""
    a_next, b_next = a[1:], b[1:]
    for k in range(len(a_next)):
        flags[k] = (a_next[k] != a[k]) | (b_next[k] != b[k])


@compiled
def _also_changes(keep: Array, flags: npt.NDArray[np.uint8]) -> None:
    keep_next = keep[1:]
    for k in range(len(keep_next)):
        flags[k] |= keep_next[k] != keep[k]


@compiled
def _run_ends(flags: npt.NDArray[np.uint8], size: int, ends: npt.NDArray[np.uint16]) -> int:
    """Where each run of `size` pixels ends; their number.

    Every place is written and only those that end a run are kept: where runs are short, a branch
    would be guessed wrong in every one of them. Unsigned numbers index without a test for below 0.
    """
    runs = np.uint64(0)
    for k in range(np.uint64(size - 1)):
        ends[runs] = k + np.uint64(1)
        runs += np.uint64(flags[k])
    ends[runs] = size
    return np.int64(runs) + 1  # type: ignore[return-value]


@compiled
def _slot(p: Any, t: Any, keys_a: Array, keys_b: Array, counts: Counts) -> np.uint64:
    """Place of a pair in an open-addressing table, or the empty place where it belongs."""
    mask = np.uint64(len(counts) - 1)
    mixed = (np.uint64(p) * np.uint64(0x9E3779B97F4A7C15)) ^ (
        np.uint64(t) * np.uint64(0xC2B2AE3D27D4EB4F)
    )
    mixed ^= mixed >> np.uint64(32)
    slot = mixed & mask
    while counts[slot] > 0 and (keys_a[slot] != p or keys_b[slot] != t):
        slot = (slot + np.uint64(1)) & mask
    return slot


@compiled
def _add(
    a: Array,
    b: Array,
    weights: Counts,
    start: int,
    used: int,
    keys_a: Array,
    keys_b: Array,
    counts: Counts,
) -> tuple[int, int]:
    """Add pairs that are counted already, from pair `start` on, in the manner of `_count`."""
    limit = len(counts) // 2
    for i in range(start, len(a)):
        slot = _slot(a[i], b[i], keys_a, keys_b, counts)
        if counts[slot] == 0:
            if used >= limit:
                return i, used
            used += 1
            keys_a[slot], keys_b[slot] = a[i], b[i]
        counts[slot] += weights[i]
    return len(a), used


@compiled
def _move(
    old_a: Array, old_b: Array, old_counts: Counts, new_a: Array, new_b: Array, new_counts: Counts
) -> None:
    """Write every pair of a table into a larger, empty one, in place."""
    for k in range(len(old_counts)):
        if old_counts[k] > 0:
            slot = _slot(old_a[k], old_b[k], new_a, new_b, new_counts)
            new_a[slot], new_b[slot], new_counts[slot] = old_a[k], old_b[k], old_counts[k]
