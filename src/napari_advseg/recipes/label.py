"""A new labelling of an interior map that is there already."""

from __future__ import annotations

from typing import Literal

from napari_advseg.recipes.base import Overwrite, Recipe, place
from napari_advseg.settings import setting
from napari_advseg.settings.labelling import LabellingSettings


class Label(Recipe):
    """A new labelling of an interior map that is already there."""

    task: Literal["label"] = "label"
    interior_map: str = place(
        ..., "Interior map", "File or store with the map in [0, 1].", was="probabilities"
    )
    out: str = place(
        ..., "Labels", "Where the labels are written; the suffix chooses TIFF or OME-Zarr."
    )
    labelling: LabellingSettings = setting(
        LabellingSettings(), "Labelling", "From interior map to labels."
    )
    overwrite: Overwrite = False
