"""DeconvNet as a family: one player, one turn."""

from __future__ import annotations

from napari_advseg.families.deconvnet.settings import DeconvNetSettings
from napari_advseg.families.family import Player
from napari_advseg.families.segmenter import Segmenter
from napari_advseg.networks.switches import DeconvNet


class Model(Segmenter[DeconvNetSettings]):
    """Pixel cross-entropy (S002)."""

    def players(self) -> dict[str, Player]:
        chosen, channels = self.settings, self.channels
        network = DeconvNet(
            channels.image, channels.output, chosen.widths, chosen.norm, dropout=chosen.dropout
        )
        return {"deconvnet": Player(network, chosen.optimiser)}

    @property
    def tile_dependent(self) -> bool:
        return self.settings.norm in ("instance", "group")

    @property
    def stride(self) -> int:
        # Any size goes in; a tile whose corner is no multiple would pool other pixels together.
        return 1 << len(self.settings.widths)

    @property
    def context(self) -> int:
        # Two 3 x 3 layers a level, down and up, and the pixel pooled with.
        reach = sum((4 + 1) << level for level in range(len(self.settings.widths)))
        return -(-reach // self.stride) * self.stride

    @property
    def bytes_per_pixel(self) -> int:
        return 4 * 6 * self.settings.widths[0] + 64
