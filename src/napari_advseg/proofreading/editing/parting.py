"""Seeded watershed inside one object: seeds share it along the walls, and flat places by distance."""

from __future__ import annotations

import heapq

import edt
import numpy as np
import numpy.typing as npt

from napari_advseg.volume.arrays.lazy import Array
from napari_advseg.volume.compiled import compiled

Mask = npt.NDArray[np.bool_]
Marks = npt.NDArray[np.int32]
LEVEL = 1e6  # more steps than any way inside an object has
FAR = np.inf


def part(mask: Mask, seeds: Marks, evidence: Array | None, size: tuple[float, ...]) -> Marks:
    """The parts of an object: to which seed each voxel of `mask` belongs, 0 where no seed reaches.

    A voxel goes to the seed from which the lowest wall must be crossed, and of those to the nearest one along ways
    inside the object (an image foresting transform by highest level, then length; Falcao et al. 2004).

    Args:
        mask: the object, of axes yx or zyx.
        seeds: 0, or the number of a seed from 1, of the same shape.
        evidence: 255 for a sure wall, uint8; without it thin places of the object are walls.
        size: of a voxel along each axis, in one unit.
    """
    levels = necks(mask, size) if evidence is None else evidence
    shape = (1,) * (3 - mask.ndim) + mask.shape
    relative = np.array((1.0,) * (3 - mask.ndim) + size) / min(size)
    inside, marks, ground = (one.reshape(shape) for one in (mask, seeds, levels))
    found = _shared(inside, marks.astype(np.int32), ground.astype(np.uint8), relative)
    return found.reshape(mask.shape)


def necks(mask: Mask, size: tuple[float, ...]) -> npt.NDArray[np.uint8]:
    """255 where an object is thinnest, 0 where it is thickest."""
    if mask.all():  # nothing to be near to
        return np.zeros(mask.shape, np.uint8)
    depth = edt.edt(np.ascontiguousarray(mask), anisotropy=size, black_border=False, parallel=1)
    thin = 255 - 255 * depth / max(float(depth.max(initial=0)), 1e-9)
    return np.asarray(np.rint(thin), np.uint8)


@compiled
def _shared(inside: Array, seeds: Array, levels: Array, size: Array) -> Marks:
    """The number of the seed that each voxel belongs to."""
    depth, height, width = inside.shape
    owner = np.zeros(inside.shape, np.int32)
    cost = np.full(inside.shape, FAR)
    heap = [(0.0, 0)]
    heap.pop()
    for z, y, x in np.ndindex(inside.shape):
        if seeds[z, y, x] > 0 and inside[z, y, x]:
            owner[z, y, x] = seeds[z, y, x]
            cost[z, y, x] = 0.0
            heap.append((0.0, (z * height + y) * width + x))
    heapq.heapify(heap)
    while heap:
        spent, voxel = heapq.heappop(heap)
        z, rest = divmod(voxel, height * width)
        y, x = divmod(rest, width)
        if spent > cost[z, y, x]:
            continue
        highest = spent // LEVEL
        for axis in range(3):
            for side in (-1, 1):
                a = z + side * (axis == 0)
                b = y + side * (axis == 1)
                c = x + side * (axis == 2)
                if not (0 <= a < depth and 0 <= b < height and 0 <= c < width):
                    continue
                if not inside[a, b, c]:
                    continue
                level = max(highest, float(levels[a, b, c]))
                way = level * LEVEL + spent % LEVEL + size[axis]
                if way < cost[a, b, c]:
                    cost[a, b, c] = way
                    owner[a, b, c] = owner[z, y, x]
                    heapq.heappush(heap, (way, (a * height + b) * width + c))
    return owner
