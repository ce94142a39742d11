"""The shape of a U-Net, shared by the families that have one."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import model_validator

from napari_advseg.settings import Settings, setting


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
