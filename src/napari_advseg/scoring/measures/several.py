"""Scores of several images side by side: a row for each, and what the rows come to."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Mapping, Sequence

from napari_advseg.scoring.measures.instances import Score
from napari_advseg.scoring.measures.objects import ObjectScore
from napari_advseg.scoring.measures.semantic import SemanticScore

Row = Mapping[str, float | None]

INSTANCES = (
    "voi_split",
    "voi_merge",
    "voi",
    "adapted_rand_error",
    "cremi_score",
    "ignored_fraction",
)
OBJECTS = (
    "object_dice",
    "open_boundary_rate",
    "boundary_f1",
    "true_objects",
    "labelled_objects",
    "count_error",
)
MATCHED = ("precision", "recall", "f1")
CLASSES = ("pixel_accuracy", "class_accuracy", "mean_iou", "mean_boundary_iou")
IOU = "iou_"
HIGH_IOU = 0.97
ABOVE = f"above_{HIGH_IOU}"

WHAT: dict[str, Callable[[list[float]], float]] = {
    "mean": statistics.fmean,
    "median": statistics.median,
    "min": min,
    "max": max,
}


def instance_row(score: Score) -> Row:
    """The numbers of labels as a row; None where nothing was scored."""
    return {name: getattr(score, name) if score.scored else None for name in INSTANCES}


def object_row(score: ObjectScore) -> Row:
    """The numbers of objects as a row: precision, recall and F1 at the lowest IoU, and what has none."""
    row = {name: getattr(score.at[0], name) for name in MATCHED}
    return {**row, **{name: getattr(score, name) for name in OBJECTS}, "ap": score.masks.ap}


def class_row(score: SemanticScore) -> Row:
    """The numbers of class maps as a row, the IoU of each class as iou_N; None where nothing was scored."""
    row = {name: getattr(score, name) if score.scored else None for name in CLASSES}
    return {**row, **{f"{IOU}{kind}": value for kind, value in score.iou.items()}}


def columns_of(rows: Sequence[Row]) -> list[str]:
    """All names in the rows, in their order; classes by number, also those that the first image has not."""
    names = list(dict.fromkeys(name for row in rows for name in row))
    kinds = sorted(int(name.removeprefix(IOU)) for name in names if name.startswith(IOU))
    return [name for name in names if not name.startswith(IOU)] + [f"{IOU}{k}" for k in kinds]


def summary(rows: Sequence[Row]) -> dict[str, dict[str, float | None]]:
    """Mean, median, min and max of every column over the rows that have a number there.

    Of IoU by class also the share of them above 0.97, as DeconvNet's authors report it for the foreground.
    """
    names = columns_of(rows)
    given = {
        name: [value for row in rows if (value := row.get(name)) is not None] for name in names
    }
    found: dict[str, dict[str, float | None]] = {
        what: {name: of(values) if values else None for name, values in given.items()}
        for what, of in WHAT.items()
    }
    by_class = {name: values for name, values in given.items() if name.startswith(IOU) and values}
    if by_class:
        found[ABOVE] = {
            name: sum(value > HIGH_IOU for value in values) / len(values)
            for name, values in by_class.items()
        }
    return found
