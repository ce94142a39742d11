"""Seeds of a watershed: maxima of a distance map, chosen by depth, by distance or by number."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from napari_advseg.labelling.section.neighbours import Places, corner_steps, framed, row_starts
from napari_advseg.labelling.section.watershed import Labels
from napari_advseg.settings.labelling import LabellingSettings
from napari_advseg.volume.compiled import compiled
from napari_advseg.volume.volume import Array

STEPS_PER_PIXEL = 8
HIGHEST = 4095
NONE = -1


def quantise(distance: npt.NDArray[np.float32]) -> npt.NDArray[np.uint16]:
    """Distances in eighths of a pixel, up to 511 px; positive ones stay positive."""
    steps = np.minimum(distance, np.float32(HIGHEST / STEPS_PER_PIXEL))
    steps *= STEPS_PER_PIXEL
    return np.ceil(steps, out=steps).astype(np.uint16)


def find_seeds(
    heights: npt.NDArray[np.uint16], settings: LabellingSettings, anisotropy: float = 1.0
) -> Labels:
    """Markers 1..N, one place each, at maxima of `heights` (from `quantise`), shape ((z,) y, x).

    Modes: "depth" keeps those of at least `depth` (the h-maxima), "distance" keeps the higher of
    any two nearer than `distance`, "number" keeps the `number` deepest. Distances are in pixels of
    a section; one section of a stack is `anisotropy` of them from the next. Methods, section 5,
    step 3.
    """
    peaks, depths = maxima(heights)
    if settings.minima == "depth":
        chosen = peaks[depths >= settings.depth * STEPS_PER_PIXEL]
    elif settings.minima == "number":
        deepest = np.argsort(-depths, kind="stable")
        chosen = peaks[deepest[: settings.number or len(peaks)]]
    else:
        highest = np.argsort(HIGHEST - heights.reshape(-1)[peaks], kind="stable")
        chosen = _spaced(peaks[highest], heights.shape, settings.distance, anisotropy)
    seeds = np.zeros(heights.shape, np.int32)
    seeds.reshape(-1)[np.sort(chosen)] = np.arange(1, len(chosen) + 1)
    return seeds


def maxima(heights: npt.NDArray[np.uint16]) -> tuple[Places, npt.NDArray[np.int32]]:
    """Flat places of the maxima above 0, in raster order, one for a plateau, and their depths.

    The depth of a maximum is how far one must descend from it to reach a higher one (its dynamics,
    Grimaud 1992), over the 8 neighbours of a pixel or the 26 of a voxel; for the highest it is its
    height. Of equal ones the first in raster order counts as the higher. Every place belongs to the
    peak that steepest ascent leads to; only where two such hills meet can one of them end, so only
    those places are sorted and joined (union-find).
    """
    ground = framed(heights, 0)
    flat, steps = ground.reshape(-1), corner_steps(ground.shape)
    rows = row_starts(ground.shape), heights.shape[-1]
    hills, peaks = _hills(flat, _ways_up(flat, steps, *rows), steps)
    counts = _count_passes(flat, hills, steps, *rows)
    depths = _depths(*_passes(counts, flat, hills, steps), flat, peaks)
    order = np.argsort(peaks)
    order = order[depths[order] > 0]
    inside = [at - 1 for at in np.unravel_index(peaks[order], ground.shape)]
    places: Places = np.ravel_multi_index(inside, heights.shape)
    return places, depths[order]


@compiled
def _ways_up(ground: Array, steps: Places, starts: Places, width: int) -> npt.NDArray[np.uint8]:
    """Which of its neighbours is the highest above each place, none of them at a peak.

    Of equal places the one before in raster order counts as the higher.
    """
    stay = len(steps)
    ways = np.full(len(ground), stay, np.uint8)
    best = np.empty(width, ground.dtype)
    for start in starts:
        way = ways[start : start + width]
        best[:] = ground[start : start + width]
        for k in range(stay):
            beside = ground[start + steps[k] : start + steps[k] + width]
            if steps[k] < 0:
                for x in range(width):
                    is_up = beside[x] >= best[x]
                    best[x] = beside[x] if is_up else best[x]
                    way[x] = np.uint8(k) if is_up else way[x]
            else:
                for x in range(width):
                    is_up = beside[x] > best[x]
                    best[x] = beside[x] if is_up else best[x]
                    way[x] = np.uint8(k) if is_up else way[x]
    return ways


@compiled
def _hills(ground: Array, ways: Array, steps: Places) -> tuple[Labels, Places]:
    """The hill 0..N-1 of each place above 0, `NONE` elsewhere, and the peak of each hill."""
    stay = len(steps)
    hills = np.full(len(ground), NONE, np.int32)
    peaks = np.empty(len(ground), np.int64)
    count = 0
    for start in range(len(ground)):
        if ground[start] == 0 or hills[start] != NONE:
            continue
        place = start
        while hills[place] == NONE and ways[place] != stay:
            place += steps[ways[place]]
        if hills[place] == NONE:
            hills[place] = count
            peaks[count] = place
            count += 1
        hill = hills[place]
        place = start
        while hills[place] == NONE:
            hills[place] = hill
            place += steps[ways[place]]
    return hills, peaks[:count].copy()


@compiled
def _count_passes(
    ground: Array, hills: Labels, steps: Places, starts: Places, width: int
) -> npt.NDArray[np.uint8]:
    """How many other hills follow each other among the neighbours of a place that are not lower."""
    counts = np.zeros(len(ground), np.uint8)
    last = np.empty(width, np.int32)
    for start in starts:
        row = slice(start, start + width)
        here, own, count = ground[row], hills[row], counts[row]
        last[:] = own
        for step in steps:
            beside, hill = ground[start + step :][:width], hills[start + step :][:width]
            for x in range(width):
                is_pass = (here[x] > 0) & (beside[x] >= here[x])
                is_pass &= (hill[x] != last[x]) & (hill[x] != own[x])
                count[x] += np.uint8(is_pass)
                last[x] = hill[x] if is_pass else last[x]
    return counts


@compiled
def _passes(counts: Array, ground: Array, hills: Labels, steps: Places) -> tuple[Labels, Places]:
    """Pairs of hills that meet, the highest passes first, and where those of each level end.

    Levels count down from the highest.
    """
    top = int(ground.max())
    ends = np.zeros(top + 1, np.int64)
    for place in range(len(ground)):
        ends[top - ground[place]] += counts[place]
    ends = np.cumsum(ends)
    pairs, free = np.empty((ends[-1], 2), np.int32), ends.copy()
    others = np.empty(len(steps), np.int32)
    for place in range(len(ground)):
        if counts[place] > 0:
            _look_around(place, ground, hills, steps, others)
            free[top - ground[place]] -= counts[place]
            begin = free[top - ground[place]]
            for k in range(counts[place]):
                pairs[begin + k, 0], pairs[begin + k, 1] = hills[place], others[k]
    return pairs, ends


@compiled
def _look_around(place: int, ground: Array, hills: Labels, steps: Places, others: Labels) -> None:
    """Put the hills that `_count_passes` counted into `others`; without a branch, as none could be foreseen."""
    count, last, own = 0, hills[place], hills[place]
    for step in steps:
        hill = hills[place + step]
        is_pass = (ground[place + step] >= ground[place]) & (hill != last) & (hill != own)
        others[count] = hill
        count += is_pass
        last = hill if is_pass else last


@compiled
def _depths(pairs: Labels, ends: Places, ground: Array, peaks: Places) -> npt.NDArray[np.int32]:
    """Depth of each peak: hills are joined from high to low, and the lower of two ends."""
    tops = ground[peaks].astype(np.int32)
    depths, parent = tops.copy(), np.arange(len(peaks))
    begin = 0
    for down in range(len(ends)):
        for k in range(begin, ends[down]):
            one, other = root_of(pairs[k, 0], parent), root_of(pairs[k, 1], parent)
            if one == other:
                continue
            rise = tops[one] - tops[other]
            is_higher = rise > 0 or (rise == 0 and peaks[one] < peaks[other])
            lower, higher = (other, one) if is_higher else (one, other)
            depths[lower] = tops[lower] - (len(ends) - 1 - down)
            parent[lower] = higher
        begin = ends[down]
    return depths


@compiled
def root_of(place: int, parent: Array) -> int:
    """The last of the parents of `place` (union-find); the way there becomes shorter."""
    while parent[place] != place:
        parent[place] = parent[parent[place]]
        place = parent[place]
    return place


def _spaced(peaks: Places, shape: tuple[int, ...], distance: float, anisotropy: float) -> Places:
    """Peaks, in their order, that are at least `distance` from every one taken before.

    Two places of a cube of side distance / 1.75 are always nearer, so a cube holds one peak at
    most, and those near enough stand at most two cubes away.
    """
    step = np.array([anisotropy, 1.0, 1.0])
    places = np.zeros((len(peaks), 3))
    places[:, 3 - len(shape) :] = np.stack(np.unravel_index(peaks, shape), axis=1)
    cubes = (places // np.maximum(distance / 1.75 / step, 1.0)).astype(np.int64)
    taken = np.full(cubes.max(axis=0, initial=0) + 1, NONE, np.int32)
    chosen: Places = peaks[_first_taken(places * step, cubes, taken, distance**2)]
    return chosen


@compiled
def _first_taken(places: Array, cubes: Places, taken: Array, square: float) -> Array:
    """True where no place that was taken before is nearer than the root of `square`."""
    chosen = np.zeros(len(places), np.bool_)
    for k in range(len(places)):
        z, y, x = cubes[k]
        near = False
        around = taken[max(z - 2, 0) : z + 3, max(y - 2, 0) : y + 3, max(x - 2, 0) : x + 3]
        for other in around.flat:
            if other != NONE:
                near = near or ((places[other] - places[k]) ** 2).sum() < square
        if not near:
            chosen[k] = True
            taken[z, y, x] = k
    return chosen
