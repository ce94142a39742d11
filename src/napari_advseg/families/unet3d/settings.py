"""What can be chosen of the U-Net for volumes, and its presets."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import model_validator

from napari_advseg.settings import Settings, setting
from napari_advseg.settings.training import AdamSettings

NAME = "unet3d"
SUMMARY = "Residual U-Net for volumes: looks at neighbouring sections too"
REFERENCE = "Lee, Zung, Li, Jain, Seung 2017; layout, optimiser and schedule of the thesis"
DIMENSIONS = 3
PUBLISHED_ANISOTROPY = 10.0


class UNet3dSettings(Settings):
    """Network, loss and optimiser of the U-Net for volumes."""

    widths: tuple[int, ...] = setting(
        (28, 36, 48, 64, 80),
        "Widths",
        "Channels of each level from the top. Wider is slower and learns more.",
    )
    anisotropy: float | None = setting(
        None,
        "Anisotropy",
        "Distance of two sections in pixels of a section; decides at which level the network begins to reach from "
        "section to section. Empty takes it from the voxel size of the image.",
        gt=0,
        le=100,
    )
    isotropic: tuple[bool, ...] = setting(
        (),
        "Isotropic levels",
        "For each level whether it reaches along z and halves the sections too; empty: as the anisotropy asks for.",
    )
    deep_blocks: bool = setting(
        False,
        "Deep blocks",
        "Residual blocks of isotropic levels look at neighbouring sections too: slower, 1.6 times as many parameters.",
    )
    down: Literal["stride", "maxpool"] = setting(
        "stride",
        "Way down",
        "stride: convolutions that skip every other pixel, as published; maxpool: the largest of neighbours, with "
        "which tiles depend less on their size.",
    )
    activation: Literal["relu", "elu"] = setting("elu", "Activation", "ELU is the published one.")
    norm: Literal["batch", "instance", "group", "none"] = setting(
        "batch",
        "Normalisation",
        "Batch norm of a single patch takes its statistics from that patch alone; instance and group norm do so in "
        "prediction too.",
    )
    initial: Literal["kaiming", "orthogonal"] = setting(
        "kaiming", "First weights", "How weights are drawn."
    )
    dice: float = setting(
        0.0, "Dice weight", "Weight of a Dice term on the boundary map.", ge=0, le=100
    )
    optimiser: AdamSettings = setting(AdamSettings(), "Optimiser", "Adam.")

    @property
    def levels(self) -> tuple[bool, ...]:
        """For each level whether it reaches along z.

        Level l sees pixels 2^(l - 1) wide coming in; sections are halved with them once they lie
        less than four such pixels apart, and at the deepest level in any case. At 10 (sections of
        40 nm, pixels of 4 nm) these are the last two of five levels, the published layout; at 1 all.
        """
        if self.isotropic:
            return self.isotropic
        apart = self.anisotropy or PUBLISHED_ANISOTROPY
        deeper = [apart < 4 * 2 ** (level - 1) for level in range(1, len(self.widths) - 1)]
        return apart < 2, *deeper, True

    @model_validator(mode="after")
    def _has_levels(self) -> UNet3dSettings:
        if not 2 <= len(self.widths) <= 8 or min(self.widths) < 1:
            raise ValueError(f"Widths {self.widths} must be 2 to 8 positive numbers, one a level.")
        if self.isotropic and len(self.isotropic) != len(self.widths):
            raise ValueError(
                f"{len(self.isotropic)} isotropic levels and {len(self.widths)} widths do not fit; give one for each "
                "level, or leave the isotropic levels empty."
            )
        return self


SCHEDULE: dict[str, Any] = {
    "ema": 0.99,
    "warmup": 30,
    "cosine": True,
    "validate_every": 100,
    "save_every": 100,
}
PRESETS: dict[str, dict[str, Any]] = {
    "quick": {
        "model": {
            "widths": (16, 24, 32, 48, 64),
            "optimiser": {"learning_rate": 3e-3, "weight_decay": 1e-4},
        },
        "examples": {
            "depth": 8,
            "crop": 128,
            "batch": 2,
            "targets": {"boundary_weight": 3.0},
            "augmentation": {
                "intensity": 0.8,
                "blur": 0.15,
                "blur_sigma": (0.01, 1.5),
                "noise": 0.3,
                "noise_std": 0.1,
                "missing_section": 0.05,
                "out_of_focus": 0.05,
                "misalignment": 0.05,
                "misalignment_px": 8,
            },
        },
        "training": {"steps": 1200, **SCHEDULE},
    },
    "isotropic": {
        "model": {
            "widths": (16, 24, 32, 48, 64),
            "optimiser": {"learning_rate": 3e-3, "weight_decay": 1e-4},
        },
        "examples": {
            "depth": 64,
            "crop": 64,
            "batch": 1,
            "targets": {"boundary_weight": 3.0, "walls": "volume"},
            "augmentation": {
                "swap_axes": True,
                "intensity": 0.8,
                "blur": 0.15,
                "blur_sigma": (0.01, 1.0),
                "noise": 0.3,
                "noise_std": 0.1,
            },
        },
        "training": {"steps": 1200, **SCHEDULE},
        "labelling": {"across_sections": "agglomerated"},
    },
    "seed": {
        "model": {"optimiser": {"learning_rate": 0.01, "eps": 0.01}},
        "examples": {"batch": 1, "depth": 18, "crop": 160},
        "training": {"steps": 70_140, "validate_every": 334, "save_every": 334},
    },
}
