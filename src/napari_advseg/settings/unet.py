"""The shape of a U-Net and how one is taught, shared by the families that have one."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import model_validator

from napari_advseg.settings import Settings, setting

QUICK: dict[str, Any] = {
    "model": {
        "widths": (16, 32, 64, 128, 256),
        "optimiser": {"learning_rate": 2e-3, "weight_decay": 1e-4},
    },
    "examples": {
        "batch": 12,
        "targets": {"boundary_weight": 3.0},
        "augmentation": {
            "intensity": 0.8,
            "blur": 0.15,
            "blur_sigma": (0.01, 1.5),
            "noise_std": 0.1,
        },
    },
    "training": {
        "steps": 2300,
        "ema": 0.995,
        "warmup": 50,
        "cosine": True,
        "validate_every": 100,
    },
}
"""A training on a CPU within minutes."""
SEED: dict[str, Any] = {
    "model": {
        "widths": (64, 128, 256, 512, 1024),
        "optimiser": {"learning_rate": 0.01, "eps": 0.01},
    },
    "examples": {"batch": 18, "mode": "fixed", "fixed_crops": 6000, "crop": 160},
    "training": {"steps": 100_200, "validate_every": 334, "save_every": 334},
}
"""The training of the thesis."""


class UNetShape(Settings):
    """Levels, layers and data term of a U-Net."""

    widths: tuple[int, ...] = setting(
        (16, 32, 64, 128, 256),
        "Widths",
        "Channels of each level from the top. Wider is slower and learns more.",
    )
    activation: Literal["relu", "elu"] = setting(
        "relu", "Activation", "No difference was found between them."
    )
    norm: Literal["batch", "instance", "group", "none"] = setting(
        "batch", "Normalisation", "Instance and group norm depend on the tile; batch norm does not."
    )
    residual: bool = setting(
        False, "Residual", "Sums around each pair of convolutions (no gain in 2D in the thesis)."
    )
    dropout: float = setting(0.0, "Dropout", "Share of maps dropped after each pair.", ge=0, lt=1)
    dice: float = setting(
        0.0, "Dice weight", "Weight of a Dice term on the boundary map.", ge=0, le=100
    )

    @property
    def layers(self) -> dict[str, Any]:
        """What `UNet2d` takes beside its channels."""
        return {
            "widths": self.widths,
            "act": self.activation,
            "norm": self.norm,
            "residual": self.residual,
            "dropout": self.dropout,
        }

    @model_validator(mode="after")
    def _has_levels(self) -> UNetShape:
        if not 2 <= len(self.widths) <= 8 or min(self.widths) < 1:
            raise ValueError(f"Widths {self.widths} must be 2 to 8 positive numbers, one a level.")
        return self
