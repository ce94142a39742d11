"""The cells of a threshold search by row and column, with the numbers to colour and the cells to mark."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Literal

import numpy as np

from napari_advseg.tuning.tuned import Cell, Tuned, Values

# Above this share of the cells all get the darkest colour: a few hopeless ones would hide the rest.
SHOWN_SHARE = 0.85

Side = Literal["honest", "flattering"]
Mark = Literal["best", "chosen", "flattering best"]
Combination = tuple[str, int, str]
Place = tuple[int, int]
Measure = Callable[[Values], float]

MEASURES: dict[str, Measure] = {
    "VOI (split + merge)": lambda values: values.voi,
    "VOI split": lambda values: values.voi_split,
    "VOI merge": lambda values: values.voi_merge,
    "Adapted Rand error": lambda values: values.adapted_rand_error,
    "CREMI score": lambda values: values.cremi_score,
    "Share left out": lambda values: values.ignored_fraction,
}
SHORT = ("VOI", "split", "merge", "Rand", "CREMI", "out")
TITLES = {
    "voi": "VOI (split + merge)",
    "adapted_rand_error": "Adapted Rand error",
    "cremi_score": "CREMI score",
}


@dataclasses.dataclass(frozen=True, eq=False)
class HeatGrid:
    """One slice of a search and one measure of it.

    Attributes:
        rows: thresholds, rising.
        columns: gap threshold minus threshold, or the gap thresholds themselves where `absolute`.
        cells: every cell by row and column.
        values: the measure of each side and place; a place is absent where a cell has no such score.
        low, high: the ends of the colours, the same for both sides.
        marks: the place of each marked cell that lies in this slice.
    """

    rows: tuple[float, ...]
    columns: tuple[float, ...]
    absolute: bool
    cells: dict[Place, Cell]
    values: dict[Side, dict[Place, float]]
    low: float
    high: float
    marks: dict[Mark, Place]

    @classmethod
    def of(cls, tuned: Tuned, combination: Combination, measure: Measure) -> HeatGrid:
        """The slice of one way of choosing seeds and judging lines."""
        absolute = tuned.settings.gap_thresholds is not None
        cells = [cell for cell in tuned.cells if combination_of(cell) == combination]
        rows = tuple(sorted({cell.threshold for cell in cells}))
        columns = tuple(sorted({_across(cell, absolute=absolute) for cell in cells}))
        places = {
            (rows.index(cell.threshold), columns.index(_across(cell, absolute=absolute))): cell
            for cell in cells
        }
        values: dict[Side, dict[Place, float]] = {
            "honest": {place: measure(cell.honest) for place, cell in places.items()},
            "flattering": {
                place: measure(cell.flattering)
                for place, cell in places.items()
                if cell.flattering is not None
            },
        }
        low, high = _ends([*values["honest"].values(), *values["flattering"].values()])
        return cls(rows, columns, absolute, places, values, low, high, _marks(tuned, places))

    def share(self, side: Side, place: Place) -> float | None:
        """Where a value lies between the ends of the colours, in [0, 1]; None where there is none."""
        value = self.values[side].get(place)
        if value is None:
            return None
        return float(np.clip((value - self.low) / (self.high - self.low), 0, 1))


def combination_of(cell: Cell) -> Combination:
    """How seeds were chosen and lines judged in a cell."""
    return cell.minima, cell.edge_radius, cell.edge_statistic


def combinations(tuned: Tuned) -> dict[str, Combination]:
    """Every combination that was tried, by its words."""
    found = dict.fromkeys(map(combination_of, tuned.cells))
    return {
        f"seeds by {minima}, {radius} px, {statistic}": (minima, radius, statistic)
        for minima, radius, statistic in found
    }


def measures(tuned: Tuned) -> dict[str, Measure]:
    """What can be shown, what was made small first."""
    weight = tuned.settings.merge_weight
    if tuned.settings.objective == "weighted":
        title = f"Split + {weight:g} x merge"
        return {title: lambda values: values.objective("weighted", weight), **MEASURES}
    first = TITLES[tuned.settings.objective]
    return {first: MEASURES[first], **MEASURES}


def pair_words(cell: Cell) -> str:
    """The thresholds of a cell: "threshold 0.8, gap threshold 0.88"."""
    return f"threshold {cell.threshold:g}, gap threshold {cell.gap_threshold:g}"


def cell_words(cell: Cell) -> str:
    """The numbers of a cell as a small table, in HTML."""
    heads = "".join(f"<td align='right'>{name}&nbsp;</td>" for name in SHORT)
    rows = {"Honest": cell.honest, "Flattering": cell.flattering}
    lines = "".join(f"<tr><td>{name}</td>{_numbers(values)}</tr>" for name, values in rows.items())
    head = pair_words(cell)
    return (
        f"{head[:1].upper()}{head[1:]}<table width='100%'><tr><td></td>{heads}</tr>{lines}</table>"
    )


def _numbers(values: Values | None) -> str:
    if values is None:
        return f"<td colspan='{len(SHORT)}'>none: some section is walls only</td>"
    shown = [f"{measure(values):.3f}".removeprefix("0") for measure in list(MEASURES.values())[:-1]]
    shown.append(f"{100 * values.ignored_fraction:.1f}%")
    return "".join(f"<td align='right'>{number}&nbsp;</td>" for number in shown)


def _across(cell: Cell, *, absolute: bool) -> float:
    return cell.gap_threshold if absolute else cell.gap


def _ends(values: list[float]) -> tuple[float, float]:
    if not values:
        return 0.0, 1.0
    low, high = min(values), float(np.quantile(values, SHOWN_SHARE))
    return low, max(high, low + 1e-6)


def _marks(tuned: Tuned, places: dict[Place, Cell]) -> dict[Mark, Place]:
    marked: dict[Mark, Cell | None] = {
        "flattering best": tuned.flattering_best,
        "best": tuned.best,
        "chosen": tuned.chosen,
    }
    where = {cell: place for place, cell in places.items()}
    return {name: where[cell] for name, cell in marked.items() if cell in where}
