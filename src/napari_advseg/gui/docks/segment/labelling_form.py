"""How labels are made of the interior map: sliders for what matters most, a row for everything else."""

# mypy: disallow-subclassing-any=false
from __future__ import annotations

from qtpy.QtCore import QSignalBlocker, Signal
from qtpy.QtWidgets import QGroupBox, QVBoxLayout

from napari_advseg.gui.docks.job_dock import first_problem
from napari_advseg.gui.docks.segment import joining
from napari_advseg.gui.kit.form import Fold, Form
from napari_advseg.settings.labelling import LabellingSettings

SLIDERS = {"threshold": (0.0, 1.0), "gap_threshold": (0.0, 1.01), "minimum_size": (0.0, 2000.0)}
LIVE = (*SLIDERS, "thin")
MORE_SLIDERS = {
    "smoothing": (0.0, 10.0),
    "depth": (0.0, 20.0),
    "distance": (1.0, 100.0),
    "number": (0.0, 2000.0),
    "edge_radius": (0.0, 10.0),
    "edge_quantile": (0.0, 1.0),
    "min_edge_length": (0.0, 100.0),
}
MERGE = {"threshold": (0.0, 1.0)}


class LabellingForm(QGroupBox):
    """The settings in three forms; `changed` comes when the user changes any of them."""

    changed = Signal()

    def __init__(self) -> None:
        super().__init__("Labelling")
        settings = LabellingSettings()
        self.sliders = Form(settings, only=LIVE, sliders=SLIDERS)
        self.merge = Form(settings.agglomeration, only=("threshold",), sliders=MERGE)
        self.more = Form(settings, without=(*LIVE, "agglomeration.threshold"), sliders=MORE_SLIDERS)
        column = QVBoxLayout(self)
        for part in (self.sliders, self.merge, Fold("More", lambda: self.more)):
            column.addWidget(part)
        for form in (self.sliders, self.more, self.merge):
            form.changed.connect(self.changed)

    @property
    def problem(self) -> str:
        """What is wrong first; empty where all is valid."""
        return first_problem(self.sliders, self.more, self.merge)

    def value(self) -> LabellingSettings:
        """The settings as typed.

        Raises:
            ValueError: something typed is not valid.
        """
        more = self.more.value()
        joined = more.agglomeration.changed(**self.merge.shown())
        return more.changed(agglomeration=joined, **self.sliders.shown())

    def set(self, settings: LabellingSettings) -> None:
        """Show other settings; `changed` does not come."""
        with QSignalBlocker(self):
            self.sliders.set(settings)
            self.more.set(settings)
            self.merge.set(settings.agglomeration)

    def offer_merge(self) -> None:
        """Show the slider of the joining only where it does something."""
        if not self.problem:
            self.merge.setVisible(joining.can_move(self.value()))
