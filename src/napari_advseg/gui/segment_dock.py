"""The Segment dock: a model and an image become labels, and sliders re-label the section on screen."""

# mypy: disallow-subclassing-any=false
from __future__ import annotations

from functools import partial
from typing import Any

import napari
from napari.layers import Image, Layer
from qtpy.QtWidgets import QCheckBox, QGroupBox, QPushButton, QVBoxLayout, QWidget

from napari_advseg.gui import handover, joining, results
from napari_advseg.gui.form import Fold, Form, rows_of
from napari_advseg.gui.job_dock import JobDock, ModelChoice, NewPlace
from napari_advseg.gui.latest import Latest
from napari_advseg.gui.panel import LayerChoice, browse_new, note
from napari_advseg.gui.preview import Relabeller, Wish, section_on_screen, words_of
from napari_advseg.napari_io import LayerData
from napari_advseg.recipe import Label, Segment
from napari_advseg.settings.labelling import AgglomerationSettings, LabellingSettings

MERGE = {"threshold": (0.0, 1.0)}
SLIDERS = {"threshold": (0.0, 1.0), "edge_threshold": (0.0, 1.01), "minimum_size": (0.0, 2000.0)}
LIVE = (*SLIDERS, "thin")
LIVE_HELP = "Re-label the section on screen with every change, in a layer of its own."
LIVE_LATER = "Run first: the preview works on the interior map that Run keeps."
PREVIEW = "Preview (section on screen)"


class SegmentDock(JobDock):
    """Model + image -> labels, a labels layer, and an interior map to re-label from."""

    kind = "segment"

    def __init__(self, napari_viewer: napari.viewer.Viewer) -> None:
        super().__init__(napari_viewer)
        self._preview_layer = results.OwnLayer(self._viewer, PREVIEW)
        self._relabeller, self._joiner = Relabeller(), joining.Joiner()
        self._preview = Latest(self._session, self)
        self._name = ""
        self._image_problem = ""
        self._result: handover.Result | None = None
        self._result_layer: Layer | None = None
        self.model = ModelChoice(self._session)
        self.image = LayerChoice(self._viewer, Image)
        self.out = NewPlace(self._session, browse_new, "Ends in .ome.zarr or .tif")
        recipe = Segment(image="image", model="model", out="labels.ome.zarr")
        self.sections = Form(recipe, only=("sections",))
        self.prediction = Form(recipe, only=("prediction",))
        self.sliders = Form(LabellingSettings(), only=LIVE, sliders=SLIDERS)
        self.more = Form(LabellingSettings(), without=(*LIVE, "agglomeration.threshold"))
        self.merge = Form(AgglomerationSettings(), only=("threshold",), sliders=MERGE)
        self.live = QCheckBox("Live preview")
        self.preview_words = note()
        self.apply = QPushButton("Apply to all sections")
        self._connect()
        self._open(self._content())
        self._propose_place()
        self._offer_preview()

    def labelling(self) -> LabellingSettings:
        """Sliders and the other labelling settings as typed.

        Raises:
            ValueError: something typed is not valid.
        """
        more = self.more.value()
        joined = more.agglomeration.changed(**self.merge.shown())
        return more.changed(agglomeration=joined, **self.sliders.shown())

    def start(self) -> None:
        """Hand the image over and segment, unless something is in the way; then that is said."""
        self._look_at_layers()
        if self._problem():
            return
        recipe = Segment(
            image=self.image.layer.name,
            model=self.model.path,
            out=self.out.path,
            labelling=self.labelling(),
            **self.sections.shown(),
            **self.prediction.shown(),
        )
        image = handover.taken(self.image.layer)
        prepare = partial(handover.segmentation, recipe, image, self._session.folder)
        self._name = f"{self.image.layer.name} segmented"
        title = f"Segmenting {self.image.layer.name}"
        self._follow(self._session.run(self.kind, title, prepare))

    def apply_to_all(self) -> None:
        """Label all sections as the sliders say, into a new file and a new layer."""
        if self._result is None or self._labelling_problem():
            return
        title, settings = "Labelling all sections", self.labelling()
        if self._result.fragments and joining.only_joins(self._result.labelling, settings):
            work = partial(joining.join, self._result, settings, self.out.path)
            self._follow(self._session.work(self.kind, title, work))
            return
        recipe = Label(probabilities=self._result.map_path, out=self.out.path, labelling=settings)
        self._follow(self._session.run(self.kind, title, partial(handover.relabelling, recipe)))

    def _content(self) -> QWidget:
        rows = rows_of(
            ("Model folder", self.model),
            self.model.words,
            ("Image", self.image),
            self.sections,
            ("Labels go to", self.out),
        )
        self.labelling_box = QGroupBox("Labelling")
        box = QVBoxLayout(self.labelling_box)
        box.addWidget(self.sliders)
        box.addWidget(self.merge)
        box.addWidget(Fold("More", lambda: self.more))
        box.addWidget(self.live)
        box.addWidget(self.preview_words)
        box.addWidget(self.apply)
        content = QWidget()
        column = QVBoxLayout(content)
        column.setContentsMargins(0, 0, 6, 0)
        column.addLayout(rows)
        column.addWidget(self.labelling_box)
        column.addWidget(Fold("Advanced", lambda: self.prediction))
        column.addStretch(1)
        return content

    def _connect(self) -> None:
        self.model.seen.connect(self._take_model)
        self.image.currentIndexChanged.connect(self._propose_place)
        self.out.looked.connect(self._judge)
        for form in (self.sections, self.prediction, self.sliders, self.more, self.merge):
            form.changed.connect(self._judge)
        for form in (self.sliders, self.more, self.merge):
            form.changed.connect(self._relabel)
        self.live.toggled.connect(self._turn_preview)
        self.apply.clicked.connect(self.apply_to_all)
        self._preview.done.connect(self._show_preview)
        self._preview.failed.connect(self._fail_preview)
        self._viewer.dims.events.current_step.connect(self._relabel)

    def _take_model(self) -> None:
        card = self.model.found.card
        if card is not None:
            self.sliders.set(card.labelling)
            self.more.set(card.labelling)
            self.merge.set(card.labelling.agglomeration)
        self._judge()

    def _look_at_layers(self, *_: object) -> None:
        self._image_problem = handover.why_not_segment(self.image.layer)
        self._judge()

    def _propose_place(self, *_: object) -> None:
        self._look_at_layers()
        if self.out.is_own:
            self.out.propose(partial(handover.place_beside, self.out.path))
        else:
            self.out.propose(partial(handover.place_for_labels, self.image.layer))

    def _labelling_problem(self) -> str:
        return self.sliders.problem or self.more.problem or self.merge.problem

    def _problem(self) -> str:
        return (
            self.model.problem
            or self._image_problem
            or self.sections.problem
            or self.prediction.problem
            or self._labelling_problem()
            or self.out.problem
        )

    def _judge(self, *_: object) -> None:
        super()._judge()
        problem = self._labelling_problem()
        if not problem:
            self.merge.setVisible(joining.can_move(self.labelling()))
        can_apply = self._result is not None and not self._is_running
        self.apply.setEnabled(can_apply and not problem)

    def _finished(self, result: dict[str, Any]) -> None:
        recipe = self._job.recipe if self._job is not None else None
        if isinstance(recipe, Segment | Label):
            asked = {"probabilities": recipe.probabilities, "labelling": recipe.labelling}
            result = {**asked, **result}
        task = self._session.background(partial(handover.as_result, result, self._name))
        task.done.connect(self._add_result)
        task.failed.connect(self._fail)

    def _settle(self) -> None:
        self._propose_place()

    def _tidy_up(self) -> None:
        self.live.setChecked(False)

    def _add_result(self, result: handover.Result) -> None:
        self.live.setChecked(False)
        self._result = result if result.map_path else None
        self._result_layer = results.add(self._viewer, result.layer)
        self.buttons.tell(f"Added the layer {self._result_layer.name}.")
        self._offer_preview()
        self._judge()

    def _offer_preview(self) -> None:
        self.live.setEnabled(self._result is not None)
        self.live.setToolTip(LIVE_HELP if self._result is not None else LIVE_LATER)

    def _relabel(self, *_: object) -> None:
        if self._result is None or self._labelling_problem():
            return
        is_by_slider = isinstance(self.sender(), Form)
        if is_by_slider and not self.live.isChecked():
            self.live.setChecked(True)
            return
        if self.live.isChecked():
            settings = self.labelling()
            index = section_on_screen(self._viewer, self._result.frame, self._result.sections)
            if self._result.fragments and settings.volume == "agglomerated":
                work = partial(self._joiner.label, self._result.fragments, index, settings)
            else:
                work = partial(self._relabeller.label, Wish(self._result.map_path, index, settings))
            self._preview.ask(work)

    def _turn_preview(self, is_on: bool) -> None:  # noqa: FBT001 - a Qt slot
        results.set_visible(self._viewer, self._result_layer, visible=not is_on)
        if is_on:
            self._relabel()
        else:
            self._preview.forget()
            self._preview_layer.remove()
            self.preview_words.clear()

    def _show_preview(self, layer: LayerData) -> None:
        if self.live.isChecked():
            self._preview_layer.show(layer)
            self.preview_words.setText(f"{words_of(layer)}{self._caveat()}")

    def _caveat(self) -> str:
        """What the preview does not show of how objects run through the stack."""
        return joining.caveat(self._result, self.labelling()) if self._result is not None else ""

    def _fail_preview(self, text: str) -> None:
        self.live.setChecked(False)
        self._fail(text)
