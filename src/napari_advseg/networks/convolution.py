"""Convolution, normalisation and activation as one block, and its folding for inference."""

from __future__ import annotations

import copy
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

Norm = Literal["batch", "instance", "group", "none"]
Activation = Literal["relu", "elu", "leaky_relu"]


def normalisation(kind: Norm, channels: int, *, affine: bool = True) -> nn.Module:
    """The normalisation layer `kind` over `channels` maps; group norm takes at most 8 groups."""
    if kind == "batch":
        return nn.BatchNorm2d(channels, affine=affine)
    if kind == "instance":
        return InstanceNorm(channels, affine=affine)
    if kind == "group":
        groups = next(count for count in range(min(8, channels), 0, -1) if channels % count == 0)
        return nn.GroupNorm(groups, channels)
    return nn.Identity()


class InstanceNorm(nn.InstanceNorm2d):
    """Instance norm by `standardised`."""

    def forward(self, x: Tensor) -> Tensor:
        found = standardised(x, self.eps)
        if not self.affine:
            return found
        return found * self.weight[:, None, None] + self.bias[:, None, None]


def standardised(x: Tensor, eps: float = 1e-5) -> Tensor:
    """Every map of (N, C, H, W) with mean 0 and variance 1.

    The function of torch 2.13 gives a wrong gradient for a single image with channels last.
    """
    variance, mean = torch.var_mean(x.float(), (2, 3), correction=0, keepdim=True)
    return ((x - mean) * torch.rsqrt(variance + eps)).to(x.dtype)


def activation(kind: Activation) -> nn.Module:
    """The activation layer `kind`, in place."""
    if kind == "elu":
        return nn.ELU(inplace=True)
    if kind == "leaky_relu":
        return nn.LeakyReLU(0.2, inplace=True)
    return nn.ReLU(inplace=True)


class ConvNorm(nn.Module):
    """A 3 x 3 convolution and its normalisation; biased only where nothing normalises."""

    def __init__(self, inside: int, outside: int, norm: Norm) -> None:
        super().__init__()
        self.conv = nn.Conv2d(inside, outside, 3, padding=1, bias=norm == "none")
        self.norm = normalisation(norm, outside)
        nn.init.kaiming_normal_(self.conv.weight, nonlinearity="relu")

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.norm(self.conv(x))
        return y


def folded(network: nn.Module) -> nn.Module:
    """A copy in evaluation mode whose batch norms are folded into the convolutions before them.

    The outputs are equal up to rounding; one pass over every map is saved per block.
    """
    network = copy.deepcopy(network).eval()
    for block in network.modules():
        if isinstance(block, ConvNorm) and isinstance(block.norm, nn.BatchNorm2d):
            block.conv = fuse_conv_bn_eval(block.conv, block.norm)
            block.norm = nn.Identity()
    return network
