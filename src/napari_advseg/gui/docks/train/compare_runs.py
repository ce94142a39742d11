"""Two trainings side by side: their curves over each other, how they ended, and what was set otherwise."""

# mypy: disallow-subclassing-any=false
from __future__ import annotations

from functools import partial
from typing import Any

from qtpy.QtCore import Qt
from qtpy.QtWidgets import (
    QDialog,
    QHeaderView,
    QSplitter,
    QTableWidget,
    QTableWidgetItem,
    QVBoxLayout,
    QWidget,
)

from napari_advseg.gui.compute.session import Session
from napari_advseg.gui.kit.form import rows_of
from napari_advseg.gui.kit.latest import Latest
from napari_advseg.gui.kit.panel import PathLine, browse_folder, note
from napari_advseg.gui.kit.plots import Curves
from napari_advseg.gui.viewer import window
from napari_advseg.runs.comparing import Difference, Learnt, differences, learnt, names, numbers
from napari_advseg.runs.remembered import Memory, remembered

NAME = "napari-advseg comparison"
SIZE = (760, 620)
HELP = "Solid lines are the first training, dashed lines the second."
SAME = "Both were trained with the same settings."

Compared = tuple[Learnt, Learnt, list[Difference], list[Difference]]


class RunsCompared(QDialog):
    """Two model folders to choose, a plot for each player, and a table."""

    def __init__(self, session: Session, viewer: Any) -> None:
        super().__init__(window.main_window(viewer))
        self.setObjectName(NAME)
        self.setWindowTitle("Compare two trainings")
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.resize(*SIZE)
        self._session = session
        self._viewer = viewer
        self.first, self.second = (PathLine(browse_folder, "Folder of a model") for _ in range(2))
        self.words = note()
        self.curves = Curves()
        self.curves.paint(*window.colours(viewer))
        self.table = QTableWidget(0, 3)
        self.table.setEditTriggers(QTableWidget.EditTrigger.NoEditTriggers)
        self.table.verticalHeader().hide()
        self.table.horizontalHeader().setSectionResizeMode(QHeaderView.ResizeMode.Stretch)
        self._reading = Latest(session, self)
        self._reading.done.connect(self._show)
        self._reading.failed.connect(self._complain)
        for line in (self.first, self.second):
            line.changed.connect(self._read)
        self._lay_out()
        self._complain("Choose the folders of two trainings.")

    def choose(self, memory: Memory) -> None:
        """Take the last two trainings, the last first, where none are chosen yet."""
        newest = reversed(memory.places[-2:])
        for line, folder in zip((self.first, self.second), newest, strict=False):
            if not line.path:
                line.set(folder)

    def _lay_out(self) -> None:
        below = QWidget()
        inside = QVBoxLayout(below)
        inside.setContentsMargins(0, 0, 0, 0)
        inside.addWidget(self.table)
        halves = QSplitter(Qt.Orientation.Vertical)
        halves.addWidget(self.curves)
        halves.addWidget(below)
        halves.setChildrenCollapsible(False)
        halves.setSizes([SIZE[1] // 2, SIZE[1] // 2])
        column = QVBoxLayout(self)
        column.addLayout(rows_of(("First", self.first), ("Second", self.second)))
        column.addWidget(self.words)
        column.addWidget(halves, stretch=1)

    def _read(self, *_: object) -> None:
        if self.first.path and self.second.path:
            self._reading.ask(partial(compared, self.first.path, self.second.path))

    def _show(self, found: Compared) -> None:
        first, second, ends, settings = found
        self.curves.clear()
        self.curves.show_curves(first.curves, second.curves)
        self.words.setText(HELP if settings else f"{HELP} {SAME}")
        self.words.set_tone("plain")
        self.table.setHorizontalHeaderLabels(["", *names(first, second)])
        self.table.setRowCount(0)
        for line in (*ends, *settings):
            row = self.table.rowCount()
            self.table.insertRow(row)
            for column, text in enumerate((line.what, line.first, line.second)):
                item = QTableWidgetItem(text)
                item.setToolTip(text)
                self.table.setItem(row, column, item)

    def _complain(self, text: str) -> None:
        self.words.setText(text)
        self.words.set_tone("plain" if not self.table.rowCount() else "warning")


def compared(first: str, second: str) -> Compared:
    """Two trainings with how they ended and what differs.

    Raises:
        ValueError: a folder holds no model.
    """
    one, other = learnt(first), learnt(second)
    return one, other, numbers(one, other), differences(one, other)


def open_comparison(session: Session, viewer: Any) -> RunsCompared:
    """Show the comparison, with the last trainings of this computer chosen."""
    dialog = RunsCompared(session, viewer)
    session.background(remembered).done.connect(dialog.choose)
    dialog.show()
    return dialog
