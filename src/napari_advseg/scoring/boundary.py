"""Boundaries before anything is counted: predicted 0 grown away, true borders masked."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from napari_advseg.volume.compiled import compiled
from napari_advseg.volume.volume import Array

NOWHERE = -(1 << 20)


def grow_nearest(labels: Array) -> Array:
    """A section with every 0 replaced by the nearest label; unchanged where it has no label.

    Distances are Euclidean and exact; of equally near labels the left one is taken, then the upper.
    """
    grown = np.array(labels, order="C")
    if labels.any() and not labels.all():
        _grow(grown, _nearest_rows(grown))
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
    down, right = labels[1:] != labels[:-1], labels[:, 1:] != labels[:, :-1]
    border[1:] |= down
    border[:-1] |= down
    border[:, 1:] |= right
    border[:, :-1] |= right
    return _dilated(border, distance)


def _dilated(marked: npt.NDArray[np.bool_], radius: int) -> npt.NDArray[np.bool_]:
    """True at most `radius` from a marked pixel: a disk, row by row from its top to its middle."""
    near, rows = marked.copy(), marked.copy()
    width = 0
    for away in range(radius, -1, -1):
        while width < math.isqrt(radius**2 - away**2):
            widened = rows.copy()
            widened[:, 1:] |= rows[:, :-1]
            widened[:, :-1] |= rows[:, 1:]
            rows, width = widened, width + 1
        if away < len(near):
            near[away:] |= rows[: len(rows) - away]
            near[: len(near) - away] |= rows[away:]
    return near


@compiled
def _nearest_rows(labels: Array) -> npt.NDArray[np.int64]:
    """Row of the nearest label in the column of each pixel; a far one where the column has none."""
    rows, columns = labels.shape
    above = np.empty((rows, columns), np.int64)
    for y in range(rows):
        for x in range(columns):
            if labels[y, x] != 0:
                above[y, x] = y
            else:
                above[y, x] = above[y - 1, x] if y > 0 else NOWHERE
    for y in range(rows - 2, -1, -1):
        for x in range(columns):
            if abs(above[y + 1, x] - y) < abs(y - above[y, x]):
                above[y, x] = above[y + 1, x]
    return above


@compiled
def _grow(labels: Array, source: npt.NDArray[np.int64]) -> None:
    """Fill every 0 in place, row by row: columns compete by distance (Meijster et al. 2000)."""
    rows, columns = labels.shape
    before = labels.copy()
    winners, starts = np.empty(columns, np.int64), np.empty(columns, np.int64)
    for y in range(rows):
        last = -1
        for x in range(columns):
            high = (source[y, x] - y) ** 2
            start = 0
            while last >= 0:
                rival = winners[last]
                ahead = x * x - rival * rival + high - (source[y, rival] - y) ** 2
                start = ahead // (2 * (x - rival)) + 1
                if start > starts[last]:
                    break
                last -= 1
                start = 0
            if start < columns:
                last += 1
                winners[last], starts[last] = x, start
        for x in range(columns - 1, -1, -1):
            while starts[last] > x:
                last -= 1
            if labels[y, x] == 0:
                labels[y, x] = before[source[y, winners[last]], winners[last]]
