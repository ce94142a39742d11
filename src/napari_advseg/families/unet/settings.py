"""What can be chosen of the U-Net, and its presets."""

from __future__ import annotations

from napari_advseg.settings import setting
from napari_advseg.settings.training import AdamSettings
from napari_advseg.settings.unet import UNetShape

NAME = "unet"
SUMMARY = "U-Net for sections: an interior map, 1 inside a cell and 0 on its boundary"
REFERENCE = "Ronneberger, Fischer, Brox 2015; widths, optimiser and schedule of the thesis"


class UNetSettings(UNetShape):
    """Network, loss and optimiser of the U-Net."""

    optimiser: AdamSettings = setting(AdamSettings(), "Optimiser", "Adam.")


PRESETS = {
    "quick": {
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
    },
    "seed": {
        "model": {
            "widths": (64, 128, 256, 512, 1024),
            "optimiser": {"learning_rate": 0.01, "eps": 0.01},
        },
        "examples": {"batch": 18, "mode": "fixed", "fixed_crops": 6000, "crop": 160},
        "training": {"steps": 100_200, "validate_every": 334, "save_every": 334},
    },
}
