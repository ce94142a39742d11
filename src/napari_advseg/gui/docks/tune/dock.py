"""The Tune dock: a heat map of thresholds on annotated sections, to click, and the choice saved into the model."""

# mypy: disallow-subclassing-any=false
from __future__ import annotations

from functools import partial
from typing import Any

import napari
from napari.layers import Image, Labels
from qtpy.QtCore import QSignalBlocker
from qtpy.QtWidgets import QPushButton, QWidget

from napari_advseg import model_store
from napari_advseg.gui.compute import handover
from napari_advseg.gui.docks.halves import column_of, contents
from napari_advseg.gui.docks.job_dock import JobDock, first_problem
from napari_advseg.gui.docks.new_place import NewPlace
from napari_advseg.gui.docks.tune.cell_words import cell_words, measures, pair_words
from napari_advseg.gui.docks.tune.choice_preview import ChoicePreview
from napari_advseg.gui.docks.tune.heat_maps import MARKS, HeatMaps
from napari_advseg.gui.kit.editors import PatientComboBox
from napari_advseg.gui.kit.form import Fold, Form, rows_of
from napari_advseg.gui.kit.model_choice import ModelChoice
from napari_advseg.gui.kit.panel import LayerChoice, browse_new_folder, legend, note, side_by_side
from napari_advseg.gui.viewer import window
from napari_advseg.recipes import Tune
from napari_advseg.tuning.heat_grid import (
    HeatGrid,
    Place,
    combination_of,
    combination_words,
    combinations,
    flattering,
    honest,
)
from napari_advseg.tuning.tuned import Cell

MADE = "made by the model"
MAIN = ("grid", "thresholds", "gaps", "objective", "merge_weight")
HOW = ("scoring", "labelling", "prediction")
SAVE = "Write the chosen thresholds into the model; Segment uses them from then on."
NO_MODEL = "Choose the folder of a model to save into."
MEANINGS = {
    "best": "The lowest of what is made small.",
    "chosen": "The cell to use: the one that was clicked last.",
    "flattering best": "What would look best if predicted walls were left out of the score.",
}


class TuneDock(JobDock):
    """Model or interior map + truth -> thresholds to look at, to choose from and to save."""

    kind = "tune"
    run_about = "Try every pair of thresholds of the grid on the annotated sections."
    log_px = 52

    def __init__(self, napari_viewer: napari.viewer.Viewer) -> None:
        super().__init__(napari_viewer)
        self._layers_problem = ""
        self._search: handover.Search | None = None
        self._grid: HeatGrid | None = None
        self.model = ModelChoice(self._session)
        self.map = LayerChoice(self._viewer, Image, MADE)
        self.image = LayerChoice(self._viewer, Image)
        self.truth = LayerChoice(self._viewer, Labels)
        recipe = Tune(image="image", model="model", labels="labels", out="search")
        self.sections = Form(recipe, only=("sections",))
        self.how = Form(recipe, only=HOW)
        self.ranges = Form(recipe.tuning, only=MAIN)
        self.more = Form(recipe.tuning, without=MAIN)
        self.out = NewPlace(self._session, browse_new_folder, "Where tables and heat map go")
        self.measure, self.combination = PatientComboBox(), PatientComboBox()
        self.maps = HeatMaps()
        self.cell_words = note()
        self.live = ChoicePreview(self._viewer, self._session)
        self.measure.setToolTip("What the colours show")
        self.measure.setAccessibleName("Measure")
        self.combination.setToolTip("How seeds were chosen and lines judged")
        self.combination.setAccessibleName("Seeds and lines")
        self.save = QPushButton("Save into the model")
        self._connect()
        self._open(self._content(), self._result())
        self._propose_place()

    def start(self) -> None:
        """Hand the layers over and search, unless something is in the way; then that is said."""
        self._look_at_layers()
        if self._problem():
            return
        shown, truth = handover.taken(self._shown()), handover.taken(self.truth.layer)
        prepare = partial(handover.tuning, self.recipe(), shown, truth, self._session.folder)
        title = f"Tuning on {self.truth.layer.name}"
        self._follow(self._session.run(self.kind, title, prepare))

    def recipe(self) -> Tune:
        """What is typed, with the layers by their names.

        Raises:
            ValueError: something typed is not valid.
        """
        is_map = self.map.layer is not None
        return Tune(
            model=self.model.path or None,
            image=None if is_map else self.image.layer.name,
            interior_map=self.map.layer.name if is_map else None,
            labels=self.truth.layer.name,
            out=self.out.path,
            tuning=self.more.value().changed(**self.ranges.shown()),
            **self.sections.shown(),
            **self.how.shown(),
        )

    def _content(self) -> QWidget:
        rows = rows_of(
            ("Image", self.image, "The image layer that the model makes the interior map of."),
            ("Interior map", self.map, "A map that is there already, in place of one made anew."),
            ("Truth", self.truth, "The labels layer that the thresholds are judged by."),
            ("Model", self.model, "The model whose thresholds are looked for."),
            self.model.words,
            self.sections,
            self.ranges,
            ("Results go to", self.out, "A new folder; nothing that exists is overwritten."),
        )
        more, advanced = Fold("More ranges", lambda: self.more), Fold("Advanced", lambda: self.how)
        return contents(rows, more, advanced)

    def _result(self) -> QWidget:
        marks = [(MARKS[mark], mark, MEANINGS[mark]) for mark in MARKS]
        return column_of(
            side_by_side(self.measure, self.live),
            self.combination,
            self.maps,
            legend(marks),
            self.cell_words,
            side_by_side(self.live.words, self.save),
            spacing_px=3,
        )

    def _connect(self) -> None:
        self.model.seen.connect(self._judge)
        for choice in (self.map, self.image, self.truth):
            choice.changed.connect(self._propose_place)
        self._session.project_opened.connect(self._propose_place)
        self.out.looked.connect(self._judge)
        self.sections.changed.connect(self._look_at_layers)
        for form in (self.ranges, self.more, self.how):
            form.changed.connect(self._judge)
        for choice in (self.measure, self.combination):
            choice.currentIndexChanged.connect(self._draw)
        self.maps.hovered.connect(self._say_cell)
        self.maps.picked.connect(self._pick)
        self.live.failed.connect(self._fail)
        self.save.clicked.connect(self._save_choice)
        self._viewer.events.theme.connect(self._paint)
        self._paint()

    def _shown(self) -> Any:
        """The layer to search on."""
        return self.image.layer if self.map.layer is None else self.map.layer

    def _look_at_layers(self, *_: object) -> None:
        self.image.enabled = self.map.layer is None
        names_sections = bool(self.sections.row("sections").editor.read())
        self._layers_problem = handover.why_not_tune(
            self._shown(), self.truth.layer, names_sections=names_sections
        )
        self._judge()

    def _propose_place(self, *_: object) -> None:
        self._look_at_layers()
        truth, project = self.truth.layer, self._session.project
        self.out.propose(partial(handover.place_for_tuning, truth, project))

    def _problem(self) -> str:
        needs_model = self.map.layer is None or bool(self.model.path)
        return (
            (self.model.problem if needs_model else "")
            or self._layers_problem
            or first_problem(self.sections, self.ranges, self.more, self.how)
            or self.out.problem
        )

    def _judge_more(self) -> None:
        can_save = self._search is not None and self.model.found.card is not None
        self.save.setEnabled(can_save and not self._is_running)
        self.save.setToolTip(SAVE if can_save else NO_MODEL)

    def _finished(self, result: dict[str, Any]) -> None:
        self._in_background(partial(handover.as_search, result), self._show_search)

    def _settle(self) -> None:
        self._propose_place()

    def _show_search(self, search: handover.Search) -> None:
        self._search = search
        ways = combinations(search.tuned)
        _refill(self.measure, measures(search.tuned))
        _refill(self.combination, {f"seeds by {words}": way for words, way in ways.items()})
        chosen = combination_words(combination_of(search.tuned.chosen))
        self.combination.setCurrentText(f"seeds by {chosen}")
        self.combination.setVisible(len(ways) > 1)
        self._reveal()
        self._draw()
        self._say_cell(None)
        self._judge()
        self.live.show_choice(search)

    def _draw(self, *_: object) -> None:
        value = self.measure.currentData()
        if self._search is not None and value is not None:
            self._grid = HeatGrid.of(self._search.tuned, self.combination.currentData())
            shades = self._grid.shades(honest(value), flattering(value))
            self.maps.show_grid(self._grid, *shades)

    def _cell(self, place: Place | None) -> Cell | None:
        if self._search is None or self._grid is None:
            return None
        return self._search.tuned.chosen if place is None else self._grid.cells[place]

    def _say_cell(self, place: Place | None) -> None:
        cell = self._cell(place)
        self.cell_words.setText(cell_words(cell) if cell is not None else "")

    def _pick(self, place: Place) -> None:
        cell = self._cell(place)
        if self._search is not None and cell is not None:
            self._search = self._search.choose(cell)
            self._draw()
            self._say_cell(None)
            self.live.show_choice(self._search)

    def _save_choice(self) -> None:
        if self._search is None:
            return
        tuned, folder = self._search.tuned, self.model.path
        work = partial(model_store.save_choice, folder, tuned.chosen, tuned)
        self._in_background(work, partial(self._tell_saved, folder, tuned.chosen))

    def _tell_saved(self, folder: str, cell: Cell, _card: object) -> None:
        words = f"Saved into {folder}: {pair_words(cell)}. Segment uses them from now on."
        self.buttons.tell(words)
        window.show_info(words)
        self._session.recalibrated.emit(folder)

    def _tidy_up(self) -> None:
        self.live.setChecked(False)

    def _paint(self, *_: object) -> None:
        self.maps.paint(*window.colours(self._viewer))


def _refill(box: PatientComboBox, options: dict[str, Any]) -> None:
    with QSignalBlocker(box):
        box.clear()
        for title, value in options.items():
            box.addItem(title, value)
