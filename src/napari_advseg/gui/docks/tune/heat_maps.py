"""Two heat maps beside each other, honest and flattering, on the same colours; a click chooses a cell."""

# mypy: disallow-subclassing-any=false
from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from qtpy.QtCore import QEvent, QPointF, QRectF, QSize, Qt, Signal
from qtpy.QtGui import QColor, QKeyEvent, QMouseEvent, QPainter, QPaintEvent, QPen
from qtpy.QtWidgets import QWidget

from napari_advseg.gui.docks.tune.heat_grid import HeatGrid, Mark, Place, Side
from napari_advseg.tuning.heat_map import COLOURS

SIDES: tuple[Side, Side] = ("honest", "flattering")
HEADS: dict[Side, str] = {"honest": "Honest", "flattering": "Flattering"}
MARKS: dict[Mark, str] = {"best": "#ff4d4d", "chosen": "#ffffff", "flattering best": "#4fa3ff"}
OUTSET: dict[Mark, int] = {"best": 2, "chosen": -1, "flattering best": 4}
LEFT, TOP, BETWEEN, BELOW, BAR, PAD = 38, 20, 10, 32, 24, 6
LEAST_CELL = (34, 14)
ROW_PX = 13
NONE = "#808080"
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
        self._under: Place | None = None
        self._ink = "#dddddd"
        self.setMouseTracking(True)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setAccessibleName("Heat maps")
        self.setToolTip("Click a cell, or go from the chosen one with the arrow keys")
        self.setMinimumSize(240, 170)

    def show_grid(self, grid: HeatGrid) -> None:
        """Show other cells."""
        self._grid = grid
        self.updateGeometry()
        self.update()

    def paint(self, _background: str, foreground: str) -> None:
        """Take on the colours of a theme."""
        self._ink = foreground
        self.update()

    def place_of(self, side: Side, place: Place) -> QRectF:
        """Where a cell is drawn."""
        if self._grid is None:
            return QRectF()
        wide, high = self._cell_size(self._grid)
        left = LEFT + SIDES.index(side) * (wide * len(self._grid.columns) + BETWEEN)
        return QRectF(left + place[1] * wide, TOP + place[0] * high, wide, high)

    def sizeHint(self) -> QSize:
        """High enough for every row to be told from the next."""
        rows = len(self._grid.rows) if self._grid is not None else 8
        return QSize(300, TOP + rows * ROW_PX + BELOW + BAR)

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
        """Draw maps, axes, marks and the bar of colours."""
        if self._grid is None:
            return
        painter = QPainter(self)
        font = self.font()
        font.setPointSizeF(0.85 * font.pointSizeF())
        painter.setFont(font)
        for side in SIDES:
            self._draw_map(painter, self._grid, side)
        self._draw_axes(painter, self._grid)
        self._draw_bar(painter, self._grid)
        painter.end()

    def _hover(self, place: Place | None) -> None:
        if place != self._under:
            self._under = place
            self.hovered.emit(place)

    def _at(self, point: QPointF) -> Place | None:
        for place in self._grid.cells if self._grid is not None else ():
            if any(self.place_of(side, place).contains(point) for side in SIDES):
                return place
        return None

    def _cell_size(self, grid: HeatGrid) -> tuple[float, float]:
        wide = (self.width() - LEFT - BETWEEN - PAD) / (2 * max(1, len(grid.columns)))
        high = (self.height() - TOP - BELOW - BAR) / max(1, len(grid.rows))
        return wide, high

    def _draw_map(self, painter: QPainter, grid: HeatGrid, side: Side) -> None:
        for place in grid.cells:
            self._draw_cell(painter, grid, side, place)
        for mark, place in grid.marks.items():
            grown = OUTSET[mark]
            box = self.place_of(side, place).adjusted(-grown, -grown, grown - 1, grown - 1)
            _frame(painter, box, MARKS[mark])
        first, last = (self.place_of(side, (0, k)) for k in (0, len(grid.columns) - 1))
        painter.setPen(QColor(self._ink))
        painter.drawText(
            QRectF(first.left(), 0, last.right() - first.left(), TOP),
            Qt.AlignmentFlag.AlignCenter,
            HEADS[side],
        )
        words = axis_words(grid.columns)
        room = painter.fontMetrics().horizontalAdvance(max(words, key=len)) + 4
        for column in thinned(len(words), first.width(), room):
            box = self.place_of(side, (len(grid.rows) - 1, column))
            place = QRectF(box.center().x() - 30, box.bottom() + 1, 60, 14)
            painter.drawText(place, Qt.AlignmentFlag.AlignCenter, words[column])

    def _draw_cell(self, painter: QPainter, grid: HeatGrid, side: Side, place: Place) -> None:
        box = self.place_of(side, place).adjusted(0, 0, -1, -1)
        share = grid.share(side, place)
        painter.fillRect(box, QColor(NONE) if share is None else colour(share))
        if share is not None and box.width() >= LEAST_CELL[0] and box.height() >= LEAST_CELL[1]:
            painter.setPen(QColor("#ffffff" if share > 0.5 else "#222222"))
            words = f"{grid.values[side][place]:.3f}".removeprefix("0")
            painter.drawText(box, Qt.AlignmentFlag.AlignCenter, words)

    def _draw_axes(self, painter: QPainter, grid: HeatGrid) -> None:
        painter.setPen(QColor(self._ink))
        words = axis_words(grid.rows)
        high = self._cell_size(grid)[1]
        for row in thinned(len(words), high, painter.fontMetrics().height()):
            box = QRectF(0, TOP + (row + 0.5) * high - 8, LEFT - 4, 16)
            painter.drawText(
                box, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter, words[row]
            )
        across = "gap threshold" if grid.absolute else "gap threshold above it"
        below = QRectF(0, self.height() - BELOW - BAR + 15, self.width(), 15)
        painter.drawText(below, Qt.AlignmentFlag.AlignCenter, f"down: threshold, across: {across}")

    def _draw_bar(self, painter: QPainter, grid: HeatGrid) -> None:
        top, length = self.height() - BAR + 8, min(140, self.width() // 3)
        left = (self.width() - length) / 2
        for step in range(length):
            painter.fillRect(QRectF(left + step, top, 1, 9), colour(step / (length - 1)))
        painter.setPen(QColor(self._ink))
        ends = (f"good {grid.low:.3g}", f"{grid.high:.3g} and more")
        room = QRectF(0, top - 4, left - 5, 17)
        painter.drawText(room, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter, ends[0])
        room = QRectF(left + length + 5, top - 4, left, 17)
        painter.drawText(room, Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter, ends[1])


def colour(share: float) -> QColor:
    """From good (light) at 0 to bad (dark) at 1, as in the picture that a search saves."""
    known = np.linspace(0, 1, len(COLOURS))
    return QColor(*(round(float(np.interp(share, known, COLOURS[:, k]))) for k in range(3)))


def axis_words(values: Sequence[float]) -> list[str]:
    """The values with the digits that the finest of them needs, without the zero before the point."""
    digits = max(len(f"{value:.4f}".rstrip("0").partition(".")[2]) for value in values)
    return [f"{value:.{digits}f}".replace("0.", ".", 1) if value else "0" for value in values]


def thinned(count: int, room: float, needed: float) -> range:
    """Every so manieth label, so that those drawn do not touch."""
    return range(0, count, max(1, -int(-needed // max(room, 1e-3))))


def _frame(painter: QPainter, box: QRectF, shade: str) -> None:
    """A frame that shows on light and dark cells."""
    outer = QPen(QColor("#000000"))
    outer.setWidthF(3.5)
    inner = QPen(QColor(shade))
    inner.setWidthF(2.0)
    for pen in (outer, inner):
        painter.setPen(pen)
        painter.drawRect(box)
