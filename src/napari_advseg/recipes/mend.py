"""Images grown beyond their border, and holes in them filled."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import model_validator

from napari_advseg.recipes.base import VERSION, Missing, Placement, Span
from napari_advseg.settings import Settings, setting
from napari_advseg.settings.prediction import PredictionSettings

Lost = Literal["copy", "refuse"]


class Painting(Settings):
    """What painting into an image needs, whatever is painted."""

    version: int = setting(VERSION, "Version", "Version of the recipe's format.", ge=1, le=VERSION)
    image: str = setting(..., "Image", "File or store with the raw image.")
    model: str = setting(..., "Model", "Folder of a trained boundless model.")
    out: str = setting(
        ...,
        "Image to write",
        "Where the new image is written, with the mask of its synthetic voxels beside it; the suffix chooses TIFF "
        "or OME-Zarr.",
    )
    placed: Placement | None = setting(
        None, "Placed", "Where the image lies, if not where its file says; empty: as the file says."
    )
    sections: Span = setting(None, "Sections", "Which sections, A:B; empty for all.")
    missing: Missing = setting(
        "refuse",
        "Missing chunks",
        "Chunks that a zarr store has lost: refuse the image, or fill them.",
    )
    prediction: PredictionSettings = setting(
        PredictionSettings(), "Prediction", "Device and threads."
    )
    overwrite: bool = setting(
        False, "Overwrite", "Replace an existing output once the new one is complete."
    )


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
    holes: str | None = setting(
        None,
        "Holes",
        "File or store with labels on the same pixels: what is not 0 is filled. One section serves a whole stack. "
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
