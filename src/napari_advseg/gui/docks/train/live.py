"""What a running training shows: warnings, curves, and for an adversarial one its cockpit and samples."""

# mypy: disallow-subclassing-any=false
from __future__ import annotations

from qtpy.QtCore import Qt
from qtpy.QtGui import QShowEvent
from qtpy.QtWidgets import QTabWidget, QVBoxLayout, QWidget

from napari_advseg.gui.compute.job import Job
from napari_advseg.gui.docks.train.cockpit import Cockpit, Samples
from napari_advseg.gui.kit.panel import Toned
from napari_advseg.gui.kit.plots import Curves

CURVES, CRITICS, SAMPLES = range(3)


class Live(QWidget):
    """Three tabs under the last warning; only what is seen is drawn."""

    def __init__(self, corner: QWidget | None = None) -> None:
        super().__init__()
        self.warning = Toned("warning", size_pt=9)
        self.curves, self.cockpit, self.samples = Curves(), Cockpit(), Samples()
        self.tabs = QTabWidget()
        self.tabs.setDocumentMode(True)
        for part, title in (
            (self.curves, "Curves"),
            (self.cockpit, "Critics"),
            (self.samples, "Samples"),
        ):
            self.tabs.addTab(part, title)
        if corner is not None:
            self.tabs.setCornerWidget(corner, Qt.Corner.TopRightCorner)
        self.tabs.currentChanged.connect(self._draw)
        self._job: Job | None = None
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(2)
        column.addWidget(self.warning)
        column.addWidget(self.tabs, stretch=1)
        self.clear()

    def paint(self, background: str, foreground: str) -> None:
        """Take on the colours of a theme."""
        self.curves.paint(background, foreground)
        self.cockpit.paint(background, foreground)

    def show_job(self, job: Job) -> None:
        """Show how a training stands."""
        self._job = job
        warnings = [line.text for line in job.log if line.is_warning]
        self.warning.setText(warnings[-1] if warnings else "")
        self.warning.setVisible(bool(warnings))
        self._show_tabs(critics=job.contest is not None, samples=bool(job.samples))
        self._draw()

    def clear(self) -> None:
        """Forget the training before."""
        self._job = None
        for part in (self.curves, self.cockpit, self.samples):
            part.clear()
        self.warning.hide()
        self._show_tabs(critics=False, samples=False)
        self.tabs.setCurrentIndex(CURVES)

    def showEvent(self, event: QShowEvent) -> None:
        """Catch up with what happened behind another dock."""
        super().showEvent(event)
        self._draw()

    def _show_tabs(self, *, critics: bool, samples: bool) -> None:
        self.tabs.setTabVisible(CRITICS, critics)
        self.tabs.setTabVisible(SAMPLES, samples)

    def _draw(self, *_: object) -> None:
        if self._job is None or not self.isVisible():
            return
        front = self.tabs.currentIndex()
        if front == CURVES:
            self.curves.show_curves(self._job.curves)
        elif front == SAMPLES:
            self.samples.show_samples(self._job.samples)
        elif self._job.contest is not None:
            self.cockpit.show_contest(self._job.contest)
            self.cockpit.show_balance(self._job.gradients)
