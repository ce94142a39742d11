"""Gap closing written out with numpy and scipy, slowly: what the fast kernels must equal."""

import heapq

import numpy as np
from scipy import ndimage as ndi

from napari_advseg.labelling.section.seeds import quantise

SIDES = {1: ndi.generate_binary_structure(2, 1), 2: np.ones((3, 3))}
CORNERS = SIDES[2]


def labelled(interior_map, chosen):
    """All ten steps of methods, section 5, on a small map without holes."""
    interior = interior_map > np.float32(chosen.threshold)
    heights = heights_of(interior, chosen.smoothing)
    basins = flooded(-heights, seeds_of(heights, chosen))
    lines = candidates(basins, interior, chosen)
    accepted = judged(interior_map, lines, chosen) < np.float32(chosen.gap_threshold)
    closed = np.isin(lines, 1 + np.flatnonzero(accepted))
    labels, count = ndi.label(interior & ~closed, SIDES[chosen.connectivity])
    labels = without_small(labels, count, chosen.minimum_size)
    if not chosen.thin or not labels.any():
        return labels
    return flooded(np.rint((1 - interior_map) * np.float32(255)).astype(int), labels)


def heights_of(interior, smoothing=0.0):
    distance = np.full(interior.shape, np.inf)
    if not interior.all():
        distance = ndi.distance_transform_edt(interior).astype(np.float32)
        if smoothing:
            distance = ndi.gaussian_filter(distance, smoothing) * interior
    return quantise(distance).astype(int)


def depths_of(heights):
    """How far each pixel lies above the highest pass to a higher one; of equal ones the first counts
    as higher."""
    order = np.lexsort((np.arange(heights.size), -heights.ravel()))
    rank = np.empty(heights.size, int)
    rank[order] = np.arange(heights.size)
    rank = rank.reshape(heights.shape)
    depths = heights.copy()
    for level in range(1, heights.max(initial=0) + 1):
        parts, count = ndi.label(heights >= level, CORNERS)
        if count:
            first = np.append(0, ndi.minimum(rank, parts, np.arange(1, count + 1)))
            beaten = (parts > 0) & (rank > first[parts])
            depths[beaten] = heights[beaten] - level
    return depths


def seeds_of(heights, chosen):
    depths = depths_of(heights)
    peaks = np.argwhere(depths > 0)
    tops, deep = heights[depths > 0], depths[depths > 0]
    if chosen.minima == "depth":
        kept = peaks[deep >= chosen.depth * 8]
    elif chosen.minima == "number":
        kept = peaks[np.argsort(-deep, kind="stable")[: chosen.number or None]]
    else:
        kept = []
        for peak in peaks[np.argsort(-tops, kind="stable")]:
            if all(((peak - other) ** 2).sum() >= chosen.distance**2 for other in kept):
                kept.append(peak)
    seeds = np.zeros(heights.shape, int)
    for number, (y, x) in enumerate(sorted(map(tuple, kept)), 1):
        seeds[y, x] = number
    return seeds


def flooded(levels, markers, mask=None):
    """Watershed with a heap, lowest first and of one level the oldest first."""
    labels = np.array(markers)
    free = (labels == 0) & (True if mask is None else mask)
    heap = [(levels[place], 0, place) for place in zip(*np.nonzero(labels), strict=True)]
    heapq.heapify(heap)
    age = 0
    while heap:
        level, _, (y, x) = heapq.heappop(heap)
        for beside in ((y - 1, x), (y, x - 1), (y, x + 1), (y + 1, x)):
            if min(beside) >= 0 and all(np.less(beside, labels.shape)) and free[beside]:
                free[beside] = False
                labels[beside] = labels[y, x]
                age += 1
                heapq.heappush(heap, (max(level, levels[beside]), age, beside))
    return labels


def candidates(basins, interior, chosen):
    line = np.zeros(basins.shape, bool)
    for dy, dx in [(0, 1), (1, 0)] + [(1, 1), (1, -1)] * (chosen.connectivity == 2):
        for y, x in np.ndindex(basins.shape):
            if 0 <= y + dy < basins.shape[0] and 0 <= x + dx < basins.shape[1]:
                line[y, x] |= basins[y, x] != basins[y + dy, x + dx]
    lines, count = ndi.label(line & interior, CORNERS)
    return without_small(lines, count, chosen.min_edge_length)


def judged(interior_map, lines, chosen):
    reach = np.arange(-chosen.edge_radius, chosen.edge_radius + 1)
    disk = np.hypot(*np.meshgrid(reach, reach)) <= chosen.edge_radius
    values = [
        interior_map[ndi.binary_dilation(lines == k, disk)].astype(float)
        for k in range(1, lines.max() + 1)
    ]
    statistic = {
        "mean": np.mean,
        "median": np.median,
        "quantile": lambda near: np.quantile(near, chosen.edge_quantile),
    }[chosen.edge_statistic]
    return np.array([statistic(near) for near in values])


def without_small(labels, count, minimum):
    sizes = ndi.sum_labels(labels > 0, labels, np.arange(count + 1))
    keep = (sizes >= minimum) & (np.arange(count + 1) > 0)
    return np.where(keep, np.cumsum(keep), 0)[labels]
