"""Adapted Rand error: one minus the F-score over pairs of pixels, in three conventions."""

from __future__ import annotations

import dataclasses
from typing import Literal

import numpy as np

from napari_advseg.scoring.table.contingency import Contingency
from napari_advseg.scoring.table.tally import Counts

Convention = Literal["cremi", "snemi", "scikit-image"]


@dataclasses.dataclass(frozen=True)
class Squares:
    """What the Rand error needs of a table, as exact whole numbers: sums of squared pixel counts.

    Attributes:
        pairs: over all pairs of ids.
        predicted: over the sizes of all predicted ids.
        truth: over the sizes of all true ids.
        unlabelled_pairs: over the pairs whose predicted id is 0.
        unlabelled: number of pixels with predicted 0.
        total: number of pixels.
    """

    pairs: int
    predicted: int
    truth: int
    unlabelled_pairs: int
    unlabelled: int
    total: int

    def __add__(self, other: Squares) -> Squares:
        """The sums, each with that of the other."""
        return Squares(
            self.pairs + other.pairs,
            self.predicted + other.predicted,
            self.truth + other.truth,
            self.unlabelled_pairs + other.unlabelled_pairs,
            self.unlabelled + other.unlabelled,
            self.total + other.total,
        )

    def error(self, convention: Convention = "cremi", *, background: bool = False) -> float:
        """The adapted Rand error in [0, 1], see `adapted_rand_error`."""
        if convention == "scikit-image":
            pairs, apart = self.pairs - self.total, self.predicted + self.truth - 2 * self.total
            return _one_minus_f(pairs, apart)
        if background or not self.unlabelled:
            return _one_minus_f(self.pairs, self.predicted + self.truth)
        # Scaled by what makes the singletons' share whole.
        unit = self.total if convention == "cremi" else 1
        together = unit * (self.pairs - self.unlabelled_pairs)
        apart = unit * (self.predicted - self.unlabelled**2 + self.truth)
        return _one_minus_f(together + self.unlabelled, apart + self.unlabelled)


def adapted_rand_error(
    table: Contingency, convention: Convention = "cremi", *, background: bool = False
) -> float:
    """1 - 2PR/(P+R) in [0, 1]; exactly 0 for equal partitions and for an empty table.

    The conventions differ in predicted 0. Arganda-Carreras et al. 2015 make each such pixel an
    object of its own: "snemi" adds one for each to the sums of squared pixel counts, "cremi"
    (cremi_python) adds their share of all pixels. "scikit-image" takes 0 as one more object and
    counts unordered pairs of distinct pixels. With `background` True, 0 is an ordinary object in
    all three. The table must hold only pixels that are scored.
    """
    return squares(table).error(convention, background=background)


def squares(table: Contingency) -> Squares:
    """The sums of a table."""
    unlabelled = table.counts[table.predicted == 0]
    return Squares(
        pairs=sum_of_squares(table.counts),
        predicted=sum_of_squares(table.predicted_totals),
        truth=sum_of_squares(table.truth_totals),
        unlabelled_pairs=sum_of_squares(unlabelled),
        unlabelled=int(unlabelled.sum()),
        total=table.total,
    )


def sum_of_squares(counts: Counts) -> int:
    """Exact, however large."""
    if int(counts.sum()) < 1 << 31:
        return int(np.dot(counts, counts))
    return sum(n * n for n in counts.tolist())


def _one_minus_f(together: int, apart: int) -> float:
    """1 - 2 together / apart, rounded once; 0 where no two pixels can be joined."""
    return (apart - 2 * together) / apart if apart > 0 else 0.0
