"""Live curves of a training: losses above, validation measures below, in the viewer's colours."""

# mypy: disallow-subclassing-any=false
from __future__ import annotations

from collections.abc import Mapping

import pyqtgraph
from qtpy.QtCore import QSize
from qtpy.QtWidgets import QVBoxLayout, QWidget

from napari_advseg.gui.job import Curve

PENS = ("#4fa3ff", "#ff9f40", "#5ac18e", "#c586c0", "#e06c75", "#d7ba7d")
LOSSES = "losses"
MEASURES = "measures"


class Curves(QWidget):
    """Two small plots over the training step; the lower one appears with the first validation measure."""

    def __init__(self) -> None:
        super().__init__()
        self._plots = {LOSSES: _plot(), MEASURES: _plot()}
        self._lines: dict[str, pyqtgraph.PlotDataItem] = {}
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(2)
        for plot in self._plots.values():
            column.addWidget(plot)
        self._plots[MEASURES].hide()

    def sizeHint(self) -> QSize:  # noqa: N802 - Qt's name
        """Wide enough to read, low enough for a laptop."""
        return QSize(280, 230)

    def paint(self, background: str, foreground: str) -> None:
        """Take on the colours of a theme."""
        for plot in self._plots.values():
            plot.setBackground(background)
            for side in ("left", "bottom"):
                plot.getAxis(side).setPen(foreground)
                plot.getAxis(side).setTextPen(foreground)
            plot.getPlotItem().legend.setLabelTextColor(foreground)

    def show_curves(self, curves: Mapping[str, Curve]) -> None:
        """Draw what is known so far."""
        for name, curve in curves.items():
            line = self._lines.get(name) or self._begin(name)
            steps, values = zip(*curve, strict=True)
            line.setData(steps, values)

    def clear(self) -> None:
        """Forget all curves."""
        for plot in self._plots.values():
            plot.getPlotItem().clear()
            plot.getPlotItem().legend.clear()
        self._lines.clear()
        self._plots[MEASURES].hide()

    def _begin(self, name: str) -> pyqtgraph.PlotDataItem:
        is_loss = "validation" not in name or name == "validation loss"
        plot = self._plots[LOSSES if is_loss else MEASURES]
        plot.show()
        pen = pyqtgraph.mkPen(PENS[len(self._lines) % len(PENS)], width=1 if is_loss else 2)
        checked = {"symbol": "o", "symbolSize": 5, "symbolBrush": pen.color(), "symbolPen": None}
        style = checked if name.startswith("validation") else {}
        line = plot.plot([], [], name=name.replace("/", " ").replace("_", " "), pen=pen, **style)
        self._lines[name] = line
        return line


def _plot() -> pyqtgraph.PlotWidget:
    plot = pyqtgraph.PlotWidget()
    plot.setMinimumHeight(104)
    plot.setMenuEnabled(False)
    plot.setMouseEnabled(x=False, y=False)
    plot.hideButtons()
    for side in ("left", "bottom"):
        plot.getAxis(side).enableAutoSIPrefix(False)  # noqa: FBT003 - pyqtgraph's interface
    plot.getPlotItem().setDownsampling(auto=True, mode="peak")
    plot.getPlotItem().setClipToView(True)
    plot.addLegend(offset=(-4, 4), labelTextSize="8pt", verSpacing=-4)
    return plot
