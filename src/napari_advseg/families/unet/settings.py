"""What can be chosen of the U-Net, and its presets."""

from __future__ import annotations

from napari_advseg.settings import setting
from napari_advseg.settings.training import AdamSettings
from napari_advseg.settings.unet import QUICK, SEED, UNetShape

NAME = "unet"
SUMMARY = "U-Net for sections: an interior map, 1 inside a cell and 0 on its boundary"
REFERENCE = "Ronneberger, Fischer, Brox 2015; widths, optimiser and schedule of the thesis"


class UNetSettings(UNetShape):
    """Network, loss and optimiser of the U-Net."""

    optimiser: AdamSettings = setting(AdamSettings(), "Optimiser", "Adam.")


PRESETS = {"quick": QUICK, "seed": SEED}
