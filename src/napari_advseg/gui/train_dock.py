"""The Train dock: choose an image, its annotation and a model, and watch it learn."""

# mypy: disallow-subclassing-any=false
from __future__ import annotations

from functools import partial
from pathlib import Path

import napari
from napari.layers import Image, Labels
from qtpy.QtWidgets import QFormLayout, QPushButton, QVBoxLayout, QWidget

from napari_advseg import families
from napari_advseg.engine import Cancelled, Failed, Finished, Lost
from napari_advseg.gui import checks, handover, window
from napari_advseg.gui.editors import PatientComboBox
from napari_advseg.gui.form import Fold, Form, row_label
from napari_advseg.gui.job import End, Job
from napari_advseg.gui.panel import (
    Buttons,
    LayerChoice,
    PathLine,
    browse_new_folder,
    in_scroll_area,
    note,
    side_by_side,
)
from napari_advseg.gui.plots import Curves
from napari_advseg.gui.session import session_of
from napari_advseg.recipe import Train, train_recipe

MAIN = ("sections", "validation", "zero")
LENGTH = ("steps", "minutes")
ADVANCED = ("seed", "model", "examples", "training", "prediction", "labelling", "scoring")
HIDDEN = ("training.steps", "training.minutes")


class TrainDock(QWidget):
    """Image + labels -> a model folder."""

    def __init__(self, napari_viewer: napari.viewer.Viewer) -> None:
        super().__init__()
        self._viewer = window.unwrapped(napari_viewer)
        self._session = session_of(self._viewer)
        self._job: Job | None = None
        self._layers_problem = ""
        self._place = checks.Place("")
        self._is_own_place = False
        self.image = LayerChoice(self._viewer, Image)
        self.labels = LayerChoice(self._viewer, Labels)
        self.family = PatientComboBox()
        self.family.addItems(list(families.FAMILIES))
        self.preset = PatientComboBox()
        self.preset_words = note()
        self._base = train_recipe(self._family(), self._preset())
        self.main = Form(self._base, only=MAIN)
        self.length = Form(self._base.training, only=LENGTH)
        self.out = PathLine(browse_new_folder, "Where the model goes")
        self.resume = QPushButton("Resume it")
        self.rename = QPushButton("Take a new name")
        self.conflict = side_by_side(self.resume, self.rename)
        self.advanced = Form(self._base, only=ADVANCED, without=HIDDEN)
        self.device = note()
        self.buttons = Buttons("Start", can_pause=True)
        self.curves = Curves()
        self.buttons.remedy.addWidget(self.conflict)
        self.buttons.insert_above_log(self.curves)
        self.curves.hide()
        self._lay_out()
        self._connect()
        self._fill_presets()
        self._show_device(self._session.device)
        self._propose_place()
        self._follow(self._session.running("train"))

    def reset_choices(self, _event: object = None) -> None:
        """Called by napari when layers come, go or are renamed."""
        self.image.refill()
        self.labels.refill()
        self._look_at_layers()

    def recipe(self) -> Train:
        """What is typed, as a recipe without its data.

        Raises:
            ValueError: something typed is not valid.
        """
        advanced = self.advanced.value()
        training = advanced.training.changed(**self.length.shown())
        return advanced.changed(training=training, out=self.out.path, **self.main.shown())

    def start(self, *, resume: bool = False) -> None:
        """Hand the layers over and train, unless something is in the way; then that is said."""
        self._look_at_layers()
        if self._problem(resume=resume):
            return
        image, labels = handover.taken(self.image.layer), handover.taken(self.labels.layer)
        prepare = partial(handover.training, self.recipe(), image, labels)
        title = f"Training {Path(self.out.path).name}"
        self.curves.clear()
        self._follow(self._session.run("train", title, prepare, resume=resume))

    def _lay_out(self) -> None:
        rows = QFormLayout()
        rows.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.ExpandingFieldsGrow)
        for words, widget in (
            ("Image", self.image),
            ("Labels", self.labels),
            ("Family", self.family),
            ("Preset", self.preset),
        ):
            rows.addRow(row_label(words), widget)
        rows.addRow(self.preset_words)
        rows.addRow(self.main)
        rows.addRow(self.length)
        rows.addRow(row_label("Model folder"), self.out)
        content = QWidget()
        column = QVBoxLayout(content)
        column.setContentsMargins(0, 0, 6, 0)
        column.addLayout(rows)
        self.fold = Fold("Advanced", lambda: self.advanced)
        column.addWidget(self.fold)
        column.addStretch(1)
        whole = QVBoxLayout(self)
        whole.setContentsMargins(4, 4, 4, 4)
        whole.addWidget(in_scroll_area(content), stretch=1)
        whole.addWidget(self.device)
        whole.addWidget(self.buttons)

    def _connect(self) -> None:
        self.image.currentIndexChanged.connect(self._propose_place)
        self.labels.currentIndexChanged.connect(self._look_at_layers)
        self.family.currentIndexChanged.connect(self._fill_presets)
        self.preset.currentIndexChanged.connect(self._take_preset)
        self.out.changed.connect(self._look_at_place)
        self.out.chosen.connect(self._keep_place)
        for form in (self.main, self.length, self.advanced):
            form.changed.connect(self._judge)
        self.resume.clicked.connect(partial(self.start, resume=True))
        self.rename.clicked.connect(partial(self._propose_place, anew=True))
        self.buttons.run.clicked.connect(partial(self.start))
        self.buttons.pause.clicked.connect(self._pause_or_proceed)
        self.buttons.cancel.clicked.connect(self._cancel)
        self._session.ready.connect(self._show_device)
        self._viewer.events.theme.connect(self._paint)
        self._paint()

    def _family(self) -> str:
        return str(self.family.currentText())

    def _preset(self) -> str:
        return self.preset.currentData() or checks.auto_preset(self._family(), self._session.device)

    def _fill_presets(self) -> None:
        self.preset.blockSignals(True)  # noqa: FBT003 - Qt's interface
        self.preset.clear()
        self.preset.addItem("auto", None)
        for name in families.find(self._family()).presets:
            self.preset.addItem(name, name)
        self.preset.blockSignals(False)  # noqa: FBT003
        self._take_preset()

    def _take_preset(self) -> None:
        preset = self._preset()
        self.preset.setItemText(
            0, f"auto ({checks.auto_preset(self._family(), self._session.device)})"
        )
        self.preset_words.setText(checks.preset_words(self._family(), preset))
        base = train_recipe(self._family(), preset)
        if base.family != self._base.family:
            self._replace_advanced(base)
        self._base = base
        self.main.set(base.changed(**self.main.shown()) if not self.main.problem else base)
        self.length.set(base.training)
        self.advanced.set(base)

    def _replace_advanced(self, base: Train) -> None:
        self.advanced = Form(base, only=ADVANCED, without=HIDDEN)
        self.advanced.changed.connect(self._judge)
        self.fold.fill(self.advanced)

    def _show_device(self, device: dict[str, object] | None) -> None:
        self.device.setText(checks.device_line(device, checks.SLOW))
        if device and self._preset() != self._base.preset:
            self._take_preset()

    def _keep_place(self) -> None:
        self._is_own_place = True

    def _look_at_layers(self, *_: object) -> None:
        self._layers_problem = handover.why_not_train(self.image.layer, self.labels.layer)
        self._judge()

    def _propose_place(self, *_: object, anew: bool = False) -> None:
        self._look_at_layers()
        if anew or not self._is_own_place:
            work = partial(handover.place_for_model, self.image.layer, self._family())
            if anew:
                work = partial(handover.place_beside, self.out.path)
            self._session.background(work).done.connect(self.out.set)

    def _look_at_place(self) -> None:
        look = self._session.background(partial(checks.look_at, self.out.path))
        look.done.connect(self._see_place)

    def _see_place(self, place: checks.Place) -> None:
        if place.path == self.out.path:
            self._place = place
            self._judge()

    def _problem(self, *, resume: bool = False) -> str:
        forms = (self.main, self.length, self.advanced)
        place = "" if resume else self._place.problem
        return (
            self._layers_problem
            or next((form.problem for form in forms if form.problem), "")
            or place
        )

    def _judge(self, *_: object) -> None:
        is_running = self._job is not None and not self._job.is_over
        self.conflict.setVisible(self._place.holds == "model" and not is_running)
        self.resume.setEnabled(not self._problem(resume=True))
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
            self.curves.setVisible(bool(self._job.curves))
            self.curves.show_curves(self._job.curves)

    def _pause_or_proceed(self) -> None:
        if self._job is not None and self._job.state == "paused":
            self._session.proceed(self._job)
        elif self._job is not None:
            self._session.pause(self._job)
        self._show_job()

    def _cancel(self) -> None:
        if self._job is not None:
            self._session.cancel(self._job)
        self._show_job()

    def _end(self, how: End) -> None:
        match how:
            case Finished(_, result):
                window.show_info(f"{Path(result['model']).name} is trained; Segment can use it.")
                self._session.learnt(str(result["model"]))
            case Cancelled():
                self.buttons.tell("Cancelled. What was learnt so far is saved and can be resumed.")
            case Failed(_, text) | Lost(text):
                self.buttons.tell(text, is_warning=True)
                window.show_error(text)
        self._look_at_place()
        self._judge()

    def _paint(self, *_: object) -> None:
        self.curves.paint(*window.colours(self._viewer))
