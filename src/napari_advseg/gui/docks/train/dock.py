"""The Train dock: choose an image, its annotation and a model, and watch it learn."""

# mypy: disallow-subclassing-any=false
from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import napari
from napari.layers import Image, Labels
from qtpy.QtWidgets import QPushButton, QWidget

from napari_advseg import families
from napari_advseg.gui.compute import checks, handover
from napari_advseg.gui.docks.halves import contents
from napari_advseg.gui.docks.job_dock import JobDock
from napari_advseg.gui.docks.new_place import NewPlace
from napari_advseg.gui.docks.train.compare_runs import open_comparison
from napari_advseg.gui.docks.train.going_on import GoingOn
from napari_advseg.gui.docks.train.live import Live
from napari_advseg.gui.docks.train.model_preview import SectionPreview
from napari_advseg.gui.docks.train.network import Network
from napari_advseg.gui.docks.train.start_choice import ABOUT as START_HELP
from napari_advseg.gui.docks.train.start_choice import StartChoice
from napari_advseg.gui.docks.train.summary import TrainingSummary, Wish
from napari_advseg.gui.docks.train.train_forms import TrainForms
from napari_advseg.gui.help.tour import MINUTES
from napari_advseg.gui.kit.form import rows_of
from napari_advseg.gui.kit.panel import LayerChoice, browse_new_folder, note, side_by_side
from napari_advseg.gui.viewer import window
from napari_advseg.recipes import Train
from napari_advseg.runs.comparing import curves_of
from napari_advseg.runs.continuing import recipe_to_go_on
from napari_advseg.runs.remembered import Memory, remembered


class TrainDock(JobDock):
    """Image + labels -> a model folder."""

    kind = "train"
    run_words = "Start"
    run_about = "Learn from image and labels, in a process of its own; the viewer stays free."
    can_pause = True
    cancelled_words = "Cancelled. What was learnt so far is saved and can be resumed."

    def __init__(self, napari_viewer: napari.viewer.Viewer) -> None:
        super().__init__(napari_viewer)
        self._pairing = checks.Pairing()
        self._memory = Memory()
        self.going_on = GoingOn(self._session)
        self.image = LayerChoice(self._viewer, Image)
        self.labels = LayerChoice(self._viewer, Labels)
        self.summary = TrainingSummary(self._session)
        self.network = Network(self._session, self)
        self.forms = TrainForms(self.network.recipe(), self)
        self.start_from = StartChoice(self._session)
        self.start_words = note()
        self.start_words.hide()
        self.out = NewPlace(self._session, browse_new_folder, "Where the model goes")
        self.resume = QPushButton("Resume it")
        self.rename = QPushButton("Take a new name")
        self.resume.setToolTip("Go on with the training that is in this folder")
        self.rename.setToolTip("Leave that model alone and train into the next free folder")
        self.conflict = side_by_side(self.resume, self.rename)
        self.buttons.remedy.addWidget(self.conflict)
        self.preview = SectionPreview(self._session, self._viewer)
        self.live = Live(self.preview)
        self.compare = QPushButton("Compare trainings …")
        self.compare.setToolTip(
            "Curves of two trainings over each other, how they ended, what differs"
        )
        self._connect()
        self._open(self._content(), self.live)
        self._propose_place()
        self._recall()
        self.going_on.look()

    def recipe(self) -> Train:
        """What is typed, as a recipe without its data.

        Raises:
            ValueError: something typed is not valid.
        """
        source = self.start_from.path or None
        return self.forms.value().changed(out=self.out.path, start_from=source)

    def start(self, *, resume: bool = False) -> None:
        """Hand the layers over and train, unless something is in the way; then that is said."""
        self._look_at_layers()
        if self._problem(resume=resume):
            return
        image = handover.taken(self.image.layer)
        labels = None if self.network.is_alone else handover.taken(self.labels.layer)
        prepare = partial(handover.training, self.recipe(), image, labels)
        self._run(prepare, self.out.path, resume=resume)

    def go_on(self, folder: str) -> None:
        """Go on with the training in a folder, on the data that its recipe names."""
        if not self._is_running:
            self._run(lambda _: recipe_to_go_on(folder), folder, resume=True)

    def _run(self, prepare: Callable[[Any], Train], folder: str, *, resume: bool) -> None:
        self.live.clear()
        self.going_on.hide()
        title = f"Training {Path(folder).name}"
        self._follow(self._session.run(self.kind, title, prepare, resume=resume))
        if resume and self._job is not None:
            known = self._session.background(partial(curves_of, Path(folder)))
            known.done.connect(self._job.remember)

    def tour_stop(self) -> QWidget:
        """Start, for a training that is short enough to wait for."""
        self.forms.length.row("minutes").editor.write(MINUTES)
        return self.buttons.run

    def _content(self) -> QWidget:
        rows = rows_of(
            ("Image", self.image, "The image layer to learn from."),
            ("Labels", self.labels, "The labels layer that says what is what in it, also in part."),
            self.summary,
            ("Family", self.network.family, "The kind of network; docs: Families of models."),
            ("Preset", self.network.preset, "Size and length: quick on a CPU, seed as published."),
            self.network.words,
            ("Start from", self.start_from, START_HELP),
            self.start_words,
            self.forms.main,
            self.forms.length,
            ("Model folder", self.out, "A new folder; nothing that exists is overwritten."),
        )
        return contents(self.going_on, rows, self.forms.fold, self.compare)

    def _connect(self) -> None:
        self.image.changed.connect(self._propose_place)
        self._session.project_opened.connect(self._propose_place)
        self.labels.changed.connect(self._look_at_layers)
        self.summary.kind_chosen.connect(self.forms.learn)
        self.network.family.currentIndexChanged.connect(self.start_from.forget)
        self.network.changed.connect(self._take_preset)
        self.network.family.currentIndexChanged.connect(self._propose_place)
        self.network.preset.currentIndexChanged.connect(self.start_from.look)
        self.start_from.seen.connect(self._take_source)
        self.out.looked.connect(self._judge)
        self.forms.changed.connect(self._judge)
        self.resume.clicked.connect(partial(self.start, resume=True))
        self.rename.clicked.connect(self.out.make_way)
        self.going_on.wanted.connect(self.go_on)
        self._session.project_opened.connect(self.going_on.look_again)
        self.compare.clicked.connect(partial(open_comparison, self._session, self._viewer))
        self.summary.seen.connect(self._show_time)
        self._viewer.events.theme.connect(self._paint)
        self._paint()

    def _take_preset(self) -> None:
        self.forms.set(self.network.recipe())
        self._look_at_layers()

    def _take_source(self, source: handover.Model) -> None:
        """Have the network that a model has, where it is of this family, so that all of it fits."""
        self.start_words.setText(source.words if source.path else "")
        self.start_words.setVisible(bool(source.path))
        card = source.card
        is_same = card is not None and card.recipe.family == self.network.name
        model = card.recipe.model if card is not None and is_same else self.forms.base.model
        advanced = self.forms.advanced
        if advanced.problem or advanced.shown()["model"] != model:
            advanced.group("model").set(model)
        self._judge()

    def _show_device(self, device: dict[str, object] | None) -> None:
        if device and self.network.chosen_preset != self.forms.base.preset:
            self.network.explain()
        self._show_time()

    def _show_time(self) -> None:
        device, words = self._session.device, ""
        is_asked = not self._is_running and not self.forms.problem
        if device is not None and is_asked:
            learnt = self.summary.outlook.training
            words = checks.time_words(self.recipe(), device, self._memory, learnt)
        line = checks.device_line(device)
        line = f"{line}. {words}".strip() if device else line
        self.device.setText(self._session.or_trouble(line))

    def _recall(self) -> None:
        """See what this computer remembers of trainings."""
        self._session.background(remembered).done.connect(self._take_memory)

    def _take_memory(self, memory: Memory) -> None:
        self._memory = memory
        self._show_time()

    def _look_at_layers(self, *_: object) -> None:
        self._pairing = handover.pairing(self.image.layer, self.labels.layer, self.network.name)
        self._judge()

    def _propose_place(self, *_: object) -> None:
        self._look_at_layers()
        if not self.out.is_own:
            image, project = self.image.layer, self._session.project
            self.out.propose(partial(handover.place_for_model, image, self.network.name, project))

    def _problem(self, *, resume: bool = False) -> str:
        return (
            self._pairing.problem
            or self.forms.problem
            or self._no_sections()
            or ("" if resume else self.out.problem)
        )

    def _no_sections(self) -> str:
        chosen = self.forms.main.shown()
        if self._pairing.is_pair or not (chosen["sections"] or chosen["validation"]):
            return ""
        return "Where image and labels do not belong together all sections are learnt from: empty the rows on sections."

    def _judge_more(self) -> None:
        self.forms.tell_length()
        is_valid = not self.forms.problem
        wish = Wish.of(self.recipe(), self._pairing, self.forms.base) if is_valid else None
        self.summary.look(None if self.network.is_alone else self.labels.layer, wish)
        self._show_time()
        self.conflict.setVisible(self.out.place.holds == "model" and not self._is_running)
        self.going_on.setEnabled(not self._is_running)
        self.resume.setEnabled(not self._problem(resume=True))

    def _show_job(self) -> None:
        super()._show_job()
        if self._job is not None:
            self.live.show_job(self._job)
            self.preview.show_job(self._job)
            if self._job.curves:
                self._reveal()

    def _finished(self, result: dict[str, Any]) -> None:
        user = "Segment" if families.segments(self.forms.base.model) else "Mend"
        window.show_info(f"{Path(result['model']).name} is trained; {user} can use it.")
        self._session.learnt(str(result["model"]))

    def _settle(self) -> None:
        self.out.look()
        self._recall()
        self.going_on.look(besides=self.out.path)

    def _tidy_up(self) -> None:
        self.summary.look(None, None)
        self.preview.stop()

    def _paint(self, *_: object) -> None:
        self.live.paint(*window.colours(self._viewer))
