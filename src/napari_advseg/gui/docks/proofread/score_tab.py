"""The score of labels under proofreading: numbers beside those of the start, and the curve in between."""

# mypy: disallow-subclassing-any=false
from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

from qtpy.QtWidgets import QVBoxLayout, QWidget

from napari_advseg.gui.compute.session import Session
from napari_advseg.gui.docks.proofread.open_labels import OpenLabels
from napari_advseg.gui.kit import comparison
from napari_advseg.gui.kit.latest import Latest
from napari_advseg.gui.kit.panel import LayerChoice, note
from napari_advseg.gui.kit.plots import Plot
from napari_advseg.gui.kit.score_numbers import number_grid
from napari_advseg.gui.viewer import window
from napari_advseg.proofreading.finding.followed import FollowedScore, Reached

ROWS = (
    ("VOI", "voi", "Split and merge together, in bits; 0 is perfect."),
    ("   split", "voi_split", "Bits lost because true objects are cut."),
    ("   merge", "voi_merge", "Bits lost because true objects are joined."),
    ("Adapted Rand", "adapted_rand_error", "1 - F1 of pairs of voxels; 0 is perfect."),
    ("CREMI score", "cremi_score", "The root of VOI times adapted Rand; 0 is perfect."),
)
HEADS = ("Now", "Start", "Change")
NO_TRUTH = (
    "Without a truth there is no score. Choose one above, also while you proofread: the score follows from the first "
    "edit on."
)
MOST_POINTS = 2000


class ProofScore(QWidget):
    """Now, at the start, the change; VOI over the number of edits."""

    def __init__(self, session: Session, viewer: Any, truth: LayerChoice) -> None:
        """`truth` is what to score against."""
        super().__init__()
        self._viewer, self._truth = viewer, truth
        self._opened: OpenLabels | None = None
        self._scoring = Latest(session, self)
        self._scoring.done.connect(self._show)
        self._scoring.failed.connect(self.forget)
        truth.changed.connect(self._begin)
        grid, self.cells = number_grid(ROWS, HEADS)
        self.curve = Plot("VOI over edits")
        self.words = note()
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 4, 6, 0)
        column.addLayout(grid)
        column.addWidget(self.curve, stretch=1)
        column.addWidget(self.words)
        self.forget()

    def take(self, opened: OpenLabels | None) -> None:
        """Score these labels from now on, or none."""
        self._opened = opened
        self._begin()

    def follow(self) -> None:
        """The labels have changed."""
        if self._opened is not None and self._truth.layer is not None:
            self._scoring.ask(self._opened.working_copy.score)

    def _begin(self, *_: object) -> None:
        """Begin anew, with another truth or other labels."""
        self._scoring.forget()
        copy = self._opened.working_copy if self._opened is not None else None
        if copy is None or self._truth.layer is None:
            self.forget()
            if copy is not None:
                copy.end_score()
            return
        truth = comparison.side_of(self._truth.layer).volume
        self._scoring.ask(partial(copy.begin_score, truth))

    def _show(self, score: FollowedScore | None) -> None:
        if score is not None and self._opened is not None:
            self.curve.paint(*window.colours(self._viewer))
            self.show_curve(list(score.curve), score.problem)

    def show_curve(self, curve: Sequence[Reached], problem: str = "") -> None:
        """Show what was reached after each step; `problem` says why it is no longer true."""
        start, now = curve[0].values, curve[-1].values
        for _, name, _ in ROWS:
            values = getattr(now, name), getattr(start, name)
            for head, value in zip(HEADS, (*values, values[0] - values[1]), strict=True):
                self.cells[head, name].setText(
                    f"{value:+.4f}" if head == HEADS[2] else f"{value:.4f}"
                )
        last = len(curve) - 1
        at = sorted({*range(0, last, max(1, last // MOST_POINTS)), last})
        whole = [(k, curve[k].values.voi) for k in at]
        split = [(k, curve[k].values.voi_split) for k in at]
        self.curve.show_curves({"VOI": whole, "split": split})
        self.words.setText(problem)

    def forget(self, why: str = NO_TRUTH) -> None:
        """Show no score, and say why."""
        for cell in self.cells.values():
            cell.setText("–")
        self.curve.clear()
        self.words.setText(why)
