"""What was reviewed: the section on screen as right, the record of the work, and a better model from it."""

# mypy: disallow-subclassing-any=false
from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

from napari.layers import Layer
from qtpy.QtCore import Signal
from qtpy.QtWidgets import QFileDialog, QPushButton, QVBoxLayout, QWidget

from napari_advseg.engine import Cancelled, Failed, Finished, Lost
from napari_advseg.gui.compute.cancellable import Cancellable
from napari_advseg.gui.compute.checks import free_place
from napari_advseg.gui.compute.handover import COPY, HOME, named, taken
from napari_advseg.gui.compute.job import End, Job
from napari_advseg.gui.compute.session import Session
from napari_advseg.gui.docks.proofread.open_labels import OpenLabels
from napari_advseg.gui.kit.model_choice import ModelChoice
from napari_advseg.gui.kit.panel import Buttons, LayerChoice, legend, note, side_by_side
from napari_advseg.gui.viewer import results
from napari_advseg.napari_io import read_layers
from napari_advseg.proofreading.afterwards.review import record_of, write_record
from napari_advseg.proofreading.editing.boxes import size
from napari_advseg.proofreading.store.kept import kept_in
from napari_advseg.recipes import Retrain
from napari_advseg.volume.volume import Volume

KIND = "retrain"
LOG_PX = 52
ABOUT = "Go on training the model on what is reviewed, and take the new one only if reviewed sections do not get worse"
NOTHING = "Nothing is reviewed: mark objects as correct, or a section as right."
NO_MODEL = "Choose the model that made these labels, under Model above."
NO_IMAGE = "Choose the image that the labels are of, under Image above."
CHANGED = "What changed"
KINDS = ("merged", "split", "gone", "new")
COLOURS = ("#ff4d4d", "#4fa3ff", "#ffd23f", "#7dff5a")
REFUSED = (
    "The new model is not taken: it is worse where you reviewed. It stays in {} to be looked at."
)
TAKEN = (
    "The new model is taken. Its labels lie in {}, with your edits; they are opened, with what changed. End, choose "
    "them, and Begin goes on in them."
)


class ReviewTab(QWidget):
    """Emits `section_toggled` for the section on screen; retrains in the child while proofreading goes on."""

    section_toggled = Signal()

    def __init__(
        self,
        session: Session,
        viewer: Any,
        image: LayerChoice,
        model: ModelChoice,
        truth: LayerChoice,
    ) -> None:
        super().__init__()
        self._session, self._viewer = session, viewer
        self._image, self._model, self._truth = image, model, truth
        self._opened: OpenLabels | None = None
        self._job: Job | None = None
        self.words = note()
        self.section = QPushButton("This section is right")
        self.report = QPushButton("Save report …")
        self.retrain = Buttons("Retrain", can_pause=False, log_px=LOG_PX)
        self.retrain.run_about = ABOUT
        self.retrain.help.hide()
        self.section.setToolTip(
            "<p>All of the section on screen is right as it is now, or no longer.</p>"
        )
        self.report.setToolTip(
            "<p>Time spent, edits by kind, what is reviewed, as Markdown and CSV.</p>"
        )
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 4, 6, 0)
        column.addWidget(self.words)
        column.addWidget(side_by_side(self.section, self.report))
        column.addWidget(self.retrain)
        self._legend = legend([(*pair, "") for pair in zip(COLOURS, KINDS, strict=True)])
        self._legend.hide()
        column.addWidget(self._legend)
        column.addStretch(1)
        self.section.clicked.connect(self.section_toggled)
        self.report.clicked.connect(self._save)
        self.retrain.run.clicked.connect(self.start)
        self.retrain.cancel.clicked.connect(self._cancel)
        model.seen.connect(self.judge)
        image.changed.connect(self.judge)

    def take(self, opened: OpenLabels | None) -> None:
        """Be about these labels from now on, or about none."""
        self._opened = opened
        self.judge()

    def judge(self, *_: object) -> None:
        """Say what is reviewed, and whether that can be learnt from."""
        proof = self._opened.proof if self._opened is not None else None
        for button in (self.section, self.report):
            button.setEnabled(proof is not None)
        if proof is None:
            self.words.clear()
        else:
            share = size(proof.boxes) / max(1, proof.labels.size)
            self.words.setText(
                f"{len(proof.locked):,} objects are marked as correct; {100 * share:.3g} % of the voxels lie in "
                "reviewed sections."
            )
        if self._job is None or self._job.is_over:
            self.retrain.refuse(self._problem())

    def start(self) -> None:
        """Retrain in the child, unless something is in the way."""
        self.judge()
        opened, image = self._opened, self._image.layer
        if opened is None or self._problem():
            return
        project = self._session.project
        folder = Path.home() / HOME / "models" if project is None else project.models
        recipe = Retrain(
            journal=str(opened.proof.folder),
            labels=str(opened.proof.base.source),
            image=image.name,
            model=self._model.path,
            out=str(free_place(folder / f"{opened.proof.folder.stem}-retrained")),
        )
        prepare = partial(_prepared, recipe, taken(image), self._session.folder)
        self._job = self._session.run(KIND, "Learning from what was reviewed", prepare)
        self._job.changed.connect(self._show)
        self._job.ended.connect(self._end)
        self.retrain.begin()
        self.retrain.run.setEnabled(False)
        self._show()

    def _problem(self) -> str:
        if self._opened is None:
            return "Begin first."
        proof = self._opened.proof
        if not proof.locked and not proof.boxes:
            return NOTHING
        if self._image.layer is None:
            return NO_IMAGE
        return self._model.problem and NO_MODEL

    def _cancel(self) -> None:
        if self._job is not None:
            self._session.cancel(self._job)
            self._show()

    def _show(self) -> None:
        if self._job is not None:
            self.retrain.follow(self._job)

    def _end(self, how: End) -> None:
        match how:
            case Finished(_, result):
                self._take(result)
            case Cancelled():
                self.retrain.tell("Cancelled; the model is as it was.")
            case Failed(_, text) | Lost(text):
                self.retrain.tell(text, is_warning=True)
        self.judge()

    def _take(self, result: dict[str, Any]) -> None:
        if not result["is_taken"]:
            self.retrain.tell(REFUSED.format(result["model"]), is_warning=True)
            return
        self._session.learnt(result["model"])
        self.retrain.tell(TAKEN.format(result["labels"]))
        left = result.get("replayed", {}).get("conflicts", [])
        if left:
            self.retrain.tell(
                f"{len(left):,} edits did not fit and are listed in replayed.json.", is_warning=True
            )
        task = self._session.background(partial(_layers, result))
        task.done.connect(self._add)

    def _add(self, layers: list[Layer]) -> None:
        self._legend.show()
        for layer in layers:
            results.add(self._viewer, layer)

    def _save(self) -> None:
        opened = self._opened
        folder = QFileDialog.getExistingDirectory(self, "Folder for the report") if opened else ""
        if opened is not None and folder:
            self.save_report(opened, Path(folder))

    def save_report(self, opened: OpenLabels, folder: Path) -> None:
        """Write review.md and review.csv into a folder."""
        truth = self._truth.layer and taken(self._truth.layer)
        task = self._session.background(partial(_reported, opened, truth, folder))
        task.done.connect(lambda paths: self.retrain.tell(f"Saved: {paths[0]} and {paths[1]}"))
        task.failed.connect(lambda text: self.retrain.tell(text, is_warning=True))


def _prepared(recipe: Retrain, image: Volume, folder: Path, cancellable: Cancellable) -> Retrain:
    """The recipe with its image named.

    Raises:
        ValueError: a copy cannot be written, or it was stopped.
    """
    copy = folder / f"retrain-image{COPY}"
    return recipe.changed(image=named(image, copy, cancellable, str(copy)))


def _layers(result: dict[str, Any]) -> list[Layer]:
    """The labels of the new model, and what is other than before."""
    (data, attributes, kind), *_ = read_layers(result["labels"])
    made = [results.made_of((data, {**attributes, "name": "Labels of the new model"}, kind))]
    (data, attributes, kind), *_ = read_layers(result["changed"], "labels")
    style = {"name": CHANGED, "colormap": results.flat_colours(COLOURS), "opacity": 0.6}
    return [*made, results.made_of((data, {**attributes, **style}, kind))]


def _reported(opened: OpenLabels, truth: Volume | None, folder: Path) -> tuple[Path, Path]:
    """The record of the review in a folder.

    Raises:
        ValueError: the folder cannot be written to.
    """
    kept = kept_in(opened.proof.folder)
    if kept is None:
        raise ValueError("Nothing has been done yet, so there is nothing to report.")
    return write_record(record_of(kept, opened.working_copy.replica(), truth), folder)
