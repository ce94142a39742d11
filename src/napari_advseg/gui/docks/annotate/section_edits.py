"""Whole sections painted at once: copied to the next, or filled in between two that are annotated."""

# mypy: disallow-subclassing-any=false
from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QCheckBox, QPushButton, QVBoxLayout, QWidget

from napari_advseg.annotation import edits
from napari_advseg.gui.compute.session import Session
from napari_advseg.gui.docks.annotate.coverage import Coverage
from napari_advseg.gui.docks.annotate.filling import Filling
from napari_advseg.gui.kit.panel import LayerChoice, side_by_side

COPY_ABOUT = "Copy what is annotated here to the section {}, and go there; one undo takes it back."
NO_GAP = "Annotate two sections that have others between them; then those are filled in."
EMPTY = "Nothing is annotated in this section."
BUSY = "Sections are being filled in."
REPLACE_ABOUT = "<p>Let copies and fillings paint over what is annotated there already.</p>"


class SectionEdits(QWidget):
    """Buttons that say what they would do from the section on screen; `changed` comes while sections are filled."""

    changed = Signal()
    done = Signal(str)
    failed = Signal(str)

    def __init__(
        self, viewer: Any, session: Session, coverage: Coverage, labels: LayerChoice
    ) -> None:
        super().__init__()
        self._coverage = coverage
        self._labels = labels
        self.filling = Filling(viewer, session, self)
        self.back, self.forward = QPushButton("Copy back"), QPushButton("Copy on")
        self.fill = QPushButton("Fill in between")
        self.replace = QCheckBox("Replace what is annotated there")
        self.replace.setToolTip(REPLACE_ABOUT)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(4)
        for part in (side_by_side(self.back, self.forward), self.fill, self.replace):
            column.addWidget(part)
        self.back.clicked.connect(partial(self._copy, -1))
        self.forward.clicked.connect(partial(self._copy, 1))
        self.fill.clicked.connect(self._fill_or_stop)
        self.filling.changed.connect(self.changed)
        self.filling.done.connect(self.done)
        self.filling.failed.connect(self.failed)

    def offer(self) -> None:
        """Say what can be done from the section on screen, or why nothing can."""
        here = self._coverage.here
        self._offer_copies(here)
        self._offer_filling(here)

    def _offer_copies(self, here: int) -> None:
        shares = self._coverage.shares
        why = self._coverage.problem or ("" if shares.of(here) else EMPTY)
        why = BUSY if self.filling.is_busy else why
        ends = (
            (self.back, here > 0, "before", here - 1),
            (self.forward, here < shares.sections - 1, "after it", here + 1),
        )
        for button, is_there, which, section in ends:
            problem = why or ("" if is_there else f"There is no section {which}.")
            button.setEnabled(not problem)
            button.setText(f"Copy to section {section}" if is_there else "Copy")
            button.setToolTip(f"<p>{problem or COPY_ABOUT.format(section)}</p>")

    def _offer_filling(self, here: int) -> None:
        gap = None if self._coverage.problem else self._coverage.shares.gap(here)
        self.fill.setEnabled(gap is not None or self.filling.is_busy)
        words, about = "Fill in between", self._coverage.problem or NO_GAP
        if self.filling.is_busy:
            words, about = "Stop filling in", BUSY
        elif gap is not None:
            first, last = gap[0] + 1, gap[1] - 1
            which = f"sections {first} to {last}" if last > first else f"section {first}"
            words = f"Fill in {which}"
            about = (
                f"Fill {which} by the shapes of the objects in {gap[0]} and {gap[1]}; every section is undone in one "
                "step."
            )
        self.fill.setText(words)
        self.fill.setToolTip(f"<p>{about}</p>")

    def _copy(self, by: int, *_: object) -> None:
        volume = self._coverage.volume
        if volume is not None:
            here, replace = self._coverage.here, self.replace.isChecked()
            copy = partial(edits.copied, volume, here, here + by, replace=replace)
            self._put_in(lambda: iter([copy()]))
            self._coverage.go_to(here + by)

    def _fill_or_stop(self) -> None:
        gap, volume = self._coverage.shares.gap(self._coverage.here), self._coverage.volume
        if self.filling.is_busy:
            self.filling.stop()
        elif gap is not None and volume is not None:
            self._put_in(partial(edits.between, volume, *gap, replace=self.replace.isChecked()))

    def _put_in(self, make: Callable[[], Iterator[edits.Edit]]) -> None:
        self.filling.start(self._labels.layer, make, replace=self.replace.isChecked())
