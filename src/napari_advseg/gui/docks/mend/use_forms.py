"""The settings of each use of a model that paints, of which only those that count are shown and read."""

from __future__ import annotations

from functools import partial
from typing import Any

from qtpy.QtWidgets import QFormLayout, QWidget

from napari_advseg.gui.docks.job_dock import first_problem
from napari_advseg.gui.docks.mend.mending import Use
from napari_advseg.gui.kit.form import Fold, Form
from napari_advseg.recipes import Extend, Generate, Mend

MARGINS = ("top", "bottom", "left", "right")
MARGIN_PX = 32


class UseForms:
    """A form for what only some uses share.

    Attributes:
        rows: the forms that stand among the rows of the dock.
        folds: the others, each under a title that folds.
        shown: those that count for what is chosen.
    """

    def __init__(self) -> None:
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
        self.rows = (self.filling, self.margins, self.number, self.side, self.sections)
        self.folds = {
            form: Fold("Advanced", partial(_itself, form))
            for form in (self.prediction, self.of_crops, self.of_pairs)
        }
        self.shown: tuple[Form[Any], ...] = ()

    @property
    def every(self) -> tuple[Form[Any], ...]:
        """All of them."""
        return *self.rows, *self.folds

    @property
    def problem(self) -> str:
        """What is wrong in those that count; empty where all is valid."""
        return first_problem(*self.shown)

    def show_for(self, use: Use, paints: str, layout: QFormLayout, *, has_labels: bool) -> None:
        """Show those that count for a use of a model that paints "holes", "crops" or "labels"."""
        self.shown = self._counting(use, paints, has_labels=has_labels)
        for form in self.rows:
            layout.setRowVisible(form, form in self.shown)
        for form, fold in self.folds.items():
            fold.setVisible(form in self.shown)

    def typed(self) -> dict[str, Any]:
        """The validated fields of those that count.

        Raises:
            ValueError: something typed is not valid.
        """
        return {name: value for form in self.shown for name, value in form.shown().items()}

    def _counting(self, use: Use, paints: str, *, has_labels: bool) -> tuple[Form[Any], ...]:
        if use == "mend":
            return self.filling, self.sections, self.prediction
        if use == "extend":
            return self.margins, self.sections, self.prediction
        if paints == "crops":
            return self.number, self.of_crops
        if has_labels:
            return self.sections, self.of_pairs
        return self.number, self.side, self.of_pairs


def _itself(form: Form[Any]) -> QWidget:
    return form
