"""Adversarial objectives: what a critic and the network that it judges want, and penalties on critics.

Scores are logits of any shape. Every loss is a mean in fp32 over `weight`, of the scores' shape, which is 0
for patches without any annotated pixel.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional as F

from napari_advseg.networks.losses import weighted_mean
from napari_advseg.settings.critic import Objective

Critic = Callable[[Tensor], Tensor]
DRIFT = 0.001


def critic_loss(
    kind: Objective,
    real: Tensor,
    fake: Tensor,
    weight: Tensor,
    smooth: float = 1.0,
    drift: float = DRIFT,
) -> Tensor:
    """What the critic lowers: high scores for `real` plus low ones for `fake` (methods, section 0).

    `smooth` below 1 is the target for real scores (one-sided label smoothing, Salimans et al. 2016); `drift` keeps
    those of wgan-gp near 0 (Karras et al. 2018, appendix A.1).
    """
    real, fake = real.float(), fake.float()
    if kind == "lsgan":
        terms = 0.5 * (real - smooth) ** 2, 0.5 * fake**2
    elif kind == "hinge":
        terms = F.relu(smooth - real), F.relu(1 + fake)
    elif kind == "wgan-gp":
        terms = drift * real**2 - real, fake
    else:
        ones = torch.full_like(real, smooth)
        terms = (
            F.binary_cross_entropy_with_logits(real, ones, reduction="none"),
            F.softplus(fake),
        )
    return weighted_mean(terms[0], weight) + weighted_mean(terms[1], weight)


def fooling_loss(kind: Objective, fake: Tensor, weight: Tensor) -> Tensor:
    """What the judged network lowers: its own scores should look real."""
    fake = fake.float()
    if kind == "lsgan":
        return weighted_mean((fake - 1) ** 2, weight)
    if kind in ("hinge", "wgan-gp"):
        return -weighted_mean(fake, weight)
    if kind == "minimax":
        return -weighted_mean(F.softplus(fake), weight)
    return weighted_mean(F.softplus(-fake), weight)


def falseness(kind: Objective, scores: Tensor) -> Tensor:
    """Scores as how false the critic takes something to be, in [0, 1]: .5 where it is undecided.

    wgan-gp has no score at which a critic is undecided: there only the order says something.
    """
    scores = scores.float()
    return torch.sigmoid(4 * (0.5 - scores) if kind == "lsgan" else -scores)


def penalty(kind: Objective, critic: Critic, real: Tensor, fake: Tensor) -> Tensor:
    """The penalty on the critic's gradient that belongs to the objective, in fp32; 0 where it has none.

    wgan-gp: 10 (|grad| - 1)^2 between real and fake; r1: 5 |grad|^2 at real (gamma = 10).
    """
    if kind not in ("wgan-gp", "r1"):
        return torch.zeros((), device=real.device)
    with torch.autocast(real.device.type, enabled=False):
        real, fake = real.detach().float(), fake.detach().float()
        if kind == "r1":
            return 5.0 * _squared_gradient(critic, real).mean()
        share = torch.rand(len(real), 1, 1, 1, device=real.device)
        between = _squared_gradient(critic, share * real + (1 - share) * fake)
        return 10.0 * ((between + 1e-12).sqrt() - 1).square().mean()


def _squared_gradient(critic: Critic, at: Tensor) -> Tensor:
    at = at.requires_grad_()
    (gradient,) = torch.autograd.grad(critic(at).sum(), at, create_graph=True)
    return gradient.square().flatten(1).sum(1)


def patch_weight(weight: Tensor, scores: Tensor) -> Tensor:
    """For every score the share of annotated pixels (weight above 0) in its part of the image."""
    known = (weight.amax(1, keepdim=True) > 0).float()
    return F.adaptive_avg_pool2d(known, (scores.shape[-2], scores.shape[-1]))
