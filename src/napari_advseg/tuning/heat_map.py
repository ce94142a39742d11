"""The outcome of a search as a picture: honest scores above, flattering ones below, numbers in the cells."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from napari_advseg.tuning.tuned import Cell, Tuned, Values, listed, lowest

CELL = (48, 21)
HEADER_PX = 44
AXIS_PX = 44
SCALE_PX = 40
BETWEEN_PX = 22
MARGIN_PX = 18
TITLE_PX = 84
BAND_PX = 30
LEGEND_PX = 34
# Everything above this share of the cells gets the darkest colour: a few hopeless cells would else hide the rest.
SHOWN_SHARE = 0.85
MOST_COMBINATIONS = 12

BEST, CHOSEN, FLATTERED = "#d0021b", "#111111", "#0b6fd6"
GREY = "#d9d9d9"
INK = "#222222"
# From good (light) to bad (dark); its lightness falls evenly, so that it reads in grey too.
COLOURS = np.array(
    [
        (255, 255, 229),
        (247, 252, 185),
        (217, 240, 163),
        (173, 221, 142),
        (120, 198, 121),
        (65, 171, 93),
        (35, 132, 67),
        (0, 104, 55),
        (0, 69, 41),
    ],
    float,
)
NAMES = {
    "voi": "VOI",
    "adapted_rand_error": "adapted Rand error",
    "cremi_score": "CREMI score",
}

Combination = tuple[str, int, str]
Measure = Callable[[Cell], float | None]


def heat_map(tuned: Tuned, combination: Combination | None = None) -> Image.Image:
    """Two rows of five panels over threshold (down) and gap threshold (right).

    Above stand the honest scores: split, merge, VOI, the objective (the adapted Rand error where that is VOI), and
    by how much VOI sinks when predicted walls are left out. Below stand the flattering scores on the same colours,
    and the share of pixels left out. Where more was varied than two thresholds, `combination` (seeds, radius,
    statistic) says which slice is shown, the chosen cell's unless it is given, and the others are listed by their
    best cell.
    """
    shown = combination or _combination(tuned.chosen)
    table = _Slice.of(tuned, shown)
    rows = _panels(tuned)
    width, height = table.panel_size
    listed = _combinations(tuned)
    size = (
        2 * MARGIN_PX + len(rows[0][1]) * (width + BETWEEN_PX) - BETWEEN_PX,
        TITLE_PX + len(rows) * (BAND_PX + height) + LEGEND_PX + 18 * len(listed) + MARGIN_PX,
    )
    sheet = Image.new("RGB", size, "white")
    draw = ImageDraw.Draw(sheet)
    _title(draw, tuned, table)
    top = TITLE_PX
    for heading, panels in rows:
        draw.text((MARGIN_PX, top + 6), heading, fill=INK, font=_font(15))
        for k, panel in enumerate(panels):
            place = (MARGIN_PX + k * (width + BETWEEN_PX), top + BAND_PX)
            _draw_panel(draw, place, panel, table, tuned)
        top += BAND_PX + height
    _legend(draw, (MARGIN_PX, top + 8), tuned, table)
    for k, line in enumerate(listed):
        draw.text((MARGIN_PX, top + LEGEND_PX + 18 * k), line, fill=INK, font=_font(13))
    return sheet


@dataclasses.dataclass(frozen=True)
class _Panel:
    """One quantity over the grid; panels with the same `scale` share their colours."""

    title: str
    measure: Measure
    scale: Sequence[Measure]
    digits: int = 3


@dataclasses.dataclass(frozen=True)
class _Slice:
    """The cells of one combination by row and column."""

    name: str
    rows: list[str]
    columns: list[str]
    cells: dict[tuple[int, int], Cell]
    absolute: bool

    @classmethod
    def of(cls, tuned: Tuned, combination: Combination) -> _Slice:
        cells = [cell for cell in tuned.cells if _combination(cell) == combination]
        absolute = tuned.settings.gap_thresholds is not None
        across = [cell.gap_threshold if absolute else cell.gap for cell in cells]
        rows, columns = sorted({cell.threshold for cell in cells}), sorted(set(across))
        places = {
            (rows.index(cell.threshold), columns.index(value)): cell
            for cell, value in zip(cells, across, strict=True)
        }
        return cls(_named(combination), _axis(rows), _axis(columns), places, absolute)

    @property
    def panel_size(self) -> tuple[int, int]:
        grid = len(self.columns) * CELL[0], len(self.rows) * CELL[1]
        return max(AXIS_PX + grid[0], 230), HEADER_PX + grid[1] + SCALE_PX


def _panels(tuned: Tuned) -> list[tuple[str, list[_Panel]]]:
    """Heading and panels of the two rows."""
    objective = tuned.settings.objective
    fourth = "adapted_rand_error" if objective == "voi" else objective
    weight = tuned.settings.merge_weight
    titles = [
        ("split (bits)", lambda values: values.voi_split),
        ("merge (bits)", lambda values: values.voi_merge),
        ("split + merge = VOI (bits)", lambda values: values.voi),
        (
            NAMES.get(fourth, _objective(tuned)),
            lambda values: values.objective(fourth, weight),
        ),
    ]
    honest, flattering = [], []
    for title, value in titles:
        above, below = _honest(value), _flattering(value)
        honest.append(_Panel(title, above, (above, below)))
        flattering.append(_Panel(title, below, (above, below)))
    honest.append(_Panel("VOI hidden by leaving walls out", _hidden, (_hidden,)))
    ignored = _flattering(lambda values: values.ignored_fraction)
    flattering.append(_Panel("share of pixels left out", ignored, (ignored,)))
    counted = tuned.scoring.boundary == "count"
    handled = "predicted walls counted as an object" if counted else "predicted walls grown away"
    return [
        (f"Honest: {handled} before scoring", honest),
        ("Flattering: predicted walls left out of the score (wide walls look good)", flattering),
    ]


def _honest(value: Callable[[Values], float]) -> Measure:
    return lambda cell: value(cell.honest)


def _flattering(value: Callable[[Values], float]) -> Measure:
    return lambda cell: value(cell.flattering) if cell.flattering else None


def _hidden(cell: Cell) -> float | None:
    return cell.voi - cell.flattering.voi if cell.flattering else None


def _draw_panel(
    draw: ImageDraw.ImageDraw, place: tuple[int, int], panel: _Panel, table: _Slice, tuned: Tuned
) -> None:
    left, top = place
    draw.text((left, top), panel.title, fill=INK, font=_font(14))
    low, high = _range(panel, table)
    corner = left + AXIS_PX, top + HEADER_PX
    _draw_axes(draw, corner, table)
    for (row, column), cell in table.cells.items():
        box = _box(corner, row, column)
        number = panel.measure(cell)
        colour = GREY if number is None else _colour((number - low) / (high - low))
        draw.rectangle(box, fill=colour)
        text = "-" if number is None else _number(number, panel.digits)
        middle = (box[0] + CELL[0] / 2, box[1] + CELL[1] / 2)
        draw.text(middle, text, fill=_ink_on(colour), font=_font(12), anchor="mm")
    places = {cell: place for place, cell in table.cells.items()}
    for cell, colour, outset in _marked(tuned):
        if cell in places:
            _frame(draw, _box(corner, *places[cell]), colour, outset)
    _draw_scale(draw, (corner[0], corner[1] + len(table.rows) * CELL[1] + 8), low, high)


def _draw_axes(draw: ImageDraw.ImageDraw, corner: tuple[int, int], table: _Slice) -> None:
    for column, title in enumerate(table.columns):
        place = (corner[0] + (column + 0.5) * CELL[0], corner[1] - 5)
        draw.text(place, title, fill=INK, font=_font(12), anchor="ms")
    for row, title in enumerate(table.rows):
        beside = (corner[0] - 6, corner[1] + (row + 0.5) * CELL[1])
        draw.text(beside, title, fill=INK, font=_font(12), anchor="rm")


def _draw_scale(draw: ImageDraw.ImageDraw, place: tuple[int, int], low: float, high: float) -> None:
    """The colours from `low` to `high` as a bar with its ends written beside it."""
    left, top = place
    width = 140
    for step in range(width):
        draw.line((left + step, top, left + step, top + 9), fill=_colour(step / (width - 1)))
    draw.rectangle((left, top, left + width, top + 10), outline="#888888")
    draw.text((left, top + 13), _number(low, 3), fill=INK, font=_font(11))
    draw.text(
        (left + width, top + 13),
        f"{_number(high, 3)} and more",
        fill=INK,
        font=_font(11),
        anchor="ra",
    )


def _title(draw: ImageDraw.ImageDraw, tuned: Tuned, table: _Slice) -> None:
    count = len(tuned.sections)
    where = f" on {count} section{'s' if count != 1 else ''} ({listed(tuned.sections)})"
    draw.text(
        (MARGIN_PX, 14), f"Thresholds tried{where if count else ''}", fill=INK, font=_font(20)
    )
    across = "gap threshold" if table.absolute else "gap threshold minus threshold"
    line = (
        f"Down: threshold. Across: {across}. Seeds, neighbourhood, statistic: {table.name}. Lower is better; light is "
        f"good. {tuned.scoring.border} px of true border left out."
    )
    draw.text((MARGIN_PX, 44), line, fill=INK, font=_font(13))
    draw.text(
        (MARGIN_PX, 62),
        "These sections chose the thresholds, so their scores are optimistic: measure on others.",
        fill=INK,
        font=_font(13),
    )


def _legend(draw: ImageDraw.ImageDraw, place: tuple[int, int], tuned: Tuned, table: _Slice) -> None:
    left, top = place
    words = {
        BEST: "best by",
        FLATTERED: "would be best if walls were left out, by",
        CHOSEN: "chosen",
    }
    name = _objective(tuned)
    for cell, colour, _ in _marked(tuned):
        _frame(draw, (left, top, left + 22, top + 16), colour, 0)
        text = f"{words[colour]} {name}" if colour != CHOSEN else words[colour]
        pair = f"{text}: {_short(cell.threshold)}, {_short(cell.gap_threshold)}"
        if cell not in table.cells.values():
            pair += f" ({_named(_combination(cell))}, not in this slice)"
        draw.text((left + 30, top + 1), pair, fill=INK, font=_font(13))
        left += 30 + round(draw.textlength(pair, font=_font(13))) + 36


def _marked(tuned: Tuned) -> list[tuple[Cell, str, int]]:
    """Marked cells with the colour of their frames and by how much these stand out; the chosen one's is outside."""
    marked = [(tuned.chosen, CHOSEN, 3), (tuned.best, BEST, 1)]
    flattered = tuned.flattering_best
    return marked if flattered is None else [*marked, (flattered, FLATTERED, -1)]


def _objective(tuned: Tuned) -> str:
    """What was made small, in words."""
    weighted = f"split + {tuned.settings.merge_weight:g} x merge"
    return NAMES.get(tuned.settings.objective, weighted)


def _combinations(tuned: Tuned) -> list[str]:
    """The best cell of every combination of seeds, neighbourhood and statistic, where there are several."""
    names = list(dict.fromkeys(map(_combination, tuned.cells)))
    if len(names) < 2:
        return []
    found: list[tuple[float, str]] = []
    for name in names:
        best = lowest([cell for cell in tuned.cells if _combination(cell) == name], tuned.objective)
        if best is not None:
            value = tuned.objective(best) or 0.0
            pair = f"{_short(best.threshold)}, {_short(best.gap_threshold)}"
            found.append((value, f"{_named(name)}: {value:.4f} at {pair}"))
    found.sort(key=lambda one: one[0])
    lines = [text for _, text in found[:MOST_COMBINATIONS]]
    more = len(names) - len(lines)
    title = f"Best of each combination by {_objective(tuned)}:"
    return [title, *lines, *([f"and {more} more in the table"] if more else [])]


def _combination(cell: Cell) -> Combination:
    return cell.minima, cell.edge_radius, cell.edge_statistic


def _named(combination: Combination) -> str:
    minima, radius, statistic = combination
    return f"{minima}, {radius} px, {statistic}"


def _range(panel: _Panel, table: _Slice) -> tuple[float, float]:
    """Lowest value, and the one under which most cells lie."""
    numbers = [
        number
        for measure in panel.scale
        for cell in table.cells.values()
        if (number := measure(cell)) is not None
    ]
    if not numbers:
        return 0.0, 1.0
    low, high = min(numbers), float(np.quantile(numbers, SHOWN_SHARE))
    return low, max(high, low + 1e-6)


def _box(corner: tuple[int, int], row: int, column: int) -> tuple[int, int, int, int]:
    left, top = corner[0] + column * CELL[0], corner[1] + row * CELL[1]
    return left, top, left + CELL[0] - 2, top + CELL[1] - 2


def _frame(
    draw: ImageDraw.ImageDraw, box: tuple[int, int, int, int], colour: str, outset: int
) -> None:
    left, top, right, bottom = box
    draw.rectangle(
        (left - outset, top - outset, right + outset, bottom + outset), outline=colour, width=2
    )


def _colour(share: float) -> tuple[int, int, int]:
    place = min(max(share, 0.0), 1.0) * (len(COLOURS) - 1)
    known = range(len(COLOURS))
    red, green, blue = (round(float(np.interp(place, known, COLOURS[:, k]))) for k in range(3))
    return red, green, blue


def _ink_on(colour: str | tuple[int, int, int]) -> str:
    if isinstance(colour, str):
        return INK
    red, green, blue = colour
    return "white" if 0.299 * red + 0.587 * green + 0.114 * blue < 130 else INK


def _number(value: float, digits: int) -> str:
    """A short number, without the zero before the point."""
    text = f"{value:.{digits}f}"
    return text.replace("0.", ".", 1) if text.startswith(("0.", "-0.")) else text


def _axis(values: Sequence[float]) -> list[str]:
    """The values with the digits that the finest of them needs."""
    digits = max(len(f"{value:.4f}".rstrip("0").partition(".")[2]) for value in values)
    return [_number(value, max(digits, 2)) if value else "0" for value in values]


def _short(value: float) -> str:
    return _axis([value])[0]


def _font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(size)
