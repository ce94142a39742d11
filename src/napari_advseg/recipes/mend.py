"""Images grown beyond their border, and holes in them filled."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import model_validator

from napari_advseg.recipes.base import (
    Image,
    Missing,
    Overwrite,
    Placed,
    Recipe,
    Sections,
    model_folder,
    place,
)
from napari_advseg.settings import setting
from napari_advseg.settings.prediction import PredictionSettings

Lost = Literal["copy", "refuse"]


class Painting(Recipe):
    """What painting into an image needs, whatever is painted."""

    image: Image
    model: str = model_folder(..., "Model", "Folder of a trained boundless model.")
    out: str = place(
        ...,
        "Image to write",
        "Where the new image is written, with the mask of its synthetic voxels beside it; the suffix chooses TIFF "
        "or OME-Zarr.",
    )
    placed: Placed = None
    sections: Sections = None
    missing: Missing = "refuse"
    prediction: PredictionSettings = setting(
        PredictionSettings(), "Prediction", "Device and threads."
    )
    overwrite: Overwrite = False


class Extend(Painting):
    """An image grown beyond its border by a Boundless model."""

    task: Literal["extend"] = "extend"
    top: int = setting(0, "Top", "Rows to add above.", unit="px", ge=0, le=4096)
    bottom: int = setting(0, "Bottom", "Rows to add below.", unit="px", ge=0, le=4096)
    left: int = setting(0, "Left", "Columns to add at the left.", unit="px", ge=0, le=4096)
    right: int = setting(0, "Right", "Columns to add at the right.", unit="px", ge=0, le=4096)

    @model_validator(mode="after")
    def _grows(self) -> Self:
        if not any(self.margins):
            raise ValueError("say by how many pixels: top, bottom, left or right")
        return self

    @property
    def margins(self) -> tuple[int, int, int, int]:
        """Pixels to add at top, bottom, left, right."""
        return self.top, self.bottom, self.left, self.right


class Mend(Painting):
    """Painted regions, folds or missing parts of an image filled by a Boundless model."""

    task: Literal["mend"] = "mend"
    holes: str | None = place(
        None,
        "Holes",
        "Labels on the same pixels: what is not 0 is filled. One section serves a whole stack. "
        "Empty: where the image is not finite.",
    )
    label: int | None = setting(
        None, "Only label", "Fill this label of the holes alone; empty: all but 0.", ge=1
    )
    lost: Lost = setting(
        "copy",
        "Lost sections",
        "A section that is a hole altogether shows the model nothing: copy the nearest that is not, or refuse.",
    )
