"""Loss terms on logits, each weighted pixel by pixel; weight 0 keeps unannotated pixels out."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F


def weighted_mean(values: Tensor, weight: Tensor) -> Tensor:
    """Mean of `values` over `weight`; 0 (with a gradient) where every weight is 0."""
    return (values * weight).sum() / weight.sum().clamp_min(1e-6)


def binary_cross_entropy(logits: Tensor, target: Tensor, weight: Tensor) -> Tensor:
    """Mean of max(l, 0) - l y + log(1 + e^-|l|) over `weight`, in nats.

    `logits`, `target` in [0, 1] and `weight` have one shape; the result is a scalar in fp32.
    """
    losses = F.binary_cross_entropy_with_logits(logits.float(), target, reduction="none")
    return weighted_mean(losses, weight)


def dice(logits: Tensor, target: Tensor, weight: Tensor) -> Tensor:
    """1 - Dice overlap of the boundary maps 1 - sigmoid(l) and 1 - y, over the whole batch; scalar in [0, 1]."""
    wall = (1 - torch.sigmoid(logits.float())) * weight
    drawn = (1 - target) * weight
    return 1 - (2 * (wall * drawn).sum() + 1) / (wall.sum() + drawn.sum() + 1)


def pixel_accuracy(logits: Tensor, target: Tensor, weight: Tensor) -> Tensor:
    """Share of the weighted pixels on the right side of p = 0.5."""
    right = ((logits > 0) == (target > 0.5)).float()
    return weighted_mean(right, (weight > 0).float())
