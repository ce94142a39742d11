"""The cells of a threshold search by row and column, with numbers to colour and cells to mark; nothing is drawn."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from typing import Literal

import numpy as np

from napari_advseg.tuning.tuned import Cell, Tuned, Values

# Above this share of the cells all get the darkest colour: a few hopeless ones would hide the rest.
SHOWN_SHARE = 0.85
# From good (light) to bad (dark); its lightness falls evenly, so that it reads in grey too.
COLOURS = np.frombuffer(
    bytes.fromhex("ffffe5f7fcb9d9f0a3addd8e78c67941ab5d238443006837004529"), np.uint8
).reshape(-1, 3)

Mark = Literal["chosen", "best", "flattering best"]
Combination = tuple[str, int, str]
Place = tuple[int, int]
Colour = tuple[int, int, int]
Measure = Callable[[Cell], float | None]


@dataclasses.dataclass(frozen=True, eq=False)
class HeatGrid:
    """One slice of a search.

    Attributes:
        rows: thresholds, rising.
        columns: gap threshold minus threshold, or the gap thresholds themselves where `absolute`.
        cells: every cell by row and column.
        marks: the place of each marked cell that lies in this slice.
    """

    rows: tuple[float, ...]
    columns: tuple[float, ...]
    absolute: bool
    cells: dict[Place, Cell]
    marks: dict[Mark, Place]

    @classmethod
    def of(cls, tuned: Tuned, combination: Combination) -> HeatGrid:
        """The slice of one way of choosing seeds and judging lines."""
        absolute = tuned.settings.gap_thresholds is not None
        cells = {
            (cell.threshold, cell.gap_threshold if absolute else cell.gap): cell
            for cell in tuned.cells
            if combination_of(cell) == combination
        }
        rows, columns = (tuple(sorted({pair[end] for pair in cells})) for end in (0, 1))
        places = {
            (rows.index(down), columns.index(across)): cell
            for (down, across), cell in cells.items()
        }
        where = {cell: place for place, cell in places.items()}
        marks = {name: where[cell] for name, cell in marked(tuned).items() if cell in where}
        return cls(rows, columns, absolute, places, marks)

    def shades(self, *measures: Measure) -> tuple[Shades, ...]:
        """A number and a colour for each cell by each measure, all on the same colours."""
        numbers = [
            {
                place: number
                for place, cell in self.cells.items()
                if (number := measure(cell)) is not None
            }
            for measure in measures
        ]
        low, high = _ends([number for one in numbers for number in one.values()])
        return tuple(Shades(one, low, high) for one in numbers)


@dataclasses.dataclass(frozen=True, eq=False)
class Shades:
    """Numbers by place, and the ends of their colours; a place is absent where a cell has no such score."""

    numbers: dict[Place, float]
    low: float
    high: float

    def colour(self, place: Place) -> Colour | None:
        """The colour of a cell; None where it has no number."""
        number = self.numbers.get(place)
        return None if number is None else colour((number - self.low) / (self.high - self.low))


def honest(value: Callable[[Values], float]) -> Measure:
    """A score of a cell with predicted walls compared."""
    return lambda cell: value(cell.honest)


def flattering(value: Callable[[Values], float]) -> Measure:
    """A score of a cell with predicted walls left out; None where that leaves nothing."""
    return lambda cell: value(cell.flattering) if cell.flattering else None


def marked(tuned: Tuned) -> dict[Mark, Cell]:
    """The cells to mark."""
    cells: dict[Mark, Cell] = {"chosen": tuned.chosen, "best": tuned.best}
    other = tuned.flattering_best
    return cells if other is None else {**cells, "flattering best": other}


def combination_of(cell: Cell) -> Combination:
    """How seeds were chosen and lines judged in a cell."""
    return cell.minima, cell.edge_radius, cell.edge_statistic


def combinations(tuned: Tuned) -> dict[str, Combination]:
    """Every combination that was tried, by its words: "depth, 0 px, mean"."""
    return {combination_words(one): one for one in map(combination_of, tuned.cells)}


def combination_words(combination: Combination) -> str:
    """Seeds, neighbourhood and statistic of a combination."""
    minima, radius, statistic = combination
    return f"{minima}, {radius} px, {statistic}"


def colour(share: float) -> Colour:
    """From good (light) at 0 to bad (dark) at 1."""
    known = np.linspace(0, 1, len(COLOURS))
    red, green, blue = (round(float(np.interp(share, known, COLOURS[:, k]))) for k in range(3))
    return red, green, blue


def number_words(value: float, digits: int = 3) -> str:
    """A short number, without the zero before the point."""
    text = f"{value:.{digits}f}"
    return text.replace("0.", ".", 1) if text.startswith(("0.", "-0.")) else text


def axis_words(values: Sequence[float]) -> list[str]:
    """The values with the digits that the finest of them needs, at least two."""
    digits = max(len(f"{value:.4f}".rstrip("0").partition(".")[2]) for value in values)
    return [number_words(value, max(digits, 2)) if value else "0" for value in values]


def _ends(values: Sequence[float]) -> tuple[float, float]:
    """The lowest value, and the one under which most cells lie."""
    if not values:
        return 0.0, 1.0
    low, high = min(values), float(np.quantile(values, SHOWN_SHARE))
    return low, max(high, low + 1e-6)
