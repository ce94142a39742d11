"""The U-Net as a family: one player, one turn."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from napari_advseg import losses
from napari_advseg.families.family import Family, Player, TensorBatch, Turn
from napari_advseg.families.unet.settings import UNetSettings
from napari_advseg.networks.unet import UNet2d, context, stride


class Model(Family[UNetSettings]):
    """Binary cross-entropy on the interior map (thesis, section on the U-Net)."""

    def players(self) -> dict[str, Player]:
        chosen = self.settings
        network = UNet2d(
            chosen.in_channels,
            chosen.out_channels,
            chosen.widths,
            chosen.activation,
            chosen.norm,
            residual=chosen.residual,
            dropout=chosen.dropout,
        )
        return {"unet": Player(network, chosen.optimiser)}

    def turns(self, batch: TensorBatch) -> Iterator[Turn]:
        logits = self.modules["unet"](batch.image)
        yield Turn("unet", *self._loss(logits, batch))

    def validate(self, batch: TensorBatch) -> dict[str, Tensor]:
        logits = self.modules["unet"](batch.image)
        loss, terms = self._loss(logits, batch)
        return {
            "loss": loss,
            **terms,
            "pixel_accuracy": losses.pixel_accuracy(logits, batch.target, batch.weight),
        }

    def infer(self, tile: Tensor) -> Tensor:
        # Several maps are affinities, one a direction: inside is where a pixel belongs to all its neighbours.
        return torch.sigmoid(self.modules["unet"](tile).float()).amin(dim=1, keepdim=True)

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

    def _loss(self, logits: Tensor, batch: TensorBatch) -> tuple[Tensor, dict[str, Tensor]]:
        terms = {"bce": losses.binary_cross_entropy(logits, batch.target, batch.weight)}
        if self.settings.dice:
            terms["dice"] = self.settings.dice * losses.dice(logits, batch.target, batch.weight)
        return torch.stack(list(terms.values())).sum(), terms
