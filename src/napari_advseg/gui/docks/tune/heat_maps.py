"""Two heat maps beside each other, honest and flattering, on the same colours; a click chooses a cell."""

# mypy: disallow-subclassing-any=false
from __future__ import annotations

from typing import Literal

import numpy as np
from PIL import Image, ImageDraw
from qtpy.QtCore import QEvent, QPointF, QRectF, QSize, Qt, Signal
from qtpy.QtGui import QImage, QKeyEvent, QMouseEvent, QPainter, QPaintEvent
from qtpy.QtWidgets import QSizePolicy, QWidget

from napari_advseg.tuning.heat_grid import HeatGrid, Mark, Place, Shades
from napari_advseg.tuning.heat_panel import BAR_PX, Look, Panel, draw_bar, draw_map, draw_rows

Side = Literal["honest", "flattering"]
SIDES: tuple[Side, Side] = ("honest", "flattering")
MARKS: dict[Mark, str] = {"best": "#ff4d4d", "chosen": "#ffffff", "flattering best": "#4fa3ff"}
LEFT, TOP, BETWEEN, BELOW, PAD = 38, 36, 10, 52, 6
ROW_PX = 13
HEAD_PX = 13
ARROWS = {
    Qt.Key.Key_Up: (-1, 0),
    Qt.Key.Key_Down: (1, 0),
    Qt.Key.Key_Left: (0, -1),
    Qt.Key.Key_Right: (0, 1),
}


class HeatMaps(QWidget):
    """Shows a grid; `hovered` and `picked` come with the place of a cell."""

    hovered = Signal(object)
    picked = Signal(object)

    def __init__(self) -> None:
        super().__init__()
        self._grid: HeatGrid | None = None
        self._shades: tuple[Shades, ...] = ()
        self._under: Place | None = None
        self._colours = ("#262930", "#dddddd")
        self.setMouseTracking(True)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setAccessibleName("Heat maps")
        self.setToolTip("Click a cell, or go from the chosen one with the arrow keys")
        self.setMinimumSize(240, 170)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)

    def show_grid(self, grid: HeatGrid, honest: Shades, flattering: Shades) -> None:
        """Show other cells."""
        self._grid, self._shades = grid, (honest, flattering)
        self.updateGeometry()
        self.update()

    def paint(self, background: str, foreground: str) -> None:
        """Take on the colours of a theme."""
        self._colours = (background, foreground)
        self.update()

    def place_of(self, side: Side, place: Place) -> QRectF:
        """Where a cell is drawn."""
        if self._grid is None:
            return QRectF()
        left, top, right, bottom = self._panel(self._grid, side).box(place)
        return QRectF(left, top, right - left, bottom - top)

    def sizeHint(self) -> QSize:
        """High enough for every row to be told from the next."""
        rows = len(self._grid.rows) if self._grid is not None else 8
        return QSize(300, TOP + rows * ROW_PX + BELOW)

    def leaveEvent(self, event: QEvent) -> None:
        """No cell is under the mouse any more."""
        self._hover(None)
        super().leaveEvent(event)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        """Tell which cell the mouse is over."""
        self._hover(self._at(event.position()))

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """A click chooses a cell."""
        place = self._at(event.position())
        if place is not None and event.button() == Qt.MouseButton.LeftButton:
            self.picked.emit(place)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """An arrow key chooses the next cell of the chosen one."""
        step = ARROWS.get(event.key())
        chosen = self._grid.marks.get("chosen") if self._grid is not None else None
        if step is None or chosen is None:
            super().keyPressEvent(event)
            return
        place = chosen[0] + step[0], chosen[1] + step[1]
        if self._grid is not None and place in self._grid.cells:
            self.picked.emit(place)

    def paintEvent(self, _event: QPaintEvent) -> None:
        """Show the maps as they are drawn for this size."""
        if self._grid is None:
            return
        pixels = np.array(self._drawn(self._grid))
        high, wide, _ = pixels.shape
        image = QImage(pixels.data, wide, high, 3 * wide, QImage.Format.Format_RGB888)
        painter = QPainter(self)
        painter.drawImage(QRectF(self.rect()), image)
        painter.end()

    def _hover(self, place: Place | None) -> None:
        if place != self._under:
            self._under = place
            self.hovered.emit(place)

    def _at(self, point: QPointF) -> Place | None:
        if self._grid is None:
            return None
        panels = (self._panel(self._grid, side) for side in SIDES)
        places = (panel.place_at(point.x(), point.y()) for panel in panels)
        return next((place for place in places if place in self._grid.cells), None)

    def _panel(self, grid: HeatGrid, side: Side, zoom: float = 1.0) -> Panel:
        wide = (self.width() - LEFT - BETWEEN - PAD) / (2 * max(1, len(grid.columns)))
        high = (self.height() - TOP - BELOW) / max(1, len(grid.rows))
        left = LEFT + SIDES.index(side) * (wide * len(grid.columns) + BETWEEN)
        return Panel(zoom * left, zoom * TOP, (zoom * wide, zoom * high))

    def _drawn(self, grid: HeatGrid) -> Image.Image:
        """The maps, the words around them and the bar of colours, with all pixels of the screen."""
        zoom = self.devicePixelRatioF()
        background, ink = self._colours
        look = Look(ink, MARKS, "#000000", zoom)
        size = round(zoom * self.width()), round(zoom * self.height())
        sheet = Image.new("RGB", size, background)
        draw = ImageDraw.Draw(sheet)
        font = look.font(HEAD_PX)
        for side, shades in zip(SIDES, self._shades, strict=True):
            panel = self._panel(grid, side, zoom)
            draw_map(draw, panel, grid, shades, look)
            middle = panel.left + panel.cell[0] * len(grid.columns) / 2
            draw.text((middle, zoom * 4), side.capitalize(), fill=ink, font=font, anchor="mt")
        draw_rows(draw, self._panel(grid, "honest", zoom), grid, look)
        across = "gap threshold" if grid.absolute else "gap threshold above it"
        middle, below = zoom * self.width() / 2, zoom * (self.height() - BELOW + 4)
        words = f"down: threshold, across: {across}"
        draw.text((middle, below), words, fill=ink, font=look.font(12), anchor="mt")
        bar = (middle - zoom * BAR_PX / 2, below + zoom * 17)
        draw_bar(draw, bar, self._shades[0], look, "good ")
        return sheet
