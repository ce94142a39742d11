"""The U-Net as a family: one player, one turn."""

from __future__ import annotations

from napari_advseg.families.family import Player
from napari_advseg.families.segmenter import Segmenter
from napari_advseg.families.unet.settings import UNetSettings
from napari_advseg.networks.unet import UNet2d, context, stride


class Model(Segmenter[UNetSettings]):
    """Cross-entropy of the interior map (thesis, section on the U-Net), of affinities or of classes."""

    def players(self) -> dict[str, Player]:
        chosen = self.settings
        network = UNet2d(
            self.channels.image,
            self.channels.output,
            **chosen.layers,
        )
        return {"unet": Player(network, chosen.optimiser)}

    @property
    def dice(self) -> float:
        return self.settings.dice

    @property
    def tile_dependent(self) -> bool:
        return self.settings.norm in ("instance", "group")

    @property
    def stride(self) -> int:
        return stride(len(self.settings.widths))

    @property
    def context(self) -> int:
        return context(len(self.settings.widths))

    @property
    def bytes_per_pixel(self) -> int:
        # Widest moment: the concatenation at full size (2 w), the block's two maps (w each), and their copies.
        return 4 * 6 * self.settings.widths[0] + 64
