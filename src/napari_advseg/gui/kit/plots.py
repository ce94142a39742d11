"""Live curves of a training, in the viewer's colours: what each player loses, and what validation measures."""

# mypy: disallow-subclassing-any=false
from __future__ import annotations

from collections.abc import Mapping

import pyqtgraph
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QLabel, QSizePolicy, QVBoxLayout, QWidget

from napari_advseg.gui.compute.job import Curve

# Each at least 3 : 1 against the grounds of the dark and of the light theme.
PENS = ("#2f82e6", "#c66f0a", "#2b9160", "#a763a7", "#d64f5a", "#96803a")
VALIDATION, CRITICS = "validation", "critic"
LOWEST_PX = 64
# Terms that differ so much are drawn on a logarithmic axis, else the smaller ones are a flat line.
WIDE = 30.0


class Plot(QWidget):
    """A small plot with its legend above it, where it hides nothing; the legend tells the last values."""

    def __init__(self, title: str) -> None:
        super().__init__()
        self._title = title
        self._lines: dict[tuple[str, bool], pyqtgraph.PlotDataItem] = {}
        self._is_log = False
        self.legend = legend()
        self.area = bare_plot()
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(self.legend)
        column.addWidget(self.area, stretch=1)

    def paint(self, background: str, foreground: str) -> None:
        """Take on the colours of a theme."""
        paint(self.area, background, foreground)

    def show_curves(
        self, curves: Mapping[str, Curve], others: Mapping[str, Curve] | None = None
    ) -> None:
        """Draw these curves by their names, and `others` to compare with, dashed and in the same colours."""
        others = others or {}
        self._choose_axis([*curves.values(), *others.values()])
        words = [f"<b>{self._title}</b>"]
        for name in dict.fromkeys([*curves, *others]):
            pair = [side[name] for side in (curves, others) if name in side]
            colour = PENS[list(dict.fromkeys([*curves, *others])).index(name) % len(PENS)]
            for is_other, curve in zip((name not in curves, True), pair, strict=False):
                line = self._line(name, colour, is_other=is_other)
                line.setData(*zip(*curve, strict=True))
            ends = " / ".join(f"{curve[-1][1]:.3g}" for curve in pair)
            words.append(f"<span style='color: {colour}'>■</span> {name}&nbsp;{ends}")
        self.legend.setText(" &nbsp; ".join(words))

    def clear(self) -> None:
        """Forget all curves."""
        self.area.getPlotItem().clear()
        self._lines.clear()
        self.legend.clear()

    def _choose_axis(self, curves: list[Curve]) -> None:
        values = [abs(curve[-1][1]) for curve in curves]
        lowest = min((value for curve in curves for _, value in curve), default=0.0)
        is_log = lowest > 0 and max(values) > WIDE * min(values)
        if is_log != self._is_log:
            self._is_log = is_log
            self.area.setLogMode(y=is_log)

    def _line(self, name: str, colour: str, *, is_other: bool) -> pyqtgraph.PlotDataItem:
        """The line of a curve, made when it is first drawn."""
        if (name, is_other) not in self._lines:
            style = Qt.PenStyle.DashLine if is_other else Qt.PenStyle.SolidLine
            is_checked = self._title == VALIDATION or name.startswith(VALIDATION)
            pen = pyqtgraph.mkPen(colour, width=1 + is_checked, style=style)
            dots = {"symbol": "o", "symbolSize": 5, "symbolBrush": pen.color(), "symbolPen": None}
            line = self.area.plot([], [], pen=pen, **(dots if is_checked else {}))
            self._lines[(name, is_other)] = line
        return self._lines[(name, is_other)]


class Curves(QWidget):
    """A plot for each player (one for all critics) over the training step, and one of what validation measures."""

    def __init__(self) -> None:
        super().__init__()
        self.plots: dict[str, Plot] = {}
        self._colours = ("#262930", "#f0f1f2")
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(0, 0, 0, 0)
        self._column.setSpacing(2)

    def paint(self, background: str, foreground: str) -> None:
        """Take on the colours of a theme."""
        self._colours = (background, foreground)
        for plot in self.plots.values():
            plot.paint(background, foreground)

    def show_curves(
        self, curves: Mapping[str, Curve], others: Mapping[str, Curve] | None = None
    ) -> None:
        """Draw what is known so far; `others` are those of another training, to compare with."""
        groups, beside = grouped(curves), grouped(others or {})
        for title in dict.fromkeys([*groups, *beside]):
            if title not in self.plots:
                self._begin(title)
            self.plots[title].show_curves(groups.get(title, {}), beside.get(title, {}))

    def clear(self) -> None:
        """Forget all curves."""
        for plot in self.plots.values():
            self._column.removeWidget(plot)
            plot.deleteLater()
        self.plots.clear()

    def _begin(self, title: str) -> None:
        plot = self.plots[title] = Plot(title)
        plot.paint(*self._colours)
        place = self._column.count() - (VALIDATION in self.plots and title != VALIDATION)
        self._column.insertWidget(place, plot)


def grouped(curves: Mapping[str, Curve]) -> dict[str, dict[str, Curve]]:
    """Curves by the plot that shows them: "generator/fooling" as "fooling" of the generator.

    The validation loss lies beside the only player's loss; where there are several players it is on another scale.
    """
    players = {plot_of(name) for name in curves} - {VALIDATION}
    groups: dict[str, dict[str, Curve]] = {}
    for name, curve in curves.items():
        title, short = plot_of(name), words(name.rpartition("/")[2])
        if title == VALIDATION:
            short = words(name.removeprefix(f"{VALIDATION} "))
            if short == "loss" and len(players) == 1:
                title, short = next(iter(players)), "validation loss"
        elif title == CRITICS and sum(plot_of(other) == CRITICS for other in curves) > 1:
            short = words(name.replace("/", " "))
        groups.setdefault(title, {})[short] = curve
    return groups


def plot_of(name: str) -> str:
    """The title of the plot that a curve belongs to."""
    if name.startswith(f"{VALIDATION} "):
        return VALIDATION
    player = name.partition("/")[0]
    if player.startswith("critic"):
        return CRITICS
    return words(player.replace("+", ", ")) if "/" in name else "loss"


def words(name: str) -> str:
    """A name of the log as one reads it."""
    return name.replace("_", " ")


def legend() -> QLabel:
    """A small line of words that wraps and never makes a dock wider."""
    label = QLabel()
    label.setWordWrap(True)
    label.setStyleSheet("font-size: 8pt;")
    label.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
    return label


def bare_plot() -> pyqtgraph.PlotWidget:
    """A plot that only shows."""
    plot = pyqtgraph.PlotWidget(enableMenu=False)  # the menu takes longer to build than the plot
    plot.setMinimumHeight(LOWEST_PX)
    plot.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Ignored)
    plot.setMenuEnabled(False)
    plot.setMouseEnabled(x=False, y=False)
    plot.hideButtons()
    for side in ("left", "bottom"):
        plot.getAxis(side).enableAutoSIPrefix(enable=False)
    plot.getPlotItem().setDownsampling(auto=True, mode="peak")
    plot.getPlotItem().setClipToView(True)
    return plot


def paint(plot: pyqtgraph.PlotWidget, background: str, foreground: str) -> None:
    """Give a plot the colours of a theme."""
    plot.setBackground(background)
    for side in ("left", "bottom"):
        plot.getAxis(side).setPen(foreground)
        plot.getAxis(side).setTextPen(foreground)
