"""The Segment dock: what is on screen is segmented first, then the stack; sliders label the section on screen anew."""

# mypy: disallow-subclassing-any=false
from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import napari
from napari.layers import Image
from qtpy.QtWidgets import QPushButton, QWidget

from napari_advseg.gui.compute import handover
from napari_advseg.gui.compute.job import Job
from napari_advseg.gui.docks.halves import contents
from napari_advseg.gui.docks.job_dock import JobDock, first_problem
from napari_advseg.gui.docks.new_place import NewPlace
from napari_advseg.gui.docks.segment import joining, segmenting
from napari_advseg.gui.docks.segment.labelling_form import LabellingForm
from napari_advseg.gui.docks.segment.live_preview import LivePreview
from napari_advseg.gui.docks.segment.model_rows import ChannelChoice, WeightsChoice
from napari_advseg.gui.docks.segment.segmenting import Result, View, ViewRequest
from napari_advseg.gui.help.shortcuts import Shortcut
from napari_advseg.gui.kit.form import Fold, Form, rows_of
from napari_advseg.gui.kit.model_choice import ModelChoice
from napari_advseg.gui.kit.panel import LayerChoice, browse_new, note
from napari_advseg.gui.kit.understood import Understood, understand
from napari_advseg.gui.viewer import results
from napari_advseg.gui.viewer.field_of_view import look_at
from napari_advseg.model_store import Card
from napari_advseg.recipes import Label, Segment
from napari_advseg.settings.labelling import LabellingSettings
from napari_advseg.volume.volume import Volume

PREVIEW_HELP = (
    "Segment only what is on screen now, to try model and sliders before the whole stack."
)
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
        self._name = ""
        self._make_rows()
        self.labelling = LabellingForm()
        self.live_preview = LivePreview(self._viewer, self._session, self.labelling)
        self.apply = QPushButton("Apply to all sections")
        self.apply.setToolTip(APPLY_HELP)
        self.preview_button = QPushButton("Preview")
        self.buttons.put_before_run(self.preview_button)
        self._connect()
        self._open(self._content())
        self._propose_place()

    def shortcuts(self) -> Sequence[Shortcut]:
        """Previewing and its switches."""
        live = self.live_preview
        return (
            Shortcut("segment_preview", "Preview what is on screen", "Shift-S", self.preview),
            Shortcut("segment_live", "Live preview on or off", "Shift-W", live.live.click),
            Shortcut(
                "segment_map", "Show or hide the interior map", "Shift-I", live.interior_map.click
            ),
            Shortcut("segment_result", "Show or hide the result", "Shift-R", live.turn_result),
        )

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
            labelling=self.labelling.value(),
            **self.sections.shown(),
            **self.prediction.shown(),
        )

    def start(self) -> None:
        """Segment what is on screen, then all, unless something is in the way; then that is said."""
        self._look_at_layers()
        if self._problem() or self._understood.volume is None:
            return
        recipe, image = self.recipe(), self._understood.volume
        what = "classes" if tells_classes(self.model.found.card) else "cells"
        self._name = f"{self.image.layer.name} {what} ({self.model.title})"
        self.model.used()
        view_request = self._seen_now(recipe, image)
        whole = partial(self._segment_all, recipe, image)
        if self.live_preview.labels.shows(view_request):
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
        if self._result is None or self.labelling.problem:
            return
        title, settings = "Labelling all sections", self.labelling.value()
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
        self.weights = WeightsChoice()
        self.image = LayerChoice(self._viewer, Image)
        self.image_words = note()
        self.channel = ChannelChoice()
        self.sections = Form(recipe, only=("sections",))
        self.out = NewPlace(self._session, browse_new, "Ends in .ome.zarr or .tif")
        self.prediction = Form(recipe, only=("prediction",))

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
        advanced = Fold("Advanced", lambda: self.prediction)
        return contents(self.rows, self.labelling, self.live_preview, self.apply, advanced)

    def _connect(self) -> None:
        self.model.seen.connect(self._take_model)
        self.image.changed.connect(self._propose_place)
        self._session.project_opened.connect(self._propose_place)
        self.channel.currentIndexChanged.connect(self._judge)
        self.out.looked.connect(self._judge)
        for form in (self.sections, self.prediction, self.labelling):
            form.changed.connect(self._judge)
        self.apply.clicked.connect(self.apply_to_all)
        self.preview_button.clicked.connect(self.preview)
        self.live_preview.moved.connect(self._follow_view)
        self.live_preview.failed.connect(self._fail)

    def _take_model(self) -> None:
        """Take over what the card says, where it says something new."""
        card = self.model.found.card
        found = (self.model.path, card.labelling) if card is not None else None
        if card is not None and found != self._taken:
            self._taken = found
            self.labelling.set(card.labelling)
            if self.live_preview.labels.is_of_other_model(self.model.path):
                self.live_preview.live.setChecked(False)
                self.live_preview.take(None)
            self.live_preview.relabel()
        self._look_at_layers()

    def _look_at_layers(self, *_: object) -> None:
        card, layer = self.model.found.card, self.image.layer
        self._understood = understand(layer)
        self.image_words.setText(self._understood.words)
        channels = self._understood.channels(card)
        self.channel.offer(channels, is_colour=getattr(layer, "rgb", False))
        self.rows.setRowVisible(self.weights, self.weights.is_needed(card))
        self.rows.setRowVisible(self.channel, bool(channels))
        self.rows.setRowVisible(self.image_words, bool(self._understood.words))
        self.labelling.setVisible(not tells_classes(card))
        self._judge()

    def _propose_place(self, *_: object) -> None:
        self._look_at_layers()
        project = self._session.project
        self.out.propose(partial(handover.place_for_labels, self.image.layer, project))

    def _view_problem(self) -> str:
        """Why what is on screen cannot be segmented; empty where it can."""
        return (
            self.model.problem
            or self._understood.why_not(self.model.found.card)
            or first_problem(self.sections, self.prediction)
            or self.labelling.problem
        )

    def _problem(self) -> str:
        return self._view_problem() or self.out.problem

    def _judge_more(self) -> None:
        self.labelling.offer_merge()
        can_apply = self._result is not None and not self._is_running
        self.apply.setEnabled(can_apply and not self.labelling.problem)
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
        if self._job is not None and self._sent is not None and self._sent[0] is self._job:
            self._job.log[:] = [line for line in self._job.log if line.is_warning]
        super()._show_job()

    def _finished(self, result: dict[str, Any]) -> None:
        recipe = self._job.recipe if self._job is not None else None
        if isinstance(recipe, Segment | Label):
            asked = {"probabilities": recipe.interior_map, "labelling": recipe.labelling}
            result = {**asked, **result}
        if self._sent is not None and self._sent[0] is self._job:
            see = partial(segmenting.as_view, result, self._sent[1])
            self._in_background(see, partial(self._show_view, self._sequel))
        elif not (isinstance(recipe, Segment) and recipe.part):  # a preview of another dock
            work = partial(segmenting.as_result, result, self._name or LABELS)
            self._in_background(work, self._add_result)

    def _settle(self) -> None:
        self._sequel = None
        self._propose_place()

    def _tidy_up(self) -> None:
        self.live_preview.turn_off()

    def _show_view(self, sequel: Callable[[], None] | None, view: View) -> None:
        self.live_preview.take(view)
        self.live_preview.relabel()
        self.live_preview.live.setChecked(True)
        if sequel is not None:
            sequel()
        else:
            self.live_preview.follow_soon()

    def _add_result(self, result: Result) -> None:
        self.live_preview.live.setChecked(False)
        self._result = result if result.map_path else None
        self.live_preview.take(self._result)
        self.live_preview.result = results.add(self._viewer, result.layer)
        self.buttons.tell(f"Added the layer {self.live_preview.result.name}.")
        self._judge()

    def _follow_view(self) -> None:
        """Segment what is on screen now, where the preview shows something else."""
        layer, image = self.image.layer, self._understood.volume
        is_on = self.live_preview.live.isChecked()
        can_look = is_on and not self._is_running and not self._view_problem()
        if layer is None or image is None or not can_look:
            return
        if not self.live_preview.labels.shows(self._seen_now(self.recipe(), image)):
            self.preview()


def tells_classes(card: Card | None) -> bool:
    """Whether a model tells classes apart, not cells."""
    return card is not None and card.channels.gives == "classes"
