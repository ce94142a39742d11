"""The outcome of a search as a table: one row for each cell, honest scores beside flattering ones."""

from __future__ import annotations

import csv
import dataclasses
from io import StringIO

from napari_advseg.tuning.tuned import Cell, Tuned, Values

SCORES = tuple(field.name for field in dataclasses.fields(Values))
AXES = (
    "threshold",
    "gap_threshold",
    "gap",
    "minima",
    "edge_radius",
    "edge_statistic",
    "closed",
)
HEAD = (
    *AXES,
    *SCORES,
    "objective",
    *(f"flattering_{name}" for name in SCORES),
    "flattering_objective",
    "marks",
)


def to_csv(tuned: Tuned) -> str:
    """The table as CSV; a flattering score that a cell does not have is left blank."""
    text = StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow("edge_threshold" if name == "gap_threshold" else name for name in HEAD)
    writer.writerows(_row(tuned, cell) for cell in tuned.cells)
    return text.getvalue()


def marks(tuned: Tuned, cell: Cell) -> list[str]:
    """What a cell is: "chosen", "best", "plain", "flattering best", or nothing of these."""
    named = {
        "chosen": tuned.chosen,
        "best": tuned.best,
        "plain": tuned.plain,
        "flattering best": tuned.flattering_best,
    }
    return [name for name, other in named.items() if other == cell]


def _row(tuned: Tuned, cell: Cell) -> list[str]:
    beside = cell.flattering
    numbers = [
        *(getattr(cell, name) for name in SCORES),
        tuned.value(cell.honest),
        *(getattr(beside, name) if beside else None for name in SCORES),
        tuned.value(beside),
    ]
    return [
        *(str(getattr(cell, name)) for name in AXES),
        *("" if number is None else f"{number:.6f}" for number in numbers),
        ", ".join(marks(tuned, cell)),
    ]
