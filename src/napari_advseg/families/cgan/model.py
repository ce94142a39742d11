"""The conditional GAN as a family: the critic's turn, then the generator's."""

from __future__ import annotations

from collections.abc import Iterator
from typing import cast

import torch
from torch import Tensor, nn

from napari_advseg.families.cgan.settings import CganSettings
from napari_advseg.families.family import (
    Family,
    Footprint,
    Player,
    Progress,
    TensorBatch,
    Turn,
    from_symmetric,
    measures,
    patch_critic,
    symmetric,
)
from napari_advseg.networks import losses
from napari_advseg.networks.critic import PatchCritic
from napari_advseg.networks.objectives import (
    critic_loss,
    falseness,
    fooling_loss,
    patch_weight,
    penalty,
)
from napari_advseg.networks.translator import UNetTranslator

PAINTER = (
    "This model paints images of labels and does not segment; use the command generate, "
    "or train with model.direction=image_to_map."
)


class Model(Family[CganSettings]):
    """GAN loss plus a weighted content term (Isola et al. 2017, equations 1 to 4); the critic's is halved."""

    is_adversarial = True

    def players(self) -> dict[str, Player]:
        chosen, channels = self.settings, self.channels
        given, wanted = channels.image, channels.output
        if not self.settings.segments:
            given, wanted = wanted, given
        generator = UNetTranslator(
            given,
            wanted,
            chosen.width,
            chosen.depth,
            chosen.norm,
            dropout=chosen.dropout,
            resize=chosen.resize,
        )
        critic = patch_critic(channels.image + channels.output, chosen.critic)
        return {
            "generator": Player(generator, chosen.optimiser),
            "critic": Player(critic, chosen.critic.optimiser),
        }

    def turns(self, batch: TensorBatch, at: Progress) -> Iterator[Turn]:
        given, wanted = self._task(batch)
        logits = self.modules["generator"](given)
        real, fake = (self._pair(batch, given, one) for one in (wanted, torch.tanh(logits)))
        if at.step % self.settings.critic.every == 0:
            yield self._critics_turn(batch, real, fake.detach())
        scores = self.modules["critic"](fake)
        objective = self.settings.critic.objective
        fooled = fooling_loss(objective, scores, patch_weight(batch.weight, scores))
        content = self.settings.content_weight * self._content(logits, batch)
        yield Turn("generator", fooled + content, {"fooling": fooled, "content": content})

    def validate(self, batch: TensorBatch) -> dict[str, Tensor]:
        logits = self.modules["generator"](self._task(batch)[0])
        loss = self._content(logits, batch)
        if not self.settings.segments:
            return {"loss": loss}
        return {"loss": loss, **measures(logits, batch, self.channels)}

    def shown(self, batch: TensorBatch) -> tuple[Tensor, Tensor, Tensor]:
        if self.settings.segments:
            return super().shown(batch)
        return batch.target, self.paint(batch.target), batch.image

    def paint(self, maps: Tensor) -> Tensor:
        return (torch.tanh(self.modules["generator"](symmetric(maps)).float()) + 1) / 2

    def infer(self, tile: Tensor) -> Tensor:
        if not self.settings.segments:
            raise ValueError(PAINTER)
        generator = self.modules["generator"]
        if self.settings.samples > 1:
            for module in generator.modules():
                module.train(isinstance(module, nn.Dropout))
        image = symmetric(tile)
        drawn = [torch.tanh(generator(image).float()) for _ in range(self.settings.samples)]
        return from_symmetric(torch.stack(drawn).mean(0), self.channels)

    def judge(self, image: Tensor, map_: Tensor) -> Tensor:
        pair = torch.cat((symmetric(image), symmetric(map_)), dim=1)
        critic = cast("PatchCritic", self.modules["critic"])
        return falseness(self.settings.critic.objective, critic.at_pixels(pair))

    @property
    def critic(self) -> PatchCritic | None:
        return cast("PatchCritic", self.modules["critic"]) if self.settings.segments else None

    @property
    def painting(self) -> tuple[str, ...]:
        return () if self.settings.segments else ("generator",)

    @property
    def inferring(self) -> tuple[str, ...]:
        return ("generator",)

    @property
    def footprint(self) -> Footprint:
        stride = 1 << self.settings.depth
        # Every halving and every doubling reaches up to two pixels of its level's coarser side.
        return Footprint(
            stride, 4 * stride, 4 * 8 * self.settings.width + 64, is_blended=self.norms_tiles
        )

    def _critics_turn(self, batch: TensorBatch, real: Tensor, fake: Tensor) -> Turn:
        critic, chosen = self.modules["critic"], self.settings.critic
        scores = {"real": critic(real), "fake": critic(fake)}
        weight = patch_weight(batch.weight, scores["real"])
        loss = critic_loss(chosen.objective, scores["real"], scores["fake"], weight, chosen.smooth)
        loss = 0.5 * (loss + penalty(chosen.objective, critic, real, fake))
        return Turn("critic", loss, scores=scores)

    def _task(self, batch: TensorBatch) -> tuple[Tensor, Tensor]:
        """What the generator is given and what is wanted of it, in [-1, 1]."""
        image, map_ = symmetric(batch.image), symmetric(batch.target)
        return (image, map_) if self.settings.segments else (batch.known * map_, image)

    def _pair(self, batch: TensorBatch, given: Tensor, made: Tensor) -> Tensor:
        """Image and map as the critic sees them: nothing where nobody has annotated."""
        ends = (given, made) if self.settings.segments else (made, given)
        return batch.known * torch.cat([one.float() for one in ends], dim=1)

    def _content(self, logits: Tensor, batch: TensorBatch) -> Tensor:
        target, weight = batch.target, batch.weight
        if not self.settings.segments:
            image = symmetric(batch.image)
            return losses.l1(torch.tanh(logits), image, batch.known.expand_as(image))
        if self.settings.content == "bce":
            return losses.binary_cross_entropy(logits, target, weight)
        if self.settings.content == "dice":
            return losses.dice(logits, target, weight)
        return losses.l1(torch.tanh(logits), symmetric(target), weight)
