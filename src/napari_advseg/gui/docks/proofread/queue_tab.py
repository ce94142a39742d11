"""The queue of places, with what can be decided about the one that is looked at."""

# mypy: disallow-subclassing-any=false
from __future__ import annotations

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QCheckBox, QPushButton, QVBoxLayout, QWidget

from napari_advseg.gui.docks.proofread.queue_table import QueueTable
from napari_advseg.gui.kit.panel import side_by_side


class QueueTab(QWidget):
    """Emits `reached` with the place that the user is at now (None at the end), and what is decided about it."""

    reached = Signal(object)
    accepted = Signal()
    rejected = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.table = QueueTable()
        self.shows = QCheckBox("Show what would change")
        self.shows.setChecked(True)
        self.accept, self.reject = QPushButton("Accept"), QPushButton("Reject")
        for widget, words in (
            (self.shows, "Lines around the objects and parts as they would be"),
            (self.accept, "Do what is proposed (Enter)"),
            (self.reject, "It is right as it is: it does not come back (Backspace)"),
        ):
            widget.setToolTip(f"<p>{words}.</p>")
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 4, 0, 0)
        column.setSpacing(3)
        column.addWidget(self.table, stretch=1)
        column.addWidget(self.shows)
        column.addWidget(side_by_side(self.accept, self.reject))
        self.table.chosen.connect(self.reached)
        for signal, ours in (
            (self.table.accepted, self.accepted),
            (self.table.rejected, self.rejected),
            (self.accept.clicked, self.accepted),
            (self.reject.clicked, self.rejected),
        ):
            signal.connect(lambda *_, ours=ours: ours.emit())
