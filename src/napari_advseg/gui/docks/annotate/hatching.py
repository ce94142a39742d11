"""Stripes over what is not annotated in the section on screen."""

# mypy: disallow-subclassing-any=false
from __future__ import annotations

from functools import partial
from typing import Any

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QCheckBox

from napari_advseg.gui.compute.session import Session
from napari_advseg.gui.docks.annotate.coverage import Coverage, hatched
from napari_advseg.gui.kit.latest import Latest
from napari_advseg.gui.kit.panel import LayerChoice
from napari_advseg.gui.viewer import results
from napari_advseg.napari_io import LayerData

TINT = "Not annotated"
HATCH = ("#ff8c1a",)
ABOUT = "<p>Stripes over all that counts as unknown; background is painted, not left out.</p>"


class Hatching(QCheckBox):
    """The switch of the stripes, which lie in a layer of our own."""

    failed = Signal(str)

    def __init__(
        self, viewer: Any, session: Session, coverage: Coverage, labels: LayerChoice
    ) -> None:
        super().__init__("Hatch what is not annotated")
        self.setToolTip(ABOUT)
        self._coverage = coverage
        self._labels = labels
        self._latest = Latest(session, self)
        self._latest.done.connect(self._show)
        self._latest.failed.connect(self.failed)
        colours = results.flat_colours(HATCH)
        self._tint = results.OwnLayer(viewer, TINT, colormap=colours, opacity=0.4)
        self.toggled.connect(self.draw)

    def draw(self, *_: object) -> None:
        """Hatch the section on screen, or take the stripes away."""
        side = self._coverage.side
        if self.isChecked() and side is not None:
            self._latest.ask(partial(hatched, side, self._coverage.here))
        else:
            self._latest.forget()
            self._tint.remove()

    def look(self) -> None:
        """Be off where the user took the layer away."""
        if self.isChecked() and self._tint.is_missed:
            self.setChecked(False)

    def _show(self, layer: LayerData) -> None:
        if self.isChecked():
            self._tint.show(layer, below=self._labels.layer)
