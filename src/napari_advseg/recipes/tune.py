"""One search for thresholds on annotated sections."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import model_validator

from napari_advseg.recipes.base import (
    Missing,
    Overwrite,
    Recipe,
    Span,
    model_folder,
    numbers,
    place,
)
from napari_advseg.settings import setting
from napari_advseg.settings.labelling import LabellingSettings
from napari_advseg.settings.prediction import PredictionSettings
from napari_advseg.settings.scoring import ScoringSettings
from napari_advseg.settings.tuning import TuningSettings

Pair = Annotated[
    tuple[float, float] | None,
    numbers(float, "is no pair of thresholds; write --choose T,E, for example .81,.91", 2),
]


class Tune(Recipe):
    """One search for thresholds on annotated sections: an interior map or what makes it, the truth, the grid."""

    task: Literal["tune"] = "tune"
    model: str | None = model_folder(
        None, "Model", "Folder of the model that predicts, and that the choice can be saved into."
    )
    image: str | None = place(
        None,
        "Image",
        "File or store with the raw image; not needed where an interior map is given.",
    )
    interior_map: str | None = place(
        None,
        "Interior map",
        "A map that is there already; empty: the model makes it.",
        was="probabilities",
    )
    labels: str = place(..., "Labels", "True labels of the sections to tune on.")
    sections: Span = setting(
        None,
        "Sections",
        "Which sections. Empty: those that the model's training withheld where the image is the training "
        "image, else all.",
        form="A:B",
    )
    missing: Missing = "refuse"
    out: str = place(..., "Folder", "Where the tables, the heat map and the interior map go.")
    choose: Pair = setting(
        None,
        "Choose",
        "Threshold and gap threshold to choose instead of the best; a cell of the grid.",
        form="T,E",
    )
    save: bool = setting(False, "Save", "Write the choice into the model.")
    prediction: PredictionSettings | None = setting(
        None, "Prediction", "Empty: as the model was trained to."
    )
    tuning: TuningSettings = setting(TuningSettings(), "Tuning", "The grid and the objective.")
    labelling: LabellingSettings | None = setting(
        None, "Labelling", "What the grid does not vary. Empty: as the model was calibrated."
    )
    scoring: ScoringSettings | None = setting(
        None, "Scoring", "Empty: as the model's validation was scored. Always by section."
    )
    overwrite: Overwrite = False

    @model_validator(mode="after")
    def _has_a_map(self) -> Self:
        if (self.interior_map is None) == (self.image is None):
            raise ValueError("name an image (with a model) or an interior map, and not both")
        if self.model is None and (self.interior_map is None or self.save):
            why = "to save the choice into" if self.save else "that predicts the interior map"
            raise ValueError(f"name a model {why}")
        return self
