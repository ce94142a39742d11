"""Boundless as a family: the generator's turn, then the critic's; no labels."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from napari_advseg.families.boundless import masks
from napari_advseg.families.boundless.settings import NEEDS, BoundlessSettings
from napari_advseg.families.family import (
    Family,
    Footprint,
    Loader,
    Player,
    Progress,
    TensorBatch,
    Turn,
    refusing,
    symmetric,
    total,
)
from napari_advseg.networks import inception, losses
from napari_advseg.networks.gated import CONTEXT, ConditionedCritic, GatedGenerator, generator_of
from napari_advseg.networks.objectives import critic_loss, fooling_loss
from napari_advseg.networks.weights import published

NO_MAPS = (
    "This model paints what is missing in images and does not segment: use the commands extend and mend, or train "
    "boundless_transfer with start_from naming this model."
)
NO_WEIGHTS = (
    "The conditioning inception needs the weights of InceptionV3: name a local state-dict file with "
    "model.inception_weights, or 'download' to fetch the public one; or train with model.conditioning=none."
)
NO_ENCODER = (
    "The conditioning encoder needs a model: name the folder of a trained boundless model with model.encoder, or "
    "train with model.conditioning=none."
)
JUDGED_SEED = 0


class Model(Family[BoundlessSettings]):
    """Likeness over the whole image plus a hinge critic of [image, mask] (Teterwak et al. 2019; methods, 13)."""

    needs = NEEDS
    is_adversarial = True
    infer = refusing(NO_MAPS)

    def players(self) -> dict[str, Player]:
        chosen, channels = self.settings, self.channels.image
        self._describer: nn.Module | None = None
        return {
            "generator": Player(GatedGenerator(channels, channels, chosen.width), chosen.optimiser),
            "critic": Player(
                ConditionedCritic(channels, chosen.critic_width, chosen.condition),
                chosen.critic_optimiser,
            ),
        }

    def furnish(self, load: Loader) -> None:
        chosen, channels = self.settings, self.channels.image
        if chosen.conditioning == "inception":
            if chosen.inception_weights is None:
                raise ValueError(NO_WEIGHTS)
            tensors = published(
                chosen.inception_weights, inception.PUBLIC, "train with model.conditioning=none"
            )
            self._describer = inception.with_weights(tensors, channels, chosen.inception_grey)
        elif chosen.conditioning == "encoder":
            if chosen.encoder is None:
                raise ValueError(NO_ENCODER)
            self._describer = Encoder(generator_of(load(chosen.encoder), chosen.encoder), self)

    def turns(self, batch: TensorBatch, at: Progress) -> Iterator[Turn]:
        image, mask = self._real(batch), self._mask(batch)
        condition = self._condition(image)
        made = self._made(image, mask)
        filled = torch.where(mask > 0, made, image)
        known = batch.known
        terms = {"likeness": losses.l1(made, image, known.expand_as(image))}
        if at.step >= self.settings.quiet_steps:
            scores = self._judged(filled * known, mask, condition)
            terms["fooling"] = self.settings.adversarial_weight * fooling_loss(
                "hinge", scores, torch.ones_like(scores)
            )
        yield Turn("generator", total(terms), terms)
        found = {
            "real": self._judged(image * known, mask, condition),
            "fake": self._judged(filled.detach() * known, mask, condition),
        }
        yield Turn("critic", hinge(found["real"], found["fake"]), scores=found)

    def validate(self, batch: TensorBatch) -> dict[str, Tensor]:
        """Likeness everywhere, inside and outside the mask (range 2), SSIM and PSNR inside, and the critic's loss."""
        image = self._real(batch)
        mask = self._mask(batch, torch.Generator().manual_seed(JUDGED_SEED))
        made = self._made(image, mask)
        filled = torch.where(mask > 0, made, image)
        known = batch.known.expand_as(image)
        inside = known * mask
        condition = self._condition(image)
        scores = [self._judged(one * known, mask, condition) for one in (image, filled)]
        units = (filled + 1) / 2, (image + 1) / 2
        error = losses.l2(*units, inside).clamp_min(1e-10)
        return {
            "loss": losses.l1(made, image, known),
            "l1_inside": losses.l1(made, image, inside),
            "l1_outside": losses.l1(made, image, known - inside),
            "ssim_inside": losses.weighted_mean(losses.structural_similarity(*units), inside),
            "psnr_inside": -10 * torch.log10(error),
            "adversarial": fooling_loss("hinge", scores[1], torch.ones_like(scores[1])),
            "critic": hinge(*scores),
        }

    def fill(self, image: Tensor, hole: Tensor) -> Tensor:
        made = (self._made(symmetric(image).clamp(-1, 1), hole) + 1) / 2
        return torch.where(hole > 0, made.to(image.dtype), image)

    @property
    def holes(self) -> str:
        return self.settings.mask.mode

    def shown(self, batch: TensorBatch) -> tuple[Tensor, Tensor, Tensor]:
        image, visible = batch.image, self.settings.mask.changed(empty=0.0)
        generator = torch.Generator().manual_seed(JUDGED_SEED)
        hole = masks.draw(visible, _sides(image), len(image), generator).to(image)
        return torch.where(hole > 0, 0.5, image), self.fill(image, hole), image

    @property
    def inferring(self) -> tuple[str, ...]:
        return ("generator",)

    @property
    def footprint(self) -> Footprint:
        return Footprint(1, CONTEXT, 4 * 10 * self.settings.width + 64, is_blended=True)

    def _real(self, batch: TensorBatch) -> Tensor:
        return symmetric(batch.image).clamp(-1, 1)

    def _mask(self, batch: TensorBatch, generator: torch.Generator | None = None) -> Tensor:
        """What is hidden: what was drawn, and pixels that count for nothing."""
        drawn = masks.draw(self.settings.mask, _sides(batch.image), len(batch.image), generator)
        return torch.maximum(drawn.to(batch.image), 1 - batch.known)

    def _made(self, image: Tensor, mask: Tensor) -> Tensor:
        """The generator's image in [-1, 1]; where the mask is 1 it is shown mid-grey."""
        hidden = torch.where(mask > 0, 0.0, image)
        made = self.modules["generator"](torch.cat((hidden, torch.ones_like(mask), mask), 1))
        bounded: Tensor = made.float().clamp(-1, 1)
        return bounded

    def _judged(self, image: Tensor, mask: Tensor, condition: Tensor | None) -> Tensor:
        scores: Tensor = self.modules["critic"](image, mask, condition)
        return scores.float()

    @torch.no_grad()
    def _condition(self, image: Tensor) -> Tensor | None:
        """What the critic is told of the full real images, of length 1."""
        if not self.settings.condition:
            return None
        if self._describer is None:
            raise ValueError(
                NO_WEIGHTS if self.settings.conditioning == "inception" else NO_ENCODER
            )
        if image.shape[1] not in (1, 3) and self.settings.conditioning == "inception":
            image = image.mean(1, keepdim=True).expand(-1, 3, -1, -1)
        return F.normalize(self._describer.to(image.device)(image).float())


class Encoder(nn.Module):
    """The frozen encoder of an earlier generator as a describer of images in [-1, 1]."""

    def __init__(self, generator: GatedGenerator, ours: Model) -> None:
        super().__init__()
        channels, wanted = generator.in_channels, ours.channels.image
        if channels != wanted:
            raise ValueError(
                f"The encoder was trained on images of {channels} channels and these have {wanted}; name another "
                "with model.encoder."
            )
        if generator.numbers != ours.settings.encoder_numbers:
            raise ValueError(
                f"The encoder gives {generator.numbers} numbers; set model.encoder_numbers={generator.numbers}."
            )
        self.generator = generator.eval().requires_grad_(requires_grad=False)

    def forward(self, image: Tensor) -> Tensor:
        ones = torch.ones_like(image[:, :1])
        return self.generator.described(torch.cat((image, ones, torch.zeros_like(ones)), 1))


def _sides(image: Tensor) -> tuple[int, int]:
    return int(image.shape[-2]), int(image.shape[-1])


def hinge(real: Tensor, fake: Tensor) -> Tensor:
    """The critic's loss: 2 where every score is 0."""
    return critic_loss("hinge", real, fake, torch.ones_like(real))
