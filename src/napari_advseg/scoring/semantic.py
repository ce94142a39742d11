"""Scores of class maps: pixel accuracy, class accuracy, intersection over union, Dice."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any, Literal

import numpy as np

from napari_advseg.scoring.contingency import contingency
from napari_advseg.volume.volume import Array


@dataclasses.dataclass(frozen=True)
class SemanticScore:
    """How far a class map agrees with the truth; 1 is perfect, every value is 0 where none is
    scored.

    Attributes:
        pixel_accuracy: share of the pixels with the right class; a rare class hardly shows in it.
        class_accuracy: mean over the classes of the truth of the share of their pixels found.
        mean_iou: mean of `iou`, over the classes asked for.
        iou: intersection over union by class, for every class in truth or prediction.
        dice: twice the intersection over the sum of sizes, by class.
        scored: number of pixels compared.
    """

    pixel_accuracy: float
    class_accuracy: float
    mean_iou: float
    iou: Mapping[int, float]
    dice: Mapping[int, float]
    scored: int

    def to_json(self) -> dict[str, Any]:
        """The score as plain JSON."""
        by_class = {
            name: {str(k): v for k, v in getattr(self, name).items()} for name in ("iou", "dice")
        }
        return {**dataclasses.asdict(self), **by_class}


def semantic_score(
    predicted: Array,
    truth: Array,
    *,
    ignore: int | None = None,
    mean_over: Literal["truth", "either"] = "truth",
) -> SemanticScore:
    """Agreement of two class maps of one shape, class ids 0 or positive.

    Pixels whose truth is `ignore` are left out. The mean IoU runs over the classes of the truth, or
    over those in either map. Long, Shelhamer and Darrell 2015, section 5.

    Raises:
        ValueError: the shapes differ, or a map holds no ids.
    """
    keep = None if ignore is None else truth != ignore
    table = contingency(predicted, truth, keep)
    total = table.total
    if not total:
        return SemanticScore(0.0, 0.0, 0.0, {}, {}, 0)
    right = table.predicted == table.truth
    hits = _sums(table.truth[right], table.counts[right])
    true, found = _sums(table.truth, table.counts), _sums(table.predicted, table.counts)
    classes = sorted(true | found)
    iou = {k: _share(hits, k, true.get(k, 0) + found.get(k, 0) - hits.get(k, 0)) for k in classes}
    dice = {k: 2 * _share(hits, k, true.get(k, 0) + found.get(k, 0)) for k in classes}
    return SemanticScore(
        pixel_accuracy=sum(hits.values()) / total,
        class_accuracy=float(np.mean([_share(hits, k, true[k]) for k in true])),
        mean_iou=float(np.mean([iou[k] for k in (true if mean_over == "truth" else classes)])),
        iou=iou,
        dice=dice,
        scored=total,
    )


def _sums(ids: Array, counts: Array) -> dict[int, int]:
    """Pixels of each id."""
    present, group = np.unique(ids, return_inverse=True)
    sums = np.bincount(group, weights=counts, minlength=len(present))
    return {int(k): int(size) for k, size in zip(present, sums, strict=True)}


def _share(hits: dict[int, int], k: int, size: int) -> float:
    return hits.get(k, 0) / size
