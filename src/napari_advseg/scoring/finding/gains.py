"""What every object, join and cut would change in the variation of information."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_advseg.scoring.table.contingency import Contingency
from napari_advseg.scoring.table.places import look_up
from napari_advseg.volume.compiled import compiled

Ids = npt.NDArray[np.uint64]
Whole = npt.NDArray[np.int64]
Bits = npt.NDArray[np.float64]
Number = npt.NDArray[Any]


@dataclasses.dataclass(frozen=True, eq=False)
class Shares:
    """What the objects of one side contribute, in bits times pixels; one row an object.

    Attributes:
        ids: in ascending order, uint64.
        split: its share of N * H(labels | truth).
        merge: its share of N * H(truth | labels).
        gain: by how much N * VOI falls when the object is put right.
    """

    ids: Ids
    split: Bits
    merge: Bits
    gain: Bits


class Ledger:
    """A contingency table made ready to be asked what an edit would gain.

    All values are in bits times pixels; divided by the pixels of the table they are differences of
    the variation of information, which is the sum of x log2 x over predicted sizes and true sizes
    minus twice that over the pairs.
    """

    def __init__(self, table: Contingency) -> None:
        self.total = table.total
        self._labels, labels = np.unique(table.predicted, return_inverse=True)
        self._truth, truth = np.unique(table.truth, return_inverse=True)
        code = labels * np.int64(len(self._truth)) + truth
        order = np.argsort(code)
        self._code, self._label, self._true = code[order], labels[order], truth[order]
        self._count = table.counts[order]
        self._sizes = _sums(self._label, self._count, len(self._labels))
        self._true_sizes = _sums(self._true, self._count, len(self._truth))

    def of_truth(self) -> Shares:
        """Shares of the true objects; the gain is that of making all pixels of the object one
        segment of its own.
        """
        out = _cut_off(self._count, self._sizes[self._label])
        split, merge = self._summed(self._true, len(self._truth))
        gain = split + _sums(self._true, out, len(self._truth))
        return Shares(self._truth, split, merge, gain)

    def of_labels(self) -> Shares:
        """Shares of the predicted objects; the gain is that of cutting the object along the truth."""
        split, merge = self._summed(self._label, len(self._labels))
        return Shares(self._labels, split, merge, merge)

    def of_cut(self, label: Ids, first: Ids, second: Ids) -> Bits:
        """Gain of cutting the smaller of the two parts that lie in the true ids `first` and
        `second` off the rest of `label`; 0 where one of the parts is empty.
        """
        part = np.minimum(self._counts(label, first), self._counts(label, second))
        return np.where(part > 0, _cut_off(part, np.maximum(1, self._size(label))), 0.0)

    def of_join(self, first: Ids, second: Ids) -> Bits:
        """Gain of joining two predicted ids wholly, negative where they belong apart; ids that do
        not occur are empty.
        """
        known = np.isin(first, self._labels) & np.isin(second, self._labels)
        one = np.searchsorted(self._labels, first[known])
        other = np.searchsorted(self._labels, second[known])
        starts = np.searchsorted(self._label, np.arange(len(self._labels) + 1))
        shared = _shared(one, other, starts, self._true, self._count)
        gain = np.zeros(len(first))
        gain[known] = 2 * shared - _apart(self._sizes[one], self._sizes[other])
        return gain

    def within(self, truth: Ids, first: Ids, second: Ids) -> Bits:
        """What joining `first` and `second` gains inside one true id alone; 0 where one of the two
        is not in it.
        """
        a, b = self._counts(first, truth), self._counts(second, truth)
        both = (a > 0) & (b > 0)
        return np.where(both, 2 * _apart(np.maximum(a, 1), np.maximum(b, 1)), 0.0)

    def _summed(self, group: Whole, number: int) -> tuple[Bits, Bits]:
        """Split and merge entropy summed over the pairs of each group."""
        split = self._count * np.log2(self._true_sizes[self._true] / self._count)
        merge = self._count * np.log2(self._sizes[self._label] / self._count)
        return _sums(group, split, number), _sums(group, merge, number)

    def _counts(self, label: Ids, truth: Ids) -> Whole:
        """Pixels of each pair, 0 where it does not occur."""
        known = np.isin(label, self._labels) & np.isin(truth, self._truth)
        code = np.searchsorted(self._labels, label[known]) * np.int64(len(self._truth))
        code += np.searchsorted(self._truth, truth[known])
        counts = np.zeros(len(label), np.int64)
        counts[known] = look_up(code, self._code, self._count)[1]
        return counts

    def _size(self, label: Ids) -> Bits:
        """Pixels of each predicted id, 0 where it does not occur."""
        return look_up(label, self._labels, self._sizes)[1]


def _sums(group: Whole, values: Number, number: int) -> Bits:
    """Sum of the values of each group; exact for whole numbers below 2^53."""
    return np.bincount(group, values, number).astype(np.float64, copy=False)


def _cut_off(part: Number, whole: Number) -> Bits:
    """f(whole) - f(part) - f(whole - part) with f(x) = x log2 x, for 0 <= part <= whole."""
    return _apart(part, whole - part)


def _apart(a: Number, b: Number) -> Bits:
    """f(a + b) - f(a) - f(b) with f(x) = x log2 x, without the cancellation; 0 where one is 0."""
    both = a + b
    bits: Bits = a * np.log2(both / np.maximum(a, 1)) + b * np.log2(both / np.maximum(b, 1))
    return np.where((a > 0) & (b > 0), bits, 0.0)


@compiled
def _shared(one: Whole, other: Whole, starts: Whole, truth: Whole, count: Whole) -> Bits:
    """Sum over true ids of f(a + b) - f(a) - f(b) for each pair of rows; `truth` ascends within a
    row.
    """
    found = np.zeros(len(one))
    for k in range(len(one)):
        i, j = starts[one[k]], starts[other[k]]
        while i < starts[one[k] + 1] and j < starts[other[k] + 1]:
            if truth[i] < truth[j]:
                i += 1
            elif truth[i] > truth[j]:
                j += 1
            else:
                a, b = float(count[i]), float(count[j])
                found[k] += a * np.log2((a + b) / a) + b * np.log2((a + b) / b)
                i += 1
                j += 1
    return found
