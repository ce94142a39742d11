"""One segmentation of a volume."""

from __future__ import annotations

from typing import Literal

from napari_advseg.recipes.base import VERSION, Missing, Placement, Span
from napari_advseg.settings import Settings, setting
from napari_advseg.settings.labelling import LabellingSettings
from napari_advseg.settings.prediction import PredictionSettings


class Segment(Settings):
    """One segmentation of a volume: image, model, output and how."""

    task: Literal["segment"] = "segment"
    version: int = setting(VERSION, "Version", "Version of the recipe's format.", ge=1, le=VERSION)
    image: str = setting(..., "Image", "File or store with the raw image.")
    model: str = setting(
        ..., "Model", "Folder of a trained model, or first: the one that comes with the package."
    )
    weights: Literal["best", "last"] = setting(
        "best", "Weights", "Those with the lowest validation loss, or those after the last step."
    )
    out: str = setting(
        ..., "Labels", "Where the labels are written; the suffix chooses TIFF or OME-Zarr."
    )
    interior_map: str | None = setting(
        None,
        "Interior map",
        "Where the interior map is kept; empty: it is not.",
        was="probabilities",
    )
    placed: Placement | None = setting(
        None, "Placed", "Where the image lies, if not where its file says; empty: as the file says."
    )
    sections: Span = setting(None, "Sections", "Which sections, A:B; empty for all.")
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
    missing: Missing = setting(
        "refuse",
        "Missing chunks",
        "Chunks that a zarr store has lost: refuse the image, or fill them.",
    )
    prediction: PredictionSettings = setting(
        PredictionSettings(), "Prediction", "Tiles, device, precision."
    )
    labelling: LabellingSettings | None = setting(
        None, "Labelling", "Empty: as the model was calibrated."
    )
    overwrite: bool = setting(
        False, "Overwrite", "Replace an existing output once the new one is complete."
    )
