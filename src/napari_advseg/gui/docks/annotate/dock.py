"""The Annotate dock: a layer that fits the image, brushes, what is done and what is not, and where to go on."""

# mypy: disallow-subclassing-any=false
from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import napari
from napari.layers import Image, Labels
from qtpy.QtWidgets import QLineEdit, QPushButton, QWidget

from napari_advseg.annotation.brushes import ERASER, MARKS, NAMES, class_brushes, classes_in
from napari_advseg.annotation.suggestions import Place
from napari_advseg.gui.compute import handover
from napari_advseg.gui.compute.checks import NO_IMAGE, free_place, why_not_tune
from napari_advseg.gui.docks.annotate import suggesting
from napari_advseg.gui.docks.annotate.brush_buttons import NEW, OBJECT, Brushes
from napari_advseg.gui.docks.annotate.coverage import Coverage
from napari_advseg.gui.docks.annotate.hatching import Hatching
from napari_advseg.gui.docks.annotate.places_table import PlacesTable
from napari_advseg.gui.docks.annotate.section_edits import SectionEdits
from napari_advseg.gui.docks.annotate.share_bar import ShareBar
from napari_advseg.gui.docks.halves import contents
from napari_advseg.gui.docks.job_dock import JobDock, first_problem
from napari_advseg.gui.help.shortcuts import Shortcut
from napari_advseg.gui.kit.comparison import Side
from napari_advseg.gui.kit.editors import PatientComboBox
from napari_advseg.gui.kit.form import Fold, Form, rows_of
from napari_advseg.gui.kit.model_choice import ModelChoice
from napari_advseg.gui.kit.panel import LayerChoice, note
from napari_advseg.gui.viewer import annotation_layer, camera, results
from napari_advseg.napari_io import LayerData
from napari_advseg.recipes import Suggest
from napari_advseg.volume.painted import classes_of

KINDS = {"Objects": "", "Classes": NAMES}
MARK, FRAME = "Place to annotate", ("#ffe600",)
MORE = ("window", "looked_at", "measure")
NEW_ABOUT = "An empty layer that fits the image: its place, voxel size and sections."
FOUND = "{} places, the most doubtful first. A click on one goes there."
NO_PLACE = "No place is left to suggest: all that the model looked at is annotated."


class AnnotateDock(JobDock):
    """An image -> an annotation layer, painted where it teaches most."""

    kind = "annotate"
    run_words = "Suggest places"
    run_about = "Let the model look at the image and list where it is least sure"
    cancelled_words = "Cancelled; no places were suggested."
    log_px = 40

    def __init__(self, napari_viewer: napari.viewer.Viewer) -> None:
        super().__init__(napari_viewer)
        self._searched: Side | None = None
        self._coverage = Coverage(self._viewer, self._session, self)
        self._mark = results.OwnLayer(
            self._viewer, MARK, colormap=results.flat_colours(FRAME), opacity=1.0
        )
        self.image = LayerChoice(self._viewer, Image)
        self.labels = LayerChoice(self._viewer, Labels)
        self.what = PatientComboBox()
        self.names = QLineEdit(NAMES)
        self.new = QPushButton("New annotation layer")
        self.brushes = Brushes(self.labels.native)
        beside = (self._viewer, self._session, self._coverage, self.labels)
        self.tint, self.edits = Hatching(*beside), SectionEdits(*beside)
        self.bar = ShareBar()
        self.words = note()
        self.model = ModelChoice(self._session)
        recipe = Suggest(image="image", model="model")
        self.main, self.more = Form(recipe, only=("count",)), Form(recipe, only=MORE)
        self.table = PlacesTable()
        self._explain()
        self._connect()
        self._turn_kind()
        self._open(self._content(), self.table)
        self._choose_layer()

    def reset_choices(self, event: object = None) -> None:
        """Called by napari when layers come, go or are renamed."""
        super().reset_choices(event)
        self.tint.look()

    def shortcuts(self) -> Sequence[Shortcut]:
        """Brushes, sections and places."""
        take, step = self.brushes.take, self.table.step
        boundary, background = (mark.name for mark in MARKS)
        return (
            Shortcut("new_object", "Paint a new object, or the next class", "N", self._take_next),
            Shortcut("paint_boundary", "Paint boundary", "W", partial(take, boundary)),
            Shortcut("paint_background", "Paint background", "G", partial(take, background)),
            Shortcut("paint_object", "Paint the last object", "H", partial(take, OBJECT.name)),
            Shortcut("erase_annotation", "Take annotation away", "Q", partial(take, ERASER.name)),
            Shortcut("hatch", "Hatch what is not annotated", "U", self.tint.toggle),
            Shortcut("copy_next", "Copy to the next section", "K", self.edits.forward.click),
            Shortcut(
                "copy_previous", "Copy to the previous section", "Shift-K", self.edits.back.click
            ),
            Shortcut("fill_between", "Fill sections in between", "Shift-J", self.edits.fill.click),
            Shortcut(
                "next_place", "Go to the next suggested place", "J", partial(step, 1), repeats=True
            ),
        )

    def tour_stop(self) -> QWidget:
        """The brush of a new object, once there is a layer to paint in."""
        brush = self.brushes.buttons.get(NEW.name)
        return brush if brush is not None and brush.isEnabled() else self.new

    def start(self) -> None:
        """Look for places, unless something is in the way; then that is said."""
        self._judge()
        if self._problem():
            return
        image, folder = handover.taken(self.image.layer), self._session.folder
        labels = self._coverage.volume
        if labels is not None and why_not_tune(image, labels, names_sections=False):
            labels = None  # those of another image say nothing about this one
        self._searched = suggesting.spatial_side(self.image.layer)
        prepare = partial(suggesting.suggestion, self.recipe(), image, labels, folder)
        title = f"Looking for places in {self.image.layer.name}"
        self._follow(self._session.run(self.kind, title, prepare))

    def recipe(self) -> Suggest:
        """What is typed, with the image by its name.

        Raises:
            ValueError: something typed is not valid.
        """
        out = free_place(Path(self._session.folder) / "places.json")
        typed = {**self.main.shown(), **self.more.shown()}
        return Suggest(image=self.image.layer.name, model=self.model.path, out=str(out), **typed)

    def make_layer(self) -> None:
        """A new annotation layer for the chosen image, chosen and ready to be painted on."""
        image = handover.taken(self.image.layer)
        classes = classes_in(self.names.text()) if self.what.currentData() else {}
        name = f"{self.image.layer.name} {'classes' if classes else 'annotation'}"
        place = self._place(name) if annotation_layer.is_large(image) else None
        self.new.setEnabled(False)
        work = partial(annotation_layer.new_layer, image, name, classes, place)
        self._in_background(work, self._add_layer)

    def _content(self) -> QWidget:
        layers = rows_of(
            ("Image", self.image),
            ("To paint", self.what),
            self.names,
            self.new,
            ("Labels", self.labels),
        )
        asked = rows_of(("Model", self.model), self.main)
        painting = (self.brushes, self.tint, self.bar, self.words, self.edits)
        return contents(layers, *painting, asked, Fold("More", lambda: self.more))

    def _explain(self) -> None:
        for words, value in KINDS.items():
            self.what.addItem(words, value)
        tips = {
            self.image.native: "The image to annotate",
            self.labels.native: "The layer to paint in; only where it is not 0 it is annotated",
            self.what: "Objects: every cell its own id. Classes: a value for every kind of tissue",
            self.names: "Names of the classes, divided by commas; they get the values 1, 2, …",
            self.model: "The model that is asked where it is unsure; the one trained last comes first",
        }
        for widget, words in tips.items():
            widget.setToolTip(f"<p>{words}.</p>")
        self.names.setAccessibleName("Names of the classes")

    def _connect(self) -> None:
        self.image.changed.connect(self._judge)
        self.labels.changed.connect(self._choose_layer)
        self.what.currentIndexChanged.connect(self._turn_kind)
        self.names.textChanged.connect(self._judge)
        self.new.clicked.connect(self.make_layer)
        self.brushes.took.connect(self._select_layer)
        self.tint.failed.connect(self._fail)
        self.bar.chosen.connect(self._coverage.go_to)
        self.edits.changed.connect(self._show_section)
        self.edits.done.connect(self.buttons.tell)
        self.edits.failed.connect(self._fail)
        self.model.seen.connect(self._judge)
        for form in (self.main, self.more):
            form.changed.connect(self._judge)
        self.table.chosen.connect(self.go_to)
        self._coverage.changed.connect(self._show_section)
        self._coverage.replaced.connect(self._choose_layer)
        self._coverage.failed.connect(self._fail)
        self._viewer.dims.events.current_step.connect(self._turn_section)

    def _turn_kind(self, *_: object) -> None:
        self.names.setVisible(bool(self.what.currentData()))
        self._judge()

    def _problem(self) -> str:
        return (
            (NO_IMAGE if self.image.layer is None else "")
            or self.model.problem
            or first_problem(self.main, self.more)
        )

    def _judge_more(self) -> None:
        why = self._why_no_layer()
        self.new.setEnabled(not why)
        self.new.setToolTip(f"<p>{why or NEW_ABOUT}</p>")

    def _why_no_layer(self) -> str:
        if self.image.layer is None:
            return NO_IMAGE
        try:
            if self.what.currentData():
                classes_in(self.names.text())
            return annotation_layer.why_not_annotate(handover.taken(self.image.layer))
        except ValueError as error:
            return str(error)

    def _place(self, name: str) -> Path:
        """Where a large annotation is kept: in the project, else in the user's home."""
        project = self._session.project
        folder = Path.home() / handover.HOME / "annotations"
        folder = project.annotations if project is not None else folder
        return free_place(folder / f"{handover.plain(name)}{handover.COPY}")

    def _add_layer(self, layer_data: LayerData) -> None:
        layer = results.add(self._viewer, layer_data)
        self.labels.refill()
        self.labels.choose(layer)
        self._select_layer()
        layer.events.visible.connect(self._begin)  # napari gives no brush to a layer that is hidden
        self._begin()
        place = layer_data[1]["metadata"]["path"]
        if place:
            self.buttons.tell(f"The annotation is large; it is kept in {place} as it is painted.")
        self._judge()

    def _begin(self, _event: object = None) -> None:
        """Take the first brush once the new layer is shown."""
        layer = self.labels.layer
        if layer is not None and layer.visible:
            layer.events.visible.disconnect(self._begin)
            self.brushes.take(next(iter(self.brushes.buttons)))

    def _take_next(self) -> None:
        """A new object, or the class after the one that is painted."""
        if NEW.name in self.brushes.buttons:
            self.brushes.take(NEW.name)
        else:
            self.brushes.take_next()

    def _select_layer(self) -> None:
        """Let the keys and the mouse go to the layer that is painted in."""
        if self.labels.layer is not None:
            self._viewer.layers.selection.active = self.labels.layer

    def _choose_layer(self, *_: object) -> None:
        """Look at another layer, or at one with other data."""
        layer = self.labels.layer
        self._coverage.follow(layer)
        side = self._coverage.side
        classes = classes_of(side.volume.frame) if side is not None else {}
        if side is not None and not self._coverage.problem:
            annotation_layer.dress(layer, side.volume.frame)
        self.brushes.offer(layer, class_brushes(classes, annotation_layer.colours_of(classes)))

    def _show_section(self, *_: object) -> None:
        shares, here = self._coverage.shares, self._coverage.here
        self.brushes.highest = shares.highest
        self.bar.setEnabled(self._coverage.side is not None)
        self.bar.show_shares(shares, here)
        self.words.setText(self._coverage.words)
        self.edits.offer()
        if self.tint.isChecked():
            self.tint.draw()

    def _turn_section(self, *_: object) -> None:
        self._show_section()
        self._coverage.count()

    def _finished(self, result: dict[str, Any]) -> None:
        places = suggesting.places_in(result)
        self.table.show_places(places)
        self._reveal()
        self.buttons.tell(FOUND.format(len(places)) if places else NO_PLACE)
        if places:
            self.table.step(1)

    def go_to(self, place: Place) -> None:
        """Show a place: the camera at it, a frame around it."""
        side = self._searched
        if side is not None:
            view = suggesting.view_of(place, side)
            camera.jump(self._viewer, view.low, view.high, view.point)
            self._mark.show(suggesting.frame_of(place, side))
            self._select_layer()

    def _tidy_up(self) -> None:
        self.tint.setChecked(False)
        self.edits.filling.stop()
        self._coverage.follow(None)
        self.brushes.offer(None, ())
        self._mark.remove()
