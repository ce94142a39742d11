"""Scores of class maps: how many pixels, how much of every class, and how exact its boundaries."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterable, Iterator, Mapping
from functools import partial
from typing import Any, Literal

import numpy as np

from napari_advseg.examples.classes import MOST, void_among
from napari_advseg.scoring.table.boundary import dilated, outline
from napari_advseg.scoring.table.contingency import Contingency, as_ids, contingency, merged
from napari_advseg.scoring.table.pair import as_label_volume, paired
from napari_advseg.volume.by_section import in_order, read_pairs, read_sections
from napari_advseg.volume.frame import Frame
from napari_advseg.volume.painted import is_painted
from napari_advseg.volume.synthetic_voxels import LEFT_OUT, known_pair
from napari_advseg.volume.volume import Array, Volume

Classes = Mapping[int, float]

WIDTH = 2


@dataclasses.dataclass(frozen=True)
class SemanticScore:
    """How far a class map agrees with the truth; 1 is perfect, every value is 0 where none is
    scored.

    Attributes:
        pixel_accuracy: share of the pixels with the right class; a rare class hardly shows in it.
        class_accuracy: mean over the classes of the truth of the share of their pixels found.
        mean_iou: mean of `iou`, over the classes asked for.
        mean_boundary_iou: mean of `boundary_iou`, over the same classes where they have one; None
            where none of them has.
        accuracy: share of its pixels found, for every class of the truth.
        iou: intersection over union by class, for every class in truth or prediction.
        dice: twice the intersection over the sum of sizes, by class.
        boundary_iou: `iou` of the pixels near the boundary of the class alone: large areas hide
            wrong boundaries, this does not. For every class that has a boundary in either map.
        scored: number of pixels compared.
    """

    pixel_accuracy: float
    class_accuracy: float
    mean_iou: float
    mean_boundary_iou: float | None
    accuracy: Classes
    iou: Classes
    dice: Classes
    boundary_iou: Classes
    scored: int

    def to_json(self) -> dict[str, Any]:
        """The score as plain JSON, classes as text."""
        return {
            name: {str(k): one for k, one in value.items()} if isinstance(value, dict) else value
            for name, value in dataclasses.asdict(self).items()
        }


def semantic_score(
    predicted: Volume | Array,
    truth: Volume | Array,
    *,
    ignore: int | None = None,
    mean_over: Literal["truth", "either"] = "truth",
    width: int = WIDTH,
) -> SemanticScore:
    """Agreement of two class maps of shape (y, x) or (z, y, x), classes 0 or positive.

    Pixels whose truth is `ignore`, which may be negative, are left out. The means run over the
    classes of the truth, or over those in either map. All sections are counted together and read
    one by one. Long, Shelhamer and Darrell 2015, section 5; boundaries after Cheng et al. 2021:
    pixels of a class at most `width` pixels from the ones along a change of class in the section.

    Raises:
        ValueError: shapes or voxel sizes differ, a map holds no classes, or `width` is negative.
    """
    if width < 0:
        raise ValueError(f"A boundary of width {width} has no pixels; choose 0 or more.")
    pair = known_pair(*paired(predicted, truth))
    left_out = tuple(
        value
        for value, counts in ((ignore, True), (LEFT_OUT, pair[1].synthetic is not None))
        if value is not None and counts
    )
    parts = list(in_order(partial(_counted, left_out, width), read_pairs(*pair)))
    everywhere, *near = (merged(part[k] for part in parts) for k in range(4))
    whole, bands = _Table.of(everywhere, everywhere, everywhere), _Table.of(*near)
    if not everywhere.total:
        return SemanticScore(0.0, 0.0, 0.0, None, {}, {}, {}, {}, 0)
    accuracy = {k: whole.hits.get(k, 0) / size for k, size in whole.true.items()}
    iou, boundary_iou = whole.iou(), bands.iou()
    averaged = accuracy if mean_over == "truth" else iou
    return SemanticScore(
        pixel_accuracy=sum(whole.hits.values()) / everywhere.total,
        class_accuracy=_mean(accuracy.values()) or 0.0,
        mean_iou=_mean(iou[k] for k in averaged) or 0.0,
        mean_boundary_iou=_mean(boundary_iou[k] for k in averaged if k in boundary_iou),
        accuracy=accuracy,
        iou=iou,
        dice=whole.dice(),
        boundary_iou=boundary_iou,
        scored=everywhere.total,
    )


def class_values(*maps: Volume | Array) -> tuple[int, ...] | None:
    """All values of class maps in order; None where there are more than 64, as in cells or grey values.

    Raises:
        ValueError: a map has other axes than yx or zyx.
    """
    found: set[int] = set()
    for one in maps:
        for part in in_order(_present, read_sections(as_label_volume(one, "Classes"))):
            found |= part
            if len(found) > MOST:
                return None
    return tuple(sorted(found))


@dataclasses.dataclass(frozen=True)
class Void:
    """The true class that stands for nothing, and why."""

    value: int
    why: str

    @property
    def words(self) -> str:
        """For example "255 in the truth is left out, as in palette masks"."""
        return f"{self.value} in the truth is left out, {self.why}"


def void_of(values: Iterable[int], frames: Iterable[Frame] = ()) -> Void | None:
    """What to leave out of truth with these values that lies there: 0 of what was painted for training, or 255."""
    if any(map(is_painted, frames)):
        return Void(0, "where nobody has annotated")
    found = void_among(sorted(values))
    return None if found is None else Void(found, "as in palette masks")


def _present(section: Array) -> set[int]:
    return set(np.unique(section).tolist())


@dataclasses.dataclass(frozen=True)
class _Table:
    """Pixels by class: right ones, those of the truth, those of the prediction."""

    hits: dict[int, int]
    true: dict[int, int]
    found: dict[int, int]

    @classmethod
    def of(cls, both: Contingency, true: Contingency, found: Contingency) -> _Table:
        """From pixels that count on both sides, for the truth, for the prediction."""
        right = both.where(both.predicted == both.truth)
        return cls(
            _pixels(right.truth, right), _pixels(true.truth, true), _pixels(found.predicted, found)
        )

    def iou(self) -> dict[int, float]:
        return {k: self.hits.get(k, 0) / (n - self.hits.get(k, 0)) for k, n in self._sizes()}

    def dice(self) -> dict[int, float]:
        return {k: 2 * self.hits.get(k, 0) / n for k, n in self._sizes()}

    def _sizes(self) -> Iterator[tuple[int, int]]:
        """Each class with its pixels in both maps together."""
        for k in sorted(self.true | self.found):
            yield k, self.true.get(k, 0) + self.found.get(k, 0)


def _counted(
    left_out: tuple[int, ...], width: int, sections: tuple[Array, Array]
) -> tuple[Contingency, ...]:
    """Tables of a section: of all pixels, of those in both bands, in that of the truth, in that of
    the prediction.
    """
    keep = ~np.isin(sections[1], left_out)
    predicted = as_ids(sections[0], "Predicted classes")
    truth = as_ids(np.where(keep, sections[1], 0).astype(sections[1].dtype), "True classes")
    band = dilated(outline(predicted), width) & keep
    # Ignored pixels make no boundary of their own: there the prediction is taken to be right.
    true_band = dilated(outline(np.where(keep, truth, predicted)), width) & keep
    chosen = keep, band & true_band, true_band, band
    return tuple(contingency(predicted, truth, one) for one in chosen)


def _pixels(ids: Array, table: Contingency) -> dict[int, int]:
    """Pixels of each class."""
    present, group = np.unique(ids, return_inverse=True)
    sums = np.bincount(group, weights=table.counts, minlength=len(present))
    return {int(k): int(size) for k, size in zip(present, sums, strict=True)}


def _mean(values: Iterable[float]) -> float | None:
    every = list(values)
    return math.fsum(every) / len(every) if every else None
