"""CycleGAN as a family: both translators in one turn, then each critic in its own."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor, nn

from napari_advseg.families.cyclegan.pool import Pool
from napari_advseg.families.cyclegan.settings import NEEDS, CycleGanSettings
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
from napari_advseg.networks.objectives import critic_loss, fooling_loss, patch_weight, penalty
from napari_advseg.networks.translator import ResNetTranslator, UNetTranslator

# How much less of the inside than of the outside is called inside, before a map counts as turned round.
FLIPPED = 0.2


class Model(Family[CycleGanSettings]):
    """Least-squares critics, cycles and identities (Zhu et al. 2017, equations 1 to 3); A images, B maps.

    Image and target of a batch belong together only where it says so (`paired`).
    """

    needs = NEEDS
    is_adversarial = True

    def players(self) -> dict[str, Player]:
        image, map_ = self.channels.image, self.channels.output
        self.pools = {side: Pool(self.settings.pool) for side in "ab"}
        chosen = self.settings
        return {
            "generator_ab": Player(self._translator(image, map_), chosen.optimiser),
            "generator_ba": Player(self._translator(map_, image), chosen.optimiser),
            "critic_a": Player(patch_critic(image, chosen.critic), chosen.critic.optimiser),
            "critic_b": Player(patch_critic(map_, chosen.critic), chosen.critic.optimiser),
        }

    def turns(self, batch: TensorBatch, at: Progress) -> Iterator[Turn]:
        image, map_ = symmetric(batch.image), batch.known * symmetric(batch.target)
        logits, fake_a = self._there(image), batch.known * self._back(map_)
        fake_b = torch.tanh(logits)
        terms = {
            "fooling_a": self._fooling("a", fake_a, batch),
            "fooling_b": self._fooling("b", fake_b, None),
            "cycles": self.settings.cycle * self._cycles(image, map_, fake_a, fake_b, batch),
        }
        if self.channels.image == self.channels.output and self.settings.identity:
            weight = self.settings.cycle * self.settings.identity
            terms["identity"] = weight * self._identities(image, map_, batch)
        if batch.pairs is not None:
            known = self._there(symmetric(batch.pairs.image))
            terms["pairs"] = self.settings.paired * self._content(known, batch.pairs)
        loss = torch.stack(list(terms.values())).sum()
        yield Turn(("generator_ab", "generator_ba"), loss, terms)
        if at.step % self.settings.critic.every == 0:
            yield self._critics_turn("a", image, fake_a, batch)
            yield self._critics_turn("b", map_, fake_b, batch)

    def validate(self, batch: TensorBatch) -> dict[str, Tensor]:
        logits = self._there(symmetric(batch.image))
        if not batch.paired:
            image, map_ = symmetric(batch.image), batch.known * symmetric(batch.target)
            fakes = batch.known * self._back(map_), torch.tanh(logits)
            return {"loss": self._cycles(image, map_, *fakes, batch)}
        found = measures(logits, batch, self.channels)
        return {
            "loss": self._content(logits, batch),
            **found,
            "flipped": self._flipped(logits, batch),
        }

    def paint(self, maps: Tensor) -> Tensor:
        return (self._back(symmetric(maps)) + 1) / 2

    def infer(self, tile: Tensor) -> Tensor:
        return from_symmetric(torch.tanh(self._there(symmetric(tile)).float()), self.channels)

    def memory(self) -> dict[str, Tensor]:
        return {
            f"{side}.{key}": value
            for side, pool in self.pools.items()
            for key, value in pool.tensors().items()
        }

    def recall(self, memory: dict[str, Tensor]) -> None:
        for side, pool in self.pools.items():
            pool.recall({key[2:]: value for key, value in memory.items() if key[0] == side})

    @property
    def painting(self) -> tuple[str, ...]:
        return ("generator_ba",)

    @property
    def inferring(self) -> tuple[str, ...]:
        return ("generator_ab",)

    @property
    def footprint(self) -> Footprint:
        chosen = self.settings
        is_unet = chosen.generator == "unet"
        stride = 1 << chosen.depth if is_unet else 4
        # Halvings and doublings reach two pixels of their coarser side, residual blocks eight each.
        context = 4 * stride if is_unet else 24 + 8 * chosen.blocks
        return Footprint(stride, context, 4 * 8 * chosen.width + 64, is_blended=self.norms_tiles)

    def _translator(self, inside: int, outside: int) -> nn.Module:
        chosen = self.settings
        if chosen.generator == "resnet":
            return ResNetTranslator(inside, outside, chosen.width, chosen.blocks, chosen.norm)
        return UNetTranslator(
            inside, outside, chosen.width, chosen.depth, chosen.norm, dropout=chosen.dropout
        )

    def _there(self, image: Tensor) -> Tensor:
        logits: Tensor = self.modules["generator_ab"](image)
        return logits

    def _back(self, map_: Tensor) -> Tensor:
        return torch.tanh(self.modules["generator_ba"](map_).float())

    def _fooling(self, side: str, fake: Tensor, batch: TensorBatch | None) -> Tensor:
        scores = self.modules[f"critic_{side}"](fake)
        weight = torch.ones_like(scores) if batch is None else patch_weight(batch.weight, scores)
        return fooling_loss(self.settings.critic.objective, scores, weight)

    def _cycles(
        self, image: Tensor, map_: Tensor, fake_a: Tensor, fake_b: Tensor, batch: TensorBatch
    ) -> Tensor:
        """|F(G(a)) - a| + |G(F(b)) - b|, the map with noise on its way so that it hides nothing."""
        noise = self.settings.hint_noise * torch.randn_like(fake_b)
        image_again = self._back((fake_b.float() + noise).clamp(-1, 1))
        map_again = torch.tanh(self._there(fake_a).float())
        return losses.l1(image_again, image, torch.ones_like(image)) + losses.l1(
            map_again, map_, batch.known.expand_as(map_)
        )

    def _identities(self, image: Tensor, map_: Tensor, batch: TensorBatch) -> Tensor:
        of_map = losses.l1(torch.tanh(self._there(map_)), map_, batch.known.expand_as(map_))
        return of_map + losses.l1(self._back(image), image, torch.ones_like(image))

    def _critics_turn(self, side: str, real: Tensor, fake: Tensor, batch: TensorBatch) -> Turn:
        critic, chosen = self.modules[f"critic_{side}"], self.settings.critic
        fake = self.pools[side].exchange(fake.float())
        scores = {"real": critic(real), "fake": critic(fake)}
        weight = torch.ones_like(scores["real"].float())
        if side == "b":
            weight = patch_weight(batch.weight, scores["real"])
        loss = critic_loss(chosen.objective, scores["real"], scores["fake"], weight, chosen.smooth)
        return Turn(
            f"critic_{side}", loss + penalty(chosen.objective, critic, real, fake), scores=scores
        )

    def _flipped(self, logits: Tensor, batch: TensorBatch) -> Tensor:
        """1 where the complement of a map of two kinds fits better: nothing in unpaired data says which is inside."""
        if self.channels.output > 2:
            return torch.zeros((), device=logits.device)
        known = (batch.weight[:, :1] > 0).float()
        inside, found = (batch.target[:, :1] > 0.5).float(), (logits[:, :1] > 0).float()
        hits = losses.weighted_mean(found, known * inside)
        misses = losses.weighted_mean(found, known * (1 - inside))
        return (hits < misses - FLIPPED).float()

    def _content(self, logits: Tensor, batch: TensorBatch) -> Tensor:
        return losses.l1(torch.tanh(logits), symmetric(batch.target), batch.weight)
