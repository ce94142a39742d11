"""The U-Net as a family: one player, one turn."""

from __future__ import annotations

from napari_advseg.families.family import Player
from napari_advseg.families.segmenter import UNetSegmenter
from napari_advseg.families.unet.settings import UNetSettings


class Model(UNetSegmenter[UNetSettings]):
    """Cross-entropy of the interior map (thesis, section on the U-Net), of affinities or of classes."""

    def players(self) -> dict[str, Player]:
        return {"unet": Player(self.network(), self.settings.optimiser)}
