"""The list of places to annotate next: a row a place, a click or an arrow key goes there."""

# mypy: disallow-subclassing-any=false
from __future__ import annotations

from collections.abc import Sequence

from qtpy.QtCore import QSignalBlocker, QSize, Qt, Signal
from qtpy.QtWidgets import QAbstractItemView, QHeaderView, QTableWidget, QTableWidgetItem

from napari_advseg.annotation.suggestions import Place

TITLES = {
    "Section": "The section it lies in, counted from 0.",
    "y": "Row of its middle, in pixels.",
    "x": "Column of its middle, in pixels.",
    "Uncertainty": "Mean over what is not annotated there: 0 the model is sure, 1 it guesses.",
}
RIGHT = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter


class PlacesTable(QTableWidget):
    """Emits `chosen` with the place of the row that was clicked or reached."""

    chosen = Signal(object)

    def __init__(self) -> None:
        super().__init__(0, len(TITLES))
        self.places: Sequence[Place] = ()
        self.setAccessibleName("Places to annotate next")
        self.setToolTip("Click a row, or use the arrow keys, to go there")
        self.setHorizontalHeaderLabels(list(TITLES))
        for column, about in enumerate(TITLES.values()):
            self.horizontalHeaderItem(column).setToolTip(about)
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setTabKeyNavigation(False)
        self.setShowGrid(False)
        self.verticalHeader().hide()
        self.verticalHeader().setDefaultSectionSize(self.fontMetrics().height() + 6)
        header = self.horizontalHeader()
        header.setSectionResizeMode(QHeaderView.ResizeMode.Stretch)
        header.setSectionResizeMode(len(TITLES) - 1, QHeaderView.ResizeMode.ResizeToContents)
        self.currentCellChanged.connect(self._choose)
        self.cellClicked.connect(self._choose)

    def sizeHint(self) -> QSize:
        """Six rows or so."""
        return QSize(300, 160)

    def minimumSizeHint(self) -> QSize:
        """Three rows, on a small screen."""
        return QSize(200, 84)

    def show_places(self, places: Sequence[Place]) -> None:
        """Show these, none chosen."""
        with QSignalBlocker(self):
            self.places = places
            self.setRowCount(len(places))
            for row, place in enumerate(places):
                y, x = (sum(span) // 2 for span in place.box[1:])
                texts = str(place.section), str(y), str(x), f"{place.uncertainty:.2f}"
                for column, text in enumerate(texts):
                    item = QTableWidgetItem(text)
                    item.setTextAlignment(RIGHT)
                    self.setItem(row, column, item)
            self.setCurrentCell(-1, -1)

    def step(self, by: int) -> None:
        """Choose the row so many below the chosen one."""
        if self.rowCount():
            row = max(-1, self.currentRow()) + by
            self.setCurrentCell(min(self.rowCount() - 1, max(0, row)), 0)

    def _choose(self, row: int, *_: object) -> None:
        if 0 <= row < len(self.places):
            self.chosen.emit(self.places[row])
