"""What can be chosen of Boundless, and its presets."""

from __future__ import annotations

from typing import ClassVar, Final, Literal

from pydantic import model_validator

from napari_advseg.settings import Settings, setting
from napari_advseg.settings.training import AdamSettings

NAME = "boundless"
SUMMARY = "Boundless: learns from images alone to paint what is missing; extends and mends images"
REFERENCE = "Teterwak et al. 2019; grey images, masks and rates of the thesis"
NEEDS: Final = "unlabelled"
COUNTED = {"conditioning": "inception"}
"""Parameters are counted as published, with a conditioned critic."""
INCEPTION_VECTOR = 1000


class MaskSettings(Settings):
    """What is hidden of a training crop."""

    mode: Literal["right", "center", "random"] = setting(
        "right",
        "Mask",
        "right: a quarter of the width at the right, to extend images; center: a square of a third in the middle; "
        "random: a square of a third to two thirds anywhere, to mend images.",
    )
    jitter: int = setting(
        0,
        "Jitter",
        "The side of the mask is drawn anew for each crop within this much.",
        unit="px",
        ge=0,
        le=64,
    )
    empty: float = setting(
        0.0,
        "Empty masks",
        "Share of the crops of which nothing is hidden, as later when the network segments. The thesis suspected "
        "that their absence harms the transfer.",
        ge=0,
        le=1,
    )


class BoundlessSettings(Settings):
    """Generator, critic, masks and the critic's condition."""

    segments: ClassVar[bool] = False
    paints: ClassVar[str] = "holes"

    width: int = setting(
        32,
        "Width",
        "Channels of the generator's first layer; the middle has four times as many.",
        ge=2,
        le=256,
    )
    critic_width: int = setting(
        64,
        "Critic's width",
        "Channels of the critic's first layer; the last has four times as many.",
        ge=2,
        le=256,
    )
    mask: MaskSettings = setting(MaskSettings(), "Mask", "What is hidden of a crop.")
    adversarial_weight: float = setting(
        0.01,
        "Adversarial weight",
        "Of the critic's verdict beside the likeness of grey values.",
        ge=0,
        le=10,
    )
    quiet_steps: int = setting(
        0, "Quiet steps", "First steps on the likeness alone; the critic learns meanwhile.", ge=0
    )
    conditioning: Literal["none", "inception", "encoder"] = setting(
        "none",
        "Conditioning",
        "What the critic knows of the whole image: nothing, what InceptionV3 (ImageNet) says of it, or what the "
        "encoder of an earlier Boundless model of yours says.",
    )
    inception_weights: str | None = setting(
        None,
        "InceptionV3's weights",
        "inception only: a local state-dict file, or 'download' to fetch the public one.",
    )
    inception_grey: Literal["sum", "single"] = setting(
        "sum",
        "Grey to InceptionV3",
        "Its first layer for grey images: the sum over the colours (as if grey was shown in all three), or one "
        "colour's weights as in the thesis.",
    )
    encoder: str | None = setting(
        None, "Encoder", "encoder only: folder of a trained boundless or boundless_transfer model."
    )
    encoder_numbers: int = setting(
        128, "Encoder's numbers", "encoder only: four times the width of that model.", ge=8, le=1024
    )
    optimiser: AdamSettings = setting(
        AdamSettings(learning_rate=1e-4, beta1=0.5, beta2=0.9),
        "Optimiser",
        "Adam of the generator.",
    )
    critic_optimiser: AdamSettings = setting(
        AdamSettings(learning_rate=1e-3, beta1=0.5, beta2=0.9), "Critic's optimiser", "Adam."
    )

    @model_validator(mode="after")
    def _means_its_condition(self) -> BoundlessSettings:
        given = {"inception": self.inception_weights, "encoder": self.encoder}
        for kind, place in given.items():
            if place is not None and self.conditioning != kind:
                raise ValueError(
                    f"{'inception_weights' if kind == 'inception' else kind} is named and conditioning is "
                    f"{self.conditioning}; set model.conditioning={kind}, or leave it out"
                )
        return self

    @property
    def condition(self) -> int:
        """Numbers that the critic is told of an image."""
        return {"none": 0, "inception": INCEPTION_VECTOR, "encoder": self.encoder_numbers}[
            self.conditioning
        ]


SPOILED = {"blur": 0.5, "noise": 0.5}
PRESETS = {
    "quick": {
        "model": {
            "width": 16,
            "critic_width": 16,
            "optimiser": {"learning_rate": 1e-3, "beta1": 0.5, "beta2": 0.9},
        },
        "examples": {"crop": 129, "batch": 4, "augmentation": {"blur": 0.0, "noise": 0.0}},
        "training": {"steps": 1500, "validate_every": 100, "plateau": {"reductions": 0}},
    },
    "seed": {
        "examples": {"crop": 257, "batch": 20, "augmentation": SPOILED},
        "training": {"epochs": 200, "validate_every": 200, "plateau": {"reductions": 0}},
    },
}
