"""What can be chosen of StyleGAN, and its presets."""

from __future__ import annotations

from typing import ClassVar, Final, Literal

from pydantic import model_validator

from napari_advseg.settings import Settings, setting
from napari_advseg.settings.training import AdamSettings

NAME = "stylegan"
SUMMARY = "StyleGAN: learns from unlabelled images to draw new crops that look like them"
REFERENCE = "Karras, Laine, Aila 2019; schedule and sizes of S003"
NEEDS: Final = "unlabelled"
ADAM = AdamSettings(learning_rate=1e-3, beta1=0.0, beta2=0.99)


class StyleGanSettings(Settings):
    """Mapping, synthesis, critic, and how they grow."""

    segments: ClassVar[bool] = False
    paints: ClassVar[str] = "crops"

    widths: tuple[int, ...] = setting(
        (512, 512, 512, 512, 256, 128),
        "Widths",
        "Channels of each level from 4 px up. One level more doubles the side of the crops: six draw 128 px. "
        "examples.crop must be that side.",
    )
    code: int = setting(
        512, "Code", "Numbers that a crop is drawn from, and of a style.", ge=4, le=2048
    )
    mapping: int = setting(8, "Mapping", "Layers between code and style.", ge=1, le=16)
    slowed: float = setting(
        0.01, "Mapping rate", "The mapping learns at this share of the learning rate.", gt=0, le=1
    )
    init_size: int = setting(
        8,
        "First size",
        "Training begins with crops shrunk to this side and doubles it; the full side means no growth.",
        unit="px",
        ge=4,
        le=4096,
    )
    phase: int | None = setting(
        None,
        "Phase",
        "Images until a new level has faded in, and as many until the next begins; empty divides the run equally.",
        ge=1,
        le=100_000_000,
    )
    mixing: float = setting(
        0.0, "Style mixing", "Probability that a crop takes its finer levels from another style.",
        ge=0, le=1,
    )  # fmt: skip
    objective: Literal["wgan-gp", "r1"] = setting(
        "wgan-gp",
        "Objective",
        "wgan-gp: Wasserstein distance, gradients between real and drawn crops held at 1; r1: logistic, gradients at "
        "real crops held small.",
    )
    drift: float = setting(
        0.001, "Drift", "wgan-gp only: keeps the scores of real crops near 0.", ge=0, le=1
    )
    optimiser: AdamSettings = setting(ADAM, "Optimiser", "Adam of the generator.")
    critic_optimiser: AdamSettings = setting(ADAM, "Critic's optimiser", "Adam of the critic.")

    @property
    def resolution(self) -> int:
        """The side of the crops in pixels: 4, doubled for each level above the first."""
        return 4 << (len(self.widths) - 1)

    @model_validator(mode="after")
    def _can_grow(self) -> StyleGanSettings:
        if not 2 <= len(self.widths) <= 9 or min(self.widths) < 1:
            raise ValueError(f"Widths {self.widths} must be 2 to 9 positive numbers, one a level")
        sizes = [4 << level for level in range(len(self.widths))]
        if self.init_size not in sizes:
            raise ValueError(
                f"The first size {self.init_size} is none of {', '.join(map(str, sizes))}, "
                "which these widths grow through"
            )
        return self


# Only what leaves the tissue as it is: a generator would learn to draw blur and noise too.
TURNED = {"blur": 0.0, "noise": 0.0}
SCHEDULE = {"plateau": {"reductions": 0}, "ema": 0.999}
PRESETS = {
    "quick": {
        "model": {"widths": (64, 64, 64, 32, 16), "code": 64, "mapping": 4, "objective": "r1"},
        "examples": {"crop": 64, "batch": 8, "augmentation": TURNED},
        "training": {"steps": 3000, "validate_every": 250, "save_every": 250, **SCHEDULE, "ema": 0.995},
    },
    "seed": {
        "examples": {
            "crop": 128,
            "batch": 16,
            "mode": "fixed",
            "fixed_crops": 20_000,
            "augmentation": TURNED,
        },
        "training": {"steps": 25_000, "validate_every": 500, "save_every": 500, **SCHEDULE},
    },
}  # fmt: skip
