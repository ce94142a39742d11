"""The Mend dock: regions of an image filled, the image extended, or new ones generated, by a model that paints."""

# mypy: disallow-subclassing-any=false
from __future__ import annotations

from functools import partial
from typing import Any

import napari
from napari.layers import Image, Labels
from qtpy.compat import isalive
from qtpy.QtWidgets import QFileDialog, QPushButton, QVBoxLayout, QWidget

from napari_advseg.gui.compute import handover
from napari_advseg.gui.docks.job_dock import JobDock
from napari_advseg.gui.docks.mend import mending
from napari_advseg.gui.docks.mend.mending import Painted, Use
from napari_advseg.gui.docks.new_place import NewPlace
from napari_advseg.gui.kit.editors import PatientComboBox
from napari_advseg.gui.kit.form import Fold, Form, rows_of
from napari_advseg.gui.kit.model_choice import ModelChoice
from napari_advseg.gui.kit.panel import LayerChoice, browse_new, note
from napari_advseg.gui.kit.understood import Understood, understand
from napari_advseg.gui.viewer import annotation_layer, results
from napari_advseg.model_store import Card
from napari_advseg.napari_io import LayerData
from napari_advseg.recipes import Extend, Generate, Mend
from napari_advseg.volume.volume import Volume

USES: dict[Use, str] = {
    "mend": "Fill a region",
    "extend": "Extend the image",
    "generate": "Generate images",
}
RUN: dict[Use, tuple[str, str]] = {
    "mend": (
        "Fill",
        "Paint over the region, from what is around it, in a new layer; all else stays as it is.",
    ),
    "extend": ("Extend", "Paint on beyond the border, in a new layer that lies over the image."),
    "generate": (
        "Generate",
        "Draw crops, or paint images of labels, and show them as new layers.",
    ),
}
USE_ABOUT = "What the model shall do; only models that can are offered below."
NEW = "New layer to paint the region"
NEW_ABOUT = "An empty labels layer on the image, with the brush in hand: paint folds, stains, missing parts."
NO_IMAGE_TO_PAINT = "Choose an image first: the layer gets its size and place."
MARGINS = ("top", "bottom", "left", "right")
MARGIN_PX = 32
LOOKING = "Looking at the model …"
NOT_FINITE = "where the image is not finite"
NEUROPIL = "synthetic neuropil"
BRUSH_PX = 20


class MendDock(JobDock):
    """Image + model -> the image with a region filled, or larger; or images of labels, or crops of nothing."""

    kind = "mend"
    run_words = RUN["mend"][0]
    run_about = RUN["mend"][1]
    log_px = 64

    def __init__(self, napari_viewer: napari.viewer.Viewer) -> None:
        super().__init__(napari_viewer)
        self._understood = Understood()
        self._name = ""
        self._style: dict[str, Any] = {}
        self._region_is_own = False
        self._made_region: Labels | None = None
        self._make_rows()
        self._make_forms()
        self._connect()
        self._open(self._content())
        self._take_use()

    def start(self) -> None:
        """Hand the layers over and paint, unless something is in the way; then that is said."""
        self._look_at_layers()
        if self._problem():
            return
        self.model.used()
        if self._use == "generate":
            self._generate()
        else:
            self._paint()

    def recipe(self) -> Mend | Extend:
        """What is typed for filling or extending, with the image by its name.

        Raises:
            ValueError: something typed is not valid.
        """
        given = {"image": self.image.layer.name, "model": self.model.path, "out": self.out.path}
        both = {**given, **self.sections.shown(), **self.prediction.shown()}
        if self._use == "extend":
            return Extend(**both, **self.margins.shown())
        return Mend(**both, **self.filling.shown())

    def drawing(self) -> Generate:
        """What is typed for generating, with the labels by their name.

        Raises:
            ValueError: something typed is not valid.
        """
        labels = self.labels.layer if self._paints == "labels" else None
        typed = self.number.shown()
        for form in (self.side, self.sections, self.of_crops, self.of_pairs):
            typed |= form.shown() if form in self._forms else {}
        named = labels.name if labels is not None else None
        return Generate(model=self.model.path, out=self.out.path, labels=named, **typed)

    def make_region(self) -> None:
        """A new labels layer on the image, chosen as the region and ready to be painted on."""
        image = self._understood.volume
        if image is None:
            return
        name = f"{self.image.layer.name} to fill"
        is_large = annotation_layer.is_large(image)
        place = mending.place_for_region(name, self._session.project) if is_large else None
        self.new.setEnabled(False)
        task = self._session.background(partial(mending.new_region, image, name, place))
        task.done.connect(self._add_region)
        task.failed.connect(self._fail)
        task.failed.connect(self._judge)

    def tour_stop(self) -> QWidget:
        """The button that begins."""
        return self.buttons.run

    def _make_rows(self) -> None:
        self.use = PatientComboBox()
        for use, words in USES.items():
            self.use.addItem(words, use)
        self.image = LayerChoice(self._viewer, Image)
        self.image_words = note()
        self.region = LayerChoice(self._viewer, Labels, NOT_FINITE)
        self.new = QPushButton(NEW)
        self.labels = LayerChoice(self._viewer, Labels, NEUROPIL)
        self.model = ModelChoice(self._session, _fitting(self._use))
        self.out = NewPlace(self._session, self._browse, "Ends in .ome.zarr or .tif")

    def _make_forms(self) -> None:
        mend = Mend(image="image", model="model", out="image.ome.zarr")
        margins = dict.fromkeys(MARGINS, MARGIN_PX)
        extend = Extend(image="image", model="model", out="image.ome.zarr", **margins)
        draw = Generate(model="model", out="images")
        self.sections = Form(mend, only=("sections",))
        self.filling = Form(mend, only=("label", "lost"))
        self.margins = Form(extend, only=MARGINS)
        self.number = Form(draw, only=("count", "seed"))
        self.side = Form(draw, only=("side",))
        self.of_crops = Form(draw, only=("psi", "gain", "images"))
        self.of_pairs = Form(draw, only=("gate", "agree"))
        self.prediction = Form(mend, only=("prediction",))

    def _content(self) -> QWidget:
        self.rows = rows_of(
            ("What to do", self.use, USE_ABOUT),
            ("Image", self.image, "The image layer to paint into; it stays as it is."),
            self.image_words,
            ("Region", self.region, "The labels layer that marks what is filled: all but 0."),
            self.new,
            ("Labels", self.labels, "The labels that images are painted of."),
            ("Model", self.model, "The model that paints."),
            self.model.words,
            self.filling,
            self.margins,
            self.number,
            self.side,
            self.sections,
            ("Goes to", self.out, "Something new; nothing that exists is overwritten."),
        )
        self.folds = {
            form: Fold("Advanced", partial(_itself, form))
            for form in (self.prediction, self.of_crops, self.of_pairs)
        }
        content = QWidget()
        column = QVBoxLayout(content)
        column.setContentsMargins(0, 0, 6, 0)
        column.addLayout(self.rows)
        for fold in self.folds.values():
            column.addWidget(fold)
        column.addStretch(1)
        return content

    def _connect(self) -> None:
        self.use.currentIndexChanged.connect(self._take_use)
        self.model.seen.connect(self._take_model)
        self.image.currentIndexChanged.connect(self._propose_place)
        self.labels.currentIndexChanged.connect(self._look_at_layers)
        self.region.currentIndexChanged.connect(self._look_at_layers)
        self.region.activated.connect(self._keep_region)
        self.new.clicked.connect(self.make_region)
        self._session.project_opened.connect(self._propose_place)
        self.out.looked.connect(self._judge)
        self._viewer.layers.selection.events.active.connect(self._take_selected)
        for form in self._all_forms:
            form.changed.connect(self._judge)

    @property
    def _use(self) -> Use:
        found: Use = self.use.currentData()
        return found

    @property
    def _paints(self) -> str:
        """What the chosen model paints, "crops" or "labels" or "holes"; "nothing" where there is none."""
        return mending.painted_by(self.model.found.card)

    @property
    def _all_forms(self) -> tuple[Form[Any], ...]:
        return (
            *(self.sections, self.filling, self.margins, self.number, self.side),
            *(self.of_crops, self.of_pairs, self.prediction),
        )

    @property
    def _forms(self) -> tuple[Form[Any], ...]:
        """Those that count for what is chosen."""
        if self._use == "mend":
            return self.filling, self.sections, self.prediction
        if self._use == "extend":
            return self.margins, self.sections, self.prediction
        if self._paints == "crops":
            return self.number, self.of_crops
        if self.labels.layer is None:
            return self.number, self.side, self.of_pairs
        return self.sections, self.of_pairs

    def _take_use(self, *_: object) -> None:
        """Offer what the chosen use needs."""
        words, about = RUN[self._use]
        self.buttons.run.setText(words)
        self.buttons.run_about = about
        self.model.narrow(_fitting(self._use))
        self.out.is_own = False
        self._propose_place()

    def _take_model(self) -> None:
        if self._use == "generate":
            self._propose_place()
        else:
            self._look_at_layers()

    def _look_at_layers(self, *_: object) -> None:
        self._understood = understand(self.image.layer)
        self.image_words.setText(self._understood.words)
        self._show_rows()
        self._judge()

    def _show_rows(self) -> None:
        """Only the rows that what is chosen needs."""
        use, shown = self._use, self._forms
        is_on_image = use != "generate"
        self.rows.setRowVisible(self.image, is_on_image)
        self.rows.setRowVisible(self.image_words, is_on_image and bool(self._understood.words))
        self.rows.setRowVisible(self.region, use == "mend")
        self.rows.setRowVisible(self.new, use == "mend")
        self.rows.setRowVisible(self.labels, not is_on_image and self._paints == "labels")
        for form in (self.filling, self.margins, self.number, self.side, self.sections):
            self.rows.setRowVisible(form, form in shown)
        for form, fold in self.folds.items():
            fold.setVisible(form in shown)

    def _take_selected(self, *_: object) -> None:
        """A labels layer that the user selects while looking at this dock is the region, unless one was chosen."""
        if not isalive(self):
            return
        layer = self._viewer.layers.selection.active
        is_offered = self.region.findData(layer) > 0
        if is_offered and self._use == "mend" and self.isVisible() and not self._region_is_own:
            self.region.choose(layer)

    def _keep_region(self, *_: object) -> None:
        self._region_is_own = True

    def _add_region(self, layer_data: LayerData) -> None:
        layer = results.add(self._viewer, layer_data)
        self.region.refill()
        self.region.choose(layer)
        self._region_is_own, self._made_region = True, layer
        layer.events.visible.connect(self._take_brush)
        self._take_brush()
        self._judge()

    def _take_brush(self, _event: object = None) -> None:
        """Take the brush once the new layer is shown: napari gives none to a layer that is hidden."""
        layer = self.region.layer if isalive(self) else None
        if layer is not None and layer.visible:
            layer.events.visible.disconnect(self._take_brush)
            self._viewer.layers.selection.active = layer
            layer.brush_size = BRUSH_PX
            layer.selected_label = 1
            layer.mode = "paint"

    def _propose_place(self, *_: object) -> None:
        self._look_at_layers()
        project = self._session.project
        if self.out.is_own:
            find = partial(handover.place_beside, self.out.path)
        elif self._use == "generate":
            find = partial(mending.place_for_generated, self.model.title, project)
        else:
            find = partial(mending.place_for_image, self.image.layer, self._use, project)
        self.out.propose(find)

    def _browse(self, parent: QWidget, start: str) -> str:
        if self._use != "generate":
            return browse_new(parent, start)
        return str(QFileDialog.getSaveFileName(parent, "New folder for images", start)[0])

    def _problem(self) -> str:
        return (
            self._data_problem()
            or self._model_problem()
            or next((form.problem for form in self._forms if form.problem), "")
            or self.out.problem
        )

    def _model_problem(self) -> str:
        model = self.model
        if model.found.path != model.path:
            return LOOKING
        problem = model.problem if model.path else ""
        return problem or mending.why_not_model(model.found.card, self._use)

    def _data_problem(self) -> str:
        if self._use == "generate":
            return ""
        image = self._understood.volume
        problem = self._understood.problem or mending.why_not_image(image, self._fitting_card)
        if problem or image is None or self._use == "extend":
            return problem
        return mending.why_not_region(image, self.region.layer)

    @property
    def _fitting_card(self) -> Card | None:
        card = self.model.found.card
        return card if card is not None and mending.fits(card, self._use) else None

    def _judge_more(self) -> None:
        can_paint = self._understood.volume is not None and not self._understood.problem
        self.new.setEnabled(can_paint)
        self.new.setToolTip(NEW_ABOUT if can_paint else NO_IMAGE_TO_PAINT)

    def _paint(self) -> None:
        image, recipe = self._understood.volume, self.recipe()
        if image is None:
            return
        self._name = f"{self.image.layer.name} {mending.WORDS[self._use]}"
        self._style = mending.look_of(self.image.layer)
        prepare = partial(mending.painting, recipe, image, self._region())
        title = f"{RUN[self._use][0]}ing {self.image.layer.name}"
        self._follow(self._session.run(self.kind, title, prepare))

    def _region(self) -> Volume | None:
        is_chosen = self._use == "mend" and self.region.layer is not None
        return handover.taken(self.region.layer) if is_chosen else None

    def _generate(self) -> None:
        recipe = self.drawing()
        labels = handover.taken(self.labels.layer) if recipe.labels is not None else None
        self._name, self._style = f"synthetic ({self.model.title})", {}
        prepare = partial(mending.generation, recipe, labels)
        self._follow(self._session.run(self.kind, f"Generating with {self.model.title}", prepare))

    def _finished(self, result: dict[str, Any]) -> None:
        work = partial(
            mending.as_layers, result, self._name or mending.named_by(result), self._style
        )
        task = self._session.background(work)
        task.done.connect(self._add_result)
        task.failed.connect(self._fail)

    def _add_result(self, painted: Painted) -> None:
        names = [results.add(self._viewer, layer).name for layer in painted.layers]
        more = ""
        if painted.mask is not None:
            results.add_own(self._viewer, painted.mask)
            more = "; a line is drawn around what is synthetic"
        if self._use == "mend":
            results.set_visible(self._viewer, self._made_region, visible=False)
        self.buttons.tell(f"Added {' and '.join(names)}{more}.")

    def _settle(self) -> None:
        self._propose_place()

    def _tidy_up(self) -> None:
        self._viewer.layers.selection.events.active.disconnect(self._take_selected)


def _fitting(use: Use) -> Any:
    """Whether the model of a card can be used so."""
    return partial(_fits, use)


def _fits(use: Use, card: Card) -> bool:
    return mending.fits(card, use)


def _itself(form: Form[Any]) -> QWidget:
    return form
