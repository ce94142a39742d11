"""The part of an object around some of its voxels, found in a window that grows only as far as the object goes."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import cc3d
import numpy as np
import numpy.typing as npt

from napari_advseg.proofreading.editing.boxes import box_of, inside, window_of
from napari_advseg.proofreading.store.steps import Box
from napari_advseg.volume.arrays.lazy import Array, LazyArray, Window

MOST = 1 << 27
HOLE = 1 << 24
"""More voxels are no hole."""
MARGIN = (2, 32, 32)
Mask = npt.NDArray[np.bool_]
Point = Sequence[int]


@dataclasses.dataclass(frozen=True, eq=False)
class Region:
    """Voxels of one label.

    Attributes:
        window: the box around them, a voxel wider where the array goes on.
        mask: True at them, of the shape of the window.
        labels: all labels in the window.
        is_open: whether they reach the border of the array (or of the limits), along axes longer than 1.
    """

    window: Window
    mask: Mask
    labels: Array
    is_open: bool

    def inside(self, point: Point) -> tuple[int, ...]:
        """Where a voxel lies in the window."""
        return tuple(k - one.start for k, one in zip(point, self.window, strict=True))


def connected(
    labels: LazyArray, points: Sequence[Point], within: Window | None = None, most: int = MOST
) -> Region:
    """The voxels that hang together by their sides with one of `points` and carry its label; all carry the same.

    Args:
        labels: of axes yx or zyx, read in a few windows around the points.
        within: limits that are not left; everything if None.
        most: voxels that are read at most at once.

    Raises:
        ValueError: a point lies outside, the points carry several labels, or the object is too large.
    """
    limits = within or tuple(slice(0, length) for length in labels.shape)
    window = _around(points, limits)
    while True:
        if np.prod([one.stop - one.start for one in window], dtype=object) > most:
            raise ValueError(
                f"What lies at {_spelled(points[0])} reaches over more than {most} voxels; give a box to stay inside."
            )
        found = np.asarray(labels[window])
        mask = _reached(found, [_relative(point, window) for point in points])
        faces = _faces(mask, window, limits)
        if not any(any(pair) for pair in faces):
            return _cropped(found, mask, window, limits)
        window = _wider(window, faces, limits)


def hole(labels: LazyArray, place: Point, *, in_section: bool) -> Region:
    """What hangs together at a place and is closed, in the volume or in its section.

    Raises:
        ValueError: it is open to the border, or too large.
    """
    limits = tuple(slice(0, length) for length in labels.shape)
    if in_section:
        limits = (*(slice(k, k + 1) for k in place[:-2]), *limits[-2:])
    try:
        region = connected(labels, [place], limits, most=HOLE)
    except ValueError as fault:
        raise ValueError(f"{fault} It is no hole.") from None
    if region.is_open:
        raise ValueError(
            f"What lies at {place} is open to the border of the labels, so it is no hole; paint it, "
            "or fill it in one section only."
        )
    return region


def parts(mask: Mask) -> tuple[Array, int]:
    """Parts of a mask that hang together by their sides, numbered from 1, and how many there are."""
    neighbours = 4 if mask.ndim == 2 else 6
    found, count = cc3d.connected_components(
        np.ascontiguousarray(mask).view(np.uint8), connectivity=neighbours, return_N=True
    )
    return found, int(count)


def neighbours(region: Region) -> set[int]:
    """The labels that touch a region by a side, without 0."""
    found: set[int] = set()
    for axis in range(region.mask.ndim):
        here = np.moveaxis(region.mask, axis, 0)
        ids = np.moveaxis(region.labels, axis, 0)
        found |= set(np.unique(ids[1:][here[:-1] & ~here[1:]]).tolist())
        found |= set(np.unique(ids[:-1][here[1:] & ~here[:-1]]).tolist())
    return found - {0}


def voxel_of(window: Window, mask: Mask) -> tuple[int, ...]:
    """A voxel of a mask in a window, near its middle."""
    places = np.argwhere(mask)
    middle = places.mean(axis=0)
    best = places[np.argmin(((places - middle) ** 2).sum(axis=1))]
    return tuple(int(k) + one.start for k, one in zip(best, window, strict=True))


def box_around(window: Window, mask: Mask) -> Box:
    """The box around what a mask marks in a window."""
    ends = []
    for axis, one in enumerate(window):
        own = np.flatnonzero(mask.any(tuple(k for k in range(mask.ndim) if k != axis)))
        ends.append((one.start + int(own[0]), one.start + int(own[-1]) + 1))
    return tuple(ends)


def marked(places: Sequence[Array], box: Box | None = None) -> tuple[Window, Mask]:
    """A window, that of the box or else the smallest, and the places in it, one array an axis, as a mask."""
    spans = box or tuple((int(one.min()), int(one.max()) + 1) for one in places)
    mask = np.zeros([end - begin for begin, end in spans], np.bool_)
    mask[tuple(one - begin for one, (begin, _) in zip(places, spans, strict=True))] = True
    return window_of(spans), mask


def _reached(found: Array, places: list[tuple[int, ...]]) -> Mask:
    ids = {int(found[place]) for place in places}
    if len(ids) > 1:
        raise ValueError(
            f"The places lie in several objects ({', '.join(map(str, sorted(ids)))}); "
            "put all of them into one."
        )
    numbered, _ = parts(found == found[places[0]])
    return np.isin(numbered, [numbered[place] for place in places])


def _around(points: Sequence[Point], limits: Window) -> Window:
    if not len(points):
        raise ValueError("No place is given; click into the object.")
    margins = MARGIN[-len(limits) :]
    for point in points:
        if len(point) != len(limits) or not all(
            one.start <= k < one.stop for k, one in zip(point, limits, strict=True)
        ):
            raise ValueError(f"The place {_spelled(point)} lies outside the labels or the box.")
    ends = [(min(axis), max(axis)) for axis in zip(*points, strict=True)]
    return tuple(
        slice(max(one.start, low - m), min(one.stop, high + m + 1))
        for (low, high), one, m in zip(ends, limits, margins, strict=True)
    )


def _faces(mask: Mask, window: Window, limits: Window) -> list[tuple[bool, bool]]:
    """Along each axis, whether the object leaves the window through its first and its last plane."""
    found = []
    for axis, (one, limit) in enumerate(zip(window, limits, strict=True)):
        first, last = np.take(mask, 0, axis).any(), np.take(mask, -1, axis).any()
        found.append(
            (bool(first) and one.start > limit.start, bool(last) and one.stop < limit.stop)
        )
    return found


def _wider(window: Window, faces: list[tuple[bool, bool]], limits: Window) -> Window:
    """The window, twice as long at the faces through which the object leaves it."""
    grown = []
    for one, (first, last), limit in zip(window, faces, limits, strict=True):
        more = one.stop - one.start
        begin = max(limit.start, one.start - more) if first else one.start
        end = min(limit.stop, one.stop + more) if last else one.stop
        grown.append(slice(begin, end))
    return tuple(grown)


def _cropped(labels: Array, mask: Mask, window: Window, limits: Window) -> Region:
    """The region without what is not needed, but with a voxel around it where there is one."""
    cut, is_open = [], False
    for (first, end), one, limit in zip(box_around(window, mask), window, limits, strict=True):
        if limit.stop - limit.start > 1:
            is_open |= first == limit.start or end == limit.stop
        cut.append(slice(max(one.start, first - 1), min(one.stop, end + 1)))
    at = inside(box_of(tuple(cut)), window)
    return Region(tuple(cut), mask[at], labels[at], is_open)


def _relative(point: Point, window: Window) -> tuple[int, ...]:
    return tuple(int(k) - one.start for k, one in zip(point, window, strict=True))


def _spelled(point: Point) -> str:
    return "(" + ", ".join(str(int(k)) for k in point) + ")"
