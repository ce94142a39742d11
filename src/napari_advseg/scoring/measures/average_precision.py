"""Average precision as COCO measures it: ranked detections against true objects, by mask or box."""

from __future__ import annotations

import dataclasses
import math
from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_advseg.scoring.measures.overlaps import Overlaps
from napari_advseg.volume.compiled import compiled

Reals = npt.NDArray[np.float64]
Indices = npt.NDArray[np.int64]

THRESHOLDS = np.linspace(0.5, 0.95, 10)
RECALLS = np.linspace(0.0, 1.0, 101)
DETECTIONS = 100
# Both ends belong to a range: an object of exactly 32^2 pixels is small and medium, as in COCO.
AREAS = ((0.0, math.inf), (0.0, 32.0**2), (32.0**2, 96.0**2), (96.0**2, math.inf))
MISSED, HIT, SPARED = 0, 1, 2


@dataclasses.dataclass(frozen=True)
class AveragePrecision:
    """How well ranked detections find the true objects: 1 is perfect, None where there are none.

    Attributes:
        ap: mean over the classes with true objects and the IoU thresholds 0.50, 0.55, ... 0.95.
        ap50: the same at IoU 0.50 alone.
        ap75: the same at IoU 0.75 alone.
        ap_small: `ap` of true objects of at most 32^2 pixels.
        ap_medium: `ap` of true objects of 32^2 to 96^2 pixels.
        ap_large: `ap` of true objects of at least 96^2 pixels.
        classes: `ap` of every class with true objects.
        truths: number of true objects.
        detections: number of detections looked at.
        left_out: detections beyond the limit of their image and class, which were not looked at.
    """

    ap: float | None
    ap50: float | None
    ap75: float | None
    ap_small: float | None
    ap_medium: float | None
    ap_large: float | None
    classes: Mapping[int, float]
    truths: int
    detections: int
    left_out: int

    def to_json(self) -> dict[str, Any]:
        """The numbers as plain JSON, under the names of the attributes."""
        return {**dataclasses.asdict(self), "classes": {str(k): v for k, v in self.classes.items()}}


def average_precision(images: Iterable[Overlaps], detections: int = DETECTIONS) -> AveragePrecision:
    """The average precision over images that `compare_masks`, `compare_boxes` or `compare_labels`
    has compared.

    In each image and class, the `detections` of the highest scores take in turn the true object
    that they overlap most, each true object once. Precision, made monotone, is averaged over 101
    recalls, then over the IoU thresholds and the classes that have true objects. Within a range of
    areas, true objects outside it are neither found nor missed, and a detection outside it that
    finds none is no error. Lin et al. 2014; the numbers of pycocotools, without crowd regions.
    """
    parts: dict[int, list[_Part]] = defaultdict(list)
    truths = given = 0
    for image in images:
        truths, given = truths + len(image.true_classes), given + len(image.classes)
        for kind in np.union1d(image.classes, image.true_classes):
            parts[int(kind)].append(_part(image, kind, detections))
    looked_at = sum(len(part.scores) for several in parts.values() for part in several)
    every, small, medium, large = (_by_class(parts, *area) for area in AREAS)
    return AveragePrecision(
        ap=_mean(every.values()),
        ap50=_mean(one[0] for one in every.values()),
        ap75=_mean(one[5] for one in every.values()),
        ap_small=_mean(small.values()),
        ap_medium=_mean(medium.values()),
        ap_large=_mean(large.values()),
        classes={kind: float(one.mean()) for kind, one in every.items()},
        truths=truths,
        detections=looked_at,
        left_out=given - looked_at,
    )


@dataclasses.dataclass(frozen=True, eq=False)
class _Part:
    """The detections and true objects of one class in one image, detections best first.

    The pairs of detection d are starts[d] to starts[d + 1] - 1 of `true` and `iou`, in the order of
    the true objects.
    """

    scores: Reals
    areas: Reals
    true_areas: Reals
    starts: Indices
    true: Indices
    iou: Reals


def _part(image: Overlaps, kind: int, limit: int) -> _Part:
    own = np.flatnonzero(image.classes == kind)
    best = own[np.argsort(-image.scores[own], kind="stable")][:limit]
    rank = np.full(len(image.classes), -1)
    rank[best] = np.arange(len(best))
    ranked = rank[image.found]
    pairs = np.lexsort((image.true, ranked))
    pairs = pairs[ranked[pairs] >= 0]
    own_true = image.true_classes == kind
    return _Part(
        scores=image.scores[best],
        areas=image.areas[best],
        true_areas=image.true_areas[own_true],
        starts=np.searchsorted(ranked[pairs], np.arange(len(best) + 1)),
        true=(np.cumsum(own_true) - 1)[image.true[pairs]],
        iou=image.iou[pairs],
    )


def _by_class(parts: Mapping[int, list[_Part]], low: float, high: float) -> dict[int, Reals]:
    """Average precision at each IoU threshold, for every class with true objects of such an area."""
    return {
        kind: _precision(parts[kind], low, high)
        for kind in sorted(parts)
        if any(_inside(part.true_areas, low, high).any() for part in parts[kind])
    }


def _precision(parts: list[_Part], low: float, high: float) -> Reals:
    inside = [_inside(part.true_areas, low, high) for part in parts]
    states = [
        _match(part.starts, part.true, part.iou, within, THRESHOLDS)
        for part, within in zip(parts, inside, strict=True)
    ]
    outside = np.concatenate([~_inside(part.areas, low, high) for part in parts])
    order = np.argsort(-np.concatenate([part.scores for part in parts]), kind="stable")
    state = np.concatenate(states, axis=1)[:, order]
    wrong = (state == MISSED) & ~outside[order]
    total = sum(int(np.count_nonzero(within)) for within in inside)
    return np.array([_area(s == HIT, w, total) for s, w in zip(state, wrong, strict=True)])


def _inside(areas: Reals, low: float, high: float) -> npt.NDArray[np.bool_]:
    return (areas >= low) & (areas <= high)


def _area(right: npt.NDArray[np.bool_], wrong: npt.NDArray[np.bool_], total: int) -> float:
    """Mean over 101 recalls of the best precision at that recall or a higher one."""
    hits = np.cumsum(right)
    precision = hits / np.maximum(hits + np.cumsum(wrong), 1)
    best = np.append(np.maximum.accumulate(precision[::-1])[::-1], 0.0)
    return float(best[np.searchsorted(hits / total, RECALLS)].mean())


def _mean(values: Iterable[Any]) -> float | None:
    every = list(values)
    return float(np.mean(every)) if every else None


@compiled
def _match(
    starts: Indices,
    true: Indices,
    iou: Reals,
    inside: npt.NDArray[np.bool_],
    thresholds: Reals,
) -> npt.NDArray[np.uint8]:
    """What each detection finds at each threshold, shape (thresholds, detections): nothing, a true
    object inside the range of areas, or one outside it, which it takes only where it finds none
    inside. Of true objects overlapped alike the last is taken, as in COCO.
    """
    state = np.full((len(thresholds), len(starts) - 1), MISSED, np.uint8)
    for k in range(len(thresholds)):
        taken = np.zeros(len(inside), np.bool_)
        for d in range(len(starts) - 1):
            for wanted in (True, False):
                best, chosen = min(thresholds[k], 1 - 1e-10), -1
                for i in range(starts[d], starts[d + 1]):
                    t = true[i]
                    if not taken[t] and inside[t] == wanted and iou[i] >= best:
                        best, chosen = iou[i], t
                if chosen >= 0:
                    taken[chosen] = True
                    state[k, d] = HIT if wanted else SPARED
                    break
    return state
