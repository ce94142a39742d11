"""A ring around a control: where the keyboard is, and what the tour asks to be pressed."""

# mypy: disallow-subclassing-any=false
from __future__ import annotations

from typing import Any

from qtpy.compat import isalive
from qtpy.QtCore import QEvent, QObject, QPoint, QRect, QRectF, Qt
from qtpy.QtGui import QColor, QPainter, QPaintEvent, QPen
from qtpy.QtWidgets import QAbstractScrollArea, QApplication, QWidget

from napari_advseg.gui.kit.panel import Tone, colour_of
from napari_advseg.gui.viewer import window

NAME = "napari-advseg focus"
OUTSET_PX = 3
FOLLOWED = (
    QEvent.Type.Move,
    QEvent.Type.Resize,
    QEvent.Type.Show,
    QEvent.Type.Hide,
    QEvent.Type.ParentChange,
)


class Ring(QWidget):
    """Drawn over a control and what is around it; the mouse does not notice it."""

    def __init__(self, control: QWidget, tone: Tone, width_px: float) -> None:
        host, between = _host_of(control)
        super().__init__(host)
        self.control = control
        self._tone: Tone = tone
        self._width_px = width_px
        self.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self.setAttribute(Qt.WidgetAttribute.WA_NoSystemBackground)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        for part in (control, *between):
            part.installEventFilter(self)
        self._follow()

    def eventFilter(self, _part: QObject, event: QEvent) -> bool:
        """Stay around the control."""
        if event.type() in FOLLOWED:
            self._follow()
        return False

    def paintEvent(self, _event: QPaintEvent) -> None:
        """Draw the ring in a colour that shows on the theme."""
        pen = QPen(QColor(colour_of(self._tone, self.parentWidget() or self)))
        pen.setWidthF(self._width_px)
        inside = self._width_px / 2
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(pen)
        box = QRectF(self.rect()).adjusted(inside, inside, -inside, -inside)
        painter.drawRoundedRect(box, 4.0, 4.0)
        painter.end()

    def _follow(self) -> None:
        host = self.parentWidget()
        if host is None or not host.isAncestorOf(self.control):
            self.hide()
            return
        self.setGeometry(_around(self.control, host))
        self.setVisible(self.control.isVisibleTo(host))
        self.raise_()


def _host_of(control: QWidget) -> tuple[QWidget, list[QWidget]]:
    """The nearest parent with room for a ring, and those between; what scrolls keeps its ring."""
    host, between = control.parentWidget(), []
    while not host.rect().contains(_around(control, host)):
        outer = host.parentWidget()
        if outer is None or isinstance(outer.parentWidget(), QAbstractScrollArea):
            break
        between.append(host)
        host = outer
    return host, between


def _around(control: QWidget, host: QWidget) -> QRect:
    corner = control.mapTo(host, QPoint(0, 0))
    outset = (-OUTSET_PX, -OUTSET_PX, OUTSET_PX, OUTSET_PX)
    return QRect(corner, control.size()).adjusted(*outset)


class Marked:
    """One ring at a time, around another control or none."""

    def __init__(self, tone: Tone, width_px: float) -> None:
        self._tone: Tone = tone
        self._width_px = width_px
        self._ring: Ring | None = None

    @property
    def control(self) -> QWidget | None:
        """What has the ring."""
        return self._ring.control if self._ring is not None and isalive(self._ring) else None

    def mark(self, control: QWidget | None) -> None:
        """Put the ring around this and nothing else."""
        if control is self.control:
            return
        if self._ring is not None and isalive(self._ring):
            self._ring.hide()
            self._ring.deleteLater()
        has_room = control is not None and control.parentWidget() is not None
        self._ring = Ring(control, self._tone, self._width_px) if has_room else None


class FocusRing(QObject):
    """Shows which control of ours the keyboard acts on: napari's style does not, for most kinds of controls."""

    def __init__(self, host: QObject) -> None:
        super().__init__(host)
        self.setObjectName(NAME)
        self._places: list[QWidget] = []
        self._marked = Marked("guide", 1.5)
        QApplication.instance().focusChanged.connect(self._move)

    @property
    def control(self) -> QWidget | None:
        """What has the ring."""
        return self._marked.control

    def watch(self, place: QWidget) -> None:
        """Follow the focus inside this, too."""
        self._places = [one for one in self._places if isalive(one)] + [place]

    def _move(self, _old: QWidget | None, now: QWidget | None) -> None:
        by_mouse = QApplication.mouseButtons() != Qt.MouseButton.NoButton
        is_ours = now is not None and any(
            isalive(place) and place.isAncestorOf(now) for place in self._places
        )
        self._marked.mark(now if is_ours and not by_mouse else None)


def watch_focus(viewer: Any, place: QWidget) -> FocusRing:
    """Show in this dock or window where the keyboard is."""
    host = window.main_window(viewer)
    ring = host.findChild(FocusRing, NAME) or FocusRing(host)
    ring.watch(place)
    return ring
