"""From reviewed labels to a better model."""

from __future__ import annotations

from typing import Literal

from napari_advseg.recipes.base import Image, Missing, Recipe, model_folder, place
from napari_advseg.settings import setting
from napari_advseg.settings.prediction import PredictionSettings
from napari_advseg.settings.training import TrainingSettings


class Retrain(Recipe):
    """From reviewed labels to a better model: trained, judged, and applied with the edits of before."""

    task: Literal["retrain"] = "retrain"
    journal: str = place(
        ..., "Journal", "Folder of the journal of proofreading, or the labels that it lies beside."
    )
    labels: str | None = place(
        None, "Labels", "The labels that the journal belongs to, where they have moved."
    )
    image: Image
    model: str = model_folder(
        ...,
        "Model",
        "Folder of the model to start from and to be better than, or first; it stays as it is.",
    )
    out: str = place(
        ...,
        "Folder",
        "Where everything goes: what was learnt, the new model and, if it is taken, its labels with the edits.",
    )
    seed: int = setting(0, "Seed", "Every random draw follows from it.", ge=0, lt=2**32)
    training: TrainingSettings | None = setting(
        None, "Training", "Empty: as the model was trained, on the device that is there."
    )
    prediction: PredictionSettings = setting(
        PredictionSettings(), "Prediction", "Tiles, device, precision."
    )
    missing: Missing = "refuse"
