"""One search for the places that are worth annotating next."""

from __future__ import annotations

from typing import Literal

from napari_advseg.recipes.base import Images, Missing, Model, Recipe, Sections, place
from napari_advseg.settings import setting
from napari_advseg.settings.prediction import PredictionSettings


class Suggest(Recipe):
    """One search for the places that are worth annotating next: where a model knows least."""

    task: Literal["suggest"] = "suggest"
    image: Images
    model: Model
    labels: str | None = place(
        None,
        "Labels",
        "What is annotated so far, which is not suggested again; 0 is not annotated.",
    )
    out: str | None = place(None, "List", "JSON file that the places are written to.")
    sections: Sections = None
    missing: Missing = "refuse"
    count: int = setting(20, "Places", "How many places are suggested.", ge=1, le=1000)
    window: int = setting(
        128,
        "Window",
        "Side of a place. Larger ones take longer to annotate and teach more.",
        unit="px",
        ge=16,
        le=4096,
    )
    looked_at: int = setting(
        16,
        "Sections looked at",
        "At most so many sections, evenly spread, are predicted. More take longer.",
        ge=1,
        le=10_000,
    )
    measure: Literal["margin", "entropy"] = setting(
        "margin",
        "Uncertainty",
        "margin: 1 minus the lead of the most probable answer; entropy: of all answers, weighs near guesses more.",
    )
    prediction: PredictionSettings | None = setting(
        None, "Prediction", "Empty: as the model was trained to."
    )
