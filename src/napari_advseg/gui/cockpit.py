"""The cockpit of an adversarial training: what critics say of true and made maps, gradients, and the last samples."""

# mypy: disallow-subclassing-any=false
from __future__ import annotations

import numpy as np
import pyqtgraph
from qtpy.QtCore import Qt
from qtpy.QtGui import QPixmap
from qtpy.QtWidgets import QLabel, QVBoxLayout, QWidget

from napari_advseg.gui.plots import PENS
from napari_advseg.progress import Contest

REAL, FAKE = PENS[2], PENS[1]
HEIGHT = 74


class Cockpit(QWidget):
    """A histogram for each critic, a line on the balance, and the picture of withheld crops."""

    def __init__(self) -> None:
        super().__init__()
        self.words = QLabel()
        self.words.setWordWrap(True)
        self.samples = QLabel()
        self.samples.setAlignment(Qt.AlignmentFlag.AlignHCenter)
        self.samples.setToolTip("Withheld crops: what is given, what is made of it, what is true")
        self._plots: dict[str, pyqtgraph.PlotWidget] = {}
        self._shown = ""
        self._colours = ("#262930", "#f0f1f2")
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(0, 0, 0, 0)
        self._column.setSpacing(2)
        self._column.addWidget(self.words)
        self._column.addWidget(self.samples)
        self.samples.hide()

    def paint(self, background: str, foreground: str) -> None:
        """Take on the colours of a theme."""
        self._colours = (background, foreground)
        for plot in self._plots.values():
            plot.setBackground(background)
            for side in ("left", "bottom"):
                plot.getAxis(side).setTextPen(foreground)

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
        self.words.setText(in_words(contest))

    def show_samples(self, path: str) -> None:
        """Show the picture at `path`, once."""
        if not path or path == self._shown:
            return
        picture = QPixmap(path)
        if picture.isNull():
            return
        self._shown = path
        self.samples.show()
        wide = max(120, min(self.width(), picture.width()))
        self.samples.setPixmap(
            picture.scaledToWidth(wide, Qt.TransformationMode.SmoothTransformation)
        )

    def clear(self) -> None:
        """Forget everything."""
        for plot in self._plots.values():
            self._column.removeWidget(plot)
            plot.deleteLater()
        self._plots.clear()
        self.words.clear()
        self.samples.hide()
        self._shown = ""

    def _begin(self, name: str) -> pyqtgraph.PlotWidget:
        plot = pyqtgraph.PlotWidget()
        plot.setFixedHeight(HEIGHT)
        plot.setMenuEnabled(False)
        plot.setMouseEnabled(x=False, y=False)
        plot.hideButtons()
        plot.setToolTip(
            f"Scores of the {name.replace('_', ' ')}: true maps green, made ones orange"
        )
        self._plots[name] = plot
        self._column.insertWidget(self._column.indexOf(self.words), plot)
        self.paint(*self._colours)
        return plot


def in_words(contest: Contest) -> str:
    """For example "Critic is right in 73 % (50 % is a guess); gradients generator / critic 0.42"."""
    parts = [
        f"{name[:1].upper()}{name[1:].replace('_', ' ')} is right in {100 * scores['right']:.0f} %"
        for name, scores in contest.critics.items()
    ]
    return f"{', '.join(parts)} (50 % is a guess); gradients generator / critic {contest.ratio:.2g}"
