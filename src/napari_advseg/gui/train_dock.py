"""The Train dock: choose an image, its annotation and a model, and watch it learn."""

# mypy: disallow-subclassing-any=false
from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import napari
from napari.layers import Image, Labels
from qtpy.QtWidgets import QFormLayout, QHBoxLayout, QLabel, QPushButton, QVBoxLayout, QWidget

from napari_advseg import families
from napari_advseg.engine import Cancelled, Failed, Finished, Lost
from napari_advseg.gui import checks, handover, window
from napari_advseg.gui.editors import PatientComboBox
from napari_advseg.gui.form import Fold, Form
from napari_advseg.gui.job import End, Job
from napari_advseg.gui.panel import Buttons, LayerChoice, PathLine, browse_new_folder, in_scroll_area
from napari_advseg.gui.plots import Curves
from napari_advseg.gui.session import session_of
from napari_advseg.recipe import Train, train_recipe

MAIN = ("sections", "validation", "zero")
LENGTH = ("steps", "minutes")
ADVANCED = ("seed", "model", "examples", "training", "prediction", "labelling", "scoring")
AUTO = "auto"


class TrainDock(QWidget):
    """Image + labels -> a model folder."""

    def __init__(self, napari_viewer: napari.viewer.Viewer) -> None:
        super().__init__()
        self._viewer = napari_viewer
        self._session = session_of(napari_viewer)
        self._job: Job | None = None
        self._place = handover.Place("")
        self.image = LayerChoice(napari_viewer, Image)
        self.labels = LayerChoice(napari_viewer, Labels)
        self.family = PatientComboBox()
        self.family.addItems(list(families.FAMILIES))
        self.preset = PatientComboBox()
        self.preset_words = _note()
        self.out = PathLine(browse_new_folder, "Where the model goes")
        self.resume = QPushButton("Resume it")
        self.rename = QPushButton("Take a new name")
        self.conflict = _pair(self.resume, self.rename)
        self.device = _note()
        self.buttons = Buttons("Start", can_pause=True)
        self.curves = Curves()
        self.curves.hide()
        self.buttons.insert_above_log(self.curves)
        self._base = train_recipe(self.family.currentText(), self._preset_name())
        self.main = Form(self._base, only=MAIN)
        self.length = Form(self._base.training, only=LENGTH)
        self.advanced = self._advanced_form()
        self._lay_out()
        self._connect()
        self._fill_presets()
        self._show_device(self._session.device)
        self._choose_place()

    def reset_choices(self, _event: object = None) -> None:
        """Called by napari when layers come, go or are renamed."""
        self.image.refill()
        self.labels.refill()
        self._judge()

    def recipe(self) -> Train:
        """What is typed, as a recipe without its data.

        Raises:
            ValueError: something typed is not valid.
        """
        advanced = self.advanced.value()
        training = advanced.training.changed(**self.length.shown())
        return advanced.changed(training=training, out=self.out.path, **self.main.shown())

    def start(self, *, resume: bool = False) -> None:
        """Hand the layers over and train."""
        image, labels = handover.take(self.image.layer), handover.take(self.labels.layer)
        prepare = partial(handover.training, self.recipe(), image, labels)
        self._job = self._session.run(f"Training {Path(self.out.path).name}", prepare, resume=resume)
        self._job.changed.connect(self._show_job)
        self._job.ended.connect(self._end)
        self.curves.clear()
        self.curves.show()
        self.buttons.begin()
        self._show_job()

    def _lay_out(self) -> None:
        rows = QFormLayout()
        rows.setContentsMargins(0, 0, 0, 0)
        rows.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.ExpandingFieldsGrow)
        rows.addRow("Image", self.image)
        rows.addRow("Labels", self.labels)
        rows.addRow("Family", self.family)
        rows.addRow("Preset", self.preset)
        rows.addRow(self.preset_words)
        rows.addRow(self.main)
        rows.addRow(self.length)
        rows.addRow("Model folder", self.out)
        rows.addRow(self.conflict)
        content = QWidget()
        column = QVBoxLayout(content)
        column.addLayout(rows)
        self._advanced_place = QVBoxLayout()
        self._advanced_place.addWidget(Fold("Advanced", self.advanced))
        column.addLayout(self._advanced_place)
        column.addStretch(1)
        whole = QVBoxLayout(self)
        whole.setContentsMargins(4, 4, 4, 4)
        whole.addWidget(in_scroll_area(content), stretch=1)
        whole.addWidget(self.device)
        whole.addWidget(self.buttons)

    def _connect(self) -> None:
        self.image.currentIndexChanged.connect(self._choose_place)
        self.labels.currentIndexChanged.connect(self._judge)
        self.family.currentIndexChanged.connect(self._fill_presets)
        self.preset.currentIndexChanged.connect(self._take_preset)
        self.out.changed.connect(self._look_at_place)
        for form in (self.main, self.length, self.advanced):
            form.changed.connect(self._judge)
        self.resume.clicked.connect(lambda: self.start(resume=True))
        self.rename.clicked.connect(self._choose_place)
        self.buttons.run.clicked.connect(lambda: self.start())
        self.buttons.pause.clicked.connect(self._pause)
        self.buttons.cancel.clicked.connect(self._cancel)
        self._session.ready.connect(self._show_device)
        self._viewer.events.theme.connect(self._paint)
        self._paint()
