"""Seeded watershed without lines: labels flood a landscape from low to high."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from napari_advseg.volume.compiled import compiled
from napari_advseg.volume.volume import Array

Labels = npt.NDArray[np.int32]
Mask = npt.NDArray[np.bool_]
NONE = -1


def flood(levels: Array, markers: Labels, mask: Mask | None = None) -> Labels:
    """Every pixel that `markers` reach over side neighbours, with the label that reaches it first.

    Lower levels are flooded first, equal ones in the order in which they were reached, as in
    scikit-image's watershed of an integer image (connectivity 1, no lines; Meyer 1994). Each pixel
    enters one queue of a bucket per level, so the time is linear. No label is lost or cut in two.

    Args:
        levels: landscape of shape (y, x), uint8 or uint16.
        markers: labels to grow, shape (y, x), 0 where free.
        mask: only pixels where it is True are flooded; everywhere if None.
    """
    free = markers == 0
    if mask is not None:
        free &= mask
    labels = np.array(markers, np.int32, order="C")
    _flood(levels.reshape(-1), labels.reshape(-1), free.reshape(-1), markers.shape[1])
    return labels


def grow(labels: Labels, probability: Array, mask: Mask | None = None) -> Labels:
    """Labels grown into 0 along the boundary evidence 1 - p until no 0 is left that they can reach.

    `probability` is in [0, 1]; pixels outside `mask` stay as they are. The number of labels stays,
    and no new opening appears (methods 6.4, fix 1).
    """
    if not labels.any():
        return labels
    evidence = np.nan_to_num(1.0 - probability, nan=1.0)
    return flood(np.rint(evidence * np.float32(255)).astype(np.uint8), labels, mask)


@compiled
def _flood(levels: Array, labels: Labels, free: Mask, width: int) -> None:
    """Flood flat arrays in place; a bucket is a linked list through `follower`, oldest first."""
    size = len(levels)
    top = int(levels.max()) + 1 if size else 0
    first, last = np.full(top, NONE, np.int64), np.full(top, NONE, np.int64)
    follower = np.full(size, NONE, np.int64)
    for pixel in range(size):
        if labels[pixel] > 0 and _touches(pixel, free, width):
            _append(pixel, levels[pixel], first, last, follower)
    level = 0
    while level < top:
        pixel = first[level]
        if pixel == NONE:
            level += 1
            continue
        first[level] = follower[pixel]
        column = pixel % width
        for side in range(4):
            if side == 0:
                beside, inside = pixel - width, pixel >= width
            elif side == 1:
                beside, inside = pixel - 1, column > 0
            elif side == 2:
                beside, inside = pixel + 1, column < width - 1
            else:
                beside, inside = pixel + width, pixel + width < size
            if inside and free[beside]:
                free[beside] = False
                labels[beside] = labels[pixel]
                _append(beside, levels[beside], first, last, follower)
                level = min(level, levels[beside])


@compiled
def _touches(pixel: int, free: Mask, width: int) -> bool:
    column = pixel % width
    return bool(
        (pixel >= width and free[pixel - width])
        or (column > 0 and free[pixel - 1])
        or (column < width - 1 and free[pixel + 1])
        or (pixel + width < len(free) and free[pixel + width])
    )


@compiled
def _append(pixel: int, level: int, first: Array, last: Array, follower: Array) -> None:
    if first[level] == NONE:
        first[level] = pixel
    else:
        follower[last[level]] = pixel
    last[level] = pixel
