"""Scores as small tables of text; n/a where there was nothing to measure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from napari_advseg.scoring.measures.several import ABOVE, HIGH_IOU, Row, columns_of, summary

AT = ("precision", "recall", "f1", "mean_iou", "panoptic_quality")
PRECISION = ("ap", "ap50", "ap75", "ap_small", "ap_medium", "ap_large")
OF_CLASSES = ("pixel_accuracy", "class_accuracy", "mean_iou", "mean_boundary_iou")
BY_CLASS = ("accuracy", "iou", "dice", "boundary_iou")
COLUMNS, LONGEST = 6, 30
HEADS = {
    "voi_split": "split",
    "voi_merge": "merge",
    "voi": "VOI",
    "adapted_rand_error": "ARand",
    "cremi_score": "CREMI",
    "ignored_fraction": "ignored",
    "object_dice": "Dice",
    "open_boundary_rate": "open",
    "boundary_f1": "boundary",
    "true_objects": "true",
    "labelled_objects": "labelled",
    "count_error": "miscounted",
    "pixel_accuracy": "pixels",
    "class_accuracy": "classes",
    "mean_iou": "mean IoU",
    "mean_boundary_iou": "boundary",
}


def score_lines(result: Any) -> list[str]:
    """A score of instances, the flattering numbers beside the honest ones."""
    columns = {result.settings.boundary: result}
    if result.flattering is not None:
        columns["ignore"] = result.flattering
    rows = [f"{'boundary':<22}" + "".join(f"{name:>10}" for name in columns)]
    rows += [
        f"{name:<22}" + "".join(f"{getattr(one, name):>10.4f}" for one in columns.values())
        for name in result.VALUES
    ]
    sections = (
        f"mean of {len(result.sections)} sections" if result.sections else "the volume as one"
    )
    border = f"border {result.settings.border} px left out"
    if result.settings.edge:
        border += f", only {result.settings.edge} px along the edge scored"
    return [*rows, f"({sections}; {border}; lower is better)"]


def object_lines(result: Any) -> list[str]:
    """A score of objects: what depends on the IoU, what does not, average precision."""
    lines = [row("objects at IoU", *(f"{one.iou:g}" for one in result.at))]
    lines += [row(name, *(getattr(one, name) for one in result.at)) for name in AT]
    lines += [
        row("object_dice", result.object_dice),
        row("open_boundary_rate", result.open_boundary_rate)
        + f"  ({result.joined} of {result.touching} touching pairs joined)",
        row("boundary_f1", result.boundary_f1) + f"  (within {result.rules.tolerance} px)",
        row("boundary_precision", result.boundary_precision),
        row("boundary_recall", result.boundary_recall),
        row("count_error", str(result.count_error))
        + f"  ({result.labelled_objects} labelled, {result.true_objects} true)",
        row("average precision", *PRECISION),
        row("masks", *(getattr(result.masks, name) for name in PRECISION)),
        row("boxes", *(getattr(result.boxes, name) for name in PRECISION)),
    ]
    pooled = f"{len(result.sections)} sections pooled" if result.sections else "the volume as one"
    return [*lines, f"({pooled}; higher is better, but for open boundaries and count error)"]


def class_lines(result: Any) -> list[str]:
    """A score of class maps, then one line a class."""
    lines = [row(name, getattr(result, name)) for name in OF_CLASSES]
    lines.append(f"{'class':<22}" + "".join(f"{name:>14}" for name in BY_CLASS))
    for kind in result.iou:
        values = (getattr(result, name).get(kind) for name in BY_CLASS)
        lines.append(f"{kind:<22}" + "".join(f"{number(value):>14}" for value in values))
    return [*lines, f"({result.scored} pixels; higher is better)"]


def several_lines(names: Sequence[str], rows: Sequence[Row]) -> list[str]:
    """A row for each image, then what they come to, in blocks of columns that fit a screen."""
    found, columns = summary(rows), columns_of(rows)
    lines = [*zip(names, rows, strict=True)]
    lines += [(what.replace("_", " "), one) for what, one in found.items()]
    width = min(LONGEST, max(len(name) for name, _ in lines)) + 2
    text: list[str] = []
    for first in range(0, len(columns), COLUMNS):
        block = columns[first : first + COLUMNS]
        text.append(" " * width + "".join(f"{_head(name):>11}" for name in block))
        text += [_line(name, one, block, width) for name, one in lines if set(block) & set(one)]
        text.append("")
    better = "VOI, ARand and CREMI: lower is better" if "voi" in columns else "higher is better"
    above = f"; above {HIGH_IOU}: share of images with a larger IoU" if ABOVE in found else ""
    return [*text, f"({len(rows)} images; {better}{above})"]


def _head(column: str) -> str:
    return HEADS.get(column, column.replace("iou_", "IoU "))


def _line(name: str, one: Row, block: Sequence[str], width: int) -> str:
    shown = name if len(name) < width - 1 else f"…{name[3 - width :]}"
    cells = (number(one[column]) if column in one else "" for column in block)
    return f"{shown:<{width}}" + "".join(f"{cell:>11}" for cell in cells)


def row(name: str, *values: float | str | None) -> str:
    """A name and its numbers in columns."""
    return f"{name:<22}" + "".join(f"{number(value):>11}" for value in values)


def number(value: float | str | None) -> str:
    """Four digits, a word or a count as it is, or n/a."""
    if value is None:
        return "n/a"
    return f"{value:.4f}" if isinstance(value, float) else str(value)
