"""The transfer from Boundless as a family: one player, some of whose layers may be taken over and held."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import torch
from torch import Tensor

from napari_advseg.families.boundless_transfer.settings import BoundlessTransferSettings
from napari_advseg.families.family import Footprint, Player, symmetric
from napari_advseg.families.segmenter import Segmenter
from napari_advseg.networks.gated import CONTEXT, GatedGenerator

PLAYER = "generator"


class Model(Segmenter[BoundlessTransferSettings]):
    """Cross-entropy of what the generator makes of [image, ones, mask] (thesis; methods, section 14).

    The player is named as in Boundless, so that its tensors fit by name.
    """

    def players(self) -> dict[str, Player]:
        chosen, channels = self.settings, self.channels
        network = GatedGenerator(channels.image, channels.output, chosen.width)
        for name, weight in network.named_parameters():
            weight.requires_grad_(network.layer_of(name) > chosen.frozen)
        return {PLAYER: Player(network, chosen.adam)}

    @property
    def expects_source(self) -> bool:
        return self.settings.loaded > 0

    def may_take(self, names: Sequence[str]) -> list[str]:
        layer_of = self._generator.layer_of
        return [name for name in names if layer_of(name.partition(".")[2]) <= self.settings.loaded]

    @property
    def footprint(self) -> Footprint:
        return Footprint(1, CONTEXT, 4 * 10 * self.settings.width + 64, is_blended=True)

    def logits(self, image: Tensor) -> Tensor:
        """In the order of the pre-training: the image itself, ones, and the mask that hides nothing."""
        ones = torch.ones_like(image[:, :1])
        given = torch.cat((symmetric(image), ones, self.settings.mask * ones), 1)
        logits: Tensor = self._generator(given)
        return logits

    @property
    def _generator(self) -> GatedGenerator:
        return cast("GatedGenerator", self.modules[PLAYER])
