"""Boxes of voxels that do not overlap: the places that were reviewed as a whole."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence

from napari_advseg.proofreading.store.steps import Box, Point
from napari_advseg.volume.arrays.lazy import Window

Boxes = tuple[Box, ...]


def added(boxes: Boxes, box: Box) -> Boxes:
    """The boxes and one more; where it overlaps others, they become smaller."""
    return (*without(boxes, box), box)


def without(boxes: Boxes, taken: Box) -> Boxes:
    """What is left of boxes that do not overlap where another is taken out of them."""
    return tuple(part for box in boxes for part in _left(box, taken))


def shared(one: Box, other: Box) -> Box | None:
    """What two boxes have in common; None where that is nothing."""
    ends = tuple((max(a, c), min(b, d)) for (a, b), (c, d) in zip(one, other, strict=True))
    return ends if all(begin < end for begin, end in ends) else None


def within(boxes: Iterable[Box], limits: Box) -> Boxes:
    """What of the boxes lies inside another."""
    return tuple(part for box in boxes if (part := shared(box, limits)) is not None)


def holds(boxes: Iterable[Box], point: Point) -> bool:
    """Whether a voxel lies in one of the boxes."""
    return any(
        all(begin <= k < end for k, (begin, end) in zip(point, box, strict=True)) for box in boxes
    )


def size(boxes: Iterable[Box]) -> int:
    """How many voxels lie in boxes that do not overlap."""
    return sum(math.prod(end - begin for begin, end in box) for box in boxes)


def window_of(box: Box) -> Window:
    """The box as an index."""
    return tuple(slice(begin, end) for begin, end in box)


def box_of(window: Window) -> Box:
    """The index, whose slices have both ends, as a box."""
    return tuple((one.start, one.stop) for one in window)


def box_in(window: Window, shape: tuple[int, ...]) -> Box:
    """The index of an array of this shape, whose slices may be open, as a box.

    Raises:
        ValueError: it is empty or reaches outside.
    """
    ends = [
        (0 if one.start is None else int(one.start), length if one.stop is None else int(one.stop))
        for one, length in zip(window, shape, strict=False)
    ]
    if len(window) != len(shape) or not all(
        0 <= begin < end <= length for (begin, end), length in zip(ends, shape, strict=True)
    ):
        spelled = ", ".join(f"{begin}:{end}" for begin, end in ends)
        raise ValueError(
            f"The box {spelled} does not lie inside labels of shape {shape}; give a first and an end inside them for "
            "each axis."
        )
    return tuple(ends)


def widened(window: Window, by: Sequence[int], shape: tuple[int, ...]) -> Window:
    """The index, so many voxels wider at both ends of each axis of an array of this shape."""
    return tuple(
        slice(max(0, one.start - more), min(length, one.stop + more))
        for one, more, length in zip(window, by, shape, strict=True)
    )


def inside(box: Box, window: Window) -> Window:
    """Where a box that lies in a window lies there."""
    return tuple(
        slice(begin - one.start, end - one.start)
        for (begin, end), one in zip(box, window, strict=True)
    )


def _left(box: Box, taken: Box) -> Iterator[Box]:
    """A box without another, in up to two parts an axis."""
    common = shared(box, taken)
    if common is None:
        yield box
        return
    for axis, (begin, end) in enumerate(box):
        first, last = common[axis]
        for part in ((begin, first), (last, end)):
            if part[0] < part[1]:
                yield (*common[:axis], part, *box[axis + 1 :])
