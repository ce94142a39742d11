"""The live preview: its switches, and when what is on screen is labelled anew."""

# mypy: disallow-subclassing-any=false
from __future__ import annotations

from typing import Any

from napari.layers import Layer
from qtpy.QtCore import QTimer, Signal
from qtpy.QtWidgets import QCheckBox, QVBoxLayout, QWidget

from napari_advseg.gui.compute.session import Session
from napari_advseg.gui.docks.segment.labelling_form import LabellingForm
from napari_advseg.gui.docks.segment.live_labels import LiveLabels, Source
from napari_advseg.gui.docks.segment.segmenting import Result
from napari_advseg.gui.kit.panel import note, side_by_side
from napari_advseg.gui.viewer import results, window

FOLLOW_MS = 400
LIVE_HELP = (
    "Label the section on screen with every change, in a layer of its own. A preview follows the section and the "
    "camera."
)
LIVE_LATER = (
    "Press Preview or Segment first: sliders work on the interior map that the model makes."
)
INTERIOR_HELP = "Show what the model makes of the image: 1 inside a cell, 0 on its walls."


class LivePreview(QWidget):
    """Labels a view or a result with every change of the form; `moved` says that the user looks elsewhere.

    Attributes:
        result: the layer of the last result, hidden while the preview lies over it.
    """

    moved = Signal()
    failed = Signal(str)

    def __init__(self, viewer: Any, session: Session, form: LabellingForm) -> None:
        super().__init__()
        self._viewer = viewer
        self._form = form
        self.result: Layer | None = None
        self.labels = LiveLabels(viewer, session, self)
        self.live, self.interior_map = QCheckBox("Live preview"), QCheckBox("Interior map")
        self.interior_map.setToolTip(INTERIOR_HELP)
        self.words = note()
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(side_by_side(self.live, self.interior_map))
        column.addWidget(self.words)
        self._settled = QTimer(self)
        self._settled.setSingleShot(True)
        self._settled.setInterval(FOLLOW_MS)
        self._settled.timeout.connect(self.moved)
        self._connect()
        self.take(None)

    def take(self, source: Source | None) -> None:
        """Show another view or result from now on, or none."""
        self.labels.take(source)
        self.live.setEnabled(source is not None)
        self.live.setToolTip(LIVE_HELP if source is not None else LIVE_LATER)

    def relabel(self) -> None:
        """Label anew, where the preview is on."""
        if self.live.isChecked() and not self._form.problem:
            self.labels.label(self._form.value())

    def follow_soon(self) -> None:
        """Look whether the view is still that of the preview, once the user rests."""
        self._settled.start()

    def turn_off(self) -> None:
        """Take all layers of the preview away."""
        self.live.setChecked(False)
        self.interior_map.setChecked(False)

    def turn_result(self) -> None:
        """Hide the layer of the last result, or show it again."""
        if self.result is not None:
            results.set_visible(self._viewer, self.result, visible=not self.result.visible)

    def _connect(self) -> None:
        self._form.changed.connect(self._relabel_for_slider)
        self.live.toggled.connect(self._turn_live)
        self.interior_map.toggled.connect(self._turn_interior)
        self.labels.said.connect(self.words.setText)
        self.labels.failed.connect(self._fail)
        self._viewer.dims.events.current_step.connect(self._see_elsewhere)
        camera = window.camera(self._viewer).events
        camera.center.connect(self._see_elsewhere)
        camera.zoom.connect(self._see_elsewhere)

    def _relabel_for_slider(self) -> None:
        """A slider was moved: switch the live preview on."""
        if self.labels.source is None or self._form.problem:
            return
        if self.live.isChecked():
            self.relabel()
        else:
            self.live.setChecked(True)

    def _turn_live(self) -> None:
        is_on = self.live.isChecked()
        results.set_visible(self._viewer, self.result, visible=not is_on)
        if is_on:
            self.relabel()
        else:
            self.labels.turn_off()

    def _turn_interior(self) -> None:
        self.labels.show_interior(is_on=self.interior_map.isChecked())

    def _see_elsewhere(self, *_: object) -> None:
        """The viewer shows another section or another part."""
        if self.live.isChecked() and isinstance(self.labels.source, Result):
            self.relabel()
        elif self.live.isChecked():
            self.follow_soon()

    def _fail(self, text: str) -> None:
        self.live.setChecked(False)
        self.failed.emit(text)
