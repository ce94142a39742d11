"""What families share whose one network maps an image to logits: its losses, its measures, its output."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypeVar

from torch import Tensor

from napari_advseg.families.family import (
    Chosen,
    Family,
    Footprint,
    Progress,
    TensorBatch,
    Turn,
    data_terms,
    interior_map,
    measures,
    total,
)
from napari_advseg.networks.unet import UNet2d, context, stride
from napari_advseg.settings.unet import UNetShape

Shaped = TypeVar("Shaped", bound=UNetShape)


class Segmenter(Family[Chosen]):
    """Cross-entropy of an interior map, of affinities or of classes; the first player segments."""

    @property
    def player(self) -> str:
        """The name of the network that segments."""
        return next(iter(self.modules))

    @property
    def dice(self) -> float:
        """The weight of Dice beside the cross-entropy."""
        return 0.0

    def logits(self, image: Tensor) -> Tensor:
        """Logits (N, `channels.output`, H, W) of images (N, C, H, W) in the unit range; for volumes with Z before H."""
        found: Tensor = self.modules[self.player](image)
        return found

    def terms(self, logits: Tensor, batch: TensorBatch) -> dict[str, Tensor]:
        """The loss of logits, by term."""
        return data_terms(logits, batch, self.channels, self.dice)

    def turns(self, batch: TensorBatch, _: Progress) -> Iterator[Turn]:
        terms = self.terms(self.logits(batch.image), batch)
        yield Turn(self.player, total(terms), terms)

    def validate(self, batch: TensorBatch) -> dict[str, Tensor]:
        logits = self.logits(batch.image)
        terms = self.terms(logits, batch)
        return {"loss": total(terms), **terms, **measures(logits, batch, self.channels)}

    def infer(self, tile: Tensor) -> Tensor:
        return interior_map(self.logits(tile), self.channels)

    @property
    def inferring(self) -> tuple[str, ...]:
        return (self.player,)


class UNetSegmenter(Segmenter[Shaped]):
    """A U-Net for sections as the network that segments."""

    def network(self) -> UNet2d:
        """A freshly initialised U-Net from the image to logits."""
        return UNet2d(self.channels.image, self.channels.output, **self.settings.layers)

    @property
    def dice(self) -> float:
        return self.settings.dice

    @property
    def footprint(self) -> Footprint:
        widths = self.settings.widths
        return Footprint(
            stride(len(widths)),
            context(len(widths)),
            # Widest moment: the concatenation at full size (2 w), the block's two maps (w each), and their copies.
            4 * 6 * widths[0] + 64,
            is_blended=self.norms_tiles,
        )
