"""Seeds of the watershed of a stack: maxima of a distance map of three axes."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy.spatial import cKDTree

from napari_advseg.labelling.section.seeds import STEPS_PER_PIXEL
from napari_advseg.labelling.section.watershed import Labels
from napari_advseg.labelling.stack.stack_watershed import index_dtype
from napari_advseg.settings.labelling import LabellingSettings
from napari_advseg.volume.compiled import compiled
from napari_advseg.volume.volume import Array

NONE = -1


def find_stack_seeds(
    heights: npt.NDArray[np.uint16], settings: LabellingSettings, anisotropy: float = 1.0
) -> Labels:
    """Markers 1..N, one voxel each, at maxima of `heights` (from `quantise`), shape (z, y, x).

    Chosen by depth, distance or number as in `seeds.find_seeds`, over the 26 neighbours of a voxel;
    distances are in pixels of a section, and one section is `anisotropy` of them from the next.
    Takes 12 bytes a voxel while it works.
    """
    peaks, depths = stack_maxima(heights)
    if settings.minima == "depth":
        chosen = peaks[depths >= settings.depth * STEPS_PER_PIXEL]
    elif settings.minima == "number":
        deepest = np.argsort(-depths, kind="stable")
        chosen = peaks[deepest[: settings.number or len(peaks)]]
    else:
        highest = np.argsort(-heights.reshape(-1)[peaks].astype(np.int64), kind="stable")
        ordered = peaks[highest]
        places = np.stack(np.unravel_index(ordered, heights.shape), axis=1).astype(np.float64)
        places[:, 0] *= anisotropy
        chosen = ordered[_spaced(places, settings.distance)]
    seeds = np.zeros(heights.shape, np.int32)
    seeds.reshape(-1)[np.sort(chosen)] = np.arange(1, len(chosen) + 1)
    return seeds


def stack_maxima(
    heights: npt.NDArray[np.uint16],
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Flat places of the maxima above 0, in raster order, one for a plateau, and their depths.

    The depth is how far one must descend to reach a higher maximum; for the highest it is its
    height (dynamics, Grimaud 1992). Of equal ones the first in raster order counts as the higher.
    """
    ground = np.zeros([length + 2 for length in heights.shape], np.uint16)
    ground[1:-1, 1:-1, 1:-1] = heights
    order = np.empty(np.count_nonzero(heights), index_dtype(ground.size))
    depths = np.zeros(ground.size, np.uint16)
    _descending(ground.reshape(-1), order)
    parent = np.full(ground.size, NONE, order.dtype)
    _join(order, ground.reshape(-1), ground.shape[1:], parent, depths)
    found = depths.reshape(ground.shape)[1:-1, 1:-1, 1:-1].reshape(-1)
    peaks = np.flatnonzero(found)
    return peaks, found[peaks].astype(np.int64)


@compiled
def _descending(ground: Array, order: Array) -> None:
    """Put places of positive height into `order`, highest first, then as they lie."""
    counts = np.zeros(int(ground.max()) + 2, np.int64)
    for height in ground:
        counts[height] += 1
    start = np.zeros_like(counts)
    for height in range(len(counts) - 2, -1, -1):
        start[height] = start[height + 1] + counts[height + 1]
    for place in range(len(ground)):
        height = ground[place]
        if height > 0:
            order[start[height]] = place
            start[height] += 1


@compiled
def _join(
    order: Array, ground: Array, plane: tuple[int, int], parent: Array, depths: Array
) -> None:
    """Voxels join from high to low; where two hills meet, the lower one ends (union-find)."""
    height, width = plane
    steps = np.array(
        [((k // 9 - 1) * height + k // 3 % 3 - 1) * width + k % 3 - 1 for k in range(27)]
    )
    for place in order:
        root = int(place)
        parent[place] = place
        depths[place] = ground[place]
        for step in steps:
            beside = place + step
            if parent[beside] == NONE or parent[beside] == root:
                continue
            other = _root(beside, parent)
            if other == root:
                continue
            higher = ground[other] > ground[root] or (
                ground[other] == ground[root] and other < root
            )
            low, high = (root, other) if higher else (other, root)
            depths[low] = ground[low] - ground[place]
            parent[low] = root = high


@compiled
def _root(place: int, parent: Array) -> int:
    while parent[place] != place:
        parent[place] = parent[parent[place]]
        place = parent[place]
    return place


def _spaced(places: npt.NDArray[np.float64], distance: float) -> npt.NDArray[np.bool_]:
    """Which places are at least `distance` from every one taken before, in their order."""
    pairs = cKDTree(places).query_pairs(np.nextafter(distance, 0), output_type="ndarray")
    pairs = np.sort(pairs, axis=1)
    pairs = pairs[np.argsort(pairs[:, 1], kind="stable")]
    return _first_taken(pairs, len(places))


@compiled
def _first_taken(pairs: Array, count: int) -> npt.NDArray[np.bool_]:
    """True for each of `count` that is in no pair with an earlier one that is True."""
    taken = np.ones(count, np.bool_)
    for k in range(len(pairs)):
        if taken[pairs[k, 0]]:
            taken[pairs[k, 1]] = False
    return taken
