"""How far the outlines of two label maps agree."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from napari_advseg.scoring.table.boundary import dilated, outline
from napari_advseg.volume.volume import Array

Whole = npt.NDArray[np.int64]


def agreement(found: Array, true: Array, tolerance: int) -> Whole:
    """Pixels of the outline of `found`, those of them at most `tolerance` from that of `true`,
    pixels of the outline of `true`, those of them that near `found`: shape (4,).

    The first two make the precision, the others the recall of boundaries: Csurka et al. 2013,
    section 3.
    """
    one, other = outline(found), outline(true)
    right, seen = one & dilated(other, tolerance), other & dilated(one, tolerance)
    return np.array([np.count_nonzero(each) for each in (one, right, other, seen)], np.int64)
