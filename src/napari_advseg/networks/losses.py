"""Loss terms on logits, each weighted pixel by pixel; weight 0 keeps unannotated pixels out."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from napari_advseg.settings.channels import Gives


def weighted_mean(values: Tensor, weight: Tensor) -> Tensor:
    """Mean of `values` over `weight`; 0 (with a gradient) where every weight is 0."""
    return (values * weight).sum() / weight.sum().clamp_min(1e-6)


def binary_cross_entropy(logits: Tensor, target: Tensor, weight: Tensor) -> Tensor:
    """Mean of max(l, 0) - l y + log(1 + e^-|l|) over `weight`, in nats.

    `logits`, `target` in [0, 1] and `weight` have one shape; the result is a scalar in fp32.
    """
    losses = F.binary_cross_entropy_with_logits(logits.float(), target, reduction="none")
    return weighted_mean(losses, weight)


def cross_entropy(logits: Tensor, target: Tensor, weight: Tensor) -> Tensor:
    """Mean of -sum_k y_k log p_k over `weight`, p the softmax over the channels, in nats.

    `logits` and the one-hot (or soft) `target` are (N, K, H, W); `weight` too, equal in all channels.
    """
    surprise = -(target * F.log_softmax(logits.float(), dim=1)).sum(dim=1)
    return weighted_mean(surprise, weight[:, 0])


def dice(logits: Tensor, target: Tensor, weight: Tensor, gives: Gives = "interior") -> Tensor:
    """1 - Dice overlap over the whole batch, (2 sum w p y + 1) / (sum w p + sum w y + 1); scalar in [0, 1].

    Of the boundary maps 1 - sigmoid(l) and 1 - y, or of the softmax and y, mean over the classes.
    """
    if gives == "classes":
        found, drawn = torch.softmax(logits.float(), dim=1), target
    else:
        found, drawn = 1 - torch.sigmoid(logits.float()), 1 - target
    over = (0, *range(2, target.ndim))
    both = (weight * found * drawn).sum(over)
    either = (weight * (found + drawn)).sum(over)
    return (1 - (2 * both + 1) / (either + 1)).mean()


def class_measures(logits: Tensor, target: Tensor, weight: Tensor) -> dict[str, Tensor]:
    """`pixel_accuracy`, and `mean_iou` over the classes in the batch's target or prediction."""
    known = (weight[:, :1] > 0).float()
    found = F.one_hot(logits.argmax(1), logits.shape[1]).movedim(-1, 1) * known
    true = F.one_hot(target.argmax(1), logits.shape[1]).movedim(-1, 1) * known
    over = (0, *range(2, target.ndim))
    both = (found * true).sum(over)
    either = found.sum(over) + true.sum(over) - both
    present = either > 0
    iou = both[present] / either[present]
    accuracy = both.sum() / known.sum().clamp_min(1)
    return {"pixel_accuracy": accuracy, "mean_iou": iou.mean() if len(iou) else accuracy}


def l1(output: Tensor, target: Tensor, weight: Tensor) -> Tensor:
    """Mean of |output - target| over `weight`; all of one shape, the result in fp32."""
    return weighted_mean((output.float() - target).abs(), weight)


def l2(output: Tensor, target: Tensor, weight: Tensor) -> Tensor:
    """Mean of (output - target)^2 over `weight`; all of one shape, the result in fp32."""
    return weighted_mean((output.float() - target).square(), weight)


def structural_similarity(first: Tensor, second: Tensor) -> Tensor:
    """SSIM of two images (N, C, H, W) in the unit range, pixel by pixel, in fp32 (Wang et al. 2004; 7 x 7 windows).

    Windows are cut off at the edge.
    """
    first, second = first.float(), second.float()

    def mean(values: Tensor) -> Tensor:
        return F.avg_pool2d(values, 7, 1, 3, count_include_pad=False)

    a, b = mean(first), mean(second)
    spread = mean(first * first) - a * a + mean(second * second) - b * b
    both = mean(first * second) - a * b
    c1, c2 = 0.01**2, 0.03**2
    return (2 * a * b + c1) * (2 * both + c2) / ((a * a + b * b + c1) * (spread + c2))


def pixel_accuracy(logits: Tensor, target: Tensor, weight: Tensor) -> Tensor:
    """Share of the weighted pixels on the right side of p = 0.5."""
    right = ((logits > 0) == (target > 0.5)).float()
    return weighted_mean(right, (weight > 0).float())
