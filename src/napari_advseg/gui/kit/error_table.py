"""The table of errors: thousands of rows, sorted and filtered in memory, one click an error."""

# mypy: disallow-subclassing-any=false
from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from qtpy.QtCore import QAbstractTableModel, QModelIndex, QSize, Qt, Signal
from qtpy.QtWidgets import QAbstractItemView, QHeaderView, QTableView

from napari_advseg.gui.kit.comparison import Row

GAIN, ERROR, IDS, SECTION, SIZE = range(5)
TITLES = ("Gain", "Error", "Ids", "Section", "Size")
HELP = (
    "Bits by which VOI falls if this is put right.",
    "A split cuts a true object, a merge joins several.",
    "Ids of the contact or of the object.",
    "The section it lies in, counted from 0.",
    "Faces between voxels of a contact; voxels of an object.",
)
WIDTHS = {GAIN: 52, ERROR: 74, SECTION: 50, SIZE: 52}
SMALLER = 0.88
NAMES = {"site": "", "truth": "true ", "labels": "label "}
DISPLAY, TOOL_TIP = Qt.ItemDataRole.DisplayRole, Qt.ItemDataRole.ToolTipRole
ALIGNMENT, OURS = Qt.ItemDataRole.TextAlignmentRole, Qt.ItemDataRole.UserRole
RIGHT = int(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)

KEYS: dict[int, Callable[[Row], Any]] = {
    GAIN: lambda row: row.gain,
    ERROR: lambda row: (row.kind, row.what),
    IDS: lambda row: (row.labels or row.truth, row.truth),
    SECTION: lambda row: -1 if row.section is None else row.section,
    SIZE: lambda row: row.size,
}
CELLS: dict[int, Callable[[Row], str]] = {
    GAIN: lambda row: f"{row.gain:.4f}" if row.gain >= 5e-5 else f"{row.gain:.0e}",
    ERROR: lambda row: f"{NAMES[row.what]}{row.kind}",
    IDS: lambda row: row.ids,
    SECTION: lambda row: "" if row.section is None else str(row.section),
    SIZE: lambda row: f"{row.size:,}",
}


class ErrorModel(QAbstractTableModel):
    """Rows as Qt wants them; sorted by gain at first."""

    def __init__(self) -> None:
        super().__init__()
        self._all: Sequence[Row] = ()
        self._keep: Callable[[Row], bool] = lambda _row: True
        self._sorted_by = (GAIN, True)
        self.rows: list[Row] = []

    def show_rows(self, rows: Sequence[Row]) -> None:
        """Show these, filtered and sorted as before."""
        self._all = rows
        self._arrange()

    def filter(self, keep: Callable[[Row], bool]) -> None:
        """Show only the rows that `keep` is true of."""
        self._keep = keep
        self._arrange()

    def sort(self, column: int, order: Qt.SortOrder = Qt.SortOrder.DescendingOrder) -> None:
        """Sort by a column; Qt calls it when its title is clicked."""
        self._sorted_by = column, order == Qt.SortOrder.DescendingOrder
        self._arrange()

    def rowCount(self, _parent: QModelIndex | None = None) -> int:
        """Number of rows shown."""
        return len(self.rows)

    def columnCount(self, _parent: QModelIndex | None = None) -> int:
        """Number of columns."""
        return len(TITLES)

    def data(self, index: QModelIndex, role: int = DISPLAY) -> Any:
        """One cell, or what is said of its row."""
        row = self.rows[index.row()]
        if role == DISPLAY:
            return CELLS[index.column()](row)
        if role == TOOL_TIP:
            return row.words
        if role == ALIGNMENT and index.column() in (GAIN, SECTION, SIZE):
            return RIGHT
        return None

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = DISPLAY) -> Any:
        """The title of a column, and what it means."""
        if orientation != Qt.Orientation.Horizontal:
            return None
        return {DISPLAY: TITLES[section], TOOL_TIP: HELP[section]}.get(role)

    def _arrange(self) -> None:
        column, is_falling = self._sorted_by
        self.beginResetModel()
        self.rows = sorted(filter(self._keep, self._all), key=KEYS[column], reverse=is_falling)
        self.endResetModel()


class ErrorTable(QTableView):
    """Emits `chosen` with the row that was clicked, or reached with the arrow keys."""

    chosen = Signal(object)

    def __init__(self) -> None:
        super().__init__()
        self.errors = ErrorModel()
        self.setModel(self.errors)
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.setWordWrap(False)
        self.setShowGrid(False)
        font = self.font()
        font.setPointSizeF(SMALLER * font.pointSizeF())
        for part in (self, self.horizontalHeader()):
            part.setFont(font)
        self.verticalHeader().hide()
        self.verticalHeader().setDefaultSectionSize(self.fontMetrics().height() + 6)
        header = self.horizontalHeader()
        header.setSectionResizeMode(QHeaderView.ResizeMode.Interactive)
        header.setSectionResizeMode(IDS, QHeaderView.ResizeMode.Stretch)
        for column, width in WIDTHS.items():
            self.setColumnWidth(column, width)
        header.setSortIndicator(GAIN, Qt.SortOrder.DescendingOrder)
        self.setSortingEnabled(True)
        self.selectionModel().currentRowChanged.connect(self._choose)
        self.clicked.connect(self._choose)

    def step(self, rows: int) -> None:
        """Choose the row so many rows below the chosen one; the first where none is."""
        last = len(self.errors.rows) - 1
        if last >= 0:
            chosen = self.currentIndex().row()
            self.setCurrentIndex(self.errors.index(min(max(chosen + rows, 0), last), 0))

    def sizeHint(self) -> QSize:
        """Ten rows or so."""
        return QSize(300, 240)

    def minimumSizeHint(self) -> QSize:
        """Four rows, on a small screen."""
        return QSize(200, 110)

    def _choose(self, index: QModelIndex, *_: object) -> None:
        if index.isValid():
            self.chosen.emit(self.errors.rows[index.row()])
