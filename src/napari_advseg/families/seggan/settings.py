"""What can be chosen of SegGAN, and its presets."""

from __future__ import annotations

from typing import Literal

from napari_advseg.settings import Settings, setting
from napari_advseg.settings.training import AdamSettings

NAME = "seggan"
SUMMARY = "SegGAN: a segmenter of classes refined by a GAN that paints images of its class maps"
REFERENCE = "S001; DeepLab of Chen et al. 2015 and 2017, ResNet of He et al. 2016"


class SegGanSettings(Settings):
    """Segmenter, painter, critic, and the weights of the frozen GAN's verdict."""

    segmenter: Literal["deeplab", "largefov", "deeplab_lite", "unet", "deconvnet"] = setting(
        "deeplab",
        "Segmenter",
        "DeepLab on ResNet-101, on VGG-16, at the size of a CPU, or another.",
    )
    body_weights: str | None = setting(
        None,
        "Body's weights",
        "ImageNet weights of the DeepLab body: a local state-dict file, or 'download' to fetch the public ones.",
    )
    painter_widths: tuple[int, int, int, int] = setting(
        (64, 128, 256, 512), "Painter's widths", "Channels of the four halvings of the painter."
    )
    critic_widths: tuple[int, ...] = setting(
        (64, 128, 256), "Critic's widths", "Channels of the critic of images."
    )
    skips: bool = setting(False, "Skips", "Join levels of equal size in the painter.")
    dropout: float = setting(0.5, "Dropout", "In the painter, while it learns.", ge=0, lt=1)
    condition_on_image: bool = setting(
        False,
        "Show the image",
        "Give the painter the image too. It can then copy it, and its verdict says little.",
    )
    critic_reads: Literal["patch", "global"] = setting(
        "patch", "Critic reads", "A verdict for each patch, or one for the whole image."
    )
    adversarial: Literal["saturating", "non-saturating"] = setting(
        "non-saturating", "Adversarial form", "log(1 - D) as printed in S001, or -log D."
    )
    gan_share: float = setting(
        0.5,
        "GAN's share",
        "Share of the steps in which painter and critic learn; the segmenter learns from the classes alone "
        "meanwhile. Then they are frozen and judge it.",
        gt=0,
        lt=1,
    )
    paint_weight: float = setting(
        100.0,
        "Paint weight",
        "Of the likeness of images while the painter learns.",
        ge=0,
        le=10_000,
    )
    consistency: float = setting(
        0.1,
        "Consistency",
        "Weight of the likeness of painted and real image for the segmenter.",
        ge=0,
    )
    verdict: float = setting(
        0.1, "Verdict", "Weight of the critic's verdict for the segmenter.", ge=0
    )
    soft_masks: float = setting(
        0.1,
        "Soft masks",
        "The painter learns on class maps mixed with so much of a uniform one: later it sees soft ones.",
        ge=0,
        le=0.5,
    )
    straight_through: bool = setting(
        False,
        "Straight through",
        "Show the painter hard class maps, with the gradient of soft ones.",
    )
    optimiser: AdamSettings = setting(
        AdamSettings(learning_rate=1e-4), "Optimiser", "Adam of the segmenter."
    )
    gan_optimiser: AdamSettings = setting(
        AdamSettings(learning_rate=1e-3), "GAN's optimiser", "Adam of painter and critic."
    )

    @property
    def paints(self) -> str:
        """What it paints images of."""
        return "nothing" if self.condition_on_image else "labels"


CLASSES = {"targets": {"kind": "classes"}}
PRESETS = {
    "quick": {
        "model": {
            "segmenter": "deeplab_lite",
            "painter_widths": (16, 32, 64, 128),
            "critic_widths": (16, 32, 64),
            "optimiser": {"learning_rate": 1e-3},
            "gan_optimiser": {"learning_rate": 5e-4, "beta1": 0.5},
        },
        "examples": {"crop": 128, "batch": 8, **CLASSES},
        "training": {"steps": 1500, "validate_every": 100},
    },
    "seed": {
        "examples": {"crop": 320, "batch": 8, **CLASSES},
        "training": {"steps": 40_000, "validate_every": 500, "plateau": {"reductions": 0}},
    },
}
