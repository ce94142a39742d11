"""Labels made tidy: small ones removed, the rest numbered 1..K."""

from __future__ import annotations

import numpy as np

from napari_advseg.labelling.watershed import Labels


def remove_small(labels: Labels, minimum: int) -> Labels:
    """Labels of at least `minimum` pixels, numbered 1..K in the order of their ids; the rest is
    0."""
    counts = np.bincount(labels.reshape(-1), minlength=1)
    keep = (counts >= minimum) & (counts > 0)
    keep[0] = False
    numbers = np.where(keep, np.cumsum(keep), 0).astype(np.int32)
    tidy: Labels = numbers[labels]
    return tidy
