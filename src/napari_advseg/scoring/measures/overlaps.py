"""Objects of one image against the true ones, as masks, boxes or labels: how far each pair overlaps."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_advseg.scoring.table.contingency import Contingency
from napari_advseg.volume.volume import Array

Reals = npt.NDArray[np.float64]
Indices = npt.NDArray[np.int64]
Pairs = tuple[Indices, Indices, Reals]

LEAST_BOX_IOU = 0.5
ROWS = 256


@dataclasses.dataclass(frozen=True, eq=False)
class Instances:
    """Objects of one image, found or true; they may overlap.

    Attributes:
        masks: a bool array of the image's shape for each object; None where only boxes matter.
        boxes: lower corner, then upper corner (exclusive) of each object, shape (objects, 2 * axes),
            the axes in the same order on both sides; None takes the boxes of the masks.
        scores: how sure each detection is, of any range; None is 1 for all. Equal scores rank in
            the order given. Of true objects they mean nothing.
        classes: whole number for each object; None is 0 for all.
        sizes: pixels of each object, where they are known without a mask.

    Raises:
        ValueError: neither masks nor boxes, entries that do not match in number, scores or boxes
            that are not finite, a box that ends before it begins, a class that is no number.
    """

    masks: Sequence[Array] | Array | None = None
    boxes: npt.ArrayLike | None = None
    scores: npt.ArrayLike | None = None
    classes: npt.ArrayLike | None = None
    sizes: npt.ArrayLike | None = None

    def __post_init__(self) -> None:
        given = {
            name: len(getattr(self, name))
            for name in ("masks", "boxes", "scores", "classes", "sizes")
            if getattr(self, name) is not None
        }
        if not given.keys() & {"masks", "boxes"}:
            raise ValueError("These objects have neither masks nor boxes; give one of them.")
        if len(set(given.values())) > 1:
            listed = ", ".join(f"{count} {name}" for name, count in given.items())
            raise ValueError(f"There are {listed}; give one of each for every object.")
        if not np.isfinite(self.ranks()).all():
            raise ValueError("A detection has a score that is no finite number; leave it out.")
        self.kinds()
        if self.boxes is not None:
            _check_boxes(self.corners())

    def __len__(self) -> int:
        return len(self.masks if self.masks is not None else np.asarray(self.boxes))

    def ranks(self) -> Reals:
        """Score of each object, shape (objects,)."""
        return np.ones(len(self)) if self.scores is None else np.asarray(self.scores, np.float64)

    def kinds(self) -> Indices:
        """Class of each object, shape (objects,)."""
        if self.classes is None or not len(self):
            return np.zeros(len(self), np.int64)
        kinds = np.asarray(self.classes)
        if kinds.dtype.kind not in "biu":
            raise ValueError(f"Classes of type {kinds.dtype} are no numbers; number the classes.")
        return kinds.astype(np.int64)

    def corners(self) -> Reals:
        """Box of each object, shape (objects, 2 * axes)."""
        if self.boxes is None:
            return mask_boxes(() if self.masks is None else self.masks)
        return np.asarray(self.boxes, np.float64) if len(self) else np.zeros((0, 4))

    def areas(self) -> Reals:
        """Pixels of each object; the area of its box where it has no mask."""
        if self.sizes is not None:
            return np.asarray(self.sizes, np.float64)
        if self.masks is None:
            return box_areas(self.corners())
        return np.array([np.count_nonzero(mask) for mask in self.masks], np.float64)


@dataclasses.dataclass(frozen=True, eq=False)
class Overlaps:
    """One image of detections and true objects, and how far they lie on each other.

    Attributes:
        found: index of the detection of each pair, shape (pairs,).
        true: index of the true object of each pair, shape (pairs,).
        iou: intersection over union of each pair, shape (pairs,); boxes below 0.5 are left out.
        scores: of each detection.
        areas: of each detection; where boxes are compared, of its box.
        classes: of each detection.
        true_areas: of each true object, by mask wherever it has one.
        true_classes: of each true object.
    """

    found: Indices
    true: Indices
    iou: Reals
    scores: Reals
    areas: Reals
    classes: Indices
    true_areas: Reals
    true_classes: Indices


def compare_masks(found: Instances, true: Instances) -> Overlaps:
    """How far the masks of one image lie on each other.

    Raises:
        ValueError: a side has no masks, or masks of another shape.
    """
    if found.masks is None or true.masks is None:
        raise ValueError("One side has no masks; give masks on both sides, or compare boxes.")
    shapes = {np.shape(mask) for side in (found.masks, true.masks) for mask in side}
    if len(shapes) > 1:
        raise ValueError(f"Masks of the shapes {sorted(shapes)} differ; give masks of one image.")
    windows = mask_boxes(found.masks), mask_boxes(true.masks)
    first, second, _ = _shared_boxes(*windows, found.kinds(), true.kinds())
    shared = [
        _shared_pixels(found.masks[f], true.masks[t], windows[0][f], windows[1][t])
        for f, t in zip(first, second, strict=True)
    ]
    pairs = first, second, np.array(shared, np.float64)
    return _compared(found, true, pairs, (found.areas(), true.areas()))


def compare_boxes(found: Instances, true: Instances) -> Overlaps:
    """How far the boxes of one image lie on each other.

    Raises:
        ValueError: boxes of different numbers of axes.
    """
    corners = found.corners(), true.corners()
    if len(found) and len(true) and corners[0].shape[1] != corners[1].shape[1]:
        raise ValueError(
            f"Boxes of {corners[0].shape[1]} and of {corners[1].shape[1]} numbers differ; "
            "give boxes of one image."
        )
    pairs = _shared_boxes(*corners, found.kinds(), true.kinds(), least=LEAST_BOX_IOU)
    return _compared(found, true, pairs, (box_areas(corners[0]), box_areas(corners[1])))


def compare_labels(
    table: Contingency,
    *,
    scores: Mapping[int, float] | None = None,
    classes: Mapping[int, int] | None = None,
    true_classes: Mapping[int, int] | None = None,
) -> Overlaps:
    """How far the objects of one label image lie on the true ones; id 0 is none on either side.

    Objects are in the order of their ids. Scores and classes go by id, 1 and 0 where None.

    Raises:
        KeyError: an object has no score or class although there are some.
    """
    found, sizes = objects(table.predicted, table.counts)
    true, true_sizes = objects(table.truth, table.counts)
    both = (table.predicted != 0) & (table.truth != 0)
    first = np.searchsorted(found, table.predicted[both])
    second = np.searchsorted(true, table.truth[both])
    kinds, true_kinds = _by_id(classes, found, 0), _by_id(true_classes, true, 0)
    alike = kinds[first] == true_kinds[second]
    first, second, shared = first[alike], second[alike], table.counts[both][alike]
    return Overlaps(
        found=first,
        true=second,
        iou=shared / (sizes[first] + true_sizes[second] - shared),
        scores=_by_id(scores, found, 1.0),
        areas=sizes,
        classes=kinds,
        true_areas=true_sizes,
        true_classes=true_kinds,
    )


def objects(ids: npt.NDArray[np.uint64], counts: Indices) -> tuple[npt.NDArray[np.uint64], Reals]:
    """The ids other than 0, ascending, and the pixels of each."""
    present, group = np.unique(ids[ids != 0], return_inverse=True)
    sizes = np.bincount(group, weights=counts[ids != 0], minlength=len(present))
    return present, sizes.astype(np.float64, copy=False)


def mask_boxes(masks: Sequence[Array] | Array) -> Reals:
    """Lower and upper corner (exclusive) around each mask, shape (masks, 2 * axes); 0 where it is
    empty.
    """
    boxes = [_mask_box(np.asarray(mask)) for mask in masks]
    return np.array(boxes, np.float64) if boxes else np.zeros((0, 4))


def box_areas(boxes: Reals) -> Reals:
    """Area (volume) of each box, shape (boxes,)."""
    axes = boxes.shape[1] // 2
    return np.asarray(np.prod(boxes[:, axes:] - boxes[:, :axes], axis=1))


def _mask_box(mask: Array) -> list[int]:
    axes = range(mask.ndim)
    filled = [np.flatnonzero(mask.any(axis=tuple(set(axes) - {axis}))) for axis in axes]
    if not filled[0].size:
        return [0] * (2 * mask.ndim)
    return [int(one[0]) for one in filled] + [int(one[-1]) + 1 for one in filled]


def _check_boxes(boxes: Reals) -> None:
    if boxes.ndim != 2 or boxes.shape[1] % 2:
        raise ValueError(
            f"Boxes of shape {boxes.shape} are none; give a lower and an upper corner for each."
        )
    axes = boxes.shape[1] // 2
    if not np.isfinite(boxes).all() or (boxes[:, axes:] < boxes[:, :axes]).any():
        raise ValueError(
            "A box is not finite or ends before it begins; give the lower, then the upper corner."
        )


def _shared_boxes(
    one: Reals, other: Reals, kinds: Indices, other_kinds: Indices, least: float = 0.0
) -> Pairs:
    """Pairs of boxes of one class that share some area, of an IoU of at least `least`: two indices
    and the area shared.
    """
    found: list[Pairs] = [(np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0))]
    for start in range(0, len(one) if len(other) else 0, ROWS):
        rows = slice(start, start + ROWS)
        first, second, shared = _shared_rows(one[rows], other, kinds[rows], other_kinds, least)
        found.append((first + start, second, shared))
    first, second, shared = (np.concatenate(column) for column in zip(*found, strict=True))
    return first, second, shared


def _shared_rows(
    one: Reals, other: Reals, kinds: Indices, other_kinds: Indices, least: float
) -> Pairs:
    axes = one.shape[1] // 2
    shared = np.ones((len(one), len(other)))
    for axis in range(axes):
        begin = np.maximum(one[:, None, axis], other[None, :, axis])
        end = np.minimum(one[:, None, axes + axis], other[None, :, axes + axis])
        shared *= np.maximum(end - begin, 0.0)
    union = box_areas(one)[:, None] + box_areas(other)[None] - shared
    alike = kinds[:, None] == other_kinds[None]
    first, second = np.nonzero(alike & (shared > 0) & (shared >= least * union))
    return first, second, shared[first, second]


def _shared_pixels(one: Array, other: Array, box: Reals, other_box: Reals) -> int:
    axes = one.ndim
    begin = np.maximum(box[:axes], other_box[:axes]).astype(int)
    end = np.minimum(box[axes:], other_box[axes:]).astype(int)
    window = tuple(slice(a, b) for a, b in zip(begin, end, strict=True))
    return int(np.count_nonzero(np.logical_and(one[window], other[window])))


def _compared(
    found: Instances,
    true: Instances,
    pairs: Pairs,
    areas: tuple[Reals, Reals],
) -> Overlaps:
    first, second, shared = pairs
    return Overlaps(
        found=first,
        true=second,
        iou=shared / (areas[0][first] + areas[1][second] - shared),
        scores=found.ranks(),
        areas=areas[0],
        classes=found.kinds(),
        true_areas=true.areas(),
        true_classes=true.kinds(),
    )


def _by_id(values: Mapping[int, Any] | None, ids: npt.NDArray[np.uint64], default: Any) -> Array:
    if values is None:
        return np.full(len(ids), default)
    return np.array([values[int(one)] for one in ids], type(default))
