"""How a model is applied to a volume: device, precision, tiles."""

from __future__ import annotations

from typing import Literal

from napari_advseg.settings import Settings, setting

Device = Literal["auto", "cpu", "cuda", "mps"]
Precision = Literal["auto", "fp32", "bf16", "fp16"]
TILES = (32, 65536)


class PredictionSettings(Settings):
    """Tiles, device and precision of a prediction."""

    device: Device = setting(
        "auto", "Device", "Where the network runs; 'auto' takes a GPU where there is one."
    )
    precision: Precision = setting(
        "auto",
        "Precision",
        "'auto' takes half precision only where it agrees with full precision on a probe of this very image.",
    )
    threads: int | None = setting(
        None, "Threads", "CPU threads; empty takes all cores.", ge=1, le=1024
    )
    tile: int | None = setting(
        None,
        "Tile",
        "Side of a tile; empty takes the largest that fits memory.",
        unit="px",
        ge=TILES[0],
        le=TILES[1],
    )
    depth: int | None = setting(
        None,
        "Tile depth",
        "Sections of a tile, for models of volumes; empty takes as many as fit memory.",
        ge=4,
        le=65536,
    )
    halo: int | None = setting(
        None,
        "Halo",
        "Context around each tile that is computed and thrown away; empty takes the model's own, with which tiled "
        "equals whole. A smaller value is faster and leaves seams.",
        unit="px",
        ge=0,
        le=1024,
    )
    resize: bool = setting(
        True,
        "Fit voxel size",
        "Show the network the image at the voxel size that it was trained at, where both are known and differ by "
        "more than a quarter; what comes out has the size of the image again.",
    )
    refit: bool = setting(
        False,
        "Fit grey values",
        "Take the percentiles of grey values from every image anew, not from the training: for a model used on images "
        "of another microscope or exposure.",
    )
    border: int = setting(
        0,
        "Border context",
        "So much is put around every section before it is predicted and cut off again, so that its edge is judged "
        "with surroundings too; 0: nothing. A larger value takes longer.",
        unit="px",
        ge=0,
        le=1024,
    )
    border_model: str | None = setting(
        None,
        "Border's model",
        "Folder of a boundless model that paints the border context; empty mirrors the section.",
    )
    flips: bool = setting(
        False,
        "Average flips",
        "Predict all eight flips and rotations and average them: eight times slower, usually a little better.",
    )
