"""What can be chosen of DeconvNet, and its presets."""

from __future__ import annotations

from typing import Literal

from pydantic import model_validator

from napari_advseg.settings import Settings, setting
from napari_advseg.settings.training import AdamSettings

NAME = "deconvnet"
SUMMARY = "DeconvNet: encoder and decoder joined by pooling switches, for images of any size"
REFERENCE = "Zeiler et al. 2011; Noh, Hong, Han 2015; layers, rates and folds of S002"


class DeconvNetSettings(Settings):
    """Network and optimiser of DeconvNet."""

    widths: tuple[int, ...] = setting(
        (64, 128, 256), "Widths", "Channels of each level from the top; each level halves the size."
    )
    norm: Literal["batch", "instance", "group", "none"] = setting(
        "none", "Normalisation", "None in S002, batch in Noh et al."
    )
    dropout: float = setting(0.5, "Dropout", "Share dropped at the innermost level.", ge=0, lt=1)
    optimiser: AdamSettings = setting(
        AdamSettings(learning_rate=1e-4),
        "Optimiser",
        "Adam; 1e-3, 1e-4 and 1e-5 were tried in S002.",
    )

    @model_validator(mode="after")
    def _has_levels(self) -> DeconvNetSettings:
        if not 1 <= len(self.widths) <= 6 or min(self.widths) < 1:
            raise ValueError(f"Widths {self.widths} must be 1 to 6 positive numbers, one a level.")
        return self


PRESETS = {
    "quick": {
        "model": {"widths": (32, 64, 128), "norm": "batch", "optimiser": {"learning_rate": 1e-3}},
        "examples": {"crop": 128, "batch": 8},
        "training": {"steps": 1000, "validate_every": 100},
    },
    "seed": {
        "examples": {"crop": 128, "batch": 8},
        "training": {"steps": 20_000, "validate_every": 100},
    },
}
