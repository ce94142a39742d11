"""The two halves of a dock: what is asked for above, what came of it below, behind a handle."""

# mypy: disallow-subclassing-any=false
from __future__ import annotations

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QLayout, QSplitter, QVBoxLayout, QWidget

from napari_advseg.gui.kit.panel import in_scroll_area

FORM_PX = 132


class Halves(QSplitter):
    """A form that scrolls and `below` it what always shows; `result`, where there is one, once it is revealed."""

    def __init__(self) -> None:
        super().__init__(Qt.Orientation.Vertical)
        self.setChildrenCollapsible(False)
        self._below: tuple[QWidget, ...] = ()

    def fill(self, form: QWidget, below: tuple[QWidget, ...], result: QWidget | None) -> None:
        """Show these from now on."""
        self._below = below
        upper = QWidget()
        column = QVBoxLayout(upper)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(in_scroll_area(form), stretch=1)
        for part in below:
            column.addWidget(part)
        self.addWidget(upper)
        if result is not None:
            self.addWidget(result)
            result.hide()

    def reveal(self) -> None:
        """Show the result; the first time it takes most of the room."""
        result = self.widget(1)
        if result.isHidden():
            result.show()
            upper = FORM_PX + self._below[-1].sizeHint().height()
            self.setSizes([upper, max(upper, self.height() - upper)])


def column_of(*parts: QWidget | QLayout, margin_px: int = 0, spacing_px: int = -1) -> QWidget:
    """Widgets and layouts under each other; `margin_px` keeps a scroll bar off them."""
    whole = QWidget()
    column = QVBoxLayout(whole)
    column.setContentsMargins(0, 0, margin_px, 0)
    column.setSpacing(spacing_px)
    for part in parts:
        if isinstance(part, QWidget):
            column.addWidget(part)
        else:
            column.addLayout(part)
    return whole


def contents(*parts: QWidget | QLayout) -> QWidget:
    """What a dock asks for, from the top."""
    whole = column_of(*parts, margin_px=6)
    whole.layout().addStretch(1)
    return whole
