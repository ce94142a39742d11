"""The outcome of a search as a picture: honest scores above, flattering ones below, numbers in the cells."""

from __future__ import annotations

from PIL import Image, ImageDraw

from napari_advseg.tuning.heat_grid import (
    Combination,
    HeatGrid,
    Mark,
    Shades,
    axis_words,
    combination_of,
    combination_words,
    combinations,
    flattering,
    honest,
    marked,
)
from napari_advseg.tuning.heat_panel import Look, Panel, draw_bar, draw_map, draw_rows, frame
from napari_advseg.tuning.tuned import Cell, Tuned, listed, lowest

CELL = (48, 21)
HEADER_PX = 44
AXIS_PX = 44
SCALE_PX = 40
BETWEEN_PX = 22
MARGIN_PX = 18
TITLE_PX = 84
BAND_PX = 30
LEGEND_PX = 34
LINE_PX = 18
LEAST_PANEL_PX = 230
MOST_COMBINATIONS = 12

BEST, CHOSEN, FLATTERED = "#d0021b", "#111111", "#0b6fd6"
LOOK = Look("#222222", {"chosen": CHOSEN, "best": BEST, "flattering best": FLATTERED})
WORDS: dict[Mark, str] = {
    "best": "best by",
    "flattering best": "would be best if walls were left out, by",
    "chosen": "chosen",
}
NAMES = {
    "voi": "VOI",
    "adapted_rand_error": "adapted Rand error",
    "cremi_score": "CREMI score",
}
OPTIMISTIC = (
    "These sections chose the thresholds, so their scores are optimistic: measure on others."
)
LEFT_OUT = "Flattering: predicted walls left out of the score (wide walls look good)"

Titled = tuple[str, Shades]


def heat_map(tuned: Tuned, combination: Combination | None = None) -> Image.Image:
    """Two rows of five panels over threshold (down) and gap threshold (right).

    Above stand the honest scores: split, merge, VOI, the objective (the adapted Rand error where that is VOI), and
    by how much VOI sinks when predicted walls are left out. Below stand the flattering scores on the same colours,
    and the share of pixels left out. Where more was varied than two thresholds, `combination` (seeds, radius,
    statistic) says which slice is shown, the chosen cell's unless it is given, and the others are listed by their
    best cell.
    """
    shown = combination or combination_of(tuned.chosen)
    grid, others = HeatGrid.of(tuned, shown), _best_of_each(tuned)
    rows = _panels(tuned, grid)
    width = max(AXIS_PX + len(grid.columns) * CELL[0], LEAST_PANEL_PX)
    height = HEADER_PX + len(grid.rows) * CELL[1] + SCALE_PX
    size = (
        2 * MARGIN_PX + len(rows[0][1]) * (width + BETWEEN_PX) - BETWEEN_PX,
        TITLE_PX + len(rows) * (BAND_PX + height) + LEGEND_PX + LINE_PX * len(others) + MARGIN_PX,
    )
    sheet = Image.new("RGB", size, "white")
    draw = ImageDraw.Draw(sheet)
    _title(draw, tuned, grid, combination_words(shown))
    top = TITLE_PX
    for heading, panels in rows:
        _write(draw, (MARGIN_PX, top + 6), heading, 15)
        for k, panel in enumerate(panels):
            place = (MARGIN_PX + k * (width + BETWEEN_PX), top + BAND_PX)
            _draw_panel(draw, place, panel, grid)
        top += BAND_PX + height
    _legend(draw, (MARGIN_PX, top + 8), tuned, grid)
    for k, line in enumerate(others):
        _write(draw, (MARGIN_PX, top + LEGEND_PX + LINE_PX * k), line, 13)
    return sheet


def _panels(tuned: Tuned, grid: HeatGrid) -> list[tuple[str, list[Titled]]]:
    """Heading and panels of the two rows."""
    objective = tuned.settings.objective
    fourth = "adapted_rand_error" if objective == "voi" else objective
    weight = tuned.settings.merge_weight
    titles = {
        "split (bits)": lambda values: values.voi_split,
        "merge (bits)": lambda values: values.voi_merge,
        "split + merge = VOI (bits)": lambda values: values.voi,
        NAMES.get(fourth, _objective(tuned)): lambda values: values.objective(fourth, weight),
    }
    pairs = [grid.shades(honest(value), flattering(value)) for value in titles.values()]
    above, below = (list(zip(titles, row, strict=True)) for row in zip(*pairs, strict=True))
    (hidden,) = grid.shades(_hidden)
    (ignored,) = grid.shades(flattering(lambda values: values.ignored_fraction))
    above.append(("VOI hidden by leaving walls out", hidden))
    below.append(("share of pixels left out", ignored))
    counted = tuned.scoring.boundary == "count"
    handled = "predicted walls counted as an object" if counted else "predicted walls grown away"
    return [(f"Honest: {handled} before scoring", above), (LEFT_OUT, below)]


def _hidden(cell: Cell) -> float | None:
    return cell.voi - cell.flattering.voi if cell.flattering else None


def _draw_panel(
    draw: ImageDraw.ImageDraw, place: tuple[int, int], titled: Titled, grid: HeatGrid
) -> None:
    (left, top), (title, shades) = place, titled
    _write(draw, place, title, 14)
    panel = Panel(left + AXIS_PX, top + HEADER_PX, CELL)
    draw_map(draw, panel, grid, shades, LOOK)
    draw_rows(draw, panel, grid, LOOK)
    draw_bar(draw, (panel.left, panel.top + len(grid.rows) * CELL[1] + 8), shades, LOOK)


def _title(draw: ImageDraw.ImageDraw, tuned: Tuned, grid: HeatGrid, slice_words: str) -> None:
    count = len(tuned.sections)
    where = f" on {count} section{'s' if count != 1 else ''} ({listed(tuned.sections)})"
    _write(draw, (MARGIN_PX, 14), f"Thresholds tried{where if count else ''}", 20)
    across = "gap threshold" if grid.absolute else "gap threshold minus threshold"
    line = (
        f"Down: threshold. Across: {across}. Seeds, neighbourhood, statistic: {slice_words}. Lower is better; light is "
        f"good. {tuned.scoring.border} px of true border left out."
    )
    _write(draw, (MARGIN_PX, 44), line, 13)
    _write(draw, (MARGIN_PX, 62), OPTIMISTIC, 13)


def _legend(
    draw: ImageDraw.ImageDraw, place: tuple[int, int], tuned: Tuned, grid: HeatGrid
) -> None:
    left, top = place
    for mark, cell in marked(tuned).items():
        frame(draw, (left, top, left + 24, top + 18), mark, LOOK)
        by = "" if mark == "chosen" else f" {_objective(tuned)}"
        words = f"{WORDS[mark]}{by}: {_pair(cell)}"
        if mark not in grid.marks:
            words += f" ({combination_words(combination_of(cell))}, not in this slice)"
        _write(draw, (left + 30, top + 1), words, 13)
        left += 30 + round(draw.textlength(words, font=LOOK.font(13))) + 36


def _objective(tuned: Tuned) -> str:
    """What was made small, in words."""
    weighted = f"split + {tuned.settings.merge_weight:g} x merge"
    return NAMES.get(tuned.settings.objective, weighted)


def _best_of_each(tuned: Tuned) -> list[str]:
    """The best cell of every combination of seeds, neighbourhood and statistic, where there are several."""
    names = combinations(tuned)
    if len(names) < 2:
        return []
    found: list[tuple[float, str]] = []
    for words, name in names.items():
        best = lowest(
            [cell for cell in tuned.cells if combination_of(cell) == name], tuned.objective
        )
        if best is not None:
            value = tuned.objective(best) or 0.0
            found.append((value, f"{words}: {value:.4f} at {_pair(best)}"))
    found.sort(key=lambda one: one[0])
    lines = [text for _, text in found[:MOST_COMBINATIONS]]
    more = len(names) - len(lines)
    title = f"Best of each combination by {_objective(tuned)}:"
    return [title, *lines, *([f"and {more} more in the table"] if more else [])]


def _pair(cell: Cell) -> str:
    return ", ".join(axis_words([value])[0] for value in cell.pair)


def _write(draw: ImageDraw.ImageDraw, place: tuple[float, float], words: str, size: int) -> None:
    draw.text(place, words, fill=LOOK.ink, font=LOOK.font(size))
