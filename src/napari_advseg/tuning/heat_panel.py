"""One heat map, drawn: cells with their numbers, axes, frames around the marked cells and the bar of colours.

The picture that a search saves and the maps of the viewer are both drawn here.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

from PIL import ImageDraw, ImageFont

from napari_advseg.tuning.heat_grid import (
    HeatGrid,
    Mark,
    Place,
    Shades,
    axis_words,
    colour,
    number_words,
)

GREY = "#d9d9d9"
BAR_PX = 140
LEAST_CELL = (34, 14)  # for a number to be read
LINE_PX = 2
OUTSETS: dict[Mark, int] = {"chosen": 3, "best": 1, "flattering best": -1}

Box = tuple[float, float, float, float]
Font = ImageFont.FreeTypeFont | ImageFont.ImageFont


@dataclasses.dataclass(frozen=True)
class Look:
    """How a map is drawn.

    Attributes:
        ink: of words.
        marks: the colour of each frame.
        around: drawn on both sides of frames, so that they show on every cell; empty for none.
        zoom: pixels of the picture to a pixel of the screen.
    """

    ink: str
    marks: Mapping[Mark, str]
    around: str = ""
    zoom: float = 1.0

    def font(self, size_px: int) -> Font:
        """The font at a size."""
        return ImageFont.load_default(size_px * self.zoom)


@dataclasses.dataclass(frozen=True)
class Panel:
    """Where the cells of a map lie: the corner of the first one and the size of each, in pixels of the picture."""

    left: float
    top: float
    cell: tuple[float, float]

    def box(self, place: Place) -> Box:
        """Left, top, right and bottom of a cell."""
        left = self.left + place[1] * self.cell[0]
        top = self.top + place[0] * self.cell[1]
        return left, top, left + self.cell[0], top + self.cell[1]

    def place_at(self, x: float, y: float) -> Place:
        """The row and column at a point, which may lie outside of the map."""
        return int((y - self.top) // self.cell[1]), int((x - self.left) // self.cell[0])


def draw_map(
    draw: ImageDraw.ImageDraw, panel: Panel, grid: HeatGrid, shades: Shades, look: Look
) -> None:
    """Cells, marks and the words above the columns."""
    for place in grid.cells:
        _draw_cell(draw, panel.box(place), shades, place, look)
    for mark, place in grid.marks.items():
        frame(draw, panel.box(place), mark, look, OUTSETS[mark])
    words, font = axis_words(grid.columns), look.font(12)
    needed = max(draw.textlength(one, font) for one in words) + 4 * look.zoom
    for column in _thinned(len(words), panel.cell[0], needed):
        middle = panel.left + (column + 0.5) * panel.cell[0]
        above = panel.top - 5 * look.zoom
        draw.text((middle, above), words[column], fill=look.ink, font=font, anchor="ms")


def draw_rows(draw: ImageDraw.ImageDraw, panel: Panel, grid: HeatGrid, look: Look) -> None:
    """The words beside the rows."""
    words, font = axis_words(grid.rows), look.font(12)
    for row in _thinned(len(words), panel.cell[1], 13 * look.zoom):
        beside = (panel.left - 6 * look.zoom, panel.top + (row + 0.5) * panel.cell[1])
        draw.text(beside, words[row], fill=look.ink, font=font, anchor="rm")


def draw_bar(
    draw: ImageDraw.ImageDraw,
    place: tuple[float, float],
    shades: Shades,
    look: Look,
    before: str = "",
) -> None:
    """The colours as a bar with its ends written below, the low one after the words `before`."""
    left, top = place
    width, high = round(BAR_PX * look.zoom), 9 * look.zoom
    for step in range(width):
        draw.line((left + step, top, left + step, top + high), fill=colour(step / (width - 1)))
    draw.rectangle((left, top, left + width, top + high + 1), outline="#888888")
    below, font = top + high + 4 * look.zoom, look.font(11)
    draw.text((left, below), f"{before}{number_words(shades.low)}", fill=look.ink, font=font)
    most = f"{number_words(shades.high)} and more"
    draw.text((left + width, below), most, fill=look.ink, font=font, anchor="ra")


def frame(
    draw: ImageDraw.ImageDraw, box: Box, mark: Mark, look: Look, outset_px: float = 0
) -> None:
    """A frame around a cell, or as a sign of its own in a legend."""
    line = round(LINE_PX * look.zoom)
    if look.around:
        draw.rectangle(_grown(box, (outset_px + 1) * look.zoom), None, look.around, line + 2)
    draw.rectangle(_grown(box, outset_px * look.zoom), None, look.marks[mark], line)


def _draw_cell(
    draw: ImageDraw.ImageDraw, box: Box, shades: Shades, place: Place, look: Look
) -> None:
    left, top, right, bottom = box
    fill = shades.colour(place)
    draw.rectangle((left, top, right - 2, bottom - 2), fill=fill or GREY)
    size = right - left, bottom - top
    if any(have < need * look.zoom for have, need in zip(size, LEAST_CELL, strict=True)):
        return
    words = number_words(shades.numbers[place]) if fill else "-"
    middle = (left + right) / 2, (top + bottom) / 2
    ink = "#ffffff" if fill and _lightness(fill) < 130 else "#222222"
    draw.text(middle, words, fill=ink, font=look.font(12), anchor="mm")


def _grown(box: Box, by: float) -> Box:
    left, top, right, bottom = box
    return left - by, top - by, right - 2 + by, bottom - 2 + by


def _lightness(shade: tuple[int, int, int]) -> float:
    return 0.299 * shade[0] + 0.587 * shade[1] + 0.114 * shade[2]


def _thinned(count: int, room: float, needed: float) -> range:
    """Every so manieth label, so that those drawn do not touch."""
    return range(0, count, max(1, -int(-needed // max(room, 1e-3))))
