"""From reviewed labels to a better model."""

from __future__ import annotations

from typing import Literal

from napari_advseg.recipes.base import VERSION, Missing
from napari_advseg.settings import Settings, setting
from napari_advseg.settings.prediction import PredictionSettings
from napari_advseg.settings.training import TrainingSettings


class Retrain(Settings):
    """From reviewed labels to a better model: trained, judged, and applied with the edits of before."""

    task: Literal["retrain"] = "retrain"
    version: int = setting(VERSION, "Version", "Version of the recipe's format.", ge=1, le=VERSION)
    journal: str = setting(
        ..., "Journal", "Folder of the journal of proofreading, or the labels that it lies beside."
    )
    labels: str | None = setting(
        None, "Labels", "The labels that the journal belongs to, where they have moved."
    )
    image: str = setting(..., "Image", "File or store with the raw image of these labels.")
    model: str = setting(
        ...,
        "Model",
        "Folder of the model to start from and to be better than, or first; it stays as it is.",
    )
    out: str = setting(
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
    missing: Missing = setting(
        "refuse",
        "Missing chunks",
        "Chunks that a zarr store has lost: refuse the image, or fill them.",
    )
