"""Variation of information: how many bits two partitions do not tell about each other."""

from __future__ import annotations

import dataclasses
import math

from napari_advseg.scoring.table.contingency import Contingency
from napari_advseg.scoring.table.tally import Counts
from napari_advseg.volume.compiled import compiled

PLACES = 52


@dataclasses.dataclass(frozen=True)
class Information:
    """What the variation of information needs of a table, as exact whole numbers.

    Sums of n log2 n in units of 2^-52 bit: nothing is rounded when terms come and go, so that a
    table changed step by step gives the very numbers of one that is counted anew.

    Attributes:
        pairs: over the pixel counts of all pairs of ids.
        predicted: over the sizes of all predicted ids.
        truth: over the sizes of all true ids.
        total: number of pixels, without a unit.
    """

    pairs: int
    predicted: int
    truth: int
    total: int

    def __add__(self, other: Information) -> Information:
        """The sums, each with that of the other."""
        return Information(
            self.pairs + other.pairs,
            self.predicted + other.predicted,
            self.truth + other.truth,
            self.total + other.total,
        )

    @property
    def split(self) -> float:
        """H(predicted | truth) in bits, >= 0; 0 without pixels."""
        return self._mean(self.truth - self.pairs)

    @property
    def merge(self) -> float:
        """H(truth | predicted) in bits, >= 0; 0 without pixels."""
        return self._mean(self.predicted - self.pairs)

    @property
    def voi(self) -> float:
        """Their sum."""
        return self.split + self.merge

    def _mean(self, bits: int) -> float:
        return max(0, bits) / (self.total << PLACES) if self.total else 0.0


def variation_of_information(table: Contingency) -> tuple[float, float]:
    """(split, merge) in bits, both >= 0; (0, 0) for an empty table.

    split = H(predicted | truth) grows when true objects are cut, merge = H(truth | predicted) when
    they are joined. Every id, 0 included, is a label of its own here. Meila 2007; base-2 logarithms
    as in CREMI.
    """
    found = information(table)
    return found.split, found.merge


def information(table: Contingency) -> Information:
    """The sums of a table."""
    return Information(
        pairs=n_log2_n(table.counts),
        predicted=n_log2_n(table.predicted_totals),
        truth=n_log2_n(table.truth_totals),
        total=table.total,
    )


def n_log2_n(counts: Counts) -> int:
    """Sum of n log2 n in units of 2^-52, each term rounded to a float once and summed exactly."""
    whole, rest = _n_log2_n(counts)
    return (int(whole) << PLACES) + int(rest)


@compiled
def _n_log2_n(counts: Counts) -> tuple[int, int]:
    """The sum as a whole number and a rest in units of 2^-52."""
    whole, rest = 0, 0
    for n in counts:
        if n > 1:
            term = n * math.log2(n)
            floor = int(term)
            whole += floor
            rest += int((term - floor) * 2.0**PLACES)
            if rest >= 1 << PLACES:
                whole += 1
                rest -= 1 << PLACES
    return whole, rest
