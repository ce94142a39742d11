"""The Mend dock: regions of an image filled, the image extended, or new ones generated, by a model that paints."""

# mypy: disallow-subclassing-any=false
from __future__ import annotations

from functools import partial
from typing import Any

import napari
from napari.layers import Image, Labels
from qtpy.QtWidgets import QFileDialog, QWidget

from napari_advseg.gui.compute import handover
from napari_advseg.gui.docks.halves import contents
from napari_advseg.gui.docks.job_dock import JobDock
from napari_advseg.gui.docks.mend import mending
from napari_advseg.gui.docks.mend.mending import Painted, Use
from napari_advseg.gui.docks.mend.region import RegionChoice
from napari_advseg.gui.docks.mend.use_forms import UseForms
from napari_advseg.gui.docks.new_place import NewPlace
from napari_advseg.gui.kit.editors import PatientComboBox
from napari_advseg.gui.kit.form import rows_of
from napari_advseg.gui.kit.model_choice import ModelChoice
from napari_advseg.gui.kit.panel import LayerChoice, browse_new, note
from napari_advseg.gui.kit.understood import Understood, understand
from napari_advseg.gui.viewer import results
from napari_advseg.model_store import Card
from napari_advseg.recipes import Extend, Generate, Mend

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
LOOKING = "Looking at the model …"
NEUROPIL = "synthetic neuropil"


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
        self.forms = UseForms()
        self._make_rows()
        self._connect()
        self._open(contents(self.rows, *self.forms.folds.values()))
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
        kind = Extend if self._use == "extend" else Mend
        return kind(**given, **self.forms.typed())

    def drawing(self) -> Generate:
        """What is typed for generating, with the labels by their name.

        Raises:
            ValueError: something typed is not valid.
        """
        labels = self.labels.layer if self._paints == "labels" else None
        typed = {**self.forms.number.shown(), **self.forms.typed()}
        named = labels.name if labels is not None else None
        return Generate(model=self.model.path, out=self.out.path, labels=named, **typed)

    def _make_rows(self) -> None:
        self.use = PatientComboBox()
        for use, words in USES.items():
            self.use.addItem(words, use)
        self.image = LayerChoice(self._viewer, Image)
        self.image_words = note()
        self.region = RegionChoice(self._viewer, self._session)
        self.labels = LayerChoice(self._viewer, Labels, NEUROPIL)
        self.model = ModelChoice(self._session, _fitting(self._use))
        self.out = NewPlace(self._session, self._browse, "Ends in .ome.zarr or .tif")
        self.rows = rows_of(
            ("What to do", self.use, USE_ABOUT),
            ("Image", self.image, "The image layer to paint into; it stays as it is."),
            self.image_words,
            ("Region", self.region, "The labels layer that marks what is filled: all but 0."),
            self.region.new,
            ("Labels", self.labels, "The labels that images are painted of."),
            ("Model", self.model, "The model that paints."),
            self.model.words,
            *self.forms.rows,
            ("Goes to", self.out, "Something new; nothing that exists is overwritten."),
        )

    def _connect(self) -> None:
        self.use.currentIndexChanged.connect(self._take_use)
        self.model.seen.connect(self._take_model)
        self.image.changed.connect(self._propose_place)
        self.labels.changed.connect(self._look_at_layers)
        self.region.changed.connect(self._look_at_layers)
        self.region.made.connect(self._judge)
        self.region.failed.connect(self._fail)
        self.region.failed.connect(self._judge)
        self._session.project_opened.connect(self._propose_place)
        self.out.looked.connect(self._judge)
        for form in self.forms.every:
            form.changed.connect(self._judge)

    @property
    def _use(self) -> Use:
        found: Use = self.use.currentData()
        return found

    @property
    def _paints(self) -> str:
        """What the chosen model paints, "crops" or "labels" or "holes"; "nothing" where there is none."""
        return mending.painted_by(self.model.found.card)

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
        use, paints = self._use, self._paints
        is_on_image = use != "generate"
        self.rows.setRowVisible(self.image.native, is_on_image)
        self.rows.setRowVisible(self.image_words, is_on_image and bool(self._understood.words))
        self.rows.setRowVisible(self.region.native, use == "mend")
        self.rows.setRowVisible(self.region.new, use == "mend")
        self.rows.setRowVisible(self.labels.native, not is_on_image and paints == "labels")
        self.forms.show_for(use, paints, self.rows, has_labels=self.labels.layer is not None)

    def _propose_place(self, *_: object) -> None:
        self._look_at_layers()
        project = self._session.project
        if self._use == "generate":
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
            self._data_problem() or self._model_problem() or self.forms.problem or self.out.problem
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
        image = None if self._understood.problem else self._understood.volume
        self.region.offer(self.image.layer.name if image is not None else "", image)

    def _paint(self) -> None:
        image, recipe = self._understood.volume, self.recipe()
        if image is None:
            return
        self._name = f"{self.image.layer.name} {mending.WORDS[self._use]}"
        self._style = mending.look_of(self.image.layer)
        is_marked = self._use == "mend" and self.region.layer is not None
        region = handover.taken(self.region.layer) if is_marked else None
        prepare = partial(mending.painting, recipe, image, region)
        title = f"{RUN[self._use][0]}ing {self.image.layer.name}"
        self._follow(self._session.run(self.kind, title, prepare))

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
        self._in_background(work, self._add_result)

    def _add_result(self, painted: Painted) -> None:
        names = [results.add(self._viewer, layer).name for layer in painted.layers]
        more = ""
        if painted.mask is not None:
            results.add_own(self._viewer, painted.mask)
            more = "; a line is drawn around what is synthetic"
        if self._use == "mend":
            self.region.hide_made()
        self.buttons.tell(f"Added {' and '.join(names)}{more}.")

    def _settle(self) -> None:
        self._propose_place()

    def _tidy_up(self) -> None:
        self.region.stop()


def _fitting(use: Use) -> Any:
    """Whether the model of a card can be used so."""
    return partial(_fits, use)


def _fits(use: Use, card: Card) -> bool:
    return mending.fits(card, use)
