"""Seeds of a watershed: maxima of a distance map, chosen by depth, by distance or by number."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from napari_advseg.labelling.section.watershed import Labels, framed
from napari_advseg.settings.labelling import LabellingSettings
from napari_advseg.volume.compiled import compiled
from napari_advseg.volume.volume import Array

Places = npt.NDArray[np.int64]

STEPS_PER_PIXEL = 8
HIGHEST = 4095
NONE = -1
STAY = 4


def quantise(distance: npt.NDArray[np.float32]) -> npt.NDArray[np.uint16]:
    """Distances in eighths of a pixel, up to 511 px; positive ones stay positive."""
    steps = np.minimum(distance, np.float32(HIGHEST / STEPS_PER_PIXEL))
    steps *= STEPS_PER_PIXEL
    return np.ceil(steps, out=steps).astype(np.uint16)


def find_seeds(heights: npt.NDArray[np.uint16], settings: LabellingSettings) -> Labels:
    """Markers 1..N, one pixel each, at maxima of `heights` (from `quantise`), shape (y, x).

    The depth of a maximum is how far one must descend from it to reach a higher one (its dynamics,
    Grimaud 1992); for the highest it is its height. Of equal ones the first in raster order counts
    as the higher. Modes: "depth" keeps those of at least `depth` (the h-maxima), "distance" keeps
    the higher of any two nearer than `distance`, "number" keeps the `number` deepest. Methods,
    section 5, step 3.
    """
    peaks, depths = maxima(heights)
    if settings.minima == "depth":
        chosen = peaks[depths >= settings.depth * STEPS_PER_PIXEL]
    elif settings.minima == "number":
        deepest = np.argsort(-depths, kind="stable")
        chosen = peaks[deepest[: settings.number or len(peaks)]]
    else:
        highest = np.argsort(HIGHEST - heights.reshape(-1)[peaks], kind="stable")
        chosen = _spaced(peaks[highest], heights.shape, settings.distance)
    seeds = np.zeros(heights.shape, np.int32)
    seeds.reshape(-1)[np.sort(chosen)] = np.arange(1, len(chosen) + 1)
    return seeds


def maxima(heights: npt.NDArray[np.uint16]) -> tuple[Places, npt.NDArray[np.int32]]:
    """Flat places of the maxima above 0, in raster order, one for a plateau, and their depths.

    Every pixel belongs to the peak that steepest ascent leads to; only where two such hills meet
    can one of them end, so only those pixels are sorted and joined (union-find).
    """
    ground = framed(heights, 0)
    ways = np.full(ground.shape, STAY, np.uint8)
    _ways_up(ground, ways)
    hills, peaks = _hills(ground.reshape(-1), ways.reshape(-1), ground.shape[1])
    meeting = np.flatnonzero(_meeting(ground, hills.reshape(ground.shape)))
    saddles = ground.reshape(-1)[meeting]
    meeting = meeting[np.argsort(HIGHEST - saddles, kind="stable")]
    depths = _depths(meeting, ground.reshape(-1), hills, peaks, ground.shape[1])
    rows, columns = np.divmod(peaks, ground.shape[1])
    places = (rows - 1) * heights.shape[1] + columns - 1
    order = np.argsort(places)
    order = order[depths[order] > 0]
    return places[order], depths[order]


@compiled
def _ways_up(ground: Array, ways: Array) -> None:
    """Which of its 8 neighbours is the highest above each pixel, `STAY` at a peak.

    Of equal pixels the one before in raster order counts as the higher.
    """
    width = ground.shape[1] - 2
    best = np.empty(width, ground.dtype)
    for y in range(1, len(ground) - 1):
        way = ways[y, 1:-1]
        best[:] = ground[y, 1:-1]
        for k in range(STAY):
            beside = ground[y - 1 + k // 3, k % 3 : k % 3 + width]
            for x in range(width):
                is_up = beside[x] >= best[x]
                best[x] = beside[x] if is_up else best[x]
                way[x] = np.uint8(k) if is_up else way[x]
        for k in range(STAY + 1, 9):
            beside = ground[y - 1 + k // 3, k % 3 : k % 3 + width]
            for x in range(width):
                is_up = beside[x] > best[x]
                best[x] = beside[x] if is_up else best[x]
                way[x] = np.uint8(k) if is_up else way[x]


@compiled
def _hills(ground: Array, ways: Array, width: int) -> tuple[Labels, Places]:
    """The hill 0..N-1 of each pixel above 0, `NONE` elsewhere, and the peak of each hill."""
    steps = np.array([(k // 3 - 1) * width + k % 3 - 1 for k in range(9)])
    hills = np.full(len(ground), NONE, np.int32)
    peaks = np.empty(len(ground), np.int64)
    count = 0
    for start in range(len(ground)):
        if ground[start] == 0 or hills[start] != NONE:
            continue
        pixel = start
        while hills[pixel] == NONE and ways[pixel] != STAY:
            pixel += steps[ways[pixel]]
        if hills[pixel] == NONE:
            hills[pixel] = count
            peaks[count] = pixel
            count += 1
        hill = hills[pixel]
        pixel = start
        while hills[pixel] == NONE:
            hills[pixel] = hill
            pixel += steps[ways[pixel]]
    return hills, peaks[:count].copy()


@compiled
def _meeting(ground: Array, hills: Labels) -> npt.NDArray[np.bool_]:
    """True where a higher neighbour belongs to another hill."""
    width = ground.shape[1] - 2
    meeting = np.zeros(ground.shape, np.bool_)
    for y in range(1, len(ground) - 1):
        here, hill, out = ground[y, 1:-1], hills[y, 1:-1], meeting[y, 1:-1]
        for k in range(9):
            row, column = y - 1 + k // 3, k % 3
            beside = ground[row, column : column + width]
            other = hills[row, column : column + width]
            if k < STAY:
                for x in range(width):
                    out[x] |= (here[x] > 0) & (beside[x] >= here[x]) & (other[x] != hill[x])
            else:
                for x in range(width):
                    out[x] |= (beside[x] > here[x]) & (here[x] > 0) & (other[x] != hill[x])
    return meeting


@compiled
def _depths(
    meeting: Places, ground: Array, hills: Labels, peaks: Places, width: int
) -> npt.NDArray[np.int32]:
    """Depth of each peak: joined at `meeting` pixels from high to low, the lower of two ends."""
    tops = ground[peaks].astype(np.int32)
    depths, parent = tops.copy(), np.arange(len(peaks))
    for pixel in meeting:
        level, last = ground[pixel], hills[pixel]
        root = _root(last, parent)
        for k in range(9):
            beside = pixel + (k // 3 - 1) * width + k % 3 - 1
            hill = hills[beside]
            if hill == last or ground[beside] < level:
                continue
            last, other = hill, _root(hill, parent)
            if other == root:
                continue
            rise = tops[root] - tops[other]
            if rise > 0 or (rise == 0 and peaks[root] < peaks[other]):
                lower, higher = other, root
            else:
                lower, higher = root, other
            depths[lower] = tops[lower] - level
            parent[lower] = root = higher
    return depths


@compiled
def _root(hill: int, parent: Array) -> int:
    while parent[hill] != hill:
        parent[hill] = parent[parent[hill]]
        hill = parent[hill]
    return hill


@compiled
def _spaced(peaks: Places, shape: tuple[int, int], distance: float) -> Places:
    """Peaks, in their order, that are at least `distance` from every one taken before.

    Two pixels of a square of this side are always nearer, so a square holds one peak at most, and
    those near enough stand at most two squares away.
    """
    side = max(1, int(np.ceil(distance / np.sqrt(2.0))))
    height, width = shape[0] // side + 5, shape[1] // side + 5
    taken = np.full((height, width), NONE, np.int64)
    chosen = np.zeros(len(peaks), np.bool_)
    for k in range(len(peaks)):
        y, x = peaks[k] // shape[1], peaks[k] % shape[1]
        row, column = y // side + 2, x // side + 2
        near = False
        for other in taken[row - 2 : row + 3, column - 2 : column + 3].flat:
            if other != NONE:
                apart = (other // shape[1] - y) ** 2 + (other % shape[1] - x) ** 2
                near = near or apart < distance**2
        if not near:
            chosen[k] = True
            taken[row, column] = peaks[k]
    return peaks[chosen]
