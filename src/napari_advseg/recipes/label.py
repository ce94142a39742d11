"""A new labelling of an interior map that is there already."""

from __future__ import annotations

from typing import Literal

from napari_advseg.recipes.base import VERSION
from napari_advseg.settings import Settings, setting
from napari_advseg.settings.labelling import LabellingSettings


class Label(Settings):
    """A new labelling of an interior map that is already there."""

    task: Literal["label"] = "label"
    version: int = setting(VERSION, "Version", "Version of the recipe's format.", ge=1, le=VERSION)
    interior_map: str = setting(
        ..., "Interior map", "File or store with the map in [0, 1].", was="probabilities"
    )
    out: str = setting(
        ..., "Labels", "Where the labels are written; the suffix chooses TIFF or OME-Zarr."
    )
    labelling: LabellingSettings = setting(
        LabellingSettings(), "Labelling", "From interior map to labels."
    )
    overwrite: bool = setting(
        False, "Overwrite", "Replace an existing output once the new one is complete."
    )
