"""A critic and how strongly it is heard, shared by the adversarial families."""

from __future__ import annotations

from typing import Literal

from pydantic import model_validator

from napari_advseg.settings import Settings, setting
from napari_advseg.settings.training import AdamSettings

Objective = Literal["vanilla", "minimax", "lsgan", "hinge", "wgan-gp", "r1"]
"""vanilla: Goodfellow et al. 2014, non-saturating; minimax: the same, saturating; lsgan: Mao et al. 2017;
hinge: Lim and Ye 2017; wgan-gp: Gulrajani et al. 2017; r1: vanilla with the penalty of Mescheder et al. 2018."""


class CriticSettings(Settings):
    """A patch critic: its network, objective and optimiser."""

    widths: tuple[int, ...] = setting(
        (64, 128, 256, 512),
        "Widths",
        "Channels of each level; one level less halves the patch that a score sees (70 px for four).",
    )
    norm: Literal["batch", "instance", "group", "none"] = setting(
        "batch", "Normalisation", "Gradient penalties ask for instance, group or none."
    )
    spectral: bool = setting(
        False, "Spectral norm", "Bound every layer's slope: a steadier, weaker critic."
    )
    objective: Objective = setting(
        "vanilla",
        "Objective",
        "vanilla (-log D, non-saturating), minimax (log(1 - D), which teaches little while the critic wins), "
        "lsgan, hinge, wgan-gp (gradient penalty) or r1 (vanilla with a penalty at real images).",
    )
    smooth: float = setting(
        1.0,
        "Real target",
        "Below 1 the critic is never quite sure (0.9): a remedy where it wins.",
        gt=0.5,
        le=1,
    )
    every: int = setting(
        1, "Every", "The critic learns in every k-th step: a remedy where it wins.", ge=1, le=100
    )
    optimiser: AdamSettings = setting(
        AdamSettings(learning_rate=2e-4, beta1=0.5), "Optimiser", "Adam of the critic."
    )

    @model_validator(mode="after")
    def _can_be_penalised(self) -> CriticSettings:
        if not 1 <= len(self.widths) <= 6 or min(self.widths) < 1:
            raise ValueError(f"Widths {self.widths} must be 1 to 6 positive numbers, one a level.")
        if self.objective == "wgan-gp" and self.norm == "batch":
            raise ValueError(
                "wgan-gp penalises the gradient of single images, which batch norm mixes; "
                "choose the normalisation instance, group or none"
            )
        return self
