"""Boundaries before anything is counted: predicted 0 grown away, true borders masked."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from napari_advseg.volume.compiled import compiled
from napari_advseg.volume.volume import Array

NOWHERE = -(1 << 30)


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
    if distance == 0:
        return np.zeros(labels.shape, np.bool_)
    return dilated(outline(labels), distance)


def outline(labels: Array) -> npt.NDArray[np.bool_]:
    """True where a pixel of a section has a 4-neighbour of another id, 0 included: both sides of
    every change, and nothing along the edge of the image.
    """
    border = np.zeros(labels.shape, np.bool_)
    if labels.size:
        _mark_border(np.ascontiguousarray(labels), border)
    return border


def dilated(marked: npt.NDArray[np.bool_], radius: int) -> npt.NDArray[np.bool_]:
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
def _mark_border(labels: Array, border: npt.NDArray[np.bool_]) -> None:
    """Mark every border pixel in place; outside the section lies what lies at its edge."""
    rows, columns = labels.shape
    for y in range(rows):
        here, above, below = labels[y], labels[max(y - 1, 0)], labels[min(y + 1, rows - 1)]
        marked = border[y]
        for x in range(columns):
            marked[x] = (here[x] != above[x]) | (here[x] != below[x])
        left, right = here[:-1], here[1:]
        marked_left, marked_right = marked[:-1], marked[1:]
        for x in range(columns - 1):
            marked_left[x] |= left[x] != right[x]
        for x in range(columns - 1):
            marked_right[x] |= left[x] != right[x]


@compiled
def _nearest_rows(labels: Array) -> npt.NDArray[np.int32]:
    """Row of the nearest label in the column of each pixel; a far one where the column has none."""
    rows, columns = labels.shape
    nearest = np.empty((rows, columns), np.int32)
    above = np.full(columns, NOWHERE, np.int32)
    for y in range(rows):
        here, found = labels[y], nearest[y]
        for x in range(columns):
            above[x] = y if here[x] != 0 else above[x]
            found[x] = above[x]
    below = nearest[rows - 1].copy()
    for y in range(rows - 2, -1, -1):
        found = nearest[y]
        for x in range(columns):
            below[x] = below[x] if abs(below[x] - y) < abs(y - found[x]) else found[x]
            found[x] = below[x]
    return nearest


@compiled
def _grow(labels: Array, source: npt.NDArray[np.int32]) -> None:
    """Fill every 0 in place, run by run.

    A pixel beside a run hides all columns behind it, so only the run's own and their two
    neighbours compete.
    """
    rows, columns = labels.shape
    winners, starts = np.empty(columns, np.int64), np.empty(columns, np.int64)
    for y in range(rows):
        x = 0
        while x < columns:
            if labels[y, x] != 0:
                x += 1
                continue
            first = x
            while x < columns and labels[y, x] == 0:
                x += 1
            _fill(labels, source, y, first, x, winners, starts)


@compiled
def _fill(
    labels: Array,
    source: npt.NDArray[np.int32],
    y: int,
    first: int,
    end: int,
    winners: npt.NDArray[np.int64],
    starts: npt.NDArray[np.int64],
) -> None:
    """Fill the 0 of row y in first..end-1: columns compete by distance (Meijster et al. 2000)."""
    last = -1
    for x in range(max(first - 1, 0), min(end + 1, labels.shape[1])):
        high = np.int64(source[y, x] - y) ** 2
        start = first
        while last >= 0:
            rival = winners[last]
            ahead = x * x - rival * rival + high - np.int64(source[y, rival] - y) ** 2
            start = ahead // (2 * (x - rival)) + 1
            if start > starts[last]:
                break
            last -= 1
            start = first
        if start < end:
            last += 1
            winners[last], starts[last] = x, start
    for x in range(end - 1, first - 1, -1):
        while starts[last] > x:
            last -= 1
        labels[y, x] = labels[source[y, winners[last]], winners[last]]
