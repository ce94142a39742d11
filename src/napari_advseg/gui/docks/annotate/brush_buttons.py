"""The brushes of an annotation as buttons: one is pressed, the one that the chosen layer paints with now."""

# mypy: disallow-subclassing-any=false
from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

from qtpy.QtCore import QSize, Signal
from qtpy.QtGui import QColor, QIcon, QPainter, QPixmap
from qtpy.QtWidgets import QGridLayout, QPushButton, QSizePolicy, QWidget

from napari_advseg.annotation.brushes import ERASER, MARKS, Brush, next_object
from napari_advseg.gui.kit.panel import tab_on_to
from napari_advseg.gui.viewer import annotation_layer
from napari_advseg.volume.painted import BACKGROUND, BOUNDARY

NO_LAYER = "Choose a labels layer, or make a new annotation layer."
NEW = Brush("New object", -1, "Paint an object that has no id yet; it gets the next one.")
OBJECT = Brush("Object", -2, "Go on painting the object painted last.")
COLUMNS = 3
ICON_PX = 12
TIGHT = "QPushButton { padding: 4px 1px; }"


class Brushes(QWidget):
    """Puts the brush into the chosen layer; `took` tells when one was taken here.

    The Tab key comes to them from the control `after` which they stand.
    """

    took = Signal()

    def __init__(self, after: QWidget) -> None:
        super().__init__()
        self._after = after
        self.buttons: dict[str, QPushButton] = {}
        self._brushes: dict[str, Brush] = {}
        self._layer: Any = None
        self._object = 1
        self.highest = 0
        self._grid = QGridLayout(self)
        self._grid.setContentsMargins(0, 0, 0, 0)
        self._grid.setSpacing(3)
        self.offer(None, ())

    def offer(self, layer: Any, classes: Sequence[Brush]) -> None:
        """Paint in this layer from now on, with these classes, or with objects and marks where there are none."""
        self._watch(layer)
        self._object = 1
        brushes = (*classes, ERASER) if classes else (NEW, OBJECT, *MARKS, ERASER)
        for button in self.buttons.values():
            self._grid.removeWidget(button)
            button.setParent(None)
            button.deleteLater()
        self._brushes = {brush.name: brush for brush in brushes}
        self.buttons = {brush.name: self._button(brush) for brush in brushes}
        for at, button in enumerate(self.buttons.values()):
            self._grid.addWidget(button, at // COLUMNS, at % COLUMNS)
        tab_on_to(self._after, self)
        self._judge()
        self._show()

    def take(self, name: str) -> None:
        """Paint with a brush, unless it cannot be had."""
        brush, button = self._brushes.get(name), self.buttons.get(name)
        if brush is None or button is None or not button.isEnabled():
            self._show()
            return
        value = brush.value
        if brush is NEW:
            value = next_object(self.highest)
        elif brush is OBJECT:
            value = self._object
        if brush is ERASER:
            self._layer.mode = "erase"
        else:
            self._layer.selected_label = value
            self._layer.mode = "paint"
        self._show()
        self.took.emit()

    def take_next(self) -> None:
        """Paint with the brush after the one that is pressed; after the last comes the first."""
        names = list(self.buttons)
        pressed = next((at for at, name in enumerate(names) if self.buttons[name].isChecked()), -1)
        self.take(names[(pressed + 1) % len(names)])

    def _watch(self, layer: Any) -> None:
        for one, turn in ((self._layer, "disconnect"), (layer, "connect")):
            for name in ("selected_label", "mode", "editable"):
                if one is not None:
                    getattr(getattr(one.events, name), turn)(self._show)
        self._layer = layer

    def _button(self, brush: Brush) -> QPushButton:
        button = QPushButton(brush.name)
        button.setCheckable(True)
        button.setStyleSheet(TIGHT)  # three in a row, beside a scroll bar too
        button.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        button.setIconSize(QSize(ICON_PX, ICON_PX))
        button.setAccessibleName(f"Brush: {brush.name}")
        if brush.colour:
            button.setIcon(square(brush.colour))
        button.clicked.connect(partial(self._press, brush.name))
        return button

    def _press(self, name: str, *_: object) -> None:
        self.take(name)

    def _judge(self) -> None:
        """Say what each brush is for, or why it cannot be had."""
        why = NO_LAYER if self._layer is None else annotation_layer.why_not_paint(self._layer)
        no_marks = why or annotation_layer.why_no_marks(self._layer)
        for name, button in self.buttons.items():
            problem = no_marks if self._brushes[name] in MARKS else why
            button.setEnabled(not problem)
            button.setToolTip(f"<p>{problem or self._brushes[name].about}</p>")

    def _show(self, _event: object = None) -> None:
        """Press the button of the brush that the layer has now, whoever chose it."""
        layer = self._layer
        if layer is None:
            return
        now = int(layer.selected_label)
        is_object = now > 0 and now not in (BOUNDARY, BACKGROUND)
        if is_object:
            self._object = now
        if OBJECT.name in self.buttons:
            self.buttons[OBJECT.name].setText(f"Object {self._object}")
        mode = str(layer.mode)
        pressed = next((b.name for b in self._brushes.values() if b.value == now and now > 0), "")
        if not pressed and is_object:
            pressed = OBJECT.name
        if mode == "erase":
            pressed = ERASER.name
        elif mode not in ("paint", "fill", "polygon"):
            pressed = ""
        for name, button in self.buttons.items():
            button.setChecked(name == pressed)


def square(colour: str) -> QIcon:
    """A square in a colour."""
    picture = QPixmap(ICON_PX, ICON_PX)
    picture.fill(QColor(0, 0, 0, 0))
    painter = QPainter(picture)
    painter.fillRect(1, 1, ICON_PX - 2, ICON_PX - 2, QColor(colour))
    painter.end()
    return QIcon(picture)
