"""The Segment dock: what is on screen is segmented first, then the stack; sliders label the section on screen anew."""

# mypy: disallow-subclassing-any=false
from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import napari
from napari.layers import Image, Layer
from qtpy.QtCore import QSignalBlocker, QTimer
from qtpy.QtWidgets import QCheckBox, QGroupBox, QPushButton, QVBoxLayout, QWidget

from napari_advseg.gui.compute import handover
from napari_advseg.gui.compute.job import Job
from napari_advseg.gui.docks.job_dock import JobDock, NewPlace
from napari_advseg.gui.docks.segment import joining, segmenting
from napari_advseg.gui.docks.segment.live_labels import LiveLabels
from napari_advseg.gui.docks.segment.segmenting import Result, View, ViewRequest
from napari_advseg.gui.help.shortcuts import Shortcut
from napari_advseg.gui.kit.editors import PatientComboBox
from napari_advseg.gui.kit.form import Fold, Form, rows_of
from napari_advseg.gui.kit.model_choice import ModelChoice
from napari_advseg.gui.kit.panel import LayerChoice, browse_new, note, side_by_side
from napari_advseg.gui.kit.understood import Understood, understand
from napari_advseg.gui.viewer import results, window
from napari_advseg.gui.viewer.field_of_view import look_at
from napari_advseg.recipes import Label, Segment
from napari_advseg.settings.labelling import LabellingSettings
from napari_advseg.volume.volume import Volume

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
FOLLOW_MS = 400
WEIGHTS = {"best": "best (lowest validation loss)", "last": "last step"}
PREVIEW_HELP = (
    "Segment only what is on screen now, to try model and sliders before the whole stack."
)
LIVE_HELP = (
    "Label the section on screen with every change, in a layer of its own. A preview follows the section and the "
    "camera."
)
LIVE_LATER = (
    "Press Preview or Segment first: sliders work on the interior map that the model makes."
)
INTERIOR_HELP = "Show what the model makes of the image: 1 inside a cell, 0 on its walls."
APPLY_HELP = "Label the whole stack as the sliders say, into a new file and a new layer."
RUNNING = "Something is running; wait for it, or cancel it."
LABELS = "cells"


class SegmentDock(JobDock):
    """Model + image -> labels: of what is on screen, then of the stack, as a layer and in a file."""

    kind = "segment"
    run_words = "Segment"
    run_about = (
        "Segment what is on screen, show it, and go on with all sections; Cancel stops at any time."
    )

    def __init__(self, napari_viewer: napari.viewer.Viewer) -> None:
        super().__init__(napari_viewer)
        self._understood = Understood()
        self._taken: tuple[str, LabellingSettings] | None = None
        self._sent: tuple[Job, ViewRequest] | None = None
        self._sequel: Callable[[], None] | None = None
        self._result: Result | None = None
        self._result_layer: Layer | None = None
        self._name = ""
        self._make_rows()
        self._make_labelling()
        self._labels = LiveLabels(self._viewer, self._session, self)
        self._follower = QTimer(self)
        self._follower.setSingleShot(True)
        self._follower.setInterval(FOLLOW_MS)
        self._connect()
        self._open(self._content())
        self._propose_place()
        self._offer_live()

    def shortcuts(self) -> Sequence[Shortcut]:
        """Previewing and its switches."""
        return (
            Shortcut("segment_preview", "Preview what is on screen", "Shift-S", self.preview),
            Shortcut("segment_live", "Live preview on or off", "Shift-W", self.live.click),
            Shortcut(
                "segment_map", "Show or hide the interior map", "Shift-I", self.interior_map.click
            ),
            Shortcut("segment_result", "Show or hide the result", "Shift-R", self.turn_result),
        )

    def turn_result(self) -> None:
        """Hide the layer of the last result, or show it again."""
        layer = self._result_layer
        if layer is not None:
            results.set_visible(self._viewer, layer, visible=not layer.visible)

    def labelling(self) -> LabellingSettings:
        """Sliders and the other labelling settings as typed.

        Raises:
            ValueError: something typed is not valid.
        """
        more = self.more.value()
        joined = more.agglomeration.changed(**self.merge.shown())
        return more.changed(agglomeration=joined, **self.sliders.shown())

    def recipe(self) -> Segment:
        """What is typed, with the image by its name.

        Raises:
            ValueError: something typed is not valid.
        """
        return Segment(
            image=self.image.layer.name,
            model=self.model.path,
            weights=self.weights.currentData() or "best",
            out=self.out.path,
            channel=self.channel.currentData(),
            labelling=self.labelling(),
            **self.sections.shown(),
            **self.prediction.shown(),
        )

    def start(self) -> None:
        """Segment what is on screen, then all, unless something is in the way; then that is said."""
        self._look_at_layers()
        if self._problem() or self._understood.volume is None:
            return
        recipe, image = self.recipe(), self._understood.volume
        what = "classes" if self._tells_classes else "cells"
        self._name = f"{self.image.layer.name} {what} ({self.model.title})"
        self.model.used()
        view_request = self._seen_now(recipe, image)
        whole = partial(self._segment_all, recipe, image)
        if self._labels.shows(view_request):
            whole()
        else:
            self._look_first(view_request, whole)

    def preview(self) -> None:
        """Segment what is on screen only, unless something is in the way; then that is said."""
        self._look_at_layers()
        if self._is_running or self._view_problem() or self._understood.volume is None:
            return
        self._look_first(self._seen_now(self.recipe(), self._understood.volume))

    def apply_to_all(self) -> None:
        """Label all sections as the sliders say, into a new file and a new layer."""
        if self._result is None or self._labelling_problem():
            return
        title, settings = "Labelling all sections", self.labelling()
        if self._result.fragments and joining.only_joins(self._result.labelling, settings):
            work = partial(joining.join, self._result, settings, self.out.path)
            self._follow(self._session.work(self.kind, title, work))
            return
        recipe = Label(interior_map=self._result.map_path, out=self.out.path, labelling=settings)
        prepare = partial(segmenting.relabelling, recipe)
        self._follow(self._session.run(self.kind, title, prepare))

    def _make_rows(self) -> None:
        recipe = Segment(image="image", model="model", out="labels.ome.zarr")
        self.model = ModelChoice(self._session)
        self.weights = PatientComboBox()
        for value, words in WEIGHTS.items():
            self.weights.addItem(words, value)
        self.image = LayerChoice(self._viewer, Image)
        self.image_words = note()
        self.channel = PatientComboBox()
        self.sections = Form(recipe, only=("sections",))
        self.out = NewPlace(self._session, browse_new, "Ends in .ome.zarr or .tif")
        self.prediction = Form(recipe, only=("prediction",))

    def _make_labelling(self) -> None:
        settings = LabellingSettings()
        self.sliders = Form(settings, only=LIVE, sliders=SLIDERS)
        self.more = Form(settings, without=(*LIVE, "agglomeration.threshold"), sliders=MORE_SLIDERS)
        self.merge = Form(settings.agglomeration, only=("threshold",), sliders=MERGE)
        self.live, self.interior_map = QCheckBox("Live preview"), QCheckBox("Interior map")
        self.interior_map.setToolTip(INTERIOR_HELP)
        self.preview_words = note()
        self.apply = QPushButton("Apply to all sections")
        self.apply.setToolTip(APPLY_HELP)
        self.preview_button = QPushButton("Preview")

    def _content(self) -> QWidget:
        self.rows = rows_of(
            ("Image", self.image, "The image layer to segment."),
            self.image_words,
            ("Channel", self.channel, "The model sees one channel; the image has several."),
            ("Model", self.model, "The model that makes the interior map, or tells the classes."),
            self.model.words,
            self.model.about,
            ("Weights", self.weights, "Which weights of the model are used."),
            self.sections,
            ("Labels go to", self.out, "A new file; nothing that exists is overwritten."),
        )
        self.labelling_box = QGroupBox("Labelling")
        box = QVBoxLayout(self.labelling_box)
        box.addWidget(self.sliders)
        box.addWidget(self.merge)
        box.addWidget(Fold("More", lambda: self.more))
        content = QWidget()
        column = QVBoxLayout(content)
        column.setContentsMargins(0, 0, 6, 0)
        column.addLayout(self.rows)
        column.addWidget(self.labelling_box)
        column.addWidget(side_by_side(self.live, self.interior_map))
        column.addWidget(self.preview_words)
        column.addWidget(self.apply)
        column.addWidget(Fold("Advanced", lambda: self.prediction))
        column.addStretch(1)
        self.buttons.put_before_run(self.preview_button)
        return content

    def _connect(self) -> None:
        self.model.seen.connect(self._take_model)
        self.image.currentIndexChanged.connect(self._propose_place)
        self._session.project_opened.connect(self._propose_place)
        self.channel.currentIndexChanged.connect(self._judge)
        self.out.looked.connect(self._judge)
        for form in (self.sections, self.prediction, self.sliders, self.more, self.merge):
            form.changed.connect(self._judge)
        for form in (self.sliders, self.more, self.merge):
            form.changed.connect(self._relabel_for_slider)
        self.live.toggled.connect(self._turn_live)
        self.interior_map.toggled.connect(self._turn_interior)
        self.apply.clicked.connect(self.apply_to_all)
        self.preview_button.clicked.connect(self.preview)
        self._labels.said.connect(self.preview_words.setText)
        self._labels.failed.connect(self._fail_live)
        self._follower.timeout.connect(self._follow_view)
        self._viewer.dims.events.current_step.connect(self._see_elsewhere)
        camera = window.camera(self._viewer).events
        camera.center.connect(self._see_elsewhere)
        camera.zoom.connect(self._see_elsewhere)

    @property
    def _tells_classes(self) -> bool:
        card = self.model.found.card
        return card is not None and card.channels.gives == "classes"

    def _take_model(self) -> None:
        """Take over what the card says, where it says something new."""
        card = self.model.found.card
        found = (self.model.path, card.labelling) if card is not None else None
        if card is not None and found != self._taken:
            self._taken = found
            self._set_labelling(card.labelling)
            if self._labels.is_of_other_model(self.model.path):
                self.live.setChecked(False)
                self._labels.take(None)
            self._relabel()
        self._look_at_layers()

    def _set_labelling(self, settings: LabellingSettings) -> None:
        """Move the sliders; no preview is asked for."""
        with (
            QSignalBlocker(self.sliders),
            QSignalBlocker(self.more),
            QSignalBlocker(self.merge),
        ):
            self.sliders.set(settings)
            self.more.set(settings)
            self.merge.set(settings.agglomeration)

    def _look_at_layers(self, *_: object) -> None:
        self._understood = understand(self.image.layer)
        self.image_words.setText(self._understood.words)
        self._offer_choices()
        self._judge()

    def _offer_choices(self) -> None:
        """Rows that only some models and images need."""
        card = self.model.found.card
        has_both = card is not None and {"best", "last"} <= card.weights.keys()
        differ = card is not None and card.best_step != card.last_step
        self.rows.setRowVisible(self.weights, has_both and differ)
        channels = self._understood.channels(card)
        shown = [self.channel.itemData(k) for k in range(self.channel.count())]
        if shown != [value for _, value in channels]:
            with QSignalBlocker(self.channel):
                self.channel.clear()
                for words, value in channels:
                    self.channel.addItem(words, value)
                is_colour = getattr(self.image.layer, "rgb", False)
                self.channel.setCurrentIndex(0 if is_colour or not channels else 1)
        self.rows.setRowVisible(self.channel, bool(channels))
        self.rows.setRowVisible(self.image_words, bool(self._understood.words))
        self.labelling_box.setVisible(not self._tells_classes)

    def _propose_place(self, *_: object) -> None:
        self._look_at_layers()
        if self.out.is_own:
            self.out.propose(partial(handover.place_beside, self.out.path))
        else:
            self.out.propose(
                partial(handover.place_for_labels, self.image.layer, self._session.project)
            )

    def _labelling_problem(self) -> str:
        return self.sliders.problem or self.more.problem or self.merge.problem

    def _view_problem(self) -> str:
        """Why what is on screen cannot be segmented; empty where it can."""
        return (
            self.model.problem
            or self._understood.why_not(self.model.found.card)
            or self.sections.problem
            or self.prediction.problem
            or self._labelling_problem()
        )

    def _problem(self) -> str:
        return self._view_problem() or self.out.problem

    def _judge_more(self) -> None:
        problem = self._labelling_problem()
        if not problem:
            self.merge.setVisible(joining.can_move(self.labelling()))
        can_apply = self._result is not None and not self._is_running
        self.apply.setEnabled(can_apply and not problem)
        why_no_view = RUNNING if self._is_running else self._view_problem()
        self.preview_button.setEnabled(not why_no_view)
        self.preview_button.setToolTip(why_no_view or PREVIEW_HELP)

    def _seen_now(self, recipe: Segment, image: Volume) -> ViewRequest:
        look = look_at(self._viewer, self.image.layer, image)
        device = str((self._session.device or {}).get("device", "cpu"))
        return ViewRequest(recipe, image, look, self._session.folder, device)

    def _look_first(
        self, view_request: ViewRequest, sequel: Callable[[], None] | None = None
    ) -> None:
        """Segment what is on screen; `sequel` follows when it is shown."""
        job = self._session.run(self.kind, f"Preview of {self.image.layer.name}", view_request)
        self._sent, self._sequel = (job, view_request), sequel
        self._follow(job)

    def _segment_all(self, recipe: Segment, image: Volume) -> None:
        prepare = partial(segmenting.segmentation, recipe, image)
        title = f"Segmenting {image.frame.name}"
        self._follow(self._session.run(self.kind, title, prepare))

    def _show_job(self) -> None:
        if self._job is not None and self._is_preview(self._job):
            self._job.log[:] = [line for line in self._job.log if line.is_warning]
        super()._show_job()

    def _is_preview(self, job: Job) -> bool:
        return self._sent is not None and self._sent[0] is job

    def _finished(self, result: dict[str, Any]) -> None:
        recipe = self._job.recipe if self._job is not None else None
        if isinstance(recipe, Segment | Label):
            asked = {"probabilities": recipe.interior_map, "labelling": recipe.labelling}
            result = {**asked, **result}
        if self._sent is not None and self._sent[0] is self._job:
            task = self._session.background(partial(segmenting.as_view, result, self._sent[1]))
            task.done.connect(partial(self._show_view, self._sequel))
        elif isinstance(recipe, Segment) and recipe.part:
            return  # a preview that another dock has asked for
        else:
            task = self._session.background(
                partial(segmenting.as_result, result, self._name or LABELS)
            )
            task.done.connect(self._add_result)
        task.failed.connect(self._fail)

    def _settle(self) -> None:
        self._sequel = None
        self._propose_place()

    def _tidy_up(self) -> None:
        self.live.setChecked(False)
        self.interior_map.setChecked(False)

    def _show_view(self, sequel: Callable[[], None] | None, view: View) -> None:
        self._labels.take(view)
        self._offer_live()
        if self.live.isChecked():
            self._relabel()
        self.live.setChecked(True)
        if sequel is not None:
            sequel()
        else:
            self._follower.start()

    def _add_result(self, result: Result) -> None:
        self.live.setChecked(False)
        self._result = result if result.map_path else None
        self._labels.take(self._result)
        self._result_layer = results.add(self._viewer, result.layer)
        self.buttons.tell(f"Added the layer {self._result_layer.name}.")
        self._offer_live()
        self._judge()

    def _offer_live(self) -> None:
        has_source = self._labels.source is not None
        self.live.setEnabled(has_source)
        self.live.setToolTip(LIVE_HELP if has_source else LIVE_LATER)

    def _relabel_for_slider(self) -> None:
        """A slider was moved: switch the live preview on."""
        if self._labels.source is None or self._labelling_problem():
            return
        if self.live.isChecked():
            self._relabel()
        else:
            self.live.setChecked(True)

    def _relabel(self, *_: object) -> None:
        if self.live.isChecked() and not self._labelling_problem():
            self._labels.label(self.labelling())

    def _turn_live(self) -> None:
        is_on = self.live.isChecked()
        results.set_visible(self._viewer, self._result_layer, visible=not is_on)
        if is_on:
            self._relabel()
        else:
            self._labels.turn_off()

    def _turn_interior(self) -> None:
        self._labels.show_interior(is_on=self.interior_map.isChecked())

    def _see_elsewhere(self, *_: object) -> None:
        """The viewer shows another section or another part."""
        if not self.live.isChecked():
            return
        if isinstance(self._labels.source, Result):
            self._relabel()
        else:
            self._follower.start()

    def _follow_view(self) -> None:
        """Segment what is on screen now, where the preview shows something else."""
        layer, image = self.image.layer, self._understood.volume
        can_look = self.live.isChecked() and not self._is_running and not self._view_problem()
        if layer is None or image is None or not can_look:
            return
        if not self._labels.shows(self._seen_now(self.recipe(), image)):
            self.preview()

    def _fail_live(self, text: str) -> None:
        self.live.setChecked(False)
        self._fail(text)
