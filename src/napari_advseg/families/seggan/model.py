"""SegGAN as a family: painter and critic learn first, then they are frozen and judge the segmenter."""

from __future__ import annotations

from collections.abc import Iterator

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
    data_terms,
    interior_map,
    measures,
    total,
)
from napari_advseg.families.seggan.settings import SegGanSettings
from napari_advseg.networks import losses
from napari_advseg.networks.critic import PatchCritic
from napari_advseg.networks.objectives import critic_loss, fooling_loss, patch_weight
from napari_advseg.networks.segmenters import STRIDES, segmenter
from napari_advseg.networks.translator import MaskPainter
from napari_advseg.networks.weights import published, take

PAINTER_STRIDE = 16
PUBLISHED = {
    "deeplab": "https://download.pytorch.org/models/resnet101-63fe2227.pth",
    "largefov": "https://download.pytorch.org/models/vgg16-397923af.pth",
}


class Model(Family[SegGanSettings]):
    """Phases 1 and 2 of S001 with the signs of its equations corrected (methods, section 10)."""

    is_adversarial = True

    def players(self) -> dict[str, Player]:
        chosen, channels = self.settings, self.channels
        shown = channels.output + (channels.image if chosen.condition_on_image else 0)
        painter = MaskPainter(
            shown,
            channels.image,
            chosen.painter_widths,
            dropout=chosen.dropout,
            skips=chosen.skips,
        )
        critic = PatchCritic(
            channels.image, chosen.critic_widths, act="relu", all_strided=True, biased=True
        )
        network = segmenter(chosen.segmenter, channels.image, channels.output)
        return {
            "segmenter": Player(network, chosen.optimiser),
            "generator": Player(painter, chosen.gan_optimiser),
            "critic": Player(critic, chosen.gan_optimiser),
        }

    def begin(self) -> str:
        chosen = self.settings
        if chosen.body_weights is None:
            return ""
        if chosen.segmenter not in PUBLISHED:
            raise ValueError(
                f"There are no published weights for the segmenter {chosen.segmenter}; choose deeplab or largefov, "
                "or leave body_weights empty."
            )
        body = self.modules["segmenter"].get_submodule("body")
        missing = take(body, published(chosen.body_weights, PUBLISHED[chosen.segmenter]))
        count = sum(1 for _ in body.parameters())
        if len(missing) == count:
            raise ValueError(
                f"No tensor in {chosen.body_weights} has a name and shape of the {chosen.segmenter} body; give the "
                "weights of ResNet-101 for deeplab, of VGG-16 for largefov."
            )
        return f"{count - len(missing)} of {count} tensors of the body were taken from {chosen.body_weights}."

    def turns(self, batch: TensorBatch, at: Progress) -> Iterator[Turn]:
        if at.step < self._gan_steps(at):
            yield from self._gan_turns(batch)
        logits = self.modules["segmenter"](batch.image)
        terms = data_terms(logits, batch, self.channels)
        if at.step >= self._gan_steps(at):
            terms |= self._verdict(logits, batch)
        yield Turn("segmenter", total(terms), terms)

    def validate(self, batch: TensorBatch) -> dict[str, Tensor]:
        logits = self.modules["segmenter"](batch.image)
        terms = data_terms(logits, batch, self.channels)
        return {"loss": total(terms), **terms, **measures(logits, batch, self.channels)}

    def paint(self, maps: Tensor) -> Tensor:
        painted: Tensor = self.modules["generator"](maps).float()
        return (painted + 1) / 2

    def infer(self, tile: Tensor) -> Tensor:
        return interior_map(self.modules["segmenter"](tile), self.channels)

    @property
    def painting(self) -> tuple[str, ...]:
        return ("generator",) if not self.settings.condition_on_image else ()

    @property
    def inferring(self) -> tuple[str, ...]:
        return ("segmenter",)

    @property
    def footprint(self) -> Footprint:
        kind = self.settings.segmenter
        stride = max(PAINTER_STRIDE, STRIDES[kind])
        # Dilated bodies see far beyond any tile; this much changes the output visibly.
        return Footprint(stride, 16 * stride, 1600 if kind in PUBLISHED else 700)

    def _gan_steps(self, at: Progress) -> int:
        """Steps of the first phase."""
        return round(self.settings.gan_share * at.steps)

    def _gan_turns(self, batch: TensorBatch) -> Iterator[Turn]:
        """Phase 1: true class maps become images; the critic sees real and painted ones in one step."""
        image = 2 * batch.image - 1
        painted = self._painted(batch.known * self._softened(batch.target), batch)
        real, fake = (self._judged(one * batch.known) for one in (image, painted.detach()))
        weight = patch_weight(batch.weight, real)
        yield Turn(
            "critic",
            critic_loss("vanilla", real, fake, weight),
            scores={"real": real, "fake": fake},
        )
        content = losses.l2(painted, image, batch.known.expand_as(image))
        fooled = self._fooling(painted, batch)
        loss = self.settings.paint_weight * content + fooled
        yield Turn("generator", loss, {"content": content, "fooling": fooled})

    def _verdict(self, logits: Tensor, batch: TensorBatch) -> dict[str, Tensor]:
        """Phase 2: what the frozen painter and critic say of the segmenter's class map."""
        for name in ("generator", "critic"):
            self.modules[name].eval()
        shares = torch.softmax(logits.float(), dim=1)
        if self.settings.straight_through:
            hard = F.one_hot(shares.argmax(1), shares.shape[1]).movedim(-1, 1).float()
            shares = hard + shares - shares.detach()
        painted = self._painted(batch.known * shares, batch)
        image = 2 * batch.image - 1
        content = losses.l2(painted, image, batch.known.expand_as(image))
        return {
            "consistency": self.settings.consistency * content,
            "verdict": self.settings.verdict * self._fooling(painted, batch),
        }

    def _painted(self, shares: Tensor, batch: TensorBatch) -> Tensor:
        shown = [shares, 2 * batch.image - 1] if self.settings.condition_on_image else [shares]
        painted: Tensor = self.modules["generator"](torch.cat(shown, dim=1)).float()
        return painted

    def _judged(self, image: Tensor) -> Tensor:
        scores: Tensor = self.modules["critic"](image)
        if self.settings.critic_reads == "global":
            return scores.mean((2, 3), keepdim=True)
        return scores

    def _fooling(self, painted: Tensor, batch: TensorBatch) -> Tensor:
        scores = self._judged(painted * batch.known)
        saturates = self.settings.adversarial == "saturating"
        return fooling_loss(
            "minimax" if saturates else "vanilla", scores, patch_weight(batch.weight, scores)
        )

    def _softened(self, target: Tensor) -> Tensor:
        """One-hot maps mixed with a uniform one, a new share for each image."""
        share = self.settings.soft_masks * torch.rand(len(target), 1, 1, 1, device=target.device)
        return (1 - share) * target + share / target.shape[1]
