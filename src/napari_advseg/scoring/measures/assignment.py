"""Objects matched one to one: the most pairs, and of such matchings the one that overlaps most."""

from __future__ import annotations

import numpy as np
from scipy.sparse import csr_array
from scipy.sparse.csgraph import min_weight_full_bipartite_matching

from napari_advseg.scoring.measures.overlaps import Indices, Overlaps, Reals


def assigned(pairs: Overlaps, least: float) -> tuple[int, float]:
    """Number of pairs matched among those of an IoU of at least `least`, and the sum of their IoU.

    Labels above an IoU of 0.5 have one partner at most; only at 0.5 and below there is a choice.
    """
    there = pairs.iou >= least
    found, true, iou = pairs.found[there], pairs.true[there], pairs.iou[there]
    if len(np.unique(found)) < len(found) or len(np.unique(true)) < len(true):
        iou = _chosen(found, true, iou)
    return len(iou), float(iou.sum())


def _chosen(found: Indices, true: Indices, iou: Reals) -> Reals:
    """IoU of the pairs of the best matching.

    A matching of all rows is asked for, so every row gets a column of its own beside the true
    objects; taking it costs more than all that a choice among the others can save.
    """
    _, row = np.unique(found, return_inverse=True)
    _, column = np.unique(true, return_inverse=True)
    rows, columns = int(row.max()) + 1, int(column.max()) + 1
    alone = np.arange(rows)
    costs = csr_array(
        (
            np.concatenate([2.0 - iou, np.full(rows, rows + 3.0)]),
            (np.concatenate([row, alone]), np.concatenate([column, columns + alone])),
        ),
        shape=(rows, columns + rows),
    )
    matched = min_weight_full_bipartite_matching(costs)
    best = 2.0 - np.asarray(costs[matched], np.float64).reshape(-1)
    real: Reals = best[matched[1] < columns]
    return real
