"""A bar of all sections: how much of each is annotated, and where the viewer is; a click goes there."""

# mypy: disallow-subclassing-any=false
from __future__ import annotations

from qtpy.QtCore import QPointF, QRectF, QSize, Qt, Signal
from qtpy.QtGui import QColor, QHelpEvent, QKeyEvent, QMouseEvent, QPainter, QPaintEvent
from qtpy.QtWidgets import QSizePolicy, QToolTip, QWidget

from napari_advseg.annotation.shares import Shares, percent

HEIGHT_PX = 34
FULL, SOME = QColor("#2fa36b"), 0.16
ABOUT = (
    "Sections from the first to the last; the greener, the more is annotated. Click to go to a section; the arrow "
    "keys go on by one, Page Up and Page Down to the next annotated one."
)


class ShareBar(QWidget):
    """Emits `chosen` with the section that was clicked or reached with a key."""

    chosen = Signal(int)

    def __init__(self) -> None:
        super().__init__()
        self._shares = Shares(1, 1)
        self._here = 0
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setAccessibleName("Annotated share of every section")
        self.setToolTip(ABOUT)

    def sizeHint(self) -> QSize:
        """As wide as there is room."""
        return QSize(200, HEIGHT_PX)

    def show_shares(self, shares: Shares, here: int) -> None:
        """Show these, with the section on screen marked."""
        self._shares, self._here = shares, here
        self.update()

    def section_at(self, x: float) -> int:
        """The section under a place on the bar."""
        section = int(x * self._shares.sections / max(1, self.width()))
        return min(self._shares.sections - 1, max(0, section))

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """Go to the section under the mouse."""
        self._go(self.section_at(_x(event)))

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        """Follow the mouse while it is pressed."""
        self._go(self.section_at(_x(event)))

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Go on by one section, to the ends, or to the next annotated one."""
        known, here = self._shares.annotated(), self._here
        goals = {
            Qt.Key.Key_Left: here - 1,
            Qt.Key.Key_Right: here + 1,
            Qt.Key.Key_Home: 0,
            Qt.Key.Key_End: self._shares.sections - 1,
            Qt.Key.Key_PageUp: max((one for one in known if one < here), default=here),
            Qt.Key.Key_PageDown: min((one for one in known if one > here), default=here),
        }
        goal = goals.get(Qt.Key(event.key()))
        if goal is None:
            super().keyPressEvent(event)
        else:
            self._go(min(self._shares.sections - 1, max(0, goal)))

    def event(self, event: object) -> bool:
        """Say what is under the mouse."""
        if isinstance(event, QHelpEvent):
            section = self.section_at(event.pos().x())
            QToolTip.showText(event.globalPos(), f"<p>{self.words_of(section)}.<br>{ABOUT}</p>")
            return True
        return bool(super().event(event))

    def words_of(self, section: int) -> str:
        """For example "Section 3: 12 % annotated"."""
        share = self._shares.of(section)
        if share is None:
            return f"Section {section}: not counted yet"
        return f"Section {section}: {percent(share)} annotated"

    def paintEvent(self, _event: QPaintEvent) -> None:
        """Draw a column a section, or of several sections the fullest."""
        painter = QPainter(self)
        ink = self.palette().windowText().color()
        top, height = 6.0, self.height() - 6.0
        columns = min(self._shares.sections, self.width())
        width = self.width() / max(1, columns)
        for column in range(columns):
            painter.fillRect(
                QRectF(column * width, top, max(1.0, width - (width > 4)), height),
                self._colour(column, columns, ink),
            )
        left = (self._here + 0.5) * self.width() / self._shares.sections
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(ink)
        painter.drawPolygon([QPointF(left - 5, 0), QPointF(left + 5, 0), QPointF(left, 7)])
        painter.fillRect(QRectF(left - 0.75, top, 1.5, height), ink)
        if self.hasFocus():
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.setPen(self.palette().highlight().color())
            painter.drawRect(QRectF(0.5, top + 0.5, self.width() - 1.0, height - 1.0))

    def _colour(self, column: int, columns: int, ink: QColor) -> QColor:
        first = column * self._shares.sections // columns
        end = max(first + 1, (column + 1) * self._shares.sections // columns)
        known = [self._shares.of(section) for section in range(first, end)]
        counted = [share for share in known if share is not None]
        colour = QColor(ink)
        colour.setAlpha(40 if counted else 14)
        if not counted or not max(counted):
            return colour
        colour = QColor(FULL)
        # Also a first stroke has to be seen.
        colour.setAlphaF(SOME + (1 - SOME) * max(counted) ** 0.5)
        return colour

    def _go(self, section: int) -> None:
        if section != self._here:
            self.chosen.emit(section)


def _x(event: QMouseEvent) -> float:
    return float(event.position().x() if hasattr(event, "position") else event.x())
