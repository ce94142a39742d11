"""Seeds of a watershed: maxima of a distance map, chosen by depth, by distance or by number."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from napari_advseg.labelling.watershed import NONE, Labels
from napari_advseg.settings.labelling import LabellingSettings
from napari_advseg.volume.compiled import compiled
from napari_advseg.volume.volume import Array

STEPS_PER_PIXEL = 8
HIGHEST = 4095


def quantise(distance: npt.NDArray[np.float32]) -> npt.NDArray[np.uint16]:
    """Distances in eighths of a pixel, up to 511 px; positive ones stay positive."""
    steps: npt.NDArray[np.float32] = np.ceil(
        np.minimum(distance, HIGHEST / STEPS_PER_PIXEL) * STEPS_PER_PIXEL
    )
    return steps.astype(np.uint16)


def find_seeds(heights: npt.NDArray[np.uint16], settings: LabellingSettings) -> Labels:
    """Markers 1..N, one pixel each, at maxima of `heights` (from `quantise`), shape (y, x).

    The depth of a maximum is how far one must descend from it to reach a higher one (its dynamics,
    Grimaud 1992); for the highest it is its height. Modes: "depth" keeps those of at least `depth`
    (the h-maxima), "distance" keeps the higher of any two nearer than `distance`, "number" keeps
    the `number` deepest. Methods, section 5, step 3.
    """
    depths = _depths(heights.reshape(-1), heights.shape[1])
    peaks = np.flatnonzero(depths > 0)
    if settings.minima == "depth":
        chosen = peaks[depths[peaks] >= settings.depth * STEPS_PER_PIXEL]
    elif settings.minima == "number":
        deepest = np.argsort(-depths[peaks], kind="stable")
        chosen = peaks[deepest[: settings.number or len(peaks)]]
    else:
        highest = np.argsort(-heights.reshape(-1)[peaks].astype(np.int64), kind="stable")
        chosen = _spaced(peaks[highest], heights.shape, settings.distance)
    seeds = np.zeros(heights.shape, np.int32)
    seeds.reshape(-1)[np.sort(chosen)] = np.arange(1, len(chosen) + 1)
    return seeds


@compiled
def _depths(heights: Array, width: int) -> npt.NDArray[np.int32]:
    """Depth of the maximum at each pixel, 0 where there is none; one pixel stands for a plateau.

    Pixels join from high to low; where two hills meet, the lower one ends (union-find).
    """
    size = len(heights)
    depths = np.zeros(size, np.int32)
    parent, peak = np.full(size, NONE, np.int64), np.zeros(size, np.int64)
    for pixel in _descending(heights):
        root = pixel
        parent[pixel] = peak[pixel] = pixel
        depths[pixel] = heights[pixel]
        column = pixel % width
        for dy in range(-1, 2):
            for dx in range(-1, 2):
                beside = pixel + dy * width + dx
                if not (0 <= column + dx < width and 0 <= beside < size) or parent[beside] == NONE:
                    continue
                other = _root(beside, parent)
                if other == root:
                    continue
                lower, higher = (
                    (other, root) if heights[peak[other]] < heights[peak[root]] else (root, other)
                )
                depths[peak[lower]] = heights[peak[lower]] - heights[pixel]
                parent[lower] = root = higher
    return depths


@compiled
def _descending(heights: Array) -> npt.NDArray[np.int64]:
    """Pixels of positive height, highest first, in raster order where equal (counting sort)."""
    counts = np.zeros(int(heights.max()) + 2 if len(heights) else 2, np.int64)
    for height in heights:
        counts[height] += 1
    start = np.zeros_like(counts)
    for height in range(len(counts) - 2, -1, -1):
        start[height] = start[height + 1] + counts[height + 1]
    order = np.empty(len(heights) - counts[0], np.int64)
    for pixel in range(len(heights)):
        height = heights[pixel]
        if height > 0:
            order[start[height]] = pixel
            start[height] += 1
    return order


@compiled
def _root(pixel: int, parent: Array) -> int:
    while parent[pixel] != pixel:
        parent[pixel] = parent[parent[pixel]]
        pixel = parent[pixel]
    return pixel


@compiled
def _spaced(peaks: Array, shape: tuple[int, int], distance: float) -> npt.NDArray[np.int64]:
    """Peaks, in their order, that are at least `distance` from every one taken before."""
    taken = np.zeros(shape, np.bool_)
    chosen = np.zeros(len(peaks), np.bool_)
    reach = int(distance)
    for k in range(len(peaks)):
        y, x = peaks[k] // shape[1], peaks[k] % shape[1]
        near = False
        for row in range(max(0, y - reach), min(shape[0], y + reach + 1)):
            for column in range(max(0, x - reach), min(shape[1], x + reach + 1)):
                apart = (row - y) ** 2 + (column - x) ** 2
                near = near or (taken[row, column] and apart < distance**2)
        chosen[k] = not near
        taken[y, x] = not near
    return peaks[chosen]
