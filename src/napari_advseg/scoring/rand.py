"""Adapted Rand error: one minus the F-score over pairs of pixels, in three conventions."""

from __future__ import annotations

import math
from typing import Literal

import numpy as np
import numpy.typing as npt

from napari_advseg.scoring.contingency import Contingency

Convention = Literal["cremi", "snemi", "scikit-image"]


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
    if not len(table.counts):
        return 0.0
    if convention == "scikit-image":
        return _pairs_error(table)
    objects = table if background else table.labelled()
    zeros = table.total - objects.total
    singletons = zeros if convention == "snemi" else zeros / table.total
    together = _squares(objects.counts) + singletons
    predicted = _squares(_once(objects.predicted, objects.counts)) + singletons
    truth = _squares(_once(table.truth, table.counts))
    return 1.0 - 2.0 * together / (predicted + truth)


def _pairs_error(table: Contingency) -> float:
    total = table.total
    together = _squares(table.counts) - total
    apart = (
        _squares(_once(table.predicted, table.counts))
        + _squares(_once(table.truth, table.counts))
        - 2 * total
    )
    # Only single pixels on both sides: nothing can be joined wrongly.
    return 1.0 - 2.0 * together / apart if apart > 0 else 0.0


def _once(ids: npt.NDArray[np.uint64], counts: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Pixels of each id."""
    _, group = np.unique(ids, return_inverse=True)
    sums = np.zeros(int(group.max(initial=-1)) + 1, np.int64)
    np.add.at(sums, group, counts)
    return sums


def _squares(counts: npt.NDArray[np.int64]) -> float:
    """Sum of squares, rounded once: equal partitions in another order give the same number."""
    return math.fsum(np.square(counts.astype(np.float64)).tolist())
