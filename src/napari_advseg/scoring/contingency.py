"""The one contingency table behind every instance score: how many pixels carry each pair of ids."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable
from functools import partial

import numpy as np
import numpy.typing as npt

from napari_advseg.volume.compiled import compiled
from napari_advseg.volume.volume import Array

Ids = npt.NDArray[np.uint64]
Counts = npt.NDArray[np.int64]

FIRST_CAPACITY = 1 << 13


@dataclasses.dataclass(frozen=True, eq=False)
class Contingency:
    """Pairs of ids that occur together, each once, with the number of pixels that carry them.

    Attributes:
        predicted: predicted id of each pair, shape (pairs,), uint64.
        truth: true id of each pair, shape (pairs,), uint64.
        counts: pixels of each pair, shape (pairs,), int64, all positive.
    """

    predicted: Ids
    truth: Ids
    counts: Counts

    @property
    def total(self) -> int:
        """Number of pixels counted."""
        return int(self.counts.sum())

    @property
    def unlabelled(self) -> int:
        """Number of pixels whose predicted id is 0."""
        return int(self.counts[self.predicted == 0].sum())

    def labelled(self) -> Contingency:
        """The table without the pixels whose predicted id is 0."""
        keep = self.predicted != 0
        return Contingency(self.predicted[keep], self.truth[keep], self.counts[keep])

    def predicted_sizes(self) -> npt.NDArray[np.float64]:
        """For each pair: the pixels its predicted id has in the whole table."""
        return sizes(self.predicted, self.counts)

    def truth_sizes(self) -> npt.NDArray[np.float64]:
        """For each pair: the pixels its true id has in the whole table."""
        return sizes(self.truth, self.counts)


def contingency(
    predicted: Array, truth: Array, keep: npt.NDArray[np.bool_] | None = None
) -> Contingency:
    """Pairs of ids and their counts over two label arrays of one shape, where `keep` is True
    (everywhere if None).

    Neighbouring pixels mostly carry the same pair, so runs are counted, not pixels; ids go up to 64
    bit.

    Raises:
        ValueError: the shapes differ, or an array holds no ids (`as_ids`).
    """
    if predicted.shape != truth.shape:
        raise ValueError(
            f"Labels of shape {predicted.shape} and truth of shape {truth.shape} differ; "
            "crop one of them."
        )
    a, b = as_ids(predicted, "Labels").reshape(-1), as_ids(truth, "Truth").reshape(-1)
    if a.dtype != b.dtype:
        a, b = a.astype(np.uint64, copy=False), b.astype(np.uint64, copy=False)
    mask = np.ones(a.shape, np.bool_) if keep is None else np.ascontiguousarray(keep).reshape(-1)
    return _filled(partial(_count, a, b, mask), a.size)


def merged(tables: Iterable[Contingency]) -> Contingency:
    """One table over all the pixels of several."""
    tables = list(tables)
    if not tables:
        none = np.zeros(0, np.uint64)
        return Contingency(none, none, np.zeros(0, np.int64))
    predicted = np.concatenate([table.predicted for table in tables])
    truth = np.concatenate([table.truth for table in tables])
    counts = np.concatenate([table.counts for table in tables])
    return _filled(partial(_add, predicted, truth, counts), len(counts))


def sizes(ids: Ids, counts: Counts) -> npt.NDArray[np.float64]:
    """For each pair: the sum of `counts` over all pairs with the same id."""
    _, group = np.unique(ids, return_inverse=True)
    return np.bincount(group, weights=counts).astype(np.float64)[group]


def as_ids(labels: Array, what: str) -> Array:
    """Label ids as a C-ordered array of uint32 or uint64, without a copy where they are that
    already.

    Raises:
        ValueError: a negative or fractional value, NaN, or a type that holds no numbers.
    """
    kind = labels.dtype.kind
    if kind not in "biuf":
        raise ValueError(
            f"{what} of type {labels.dtype} hold no ids; store them as unsigned integers."
        )
    if kind == "f":
        return _whole(labels, what)
    if kind == "i" and labels.size and int(labels.min()) < 0:
        raise ValueError(
            f"{what} hold the negative id {int(labels.min())}; "
            "ids are 0 or positive, renumber them."
        )
    target = np.uint64 if labels.dtype.itemsize == 8 else np.uint32
    plain = np.ascontiguousarray(labels)
    if plain.dtype.itemsize == np.dtype(target).itemsize and plain.dtype.isnative:
        return plain.view(target)
    return plain.astype(target)


def _whole(labels: Array, what: str) -> Array:
    wrong = ~((labels >= 0) & (labels < 2.0**63) & (np.floor(labels) == labels))
    if wrong.any():
        raise ValueError(
            f"{what} of type {labels.dtype} hold {labels[wrong][0]}, which is no id; "
            "give whole numbers, 0 or positive."
        )
    return np.ascontiguousarray(labels, dtype=np.uint64)


def _filled(fill: Callable[..., tuple[int, int]], size: int) -> Contingency:
    """The table that `fill` makes of `size` items; it is grown here, outside the hot loop."""
    table = _empty(FIRST_CAPACITY)
    position, used = fill(0, 0, *table)
    while position < size:
        larger = _empty(4 * len(table[2]))
        _move(*table, *larger)
        table = larger
        position, used = fill(position, used, *table)
    full = table[2] > 0
    return Contingency(table[0][full], table[1][full], table[2][full])


def _empty(capacity: int) -> tuple[Ids, Ids, Counts]:
    return (
        np.zeros(capacity, np.uint64),
        np.zeros(capacity, np.uint64),
        np.zeros(capacity, np.int64),
    )


@compiled
def _slot(p: np.uint64, t: np.uint64, keys_a: Ids, keys_b: Ids, counts: Counts) -> int:
    """Place of a pair in an open-addressing table, or the empty place where it belongs."""
    mask = np.uint64(len(counts) - 1)
    mixed = (p * np.uint64(0x9E3779B97F4A7C15)) ^ (t * np.uint64(0xC2B2AE3D27D4EB4F))
    mixed ^= mixed >> np.uint64(32)
    slot = mixed & mask
    while counts[slot] > 0 and not (keys_a[slot] == p and keys_b[slot] == t):
        slot = (slot + np.uint64(1)) & mask
    return slot  # type: ignore[return-value]


@compiled
def _count(
    a: Array, b: Array, keep: Array, start: int, used: int, keys_a: Ids, keys_b: Ids, counts: Counts
) -> tuple[int, int]:
    """Count in place from pixel `start` to the one returned, where the table is half full."""
    limit = len(counts) // 2
    i = start
    while i < a.size:
        if not keep[i]:
            i += 1
            continue
        p, t = a[i], b[i]
        end = i + 1
        while end < a.size and a[end] == p and b[end] == t and keep[end]:
            end += 1
        slot = _slot(np.uint64(p), np.uint64(t), keys_a, keys_b, counts)
        if counts[slot] == 0:
            if used >= limit:
                return i, used
            used += 1
            keys_a[slot], keys_b[slot] = p, t
        counts[slot] += end - i
        i = end
    return i, used


@compiled
def _add(
    a: Ids, b: Ids, weights: Counts, start: int, used: int, keys_a: Ids, keys_b: Ids, counts: Counts
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
    old_a: Ids, old_b: Ids, old_counts: Counts, new_a: Ids, new_b: Ids, new_counts: Counts
) -> None:
    """Write every pair of a table into a larger, empty one, in place."""
    for k in range(len(old_counts)):
        if old_counts[k] > 0:
            slot = _slot(old_a[k], old_b[k], new_a, new_b, new_counts)
            new_a[slot], new_b[slot], new_counts[slot] = old_a[k], old_b[k], old_counts[k]
