"""What can be chosen of the conditional GAN, and its presets."""

from __future__ import annotations

from typing import Literal

from napari_advseg.settings import Settings, setting
from napari_advseg.settings.critic import CriticSettings
from napari_advseg.settings.training import AdamSettings

NAME = "cgan"
SUMMARY = (
    "Conditional GAN (pix2pix): a translator from image to map that must convince a patch critic"
)
REFERENCE = "Isola, Zhu, Zhou, Efros 2017; 100 epochs and uses of S000"


class CganSettings(Settings):
    """Generator, critic and the balance between them."""

    direction: Literal["image_to_map", "map_to_image"] = setting(
        "image_to_map",
        "Direction",
        "Segment images, or paint images of labels (the reverse problem: synthetic training data).",
    )
    width: int = setting(
        64, "Width", "Channels of the first level; doubled up to 8 times.", ge=1, le=512
    )
    depth: int = setting(
        8,
        "Depth",
        "Halvings down to the innermost level: crops are padded to multiples of 2^depth.",
        ge=2,
        le=10,
    )
    norm: Literal["batch", "instance", "group", "none"] = setting(
        "batch", "Normalisation", "Batch norm of one crop is instance norm."
    )
    dropout: float = setting(
        0.5, "Dropout", "In the widest levels next to the innermost.", ge=0, lt=1
    )
    resize: bool = setting(
        False, "Resize", "Repeat pixels before a convolution when going up: no checkerboard."
    )
    samples: int = setting(
        1,
        "Samples",
        "Above 1, prediction keeps dropout on and averages so many outputs.",
        ge=1,
        le=100,
    )
    content: Literal["l1", "bce", "dice"] = setting(
        "l1", "Content term", "What keeps the map near the annotation, beside the critic."
    )
    content_weight: float = setting(
        100.0, "Content weight", "A larger value listens less to the critic.", ge=0, le=10_000
    )
    optimiser: AdamSettings = setting(
        AdamSettings(learning_rate=2e-4, beta1=0.5), "Optimiser", "Adam of the generator."
    )
    critic: CriticSettings = setting(CriticSettings(), "Critic", "The critic of image and map.")

    @property
    def segments(self) -> bool:
        """Whether it makes maps of images."""
        return self.direction == "image_to_map"

    @property
    def judges(self) -> bool:
        """Whether its critic says how false segmentations look."""
        return self.segments

    @property
    def paints(self) -> str:
        """What it paints images of."""
        return "labels" if self.direction == "map_to_image" else "nothing"


# Constant for the first half, then down to 0 in a line; validation does not steer two players.
GAN_SCHEDULE = {"linear": 0.5, "plateau": {"reductions": 0}}
PRESETS = {
    "quick": {
        "model": {"width": 24, "depth": 6, "critic": {"widths": (24, 48, 96, 192)}},
        "examples": {"crop": 128, "batch": 4},
        "training": {"steps": 1500, "validate_every": 100, **GAN_SCHEDULE},
    },
    "seed": {
        "examples": {"crop": 256, "batch": 1},
        "training": {"epochs": 100, "validate_every": 200, **GAN_SCHEDULE},
    },
}
