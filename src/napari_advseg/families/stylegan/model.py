"""StyleGAN as a family: the critic's turn, then the generator's, both at the size that the growth has reached."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import cast

import torch
from torch import Tensor
from torch.nn import functional as F

from napari_advseg.families.family import (
    Family,
    Footprint,
    Player,
    Progress,
    TensorBatch,
    Turn,
    refusing,
    symmetric,
    total,
)
from napari_advseg.families.stylegan.likeness import diversity, histogram_distance, patch_distance
from napari_advseg.families.stylegan.settings import NEEDS, StyleGanSettings
from napari_advseg.networks.objectives import critic_loss, fooling_loss, penalty
from napari_advseg.networks.style import StyleCritic, StyleGenerator, level_and_share

DRAWER = (
    "This model draws crops of tissue from noise and looks at no image; use the command generate, or train a family "
    "that segments."
)
MEAN_OF = 4096
MEAN_SEED = 12_122_018


class Model(Family[StyleGanSettings]):
    """WGAN-GP with drift, or R1 (Karras et al. 2019, appendix C); methods, section 12."""

    needs = NEEDS
    is_adversarial = True
    infer = refusing(DRAWER)

    def players(self) -> dict[str, Player]:
        chosen, channels = self.settings, self.channels.image
        generator = StyleGenerator(
            channels, chosen.widths, chosen.code, chosen.mapping, chosen.slowed
        )
        generator.reached.fill_(self._first)
        return {
            "generator": Player(generator, chosen.optimiser),
            "critic": Player(StyleCritic(channels, chosen.widths), chosen.critic_optimiser),
        }

    def turns(self, batch: TensorBatch, at: Progress) -> Iterator[Turn]:
        count = len(batch.image)
        reached = self.reached(at, count)
        self._generator.reached.fill_(reached)
        side = 4 << level_and_share(reached)[0]
        real = F.interpolate(symmetric(batch.image), size=(side, side), mode="area")
        styles, others, crossover = self._drawn_styles(count, real.device)
        fake = self._generator(styles, reached, others, crossover)
        yield self._critics_turn(real, fake.detach(), reached)
        scores = self.modules["critic"](fake, reached)
        loss = fooling_loss(self.settings.objective, scores, torch.ones_like(scores))
        yield Turn("generator", loss, {"fooling": loss})

    def validate(self, batch: TensorBatch) -> dict[str, Tensor]:
        real = batch.image.clamp(0, 1)
        drawn = self.sample(len(real), first=_number_of(real))
        return {
            "loss": patch_distance(drawn, real),
            "histogram": histogram_distance(drawn, real),
            "diversity": diversity(drawn, real) if len(real) > 1 else torch.ones(()),
        }

    def shown(self, batch: TensorBatch) -> tuple[Tensor, Tensor, Tensor]:
        # What a crop shows has no say in what is drawn.
        return batch.image, self.sample(1, first=_number_of(batch.image)), batch.image

    def sample(self, count: int, seed: int = 0, truncation: float = 1.0, first: int = 0) -> Tensor:
        """Crops (count, C, R, R) in the unit range, from number `first` on; crop k of a seed is always the same.

        `truncation` below 1 draws styles towards their mean: more typical crops, fewer kinds (Karras et al. 2019,
        appendix B).
        """
        network, side = self._generator, self.settings.resolution
        reached = float(network.reached)
        device = network.constant.device
        mean = None
        if truncation < 1:
            codes = torch.randn(
                MEAN_OF, network.code, generator=torch.Generator().manual_seed(MEAN_SEED)
            )
            mean = network.styles(codes.to(device)).mean(0, keepdim=True)
        crops = []
        for number in range(first, first + count):
            source = torch.Generator().manual_seed(seed * 1_000_003 + number)
            code = torch.randn(1, network.code, generator=source)
            styles = network.styles(code.to(device))
            styles = styles if mean is None else torch.lerp(mean, styles, truncation)
            crops.append(network(styles, reached, noise=source).float())
        image = (torch.cat(crops) + 1) / 2
        if image.shape[-1] < side:
            image = F.interpolate(image, size=(side, side), mode="nearest")
        return image.clamp(0, 1)

    @property
    def inferring(self) -> tuple[str, ...]:
        return ("generator",)

    @property
    def footprint(self) -> Footprint:
        return Footprint(1, 0, 4 * 8 * self.settings.widths[-1] + 64)

    def reached(self, at: Progress, batch: int) -> float:
        """How far the growth is in a step, see `level_and_share`.

        Two phases a level: its share rises from 0 to 1 in the first (not of the first level), and stays in the second.
        """
        levels = len(self.settings.widths) - self._first
        seen, length = at.step * batch, self.settings.phase
        whole = length or max(1, math.ceil(at.steps * batch / (2 * levels)))
        level = min(seen // (2 * whole), levels - 1)
        share = min(1.0, (seen - 2 * whole * level + batch) / whole) if level else 1.0
        return self._first + level - (1 - share)

    @property
    def _first(self) -> int:
        """The level that the growth begins with."""
        return int(math.log2(self.settings.init_size // 4))

    @property
    def _generator(self) -> StyleGenerator:
        return cast("StyleGenerator", self.modules["generator"])

    def _drawn_styles(self, count: int, device: torch.device) -> tuple[Tensor, Tensor | None, int]:
        """Styles of a batch and, with the probability of mixing, others for the blocks from a level on."""
        styles = self._generator.styles(torch.randn(count, self._generator.code, device=device))
        if float(torch.rand(())) >= self.settings.mixing:
            return styles, None, 0
        others = self._generator.styles(torch.randn(count, self._generator.code, device=device))
        return styles, others, int(torch.randint(1, len(self.settings.widths), ()))

    def _critics_turn(self, real: Tensor, fake: Tensor, reached: float) -> Turn:
        network, kind = self.modules["critic"], self.settings.objective
        scores = {"real": network(real, reached), "fake": network(fake, reached)}
        weight = torch.ones_like(scores["real"].float())
        terms = {
            # The drift is logged as a term of its own.
            "verdict": critic_loss(kind, scores["real"], scores["fake"], weight, drift=0.0),
            "penalty": penalty(kind, lambda image: network(image, reached), real, fake),
        }
        if kind == "wgan-gp":
            terms["drift"] = self.settings.drift * scores["real"].float().square().mean()
        return Turn("critic", total(terms), terms, scores)


def _number_of(images: Tensor) -> int:
    """A number that tells images apart, so that each is shown beside another crop, and the same one every time."""
    return round(1000 * float(images.double().mean())) * 64 % 1_000_000
