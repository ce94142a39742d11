"""One segmentation of a volume."""

from __future__ import annotations

from typing import Literal

from napari_advseg.recipes.base import (
    Images,
    Missing,
    Model,
    Overwrite,
    Placed,
    Recipe,
    Sections,
    place,
)
from napari_advseg.settings import setting
from napari_advseg.settings.labelling import LabellingSettings
from napari_advseg.settings.prediction import PredictionSettings


class Segment(Recipe):
    """One segmentation of a volume: image, model, output and how."""

    task: Literal["segment"] = "segment"
    image: Images
    model: Model
    weights: Literal["best", "last"] = setting(
        "best", "Weights", "Those with the lowest validation loss, or those after the last step."
    )
    out: str = place(
        ..., "Labels", "Labels to write (.tif or .ome.zarr), or the folder for several images."
    )
    interior_map: str | None = place(
        None,
        "Interior map",
        "Where the interior map is kept; empty: it is not.",
        was="probabilities",
    )
    placed: Placed = None
    sections: Sections = None
    part: tuple[int, int, int, int] | None = setting(
        None,
        "Part",
        "Only this part of every section: top, bottom, left, right in pixels; empty for all.",
    )
    channel: int | Literal["mean"] | None = setting(
        None,
        "Channel",
        "Of an image with several, for a model of one: its number, or mean; empty takes all.",
    )
    missing: Missing = "refuse"
    prediction: PredictionSettings = setting(
        PredictionSettings(), "Prediction", "Tiles, device, precision."
    )
    labelling: LabellingSettings | None = setting(
        None, "Labelling", "Empty: as the model was calibrated."
    )
    overwrite: Overwrite = False
