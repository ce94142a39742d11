"""The U-Net for volumes as a family: one player, one turn."""

from __future__ import annotations

from typing import Literal

from napari_advseg.families.family import Footprint, Player
from napari_advseg.families.segmenter import Segmenter
from napari_advseg.families.unet3d.settings import UNet3dSettings
from napari_advseg.networks.unet3d import UNet3d, initialise


class Model(Segmenter[UNet3dSettings]):
    """Cross-entropy of the interior map of volumes, of affinities in three directions or of classes."""

    dimensions: Literal[2, 3] = 3

    def players(self) -> dict[str, Player]:
        chosen = self.settings
        network = UNet3d(
            self.channels.image,
            self.channels.output,
            chosen.widths,
            chosen.levels,
            chosen.activation,
            chosen.norm,
            chosen.down,
            deep_blocks=chosen.deep_blocks,
        )
        initialise(network, chosen.initial)
        return {"unet": Player(network, chosen.optimiser)}

    @property
    def dice(self) -> float:
        return self.settings.dice

    @property
    def footprint(self) -> Footprint:
        widths = self.settings.widths
        stride = 1 << (len(widths) - 1)
        return Footprint(
            stride,
            stride,
            # The two maps of the top block, their sum and skip, and the padded copies that convolutions make.
            4 * 8 * widths[0] + 64,
            depth_stride=1 << sum(self.settings.levels[1:]),
            # Strided convolutions are followed by a resize from corner to corner, which stretches with the tile; and
            # the context is shorter than the farthest that an output can look.
            is_blended=True,
        )
