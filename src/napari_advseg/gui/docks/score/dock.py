"""The Score dock: labels against the truth, and every error one click away."""

# mypy: disallow-subclassing-any=false
from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import napari
from napari.layers import Labels
from qtpy.QtWidgets import QCheckBox, QPushButton, QTabWidget, QWidget

from napari_advseg.gui.docks.halves import column_of, contents
from napari_advseg.gui.docks.job_dock import JobDock, first_problem
from napari_advseg.gui.docks.score.error_file import write_csv
from napari_advseg.gui.help.shortcuts import Shortcut
from napari_advseg.gui.kit import comparison
from napari_advseg.gui.kit.comparison import Comparison, Row
from napari_advseg.gui.kit.editors import PatientComboBox, described
from napari_advseg.gui.kit.error_table import ErrorTable
from napari_advseg.gui.kit.form import Fold, Form, rows_of
from napari_advseg.gui.kit.latest import Latest
from napari_advseg.gui.kit.panel import (
    LayerChoice,
    browse_table,
    in_scroll_area,
    legend,
    note,
    side_by_side,
)
from napari_advseg.gui.kit.score_numbers import ClassNumbers, ObjectNumbers, ScoreNumbers
from napari_advseg.gui.viewer import camera, results
from napari_advseg.napari_io import LayerData
from napari_advseg.scoring.finding.locate import ERROR_KINDS
from napari_advseg.scoring.measures.instances import Score
from napari_advseg.settings.scoring import ScoringSettings

MAIN = ("boundary", "by", "border")
HIGHLIGHT, OVERLAY = "Error on screen", "Errors"
COLOURS = {"split": "#4fa3ff", "merge": "#ff4d4d", "missing": "#ffd23f", "extra": "#c586c0"}
MEANINGS = {
    "split": "Another piece of a true object than its largest one.",
    "merge": "Part of another true object than most of its label.",
    "missing": "A true object where there is no label.",
    "extra": "A label where the truth is background.",
}
MARKS = ("#ffe600", "#00e5ff")
WHATS = {"Contacts": "site", "True objects": "truth", "Labels": "labels", "All": ""}
KINDS = {"splits and merges": "", "splits": "split", "merges": "merge"}
TABLE = "errors.csv"
LOOKING = "Looking for the errors …"


class ScoreDock(JobDock):
    """Labels + truth -> numbers, and a table of errors that moves the camera."""

    kind = "score"
    run_words = "Score"
    run_about = "Compare both layers as they are now: numbers, and a list of errors to click"
    shows_device = False
    log_px = 52

    def __init__(self, napari_viewer: napari.viewer.Viewer) -> None:
        super().__init__(napari_viewer)
        self._layers_problem = ""
        self._found: Comparison | None = None
        self._marking = Latest(self._session, self)
        self._scoring, self._painting, self._counting, self._sorting = (
            Latest(self._session, self, is_long=True) for _ in range(4)
        )
        colours = [COLOURS[name] for name in sorted(ERROR_KINDS, key=ERROR_KINDS.__getitem__)]
        self._mark = results.OwnLayer(
            self._viewer, HIGHLIGHT, colormap=results.flat_colours(MARKS), opacity=1.0
        )
        self._paint = results.OwnLayer(
            self._viewer, OVERLAY, colormap=results.flat_colours(colours), opacity=0.6
        )
        self.labels = LayerChoice(self._viewer, Labels)
        self.truth = LayerChoice(self._viewer, Labels)
        self.main = Form(ScoringSettings(), only=MAIN)
        self.more = Form(ScoringSettings(), without=MAIN)
        self.numbers = ScoreNumbers()
        self.objects = ObjectNumbers()
        self.classes = ClassNumbers()
        self.what, self.which = _choice(WHATS), _choice(KINDS)
        self.found_words = note()
        self.table = ErrorTable()
        self.overlay = QCheckBox("Error overlay")
        self.overlay.setToolTip("Paint the kind of error over the labels, in a layer of its own.")
        self.export = QPushButton("Save table …")
        self.export.setToolTip("Write the rows that are shown as CSV, with ids and places.")
        described(self.what, "What is listed", "Contacts between labels, or single objects.")
        described(self.which, "Errors listed", "Objects cut in two, or joined, or both.")
        described(self.table, "Errors", "Click a row, or press . and ,, to go to an error.")
        self.tabs = self._tabs()
        self._connect()
        self._choose_two()
        self._open(self._content(), self.tabs)

    def reset_choices(self, event: object = None) -> None:
        """Called by napari when layers come, go or are renamed."""
        super().reset_choices(event)
        self._choose_two()
        if self.overlay.isChecked() and self._paint.is_missed:
            self.overlay.setChecked(False)

    def settings(self) -> ScoringSettings:
        """How to measure, as typed.

        Raises:
            ValueError: something typed is not valid.
        """
        return self.more.value().changed(**self.main.shown())

    def shortcuts(self) -> Sequence[Shortcut]:
        """From error to error."""
        return (
            Shortcut("next_error", "Go to the next error", ".", self.next_error, repeats=True),
            Shortcut(
                "previous_error",
                "Go to the error before",
                ",",
                self.previous_error,
                repeats=True,
            ),
        )

    def next_error(self) -> None:
        """Go to the error below the chosen one, or to the first."""
        self.table.step(1)

    def previous_error(self) -> None:
        """Go to the error above the chosen one."""
        self.table.step(-1)

    def start(self) -> None:
        """Compare the layers, unless something is in the way; then that is said."""
        self._look_at_layers()
        if self._problem():
            return
        pair = comparison.side_of(self.labels.layer), comparison.side_of(self.truth.layer)
        self._scoring.ask(partial(comparison.score_alone, *pair, self.settings()))
        work = partial(comparison.compare, *pair, self.settings())
        title = f"Scoring {self.labels.layer.name}"
        self._follow(self._session.work(self.kind, title, work))
        remark = comparison.remark(*pair)
        if remark:
            self.buttons.tell(remark, is_warning=True)

    def _content(self) -> QWidget:
        rows = rows_of(
            ("Labels", self.labels, "The labels, or classes, to be judged; as they are now."),
            ("Truth", self.truth, "What they should be, on the same voxels."),
            self.main,
        )
        return contents(rows, Fold("More", lambda: self.more))

    def _tabs(self) -> QTabWidget:
        painted = [(COLOURS[name], name, MEANINGS[name]) for name in COLOURS]
        errors = column_of(
            side_by_side(self.what, self.which),
            self.table,
            self.found_words,
            side_by_side(self.overlay, self.export),
            legend(painted),
            spacing_px=3,
        )
        tabs = QTabWidget()
        tabs.setDocumentMode(True)
        tabs.addTab(in_scroll_area(self.numbers), "Scores")
        tabs.addTab(in_scroll_area(self.objects), "Objects")
        tabs.addTab(in_scroll_area(self.classes), "Classes")
        tabs.addTab(errors, "Errors")
        return tabs

    def _connect(self) -> None:
        for choice in (self.labels, self.truth):
            choice.changed.connect(self._look_at_layers)
        for form in (self.main, self.more):
            form.changed.connect(self._judge)
        for choice in (self.what, self.which):
            choice.currentIndexChanged.connect(self._filter)
        self.table.chosen.connect(self.go_to)
        self.overlay.toggled.connect(self._turn_overlay)
        self.export.clicked.connect(self._save_table)
        self._marking.done.connect(self._mark.show)
        self._painting.done.connect(self._show_overlay)
        self._scoring.done.connect(self._show_score)
        self._counting.done.connect(self.objects.show_score)
        self._counting.failed.connect(self.objects.fail)
        self._sorting.done.connect(self.classes.show_classes)
        self._sorting.failed.connect(self.classes.fail)
        for latest in (self._marking, self._painting):
            latest.failed.connect(self._fail)

    def go_to(self, row: Row) -> None:
        """Show an error: the camera at its box, its objects marked."""
        if self._found is None:
            return
        camera.jump(self._viewer, *comparison.place(self._found, row))
        self._marking.ask(partial(comparison.highlight, self._found, row))

    def _choose_two(self) -> None:
        """The newest labels layer is scored by the oldest, until the user says otherwise."""
        if self.labels.layer is self.truth.layer and len(self.truth) > 1:
            self.truth.choose(self.truth.choices[-1])
            if self.labels.layer is self.truth.layer:
                self.labels.choose(self.labels.choices[0])

    def _look_at_layers(self, *_: object) -> None:
        self._layers_problem = comparison.why_not(self.labels.layer, self.truth.layer)
        self._judge()

    def _problem(self) -> str:
        return self._layers_problem or first_problem(self.main, self.more)

    def _finished(self, result: dict[str, Any]) -> None:
        found: Comparison = result["comparison"]
        self._forget_marks()
        self._found = found
        self.table.errors.show_rows(found.rows)
        self._show_score(found.score)
        self.found_words.setText(comparison.words_of(found))
        self.objects.wait()
        self._counting.ask(partial(comparison.count_objects, found))
        self.classes.wait()
        self._sorting.ask(partial(comparison.compare_classes, found))
        self._filter()
        self._turn_overlay()

    def _show_score(self, score: Score) -> None:
        """The numbers come before the errors: they take a fraction of the time."""
        self.numbers.show_score(score)
        if self._is_running:
            self.found_words.setText(LOOKING)
        self._reveal()

    def _filter(self, *_: object) -> None:
        what, which = self.what.currentData(), self.which.currentData()
        self.table.errors.filter(lambda row: what in ("", row.what) and which in ("", row.kind))

    def _turn_overlay(self) -> None:
        if self.overlay.isChecked() and self._found is not None:
            self._painting.ask(partial(comparison.overlay, self._found))
        else:
            self._painting.forget()
            self._paint.remove()

    def _show_overlay(self, layer: LayerData) -> None:
        if self.overlay.isChecked():
            self._paint.show(layer)

    def _save_table(self) -> None:
        path = browse_table(self, TABLE)
        if path:
            work = partial(write_csv, path, tuple(self.table.errors.rows))
            self._in_background(work, self._tell_saved)

    def _tell_saved(self, path: str) -> None:
        self.buttons.tell(f"The table is saved to {path}.")

    def _settle(self) -> None:
        self._scoring.forget()

    def _tidy_up(self) -> None:
        self._forget_marks()
        self.overlay.setChecked(False)

    def _forget_marks(self) -> None:
        self._marking.forget()
        self._mark.remove()


def _choice(words: Mapping[str, str]) -> PatientComboBox:
    box = PatientComboBox()
    for title, value in words.items():
        box.addItem(title, value)
    return box
