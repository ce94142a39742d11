"""What can be chosen of the transfer from Boundless, and its presets."""

from __future__ import annotations

from typing import Literal

from pydantic import model_validator

from napari_advseg.settings import Settings, setting
from napari_advseg.settings.training import AdamSettings

NAME = "boundless_transfer"
SUMMARY = "Boundless' generator as a segmenter: layers taken over from it, some of them held still"
REFERENCE = "transfer study of the thesis; generator of Teterwak et al. 2019"

Scenario = Literal["own", "random", "pretrained", "random_frozen", "pretrained_frozen"]
GATED_LAYERS, ALL_LAYERS = 16, 17
ENCODER_LAYERS = 8
SCENARIOS: dict[str, tuple[int, int]] = {
    "random": (0, 0),
    "pretrained": (ALL_LAYERS, 0),
    "random_frozen": (0, ENCODER_LAYERS),
    "pretrained_frozen": (ENCODER_LAYERS, ENCODER_LAYERS),
}
"""Layers taken over and layers held still."""
HYPER_PARAMETERS = {
    "segmentation": AdamSettings(learning_rate=0.01, eps=0.01),
    "boundless": AdamSettings(learning_rate=1e-4, beta1=0.5, beta2=0.9, eps=0.01),
}


class BoundlessTransferSettings(Settings):
    """Which layers begin where, and how the others learn."""

    width: int = setting(
        32,
        "Width",
        "Channels of the first layer; as in the Boundless model to start from.",
        ge=2,
        le=256,
    )
    scenario: Scenario = setting(
        "own",
        "Scenario",
        "random: nothing taken over, nothing held; pretrained: all taken over, nothing held; random_frozen: 8 random "
        "layers held; pretrained_frozen: 8 layers taken over and held, the rest random; own: as the next two say.",
    )
    load_first: int = setting(
        ALL_LAYERS,
        "Layers taken over",
        "own only: so many of the 17 layers, from the first, come from the model of start_from.",
        ge=0,
        le=ALL_LAYERS,
    )
    freeze_first: int = setting(
        0,
        "Layers held",
        "own only: so many layers, from the first, do not learn. A larger value learns less and forgets less.",
        ge=0,
        le=GATED_LAYERS,
    )
    mask: Literal[0, 1] = setting(
        0,
        "Mask",
        "What the mask's channel says everywhere: 0 for nothing hidden (a little better in the thesis).",
    )
    hyper_parameters: Literal["own", "segmentation", "boundless"] = setting(
        "own",
        "Hyper-parameters",
        "The thesis' set for segmentation (rate .01), or that of Boundless (1e-4, betas .5 and .9), both with epsilon "
        ".01; own: the optimiser's below.",
    )
    optimiser: AdamSettings = setting(
        AdamSettings(), "Optimiser", "Adam, for own hyper-parameters."
    )

    @model_validator(mode="after")
    def _has_one_optimiser(self) -> BoundlessTransferSettings:
        if self.hyper_parameters != "own" and self.optimiser != AdamSettings():
            raise ValueError(
                f"an optimiser is given beside the hyper-parameters '{self.hyper_parameters}'; set "
                "model.hyper_parameters=own for one of your own"
            )
        return self

    @property
    def loaded(self) -> int:
        """Layers that are taken over."""
        return SCENARIOS[self.scenario][0] if self.scenario != "own" else self.load_first

    @property
    def frozen(self) -> int:
        """Layers that do not learn."""
        return SCENARIOS[self.scenario][1] if self.scenario != "own" else self.freeze_first

    @property
    def adam(self) -> AdamSettings:
        """The optimiser that is meant."""
        return HYPER_PARAMETERS.get(self.hyper_parameters, self.optimiser)


PRESETS = {
    "quick": {
        "model": {"width": 16, "optimiser": {"learning_rate": 2e-3}},
        "examples": {"crop": 129, "batch": 6, "targets": {"boundary_weight": 3.0}},
        "training": {"steps": 1500, "ema": 0.99, "cosine": True, "validate_every": 100},
        "prediction": {"tile": 385, "halo": 64},
    },
    "seed": {
        "model": {"hyper_parameters": "segmentation"},
        "examples": {"crop": 257, "batch": 18, "scale": 0.72},
        "training": {
            "steps": 66_800,
            "validate_every": 334,
            "save_every": 334,
            "plateau": {"reductions": 0},
        },
        "prediction": {"tile": 257, "halo": 32},
    },
}
