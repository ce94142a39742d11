"""The labels that the chosen thresholds give, on the section on screen."""

# mypy: disallow-subclassing-any=false
from __future__ import annotations

from functools import partial
from typing import Any

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QCheckBox

from napari_advseg.gui.compute.handover import Search
from napari_advseg.gui.compute.session import Session
from napari_advseg.gui.kit.latest import Latest
from napari_advseg.gui.kit.panel import note
from napari_advseg.gui.kit.preview import Relabeller, Wish, is_on_screen, nearest, turn_to, words_of
from napari_advseg.gui.viewer import results
from napari_advseg.napari_io import LayerData

PREVIEW = "Preview of thresholds"
NOT_SEARCHED = "This section was not searched."


class ChoicePreview(QCheckBox):
    """The switch of the preview, with the words that belong to it."""

    failed = Signal(str)

    def __init__(self, viewer: Any, session: Session) -> None:
        super().__init__("Preview")
        self.setToolTip("Label the section on screen with the chosen cell, in its own layer.")
        self.setChecked(True)
        self._viewer = viewer
        self._search: Search | None = None
        self._relabeller = Relabeller()
        self._latest = Latest(session, self)
        self._own = results.OwnLayer(viewer, PREVIEW)
        self.words = note()
        self.toggled.connect(self._turn)
        self._latest.done.connect(self._show)
        self._latest.failed.connect(self.failed)
        viewer.dims.events.current_step.connect(self._relabel)

    def show_choice(self, search: Search | None) -> None:
        """Preview the chosen cell of a search, on the nearest section that was searched."""
        self._search = search
        if search is not None and self.isChecked():
            which = nearest(self._viewer, search.frame, search.steps)
            turn_to(self._viewer, search.frame, search.steps[which])
            self._relabel()

    def _relabel(self, *_: object) -> None:
        search = self._search
        if search is None or not self.isChecked():
            return
        which = nearest(self._viewer, search.frame, search.steps)
        if not is_on_screen(self._viewer, search.frame, search.steps[which]):
            self.words.setText(NOT_SEARCHED)
            return
        settings = search.tuned.chosen.labelling(search.tuned.labelling)
        wish = Wish(search.map_path, search.indices[which], settings, search.steps[which])
        self._latest.ask(partial(self._relabeller.label, wish))

    def _turn(self, *_: object) -> None:
        if self.isChecked():
            self.show_choice(self._search)
        else:
            self._latest.forget()
            self._own.remove()
            self.words.clear()

    def _show(self, layer: LayerData) -> None:
        if self.isChecked():
            self._own.show(layer)
            self.words.setText(words_of(layer))
