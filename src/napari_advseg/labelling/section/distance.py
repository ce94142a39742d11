"""Exact distance to the nearest wall of a section."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from napari_advseg.labelling.section.watershed import Mask
from napari_advseg.volume.compiled import compiled
from napari_advseg.volume.volume import Array


def distance_to_walls(interior: Mask) -> npt.NDArray[np.float32]:
    """Distance of each pixel to the nearest one that is not interior, shape (y, x), in pixels.

    The edge of the image is no wall; where there is no wall at all, everything is infinitely far.
    Columns first, then the lower envelope of a parabola per column along each row (Meijster,
    Roerdink and Hesselink 2000). The libraries are as exact, but hold Python's lock meanwhile.
    """
    distance = np.empty(interior.shape, np.float32)
    _along_rows(_along_columns(interior), distance)
    return distance


@compiled
def _along_columns(interior: Mask) -> npt.NDArray[np.int32]:
    """Distance to the nearest wall of the same column; more than the height where it has none."""
    height, width = interior.shape
    far = np.int32(height + 1)
    distance = np.empty((height, width), np.int32)
    above = np.full(width, far, np.int32)
    for y in range(height):
        for x in range(width):
            distance[y, x] = min(above[x] + 1, far) if interior[y, x] else 0
        above = distance[y]
    for y in range(height - 2, -1, -1):
        for x in range(width):
            distance[y, x] = min(distance[y, x], distance[y + 1, x] + 1)
    return distance


@compiled
def _along_rows(columns: Array, distance: Array) -> None:
    """Distances from those along columns, one run between two walls of a row after the other."""
    height, width = columns.shape
    places, begins = np.empty(width, np.int32), np.empty(width + 1, np.int32)
    squares = np.empty(width, np.int64)
    for y in range(height):
        row, out = columns[y], distance[y]
        x = 0
        while x < width:
            if row[x] == 0:
                out[x] = 0
                x += 1
                continue
            low = max(x - 1, 0)
            while x < width and row[x] > 0:
                x += 1
            # The walls at both ends belong to the run, and nothing behind them is nearer.
            high = min(x + 1, width)
            count = _envelope(row, low, high, height, places, begins, squares)
            begins[count] = high
            if count == 0:
                out[low:high] = np.inf
            for k in range(count):
                for pixel in range(begins[k], begins[k + 1]):
                    out[pixel] = (pixel - places[k]) ** 2 + squares[k]
        for x in range(width):
            out[x] = np.sqrt(out[x])


@compiled
def _envelope(
    row: Array, low: int, high: int, far: int, places: Array, begins: Array, squares: Array
) -> int:
    """The columns of `low`..`high` - 1 that are nearest to some pixel, and where each begins."""
    count = 0
    for place in range(low, high):
        if row[place] > far:
            continue
        square = row[place] * row[place]
        begin = low
        while count > 0:
            before = places[count - 1]
            rise = square - squares[count - 1] + (place - before) * (place + before)
            begin = rise // (2 * (place - before)) + 1
            if begin > begins[count - 1]:
                break
            count -= 1
            begin = low
        if begin < high:
            places[count], begins[count], squares[count] = place, begin, square
            count += 1
    return count
