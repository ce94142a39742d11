"""The adversarial U-Net as a family: the critic's turn, then the generator's."""

from __future__ import annotations

from collections.abc import Iterator
from typing import cast

import torch
from torch import Tensor
from torch.nn import functional as F

from napari_advseg.families.adversarial_unet.settings import AdversarialUNetSettings
from napari_advseg.families.family import Player, Progress, TensorBatch, Turn, patch_critic, total
from napari_advseg.families.segmenter import UNetSegmenter
from napari_advseg.networks.critic import PatchCritic
from napari_advseg.networks.objectives import (
    critic_loss,
    falseness,
    fooling_loss,
    patch_weight,
    penalty,
)


class Model(UNetSegmenter[AdversarialUNetSettings]):
    """Cross-entropy plus the verdict of a critic on [image, map] (thesis, main idea; methods 16.4)."""

    is_adversarial = True

    def players(self) -> dict[str, Player]:
        chosen, channels = self.settings, self.channels
        generator = self.network()
        critic = patch_critic(channels.image + channels.output, chosen.critic)
        return {
            "generator": Player(generator, chosen.optimiser),
            "critic": Player(critic, chosen.critic.optimiser),
        }

    def turns(self, batch: TensorBatch, at: Progress) -> Iterator[Turn]:
        logits = self.logits(batch.image)
        fake = self._pair(batch, self._noisy(self._shares(logits)))
        if at.step % self.settings.critic.every == 0:
            yield self._critics_turn(batch, fake.detach())
        terms = self.terms(logits, batch)
        if at.step >= self.settings.quiet_steps:
            scores = self.modules["critic"](fake)
            weight = patch_weight(batch.weight, scores)
            terms["fooling"] = self.settings.adversarial_weight * fooling_loss(
                self.settings.critic.objective, scores, weight
            )
        yield Turn("generator", total(terms), terms)

    def judge(self, image: Tensor, map_: Tensor) -> Tensor:
        pair = torch.cat((image, softened(map_, self.settings.soften)), dim=1)
        return falseness(self.settings.critic.objective, self.critic.at_pixels(pair))

    @property
    def critic(self) -> PatchCritic:
        return cast("PatchCritic", self.modules["critic"])

    def _critics_turn(self, batch: TensorBatch, fake: Tensor) -> Turn:
        """The critic on true maps and predicted ones, and on true ones with gaps cut in, there alone."""
        critic, chosen = self.modules["critic"], self.settings
        kind, smooth = chosen.critic.objective, chosen.critic.smooth
        true = batch.target * batch.known  # before the blur, which would carry unknown values over
        real = self._pair(batch, self._noisy(softened(true, chosen.soften)))
        scores = {"real": critic(real), "fake": critic(fake)}
        weight = patch_weight(batch.weight, scores["real"])
        loss = critic_loss(kind, scores["real"], scores["fake"], weight, smooth)
        if chosen.gaps:
            opened = with_gaps(true, batch.known, chosen.gaps, chosen.gap_radius)
            found = critic(self._pair(batch, self._noisy(softened(opened, chosen.soften))))
            # Away from a gap the map is as true as the real one: only patches that hold one are false.
            changed = (opened - true).abs().amax(1, keepdim=True)
            there = weight * (F.adaptive_max_pool2d(changed, list(found.shape[-2:])) > 0)
            loss = 0.5 * (loss + critic_loss(kind, scores["real"], found, there, smooth))
        return Turn("critic", loss + penalty(kind, critic, real, fake), scores=scores)

    def _shares(self, logits: Tensor) -> Tensor:
        if self.channels.gives == "classes":
            return torch.softmax(logits.float(), dim=1)
        return torch.sigmoid(logits.float())

    def _noisy(self, map_: Tensor) -> Tensor:
        return map_ + self.settings.noise * torch.randn_like(map_)

    def _pair(self, batch: TensorBatch, map_: Tensor) -> Tensor:
        """Image and map as the critic sees them: nothing where nobody has annotated."""
        return batch.known * torch.cat((batch.image, map_), dim=1)


def softened(map_: Tensor, sigma: float) -> Tensor:
    """Maps (N, K, H, W) blurred by a Gaussian of `sigma` pixels; as they are for 0."""
    if sigma == 0:
        return map_
    reach = max(1, round(3 * sigma))
    at = torch.arange(-reach, reach + 1, device=map_.device, dtype=map_.dtype)
    kernel = torch.exp(-0.5 * (at / sigma) ** 2)
    kernel = kernel / kernel.sum()
    channels = map_.shape[1]
    across = kernel.view(1, 1, 1, -1).expand(channels, 1, 1, -1)
    padded = F.pad(map_, (reach, reach, reach, reach), mode="replicate")
    blurred = F.conv2d(padded, across, groups=channels)
    return F.conv2d(blurred, across.transpose(2, 3), groups=channels)


def with_gaps(interior: Tensor, known: Tensor, count: int, radius: tuple[float, float]) -> Tensor:
    """Interior maps (N, K, H, W) with `count` disks set to 1, each around a random wall pixel."""
    opened = interior.clone()
    height, width = interior.shape[-2:]
    rows = torch.arange(height, device=interior.device).view(-1, 1)
    columns = torch.arange(width, device=interior.device).view(1, -1)
    for item, mask in zip(opened, known, strict=True):
        walls = torch.nonzero((item.amin(0) < 0.5) & (mask[0] > 0))
        if not len(walls):
            continue
        for y, x in walls[torch.randint(len(walls), (count,), device=walls.device)]:
            reach = radius[0] + (radius[1] - radius[0]) * torch.rand((), device=walls.device)
            item[:, (rows - y) ** 2 + (columns - x) ** 2 <= reach**2] = 1.0
    return opened
