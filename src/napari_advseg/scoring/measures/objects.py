"""Scores of whole objects: found or missed, joined with a neighbour, and how exact their outlines
are.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from itertools import repeat
from typing import Any

from napari_advseg.scoring.measures.average_precision import AveragePrecision, average_precision
from napari_advseg.scoring.measures.object_counts import (
    Counted,
    Sums,
    count_section,
    count_volume,
    summed,
)
from napari_advseg.scoring.table.pair import as_label_volume, paired, stack_shape
from napari_advseg.settings.override import override
from napari_advseg.settings.scoring import ObjectSettings, ScoringSettings
from napari_advseg.volume.by_section import in_order, read_pairs, read_sections
from napari_advseg.volume.synthetic_voxels import blanked
from napari_advseg.volume.volume import Array, Volume

Numbered = tuple[Array, Array, Array | None, int]


@dataclasses.dataclass(frozen=True)
class Matched:
    """Labelled and true objects taken as the same where their IoU is at least `iou`.

    Each object is matched once, so that the most are matched and, of such matchings, their IoU is
    the largest. A share of nothing is None.

    Attributes:
        iou: the threshold.
        matched: number of pairs.
        precision: share of the labelled objects that are matched.
        recall: share of the true objects that are matched.
        f1: twice `matched` over all objects of both sides.
        mean_iou: mean IoU of the matched pairs.
        panoptic_quality: f1 * mean_iou (Kirillov et al. 2019); 0 where nothing is matched.
    """

    iou: float
    matched: int
    precision: float | None
    recall: float | None
    f1: float | None
    mean_iou: float | None
    panoptic_quality: float | None


@dataclasses.dataclass(frozen=True)
class ObjectScore:
    """How many objects are right, and how nearly; a share of nothing is None, never a number.

    An object is an id other than 0 with at least one pixel that `settings` leave in; pixels left
    out belong to no object.

    Attributes:
        true_objects: number of true objects.
        labelled_objects: number of labelled objects.
        count_error: objects too many or too few, added up over the sections so that a section with
            too many does not make up for one with too few.
        at: matching at each IoU threshold, ascending.
        object_dice: in [0, 1]; mean of two means weighted by size, over the true and over the
            labelled objects, of the Dice coefficient with the object that overlaps most
            (Sirinukunwattana et al. 2017, section 4.2).
        touching: pairs of true objects in contact once truth is grown into its 0, where that is
            background by no more than the tolerance; by sides of pixels within sections, by volume
            also between them.
        joined: those of them of which one labelled object holds more than half of each.
        open_boundary_rate: joined / touching.
        boundary_precision: share of the labelled boundary pixels at most the tolerance from a true
            one.
        boundary_recall: share of the true boundary pixels at most the tolerance from a labelled
            one.
        boundary_f1: harmonic mean of the two.
        masks: average precision of the labels as masks, ranked by their mean probability.
        boxes: the same of the boxes around them.
        settings: which pixels were compared.
        rules: thresholds.
        sections: by section, the score of each in order; the numbers above pool their objects,
            pairs and pixels, they are no means. Empty when scored by volume.
    """

    true_objects: int
    labelled_objects: int
    count_error: int
    at: tuple[Matched, ...]
    object_dice: float | None
    touching: int
    joined: int
    open_boundary_rate: float | None
    boundary_precision: float | None
    boundary_recall: float | None
    boundary_f1: float | None
    masks: AveragePrecision
    boxes: AveragePrecision
    settings: ScoringSettings
    rules: ObjectSettings
    sections: tuple[ObjectScore, ...] = ()

    def values(self) -> dict[str, Any]:
        """The numbers alone, by name."""
        names = [one.name for one in dataclasses.fields(self)]
        plain = names[: names.index("masks")]
        return {
            **{name: getattr(self, name) for name in plain},
            "at": [dataclasses.asdict(one) for one in self.at],
            "average_precision": {
                "masks": self.masks.to_json(),
                "boxes": self.boxes.to_json(),
            },
        }

    def to_json(self) -> dict[str, Any]:
        """The score as plain JSON, under the names of its attributes."""
        return {
            **self.values(),
            "settings": {
                **self.settings.model_dump(mode="json"),
                **self.rules.model_dump(mode="json"),
            },
            "sections": [section.values() for section in self.sections],
        }


def object_score(
    labels: Volume | Array,
    truth: Volume | Array,
    settings: ScoringSettings | None = None,
    *,
    probabilities: Volume | Array | None = None,
    **fields: Any,
) -> ObjectScore:
    """The objects of `labels` compared with those of `truth`, both as `score` takes them.

    Keywords are fields of `ScoringSettings` or `ObjectSettings` (`ious`, `tolerance`,
    `detections`). The map of `probabilities`, of the same shape, ranks labelled objects for the
    average precision by its mean over them; without it all rank alike. Sections are read one by one.

    Raises:
        ValueError: as `score`; or the map has another shape or a value that is no finite number.
    """
    own = {name: fields.pop(name) for name in ObjectSettings.model_fields if name in fields}
    chosen = override(ScoringSettings, settings, fields)
    rules = override(ObjectSettings, None, own)
    pair = blanked(*paired(labels, truth))
    sections = _numbered(*pair, _map_of(probabilities, pair[0]))

    def counted(section: Numbered) -> Counted:
        return count_section(*section, chosen, rules.tolerance)

    if chosen.by == "volume":
        return _scored(summed(count_volume(in_order(counted, sections)), rules), chosen, rules)
    parts = list(in_order(lambda section: summed(counted(section), rules), sections))
    pooled = _scored(sum(parts, Sums.none(len(rules.ious))), chosen, rules)
    alone = tuple(_scored(part, chosen, rules) for part in parts)
    return dataclasses.replace(pooled, sections=alone)


def _map_of(probabilities: Volume | Array | None, labels: Volume) -> Volume | None:
    """The map as a volume on the voxels of the labels."""
    if probabilities is None:
        return None
    values = as_label_volume(probabilities, "Probabilities")
    if stack_shape(values) != stack_shape(labels):
        raise ValueError(
            f"Probabilities of shape {values.shape} and labels of shape {labels.shape} differ; "
            "give the map that the labels were made of."
        )
    return values


def _numbered(labels: Volume, truth: Volume, values: Volume | None) -> Iterator[Numbered]:
    maps = repeat(None) if values is None else read_sections(values)
    pairs = read_pairs(labels, truth)
    for z, (pair, part) in enumerate(zip(pairs, maps, strict=False)):
        yield (*pair, part, z)


def _scored(sums: Sums, settings: ScoringSettings, rules: ObjectSettings) -> ObjectScore:
    touching, joined = sums.pairs.tolist()
    found, right, true, seen = sums.lines.tolist()
    at: list[tuple[float, float]] = sums.at.tolist()
    return ObjectScore(
        true_objects=sums.true,
        labelled_objects=sums.found,
        count_error=sums.miscounted,
        at=tuple(_matched(iou, *row, sums) for iou, row in zip(rules.ious, at, strict=True)),
        object_dice=_object_dice(*sums.dice.tolist()),
        touching=touching,
        joined=joined,
        open_boundary_rate=_share(joined, touching),
        boundary_precision=_share(right, found),
        boundary_recall=_share(seen, true),
        boundary_f1=_harmonic(_share(right, found), _share(seen, true)),
        masks=average_precision(sums.masks, rules.detections),
        boxes=average_precision(sums.boxes, rules.detections),
        settings=settings,
        rules=rules,
    )


def _matched(iou: float, pairs: float, total: float, sums: Sums) -> Matched:
    return Matched(
        iou=iou,
        matched=int(pairs),
        precision=_share(pairs, sums.found),
        recall=_share(pairs, sums.true),
        f1=_share(2 * pairs, sums.found + sums.true),
        mean_iou=_share(total, pairs),
        panoptic_quality=_share(2 * total, sums.found + sums.true),
    )


def _share(part: float, whole: float) -> float | None:
    return part / whole if whole else None


def _object_dice(true: float, true_size: float, found: float, found_size: float) -> float | None:
    """Mean of both directions; 0 where one side has no object, None where neither has."""
    if true_size and found_size:
        return (true / true_size + found / found_size) / 2
    return 0.0 if true_size or found_size else None


def _harmonic(precision: float | None, recall: float | None) -> float | None:
    """F1; 0 where one side has no boundary, None where neither has."""
    if precision is None and recall is None:
        return None
    if not precision or not recall:
        return 0.0
    return 2 * precision * recall / (precision + recall)
