"""One search for what looks false to a critic in labels that are proofread."""

from __future__ import annotations

from typing import Literal

from napari_advseg.recipes.base import Image, Recipe, model_folder, place
from napari_advseg.settings import setting
from napari_advseg.settings.prediction import PredictionSettings


class Judge(Recipe):
    """One search for what looks false to the critic of a model, in labels that are proofread."""

    task: Literal["judge"] = "judge"
    image: Image
    labels: str = place(..., "Labels", "The labels as they were before any edit.")
    interior_map: str = place(
        ...,
        "Interior map",
        "The map that they were made from: it says how wide walls are.",
        was="interior",
    )
    model: str = model_folder(..., "Model", "Folder of a model that was trained against a critic.")
    journal: str | None = place(
        None, "Journal", "Folder with the edits of the labels; empty for none."
    )
    order: Literal["critic", "mix"] = setting(
        "critic", "Order", "By the critic alone, or by all that speaks for a place."
    )
    out: str | None = place(None, "List", "JSON file that the places are written to.")
    prediction: PredictionSettings | None = setting(
        None, "Prediction", "Empty: as the model was trained to."
    )
