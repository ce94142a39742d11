"""The cockpit of an adversarial training: what critics say of true and made maps, the balance, and the last samples."""

# mypy: disallow-subclassing-any=false
from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pyqtgraph
from qtpy.QtCore import QSize, Qt
from qtpy.QtGui import QPixmap, QResizeEvent
from qtpy.QtWidgets import QGridLayout, QLabel, QSizePolicy, QSlider, QVBoxLayout, QWidget

from napari_advseg.gui.compute.job import Curve
from napari_advseg.gui.kit.plots import PENS, Plot, bare_plot, legend, paint, words
from napari_advseg.progress import Contest

REAL, FAKE = PENS[2], PENS[1]
LOWEST_PX = 52
ROWS = ("image", "made", "true")


class Cockpit(QWidget):
    """A histogram for each critic, and how the balance went so far."""

    def __init__(self) -> None:
        super().__init__()
        self.words = legend()
        self.words.setToolTip(
            "<p>Learning is best while the critic is right more often than a guess and not always, and while the "
            "gradients of both stay within some powers of ten of each other.</p>"
        )
        self.balance = Plot("gradients")
        self._titles: dict[str, QLabel] = {}
        self._plots: dict[str, pyqtgraph.PlotWidget] = {}
        self._colours = ("#262930", "#f0f1f2")
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(0, 0, 0, 0)
        self._column.setSpacing(0)
        self._column.addWidget(self.balance, stretch=1)
        self._column.addWidget(self.words)

    def paint(self, background: str, foreground: str) -> None:
        """Take on the colours of a theme."""
        self._colours = (background, foreground)
        self.balance.paint(background, foreground)
        for plot in self._plots.values():
            paint(plot, background, foreground)

    def show_contest(self, contest: Contest) -> None:
        """Draw where the critics stand."""
        for name, scores in contest.critics.items():
            plot = self._plots.get(name) or self._begin(name)
            plot.clear()
            edges = np.linspace(scores["low"], scores["high"], len(scores["real"]) + 1)
            for kind, colour in (("real", REAL), ("fake", FAKE)):
                counts = np.asarray(scores[kind], float)
                shares = counts / max(1.0, counts.sum())
                brush = pyqtgraph.mkColor(colour)
                brush.setAlpha(90)
                plot.plot(edges, shares, stepMode="center", fillLevel=0, pen=colour, brush=brush)
            self._titles[name].setText(title(name, scores["right"]))
        self.words.setText(describe_contest(contest))

    def show_balance(self, curves: Mapping[str, Curve]) -> None:
        """Draw each player's gradient over the steps so far."""
        if curves:
            self.balance.show_curves({words(name): curve for name, curve in curves.items()})

    def clear(self) -> None:
        """Forget everything."""
        for part in (*self._plots.values(), *self._titles.values()):
            self._column.removeWidget(part)
            part.deleteLater()
        self._plots.clear()
        self._titles.clear()
        self.words.clear()
        self.balance.clear()

    def _begin(self, name: str) -> pyqtgraph.PlotWidget:
        plot, line = bare_plot(), legend()
        plot.setMinimumHeight(LOWEST_PX)
        plot.getAxis("left").setStyle(showValues=False)
        plot.setToolTip("How often which score was given: 0 on the left axis is never")
        self._plots[name], self._titles[name] = plot, line
        place = self._column.indexOf(self.balance)
        self._column.insertWidget(place, line)
        self._column.insertWidget(place + 1, plot, stretch=2)
        paint(plot, *self._colours)
        return plot


class Samples(QWidget):
    """Withheld crops, what is made of them, and the truth; the slider goes back to earlier steps."""

    def __init__(self) -> None:
        super().__init__()
        self.picture = Picture()
        self.slider = QSlider(Qt.Orientation.Horizontal)
        self.slider.setToolTip("Earlier samples of this training")
        self.slider.valueChanged.connect(self._turn)
        self.when = QLabel()
        self._taken: list[tuple[int, str]] = []
        grid = QGridLayout(self)
        grid.setContentsMargins(0, 0, 0, 0)
        for row, name in enumerate(ROWS):
            label = QLabel(name)
            label.setStyleSheet("font-size: 8pt;")
            grid.addWidget(label, row, 0)
            grid.setRowStretch(row, 1)
        grid.addWidget(self.picture, 0, 1, len(ROWS), 1)
        grid.addWidget(self.slider, len(ROWS), 1)
        grid.addWidget(self.when, len(ROWS), 0)
        grid.setColumnStretch(1, 1)
        self.clear()

    def show_samples(self, taken: list[tuple[int, str]]) -> None:
        """Show the last of the pictures, each with its step, unless an earlier one is looked at."""
        if taken == self._taken:
            return
        is_at_end = self.slider.value() == self.slider.maximum()
        self._taken = list(taken)
        self.slider.setMaximum(max(0, len(taken) - 1))
        self.slider.setEnabled(len(taken) > 1)
        if is_at_end:
            self.slider.setValue(self.slider.maximum())
            self._turn(self.slider.value())

    def clear(self) -> None:
        """Forget all pictures."""
        self._taken = []
        self.slider.setRange(0, 0)
        self.slider.setEnabled(False)
        self.picture.show_file("")
        self.when.setText("step")

    def _turn(self, place: int) -> None:
        if place < len(self._taken):
            step, path = self._taken[place]
            self.when.setText(f"step {step:,}")
            self.picture.show_file(path)


class Picture(QLabel):
    """A picture as large as its place allows; a file that is not there leaves the one before."""

    def __init__(self) -> None:
        super().__init__()
        self._whole = QPixmap()
        self.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Ignored)

    def minimumSizeHint(self) -> QSize:
        """Small: a picture never makes the window larger."""
        return QSize(120, 120)

    def show_file(self, path: str) -> None:
        """Show the picture at `path`, nothing for an empty path."""
        found = QPixmap(path) if path else QPixmap()
        if path and found.isNull():
            return
        self._whole = found
        self._fit()

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Fit the picture anew."""
        super().resizeEvent(event)
        self._fit()

    def _fit(self) -> None:
        if self._whole.isNull():
            self.clear()
            return
        smooth, whole = (
            Qt.TransformationMode.SmoothTransformation,
            Qt.AspectRatioMode.KeepAspectRatio,
        )
        self.setPixmap(self._whole.scaled(self.size(), whole, smooth))


def title(critic: str, right: float) -> str:
    """The line above a critic's histogram."""
    name = words(critic)
    return (
        f"<b>{name}</b> on <span style='color: {REAL}'>■</span> true and <span style='color: {FAKE}'>■</span> made "
        f"maps: right in {100 * right:.0f} %"
    )


def describe_contest(contest: Contest) -> str:
    """For example "50 % is a guess. The generator's gradient is 120 times the critic's."."""
    times = f"{contest.ratio:.2g}" if contest.ratio < 10 else f"{contest.ratio:,.0f}"
    return f"50 % is a guess. The gradient of what is judged is {times} times the critic's."
