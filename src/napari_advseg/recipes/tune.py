"""One search for thresholds on annotated sections."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import model_validator

from napari_advseg.recipes.base import VERSION, Missing, Span
from napari_advseg.settings import Settings, setting
from napari_advseg.settings.labelling import LabellingSettings
from napari_advseg.settings.prediction import PredictionSettings
from napari_advseg.settings.scoring import ScoringSettings
from napari_advseg.settings.tuning import TuningSettings


class Tune(Settings):
    """One search for thresholds on annotated sections: an interior map or what makes it, the truth, the grid."""

    task: Literal["tune"] = "tune"
    version: int = setting(VERSION, "Version", "Version of the recipe's format.", ge=1, le=VERSION)
    model: str | None = setting(
        None, "Model", "Folder of the model that predicts, and that the choice can be saved into."
    )
    image: str | None = setting(
        None,
        "Image",
        "File or store with the raw image; not needed where an interior map is given.",
    )
    interior_map: str | None = setting(
        None,
        "Interior map",
        "A map that is there already; empty: the model makes it.",
        was="probabilities",
    )
    labels: str = setting(..., "Labels", "File or store with the true labels.")
    sections: Span = setting(
        None,
        "Sections",
        "Which sections, A:B. Empty: those that the model's training withheld where the image is the training "
        "image, else all.",
    )
    missing: Missing = setting(
        "refuse",
        "Missing chunks",
        "Chunks that a zarr store has lost: refuse the image, or fill them.",
    )
    out: str = setting(..., "Folder", "Where the tables, the heat map and the interior map go.")
    choose: tuple[float, float] | None = setting(
        None,
        "Choose",
        "Threshold and gap threshold to choose instead of the best; a cell of the grid.",
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
    overwrite: bool = setting(
        False, "Overwrite", "Replace an earlier result in the folder once the new one is complete."
    )

    @model_validator(mode="after")
    def _has_a_map(self) -> Self:
        if (self.interior_map is None) == (self.image is None):
            raise ValueError("name an image (with a model) or an interior map, and not both")
        if self.model is None and (self.interior_map is None or self.save):
            why = "to save the choice into" if self.save else "that predicts the interior map"
            raise ValueError(f"name a model {why}")
        return self
