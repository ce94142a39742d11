"""The Segment dock: a model and an image become labels, and sliders re-label the section on screen."""

# mypy: disallow-subclassing-any=false
from __future__ import annotations

from functools import partial

import napari
from napari.layers import Image, Layer
from qtpy.QtWidgets import QCheckBox, QFormLayout, QGroupBox, QPushButton, QVBoxLayout, QWidget

from napari_advseg.engine import Cancelled, Failed, Finished, Lost
from napari_advseg.gui import checks, handover, results, window
from napari_advseg.gui.form import Fold, Form, row_label
from napari_advseg.gui.job import End, Job
from napari_advseg.gui.panel import (
    Buttons,
    LayerChoice,
    PathLine,
    browse_folder,
    browse_new,
    in_scroll_area,
    note,
)
from napari_advseg.gui.preview import Preview, Wish, section_on_screen, words_of
from napari_advseg.gui.session import session_of
from napari_advseg.napari_io import LayerData
from napari_advseg.recipe import Label, Segment
from napari_advseg.settings.labelling import LabellingSettings

SLIDERS = {"threshold": (0.0, 1.0), "edge_threshold": (0.0, 1.01), "minimum_size": (0.0, 2000.0)}
LIVE = (*SLIDERS, "thin")
LIVE_HELP = "Re-label the section on screen with every change, in a layer of its own."
LIVE_LATER = "Run first: the preview works on the interior map that Run keeps."
PREVIEW = "Preview (section on screen)"


class SegmentDock(QWidget):
    """Model + image -> labels, a labels layer, and an interior map to re-label from."""

    def __init__(self, napari_viewer: napari.viewer.Viewer) -> None:
        super().__init__()
        self._viewer = window.unwrapped(napari_viewer)
        self._session = session_of(self._viewer)
        self._preview = Preview(self._session, self)
        self._job: Job | None = None
        self._name = ""
        self._model = handover.model_at("")
        self._image_problem = ""
        self._place = checks.Place("")
        self._is_own_place = False
        self._result: handover.Result | None = None
        self._result_layer: Layer | None = None
        self.model = PathLine(browse_folder, "Folder that Train wrote")
        self.model_words = note()
        self.image = LayerChoice(self._viewer, Image)
        self.out = PathLine(browse_new, "Ends in .ome.zarr or .tif")
        recipe = Segment(image="image", model="model", out="labels.ome.zarr")
        self.sections = Form(recipe, only=("sections",))
        self.prediction = Form(recipe, only=("prediction",))
        self.sliders = Form(LabellingSettings(), only=LIVE, sliders=SLIDERS)
        self.more = Form(LabellingSettings(), without=LIVE)
        self.live = QCheckBox("Live preview")
        self.preview_words = note()
        self.apply = QPushButton("Apply to all sections")
        self.device = note()
        self.buttons = Buttons("Run", can_pause=False)
        self._lay_out()
        self._connect()
        self._show_device(self._session.device)
        self.model.set(self._session.model)
        self._look_at_model()
        self._propose_place()
        self._offer_preview()
        self._follow(self._session.running("segment"))

    def reset_choices(self, _event: object = None) -> None:
        """Called by napari when layers come, go or are renamed."""
        self.image.refill()
        self._look_at_image()

    def labelling(self) -> LabellingSettings:
        """Sliders and the other labelling settings as typed.

        Raises:
            ValueError: something typed is not valid.
        """
        return self.more.value().changed(**self.sliders.shown())

    def start(self) -> None:
        """Hand the image over and segment, unless something is in the way; then that is said."""
        self._look_at_image()
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
        self._follow(self._session.run("segment", title, prepare))

    def apply_to_all(self) -> None:
        """Label the whole interior map as the sliders say, into a new file and a new layer."""
        if self._result is None or self._labelling_problem():
            return
        recipe = Label(
            probabilities=self._result.map_path, out=self.out.path, labelling=self.labelling()
        )
        title = "Labelling all sections"
        self._follow(self._session.run("segment", title, partial(handover.relabelling, recipe)))

    def _lay_out(self) -> None:
        rows = QFormLayout()
        rows.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.ExpandingFieldsGrow)
        rows.addRow(row_label("Model folder"), self.model)
        rows.addRow(self.model_words)
        rows.addRow(row_label("Image"), self.image)
        rows.addRow(self.sections)
        rows.addRow(row_label("Labels go to"), self.out)
        self.labelling_box = QGroupBox("Labelling")
        box = QVBoxLayout(self.labelling_box)
        box.addWidget(self.sliders)
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
        whole = QVBoxLayout(self)
        whole.setContentsMargins(4, 4, 4, 4)
        whole.addWidget(in_scroll_area(content), stretch=1)
        whole.addWidget(self.device)
        whole.addWidget(self.buttons)

    def _connect(self) -> None:
        self.model.changed.connect(self._look_at_model)
        self.image.currentIndexChanged.connect(self._propose_place)
        self.out.changed.connect(self._look_at_place)
        self.out.chosen.connect(self._keep_place)
        for form in (self.sections, self.prediction, self.sliders, self.more):
            form.changed.connect(self._judge)
        for form in (self.sliders, self.more):
            form.changed.connect(self._relabel)
        self.live.toggled.connect(self._turn_preview)
        self.apply.clicked.connect(self.apply_to_all)
        self.buttons.run.clicked.connect(self.start)
        self.buttons.cancel.clicked.connect(self._cancel)
        self._preview.shown.connect(self._show_preview)
        self._preview.failed.connect(self._fail_preview)
        self._session.ready.connect(self._show_device)
        self._session.trained.connect(self._take_trained)
        self._viewer.dims.events.current_step.connect(self._relabel)

    def _show_device(self, device: dict[str, object] | None) -> None:
        self.device.setText(checks.device_line(device))

    def _take_trained(self, folder: str) -> None:
        self.model.set(folder)
        self._look_at_model()

    def _look_at_model(self, *_: object) -> None:
        look = self._session.background(partial(handover.model_at, self.model.path))
        look.done.connect(self._see_model)

    def _see_model(self, model: handover.Model) -> None:
        if model.path != self.model.path:
            return
        self._model = model
        self.model_words.setText(model.words if model.card else "")
        if model.card is not None:
            self.sliders.set(model.card.labelling)
            self.more.set(model.card.labelling)
        self._judge()

    def _keep_place(self) -> None:
        self._is_own_place = True

    def _look_at_image(self) -> None:
        self._image_problem = handover.why_not_segment(self.image.layer)
        self._judge()

    def _propose_place(self, *_: object) -> None:
        self._look_at_image()
        if self._is_own_place:
            work = partial(handover.place_beside, self.out.path)
        else:
            work = partial(handover.place_for_labels, self.image.layer)
        self._session.background(work).done.connect(self.out.set)

    def _look_at_place(self, *_: object) -> None:
        look = self._session.background(partial(checks.look_at, self.out.path))
        look.done.connect(self._see_place)

    def _see_place(self, place: checks.Place) -> None:
        if place.path == self.out.path:
            self._place = place
            self._judge()

    def _labelling_problem(self) -> str:
        return self.sliders.problem or self.more.problem

    def _problem(self) -> str:
        return (
            self._model.problem
            or self._image_problem
            or self.sections.problem
            or self.prediction.problem
            or self._labelling_problem()
            or self._place.problem
        )

    def _judge(self, *_: object) -> None:
        is_running = self._job is not None and not self._job.is_over
        self.apply.setEnabled(
            self._result is not None and not is_running and not self._labelling_problem()
        )
        if is_running:
            self.buttons.run.setEnabled(False)
        else:
            self.buttons.refuse(self._problem())

    def _follow(self, job: Job | None) -> None:
        self._job = job
        if job is None:
            return
        job.changed.connect(self._show_job)
        job.ended.connect(self._end)
        self.buttons.begin()
        self.buttons.refuse("")
        self._show_job()
        self._judge()

    def _show_job(self) -> None:
        if self._job is not None:
            self.buttons.follow(self._job)

    def _cancel(self) -> None:
        if self._job is not None:
            self._session.cancel(self._job)
        self._show_job()

    def _end(self, how: End) -> None:
        recipe = self._job.recipe if self._job is not None else None
        match how:
            case Finished(_, result) if isinstance(recipe, Segment | Label):
                kept = recipe.probabilities or ""
                work = partial(handover.as_result, result["labels"], kept, self._name)
                task = self._session.background(work)
                task.done.connect(self._add_result)
                task.failed.connect(self._fail)
            case Cancelled():
                self.buttons.tell("Cancelled.")
            case Failed(_, text) | Lost(text):
                self._fail(text)
        self._propose_place()
        self._judge()

    def _fail(self, text: str) -> None:
        self.buttons.tell(text, is_warning=True)
        window.show_error(text)

    def _add_result(self, result: handover.Result) -> None:
        self.live.setChecked(False)
        self._result = result
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
            index = section_on_screen(self._viewer, self._result.frame, self._result.sections)
            self._preview.ask(Wish(self._result.map_path, index, self.labelling()))

    def _turn_preview(self, is_on: bool) -> None:  # noqa: FBT001 - a Qt slot
        results.set_visible(self._viewer, self._result_layer, visible=not is_on)
        if is_on:
            self._relabel()
        else:
            self._preview.forget()
            results.remove_preview(self._viewer)
            self.preview_words.clear()

    def _show_preview(self, layer: LayerData) -> None:
        if self.live.isChecked():
            results.show_preview(self._viewer, layer, PREVIEW)
            self.preview_words.setText(words_of(layer))

    def _fail_preview(self, text: str) -> None:
        self.live.setChecked(False)
        self._fail(text)
