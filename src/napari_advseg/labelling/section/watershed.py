"""Seeded watershed without lines: labels flood a landscape from low to high."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from napari_advseg.volume.compiled import compiled
from napari_advseg.volume.volume import Array

Labels = npt.NDArray[np.int32]
Mask = npt.NDArray[np.bool_]
CLOSED = np.iinfo(np.int32).min


def flood(levels: Array, markers: Labels, mask: Mask | None = None) -> Labels:
    """Every pixel that `markers` reach over side neighbours, with the label that reaches it first.

    Lower levels are flooded first. Water that falls below its level stays at it, and what stands at
    one level is flooded in the order in which it was reached (Meyer 1994), markers in raster order.
    Pixel for pixel this is scikit-image's watershed (connectivity 1, no lines), which leaves open
    only the order of markers of one level. Each pixel enters one queue of a bucket per level, so
    the time is linear. No label is lost or cut in two.

    Args:
        levels: landscape of shape (y, x), uint8 or uint16.
        markers: labels to grow, shape (y, x), 0 where free.
        mask: only pixels where it is True are flooded; everywhere if None.
    """
    water = np.full((levels.shape[0] + 2, levels.shape[1] + 2), CLOSED, np.int32)
    open_to_water = np.ones(levels.shape, np.bool_) if mask is None else mask
    free = _dry(levels, markers, open_to_water, water, int(levels.max(initial=0)) + 1)
    _flood(levels, water.reshape(-1), _shores(water), free)
    return _labels(water)


def grow(labels: Labels, probability: Array, mask: Mask | None = None) -> Labels:
    """Labels grown into 0 along the boundary evidence 1 - p until no 0 is left that they can reach.

    `probability` is in [0, 1]; pixels outside `mask` stay as they are. The number of labels stays,
    and no new opening appears (methods 6.4, fix 1).
    """
    if not labels.any():
        return labels
    return flood(_evidence(probability), labels, mask)


def framed(section: Array, value: int) -> Array:
    """A copy of a section with a frame of `value` one pixel wide, so that neighbours always exist."""
    height, width = section.shape
    copy: Array = np.full((height + 2, width + 2), value, section.dtype)
    copy[1:-1, 1:-1] = section
    return copy


@compiled
def _evidence(probability: Array) -> npt.NDArray[np.uint8]:
    """255 times 1 - p, rounded; where there is no data, 255."""
    evidence = np.empty(probability.shape, np.uint8)
    for y in range(probability.shape[0]):
        for x in range(probability.shape[1]):
            wall = np.rint((np.float32(1) - probability[y, x]) * np.float32(255))
            evidence[y, x] = 255 if np.isnan(wall) else np.uint8(wall)
    return evidence


@compiled
def _dry(
    levels: Array, markers: Labels, mask: Mask, water: Array, count: int
) -> npt.NDArray[np.int32]:
    """Fill the inside of `water`: -label at a marker, the level where it is free, else `CLOSED`.

    How many pixels of each level are free comes out.
    """
    free = np.zeros(count, np.int32)
    for y in range(levels.shape[0]):
        row = water[y + 1, 1:-1]
        for x in range(levels.shape[1]):
            if markers[y, x] > 0:
                row[x] = -markers[y, x]
            elif mask[y, x]:
                row[x] = levels[y, x]
                free[levels[y, x]] += 1
    return free


@compiled
def _shores(water: Array) -> npt.NDArray[np.int32]:
    """Flat places of the markers beside a free pixel, in raster order."""
    height, width = water.shape
    shores = np.empty(height * width, np.int32)
    count = 0
    for y in range(1, height - 1):
        for x in range(1, width - 1):
            if CLOSED < water[y, x] < 0 and (
                water[y - 1, x] >= 0
                or water[y, x - 1] >= 0
                or water[y, x + 1] >= 0
                or water[y + 1, x] >= 0
            ):
                shores[count] = y * width + x
                count += 1
    return shores[:count]


@compiled
def _flood(levels: Array, water: Array, shores: Array, free: Array) -> None:
    """Flood `water`, framed and flat, in place.

    Each level has a stretch of `queue` with room for its pixels. What is reached at or below the
    level that is being flooded comes after them, in `late`.
    """
    width = levels.shape[1] + 2
    room = free.copy()
    for pixel in shores:
        room[levels[pixel // width - 1, pixel % width - 1]] += 1
    end = (np.cumsum(room) - room).astype(np.int32)
    queue, late = np.empty(room.sum(), np.int32), np.empty(free.sum(), np.int32)
    first = end.copy()
    for pixel in shores:
        level = levels[pixel // width - 1, pixel % width - 1]
        queue[end[level]] = pixel
        end[level] += 1
    for level in range(len(end)):
        done = waiting = 0
        for k in range(first[level], end[level]):
            waiting = _spread(queue[k], level, water, width, queue, end, late, waiting)
        while done < waiting:
            waiting = _spread(late[done], level, water, width, queue, end, late, waiting)
            done += 1


@compiled
def _spread(
    pixel: int,
    level: int,
    water: Array,
    width: int,
    queue: Array,
    end: Array,
    late: Array,
    waiting: int,
) -> int:
    """Wet the free side neighbours of a pixel; how many wait in `late` comes out."""
    label = water[pixel]
    for beside in (pixel - width, pixel - 1, pixel + 1, pixel + width):
        ground = water[beside]
        if ground >= 0:
            water[beside] = label
            if ground <= level:
                late[waiting] = beside
                waiting += 1
            else:
                queue[end[ground]] = beside
                end[ground] += 1
    return waiting


@compiled
def _labels(water: Array) -> Labels:
    """Labels without the frame; 0 where nothing came."""
    height, width = water.shape
    labels = np.empty((height - 2, width - 2), np.int32)
    for y in range(height - 2):
        for x in range(width - 2):
            wet = water[y + 1, x + 1]
            labels[y, x] = -wet if CLOSED < wet < 0 else 0
    return labels
