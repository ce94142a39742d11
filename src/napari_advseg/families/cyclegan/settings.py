"""What can be chosen of CycleGAN, and its presets."""

from __future__ import annotations

from typing import ClassVar, Final, Literal

from napari_advseg.settings import Settings, setting
from napari_advseg.settings.critic import CriticSettings
from napari_advseg.settings.training import AdamSettings

NAME = "cyclegan"
SUMMARY = "CycleGAN: images and maps that need not belong together, translated there and back"
REFERENCE = "Zhu, Park, Isola, Efros 2017; U-Net translators and 100 epochs of S000"
NEEDS: Final = "unpaired"
CRITIC = CriticSettings(norm="instance", objective="lsgan")


class CycleGanSettings(Settings):
    """Two translators, two critics and the balance between them."""

    paints: ClassVar[str] = "labels"

    generator: Literal["unet", "resnet"] = setting(
        "unet", "Translators", "The U-Net of pix2pix, or residual blocks at a quarter of the size."
    )
    width: int = setting(64, "Width", "Channels of a translator's first level.", ge=1, le=512)
    depth: int = setting(
        8, "Depth", "unet only: halvings; crops are padded to multiples of 2^depth.", ge=2, le=10
    )
    blocks: int = setting(9, "Blocks", "resnet only: residual blocks.", ge=1, le=32)
    norm: Literal["batch", "instance", "none"] = setting(
        "batch", "Normalisation", "Of the translators; instance norm depends on the tile."
    )
    dropout: float = setting(0.5, "Dropout", "In the widest levels of the U-Net.", ge=0, lt=1)
    cycle: float = setting(
        10.0, "Cycle weight", "A larger value insists on finding the way back.", ge=0, le=1000
    )
    identity: float = setting(
        0.5,
        "Identity",
        "Weight, times the cycle's, of leaving alone what is of the right kind already; needs equal channels.",
        ge=0,
        le=10,
    )
    hint_noise: float = setting(
        0.05,
        "Noise on maps",
        "Added before the way back: else the map carries the image in changes too faint to see.",
        ge=0,
        le=1,
    )
    pool: int = setting(
        50, "History", "Generated maps kept for the critics; 0: none.", ge=0, le=1000
    )
    paired: float = setting(
        10.0, "Pairs' weight", "Of the few pairs, where there are some.", ge=0, le=1000
    )
    optimiser: AdamSettings = setting(
        AdamSettings(learning_rate=2e-4, beta1=0.5), "Optimiser", "Adam of the translators."
    )
    critic: CriticSettings = setting(CRITIC, "Critics", "Of images and of maps.")


# Constant for the first half, then down to 0 in a line; validation does not steer four players.
SCHEDULE = {"linear": 0.5, "plateau": {"reductions": 0}}
PRESETS = {
    "quick": {
        "model": {
            "width": 24,
            "depth": 6,
            "critic": {**CRITIC.model_dump(), "widths": (24, 48, 96, 192)},
        },
        "examples": {"crop": 128, "batch": 4},
        "training": {"steps": 1500, "validate_every": 100, **SCHEDULE},
    },
    "seed": {
        "examples": {"crop": 256, "batch": 1},
        "training": {"epochs": 100, "validate_every": 200, **SCHEDULE},
    },
}
