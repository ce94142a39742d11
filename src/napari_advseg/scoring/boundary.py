"""Boundaries before anything is counted: predicted 0 grown away, true borders masked."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy.ndimage import distance_transform_edt

from napari_advseg.labelling.compiled import compiled
from napari_advseg.volume.volume import Array


def grow_nearest(labels: Array) -> Array:
    """A section with every 0 replaced by the nearest label; unchanged where it has no label."""
    empty = labels == 0
    if not empty.any() or empty.all():
        return labels
    rows, columns = distance_transform_edt(empty, return_distances=False, return_indices=True)
    grown: Array = labels[rows, columns]
    return grown


def near_change(labels: Array, distance: int) -> npt.NDArray[np.bool_]:
    """True where a section's Euclidean distance to a border pixel is at most `distance` (pixels);
    all False for 0.

    A border pixel has a 4-neighbour with another id, 0 included, so distance 1 marks a line 4 px
    wide. This is the border mask of CREMI (cremi_python, `create_border_mask`) with the distance in
    pixels.
    """
    border = np.zeros(labels.shape, np.bool_)
    if distance == 0:
        return border
    for axis in (0, 1):
        ahead, behind = _pair(axis)
        change = labels[ahead] != labels[behind]
        border[ahead] |= change
        border[behind] |= change
    return _within(border, distance) if border.any() else border


def _pair(axis: int) -> tuple[tuple[slice, slice], tuple[slice, slice]]:
    every = slice(None)
    ahead, behind = slice(1, None), slice(None, -1)
    return ((ahead, every), (behind, every)) if axis == 0 else ((every, ahead), (every, behind))


@compiled
def _within(marked: npt.NDArray[np.bool_], distance: int) -> npt.NDArray[np.bool_]:
    """True within `distance` of a marked pixel: along the column first, then along the row."""
    height, width = marked.shape
    far = distance + 1
    along = np.full((height, width), far, np.int32)
    for x in range(width):
        gap = far
        for y in range(height):
            gap = 0 if marked[y, x] else min(gap + 1, far)
            along[y, x] = gap
        gap = far
        for y in range(height - 1, -1, -1):
            gap = 0 if marked[y, x] else min(gap + 1, far)
            along[y, x] = min(along[y, x], gap)
    near = np.zeros((height, width), np.bool_)
    for y in range(height):
        for x in range(width):
            for other in range(max(0, x - distance), min(width, x + distance + 1)):
                if (other - x) ** 2 + along[y, other] ** 2 <= distance**2:
                    near[y, x] = True
                    break
    return near
