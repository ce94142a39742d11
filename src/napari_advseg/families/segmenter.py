"""What families share whose one network maps an image to logits: its losses, its measures, its output."""

from __future__ import annotations

from collections.abc import Iterator

from torch import Tensor

from napari_advseg.families.family import (
    Chosen,
    Family,
    Progress,
    TensorBatch,
    Turn,
    data_terms,
    interior_map,
    measures,
    total,
)


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

    def turns(self, batch: TensorBatch, at: Progress) -> Iterator[Turn]:  # noqa: ARG002
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
