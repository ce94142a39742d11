"""Outlines of a label map: the pixels beside a change of label, and how far two of them agree."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from napari_advseg.scoring.table.boundary import near_change
from napari_advseg.volume.volume import Array

Mask = npt.NDArray[np.bool_]
Whole = npt.NDArray[np.int64]


def outline(labels: Array) -> Mask:
    """True where a pixel of a section has a 4-neighbour of another id, 0 included: both sides of
    every change, and nothing along the edge of the image.
    """
    beside = np.zeros(labels.shape, np.bool_)
    down, right = labels[1:] != labels[:-1], labels[:, 1:] != labels[:, :-1]
    beside[1:] |= down
    beside[:-1] |= down
    beside[:, 1:] |= right
    beside[:, :-1] |= right
    return beside


def near_outline(labels: Array, distance: int) -> Mask:
    """True at most `distance` pixels (Euclidean) from the outline."""
    return near_change(labels, distance) if distance else outline(labels)


def agreement(found: Array, true: Array, tolerance: int) -> Whole:
    """Pixels of the outline of `found`, those of them at most `tolerance` from that of `true`,
    pixels of the outline of `true`, those of them that near `found`: shape (4,).

    The first two make the precision, the others the recall of boundaries: Csurka et al. 2013,
    section 3.
    """
    one, other = outline(found), outline(true)
    right, seen = one & near_outline(true, tolerance), other & near_outline(found, tolerance)
    return np.array([np.count_nonzero(each) for each in (one, right, other, seen)], np.int64)
