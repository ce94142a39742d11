"""DeconvNet as a family: one player, one turn."""

from __future__ import annotations

from napari_advseg.families.deconvnet.settings import DeconvNetSettings
from napari_advseg.families.family import Footprint, Player
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
    def footprint(self) -> Footprint:
        widths = self.settings.widths
        # Any size goes in; a tile whose corner is no multiple would pool other pixels together.
        stride = 1 << len(widths)
        # Two 3 x 3 layers a level, down and up, and the pixel pooled with.
        reach = sum((4 + 1) << level for level in range(len(widths)))
        context = -(-reach // stride) * stride
        return Footprint(stride, context, 4 * 6 * widths[0] + 64, is_blended=self.norms_tiles)
