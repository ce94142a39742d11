"""The score of labels under proofreading: numbers beside those of the start, and the curve in between."""

# mypy: disallow-subclassing-any=false
from __future__ import annotations

from collections.abc import Sequence

from qtpy.QtWidgets import QVBoxLayout, QWidget

from napari_advseg.gui.kit.panel import note
from napari_advseg.gui.kit.plots import Plot
from napari_advseg.gui.kit.score_numbers import number_grid
from napari_advseg.proofreading.finding.followed import Reached

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

    def __init__(self) -> None:
        super().__init__()
        grid, self.cells = number_grid(ROWS, HEADS)
        self.curve = Plot("VOI over edits")
        self.words = note()
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 4, 6, 0)
        column.addLayout(grid)
        column.addWidget(self.curve, stretch=1)
        column.addWidget(self.words)
        self.forget()

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
