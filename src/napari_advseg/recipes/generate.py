"""Synthetic images of labels, or unlabelled crops."""

from __future__ import annotations

from typing import Literal

from napari_advseg.recipes.base import Overwrite, Recipe, Sections, model_folder, place
from napari_advseg.settings import setting


class Generate(Recipe):
    """Synthetic images of labels with those labels, or unlabelled crops, in a folder."""

    task: Literal["generate"] = "generate"
    model: str = model_folder(
        ...,
        "Model",
        "Folder of a model that paints labels (cgan with direction map_to_image, cyclegan, seggan) or draws crops "
        "(stylegan).",
    )
    out: str = place(..., "Folder", "Where image.tif goes, and labels.tif or the check of crops.")
    labels: str | None = place(None, "Labels", "Labels to paint; empty: synthetic neuropil.")
    sections: Sections = None
    count: int = setting(
        4, "Number", "How many crops, or sections of synthetic neuropil.", ge=1, le=100_000
    )
    side: int = setting(
        512, "Side", "Side of a section of synthetic neuropil.", unit="px", ge=32, le=16_384
    )
    seed: int = setting(
        0, "Seed", "Another one gives other crops, or other neuropil.", ge=0, lt=2**32
    )
    psi: float = setting(
        1.0, "Truncation", "Crops: below 1 they are more typical, of fewer kinds.", ge=0, le=1
    )
    gain: float = setting(1.0, "Contrast", "Crops: 1 leaves it as it was learnt.", ge=0.1, le=10)
    images: str | None = place(
        None,
        "Training images",
        "The training images that crops are compared with; empty: where they were when the model was trained.",
    )
    gate: str | None = model_folder(
        None,
        "Gate",
        "Folder of a segmenter trained on real images: only sections in which it finds the labels again are kept.",
    )
    agree: float = setting(
        0.5, "Agreement", "Overlap (IoU) with the labels that the gate asks for.", ge=0, le=1
    )
    overwrite: Overwrite = False
