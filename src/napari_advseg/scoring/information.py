"""Variation of information: how many bits two partitions do not tell about each other."""

from __future__ import annotations

import numpy as np

from napari_advseg.scoring.contingency import Contingency


def variation_of_information(table: Contingency) -> tuple[float, float]:
    """(split, merge) in bits, both >= 0; (0, 0) for an empty table.

    split = H(predicted | truth) grows when true objects are cut, merge = H(truth | predicted) when
    they are joined. Every id, 0 included, is a label of its own here. Meila 2007; base-2 logarithms
    as in CREMI.
    """
    if not len(table.counts):
        return 0.0, 0.0
    counts = table.counts.astype(np.float64)
    total = counts.sum()
    split = float((counts * np.log2(table.truth_sizes() / counts)).sum() / total)
    merge = float((counts * np.log2(table.predicted_sizes() / counts)).sum() / total)
    return split, merge
