"""The queue of places to put right: a row a place, the most urgent first."""

# mypy: disallow-subclassing-any=false
from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from qtpy.QtCore import QAbstractTableModel, QModelIndex, QSize, Qt, Signal
from qtpy.QtGui import QKeyEvent
from qtpy.QtWidgets import QAbstractItemView, QHeaderView, QTableView

from napari_advseg.proofreading.finding.queue import Item

TITLES = ("Worth", "Proposed", "Labels", "Section")
HELP = (
    "With a truth the bits by which VOI falls; without one how clear the evidence is, from 0 to 1.",
    "What would put the place right.",
    "The objects to merge, or the one to split.",
    "The section of its first place, counted from 0.",
)
WIDTHS = (60, 70, 0, 56)
CELLS: tuple[Callable[[Item], str], ...] = (
    lambda item: f"{item.worth:.4f}" if item.worth >= 5e-5 else f"{item.worth:.0e}",
    lambda item: item.action,
    lambda item: " + ".join(map(str, item.labels)),
    lambda item: str(item.points[0][0]) if item.points and len(item.points[0]) > 2 else "",
)
DISPLAY, TOOL_TIP = Qt.ItemDataRole.DisplayRole, Qt.ItemDataRole.ToolTipRole
ACCEPT = (Qt.Key.Key_Return, Qt.Key.Key_Enter)


class QueueModel(QAbstractTableModel):
    """Items as Qt wants them."""

    def __init__(self) -> None:
        super().__init__()
        self.items: list[Item] = []

    def rowCount(self, _parent: QModelIndex | None = None) -> int:
        """Number of places."""
        return len(self.items)

    def columnCount(self, _parent: QModelIndex | None = None) -> int:
        """Number of columns."""
        return len(TITLES)

    def data(self, index: QModelIndex, role: int = DISPLAY) -> Any:
        """One cell."""
        return CELLS[index.column()](self.items[index.row()]) if role == DISPLAY else None

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = DISPLAY) -> Any:
        """Titles and what they mean."""
        if orientation != Qt.Orientation.Horizontal or role not in (DISPLAY, TOOL_TIP):
            return None
        return (TITLES if role == DISPLAY else HELP)[section]

    def show(self, items: Sequence[Item]) -> None:
        """Show these."""
        self.beginResetModel()
        self.items = list(items)
        self.endResetModel()

    def put(self, row: int, item: Item) -> None:
        """Show one more."""
        self.beginInsertRows(QModelIndex(), row, row)
        self.items.insert(row, item)
        self.endInsertRows()

    def drop(self, row: int) -> None:
        """Show one fewer."""
        self.beginRemoveRows(QModelIndex(), row, row)
        del self.items[row]
        self.endRemoveRows()


class QueueTable(QTableView):
    """Emits `chosen` with the item of the row that was reached, and what keys say of it."""

    chosen = Signal(object)
    accepted = Signal()
    rejected = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.queue = QueueModel()
        self.setModel(self.queue)
        self.setAccessibleName("Places to put right")
        self.setToolTip("Arrow keys go on, Enter accepts what is proposed, Backspace rejects it")
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.setTabKeyNavigation(False)
        self.setShowGrid(False)
        self.setWordWrap(False)
        self.verticalHeader().hide()
        self.verticalHeader().setDefaultSectionSize(self.fontMetrics().height() + 6)
        header = self.horizontalHeader()
        for column, width in enumerate(WIDTHS):
            if width:
                self.setColumnWidth(column, width)
            else:
                header.setSectionResizeMode(column, QHeaderView.ResizeMode.Stretch)
        self.selectionModel().currentRowChanged.connect(self._choose)

    @property
    def item(self) -> Item | None:
        """The chosen item."""
        row = self.currentIndex().row()
        return self.queue.items[row] if 0 <= row < len(self.queue.items) else None

    def sizeHint(self) -> QSize:
        """Six rows or so."""
        return QSize(300, 160)

    def minimumSizeHint(self) -> QSize:
        """Three rows, on a small screen."""
        return QSize(200, 84)

    def show_items(self, items: Sequence[Item]) -> None:
        """Show these, the first one chosen; of none, None is."""
        self.queue.show(items)
        self.step(1)
        if not items:
            self.chosen.emit(None)

    def following(self, count: int) -> list[Item]:
        """The next items after the chosen one."""
        row = self.currentIndex().row() + 1
        return self.queue.items[row : row + count]

    def step(self, by: int) -> None:
        """Choose the row so many below the chosen one."""
        last = len(self.queue.items) - 1
        if last >= 0:
            row = min(last, max(0, self.currentIndex().row() + by))
            self.setCurrentIndex(self.queue.index(row, 0))

    def drop(self, item: Item) -> None:
        """Take an item out; where it was the chosen one, the next is."""
        if item not in self.queue.items:
            return
        row = self.queue.items.index(item)
        was_chosen = row == self.currentIndex().row()
        blocked = self.selectionModel().blockSignals(True)  # noqa: FBT003 - Qt's interface
        self.queue.drop(row)
        self.selectionModel().blockSignals(blocked)
        if was_chosen and self.queue.items:
            self.setCurrentIndex(self.queue.index(min(row, len(self.queue.items) - 1), 0))
            self.chosen.emit(self.item)
        elif was_chosen:
            self.chosen.emit(None)

    def put_back(self, item: Item) -> None:
        """Show an item again, chosen; an undo took back what was done about it."""
        row = max(0, self.currentIndex().row())
        self.queue.put(row, item)
        self.setCurrentIndex(self.queue.index(row, 0))
        self.chosen.emit(item)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Enter accepts and Backspace rejects, also while the table has the focus."""
        if event.key() in ACCEPT:
            self.accepted.emit()
        elif event.key() == Qt.Key.Key_Backspace:
            self.rejected.emit()
        else:
            super().keyPressEvent(event)

    def _choose(self, *_: object) -> None:
        if self.item is not None:
            self.chosen.emit(self.item)
