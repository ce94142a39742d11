"""Convolution, normalisation and activation as one block, and its folding for inference."""

from __future__ import annotations

import copy
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

Norm = Literal["batch", "instance", "group", "none"]
Activation = Literal["relu", "elu", "leaky_relu"]
Dimensions = Literal[2, 3]
Triple = tuple[int, int, int]


def normalisation(
    kind: Norm, channels: int, *, affine: bool = True, dimensions: Dimensions = 2
) -> nn.Module:
    """The normalisation layer `kind` over `channels` maps; group norm takes at most 8 groups."""
    if kind == "batch":
        batch = nn.BatchNorm2d if dimensions == 2 else nn.BatchNorm3d
        return batch(channels, affine=affine)
    if kind == "instance":
        return InstanceNorm(channels, affine=affine)
    if kind == "group":
        groups = next(count for count in range(min(8, channels), 0, -1) if channels % count == 0)
        return nn.GroupNorm(groups, channels)
    return nn.Identity()


class InstanceNorm(nn.InstanceNorm2d):
    """Instance norm of sections or volumes by `standardised`."""

    def forward(self, x: Tensor) -> Tensor:
        found = standardised(x, self.eps)
        if not self.affine:
            return found
        shape = (-1, *(1,) * (x.ndim - 2))
        return found * self.weight.view(shape) + self.bias.view(shape)


def standardised(x: Tensor, eps: float = 1e-5) -> Tensor:
    """Every map of (N, C, H, W) or (N, C, D, H, W) with mean 0 and variance 1.

    The function of torch 2.13 gives a wrong gradient for a single image with channels last.
    """
    axes = tuple(range(2, x.ndim))
    variance, mean = torch.var_mean(x.float(), axes, correction=0, keepdim=True)
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


class ConvNorm3d(nn.Module):
    """A convolution of volumes that keeps their size (but for `stride`), and its normalisation.

    The edge is continued with its own values; biased only where nothing normalises.
    """

    def __init__(
        self, inside: int, outside: int, kernel: Triple, norm: Norm, stride: Triple = (1, 1, 1)
    ) -> None:
        super().__init__()
        self.conv = same_conv3d(inside, outside, kernel, stride, bias=norm == "none")
        self.norm = normalisation(norm, outside, dimensions=3)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.norm(self.conv(x))
        return y


def same_conv3d(
    inside: int, outside: int, kernel: Triple, stride: Triple = (1, 1, 1), *, bias: bool
) -> nn.Conv3d:
    """A convolution whose output has the size of its input, divided by `stride` and rounded up."""
    deep, high, wide = kernel
    around = deep // 2, high // 2, wide // 2
    return nn.Conv3d(inside, outside, kernel, stride, around, bias=bias, padding_mode="replicate")


def folded(network: nn.Module) -> nn.Module:
    """A copy in evaluation mode whose batch norms are folded into the convolutions before them.

    The outputs are equal up to rounding; one pass over every map is saved per block.
    """
    network = copy.deepcopy(network).eval()
    for block in network.modules():
        if isinstance(block, ConvNorm | ConvNorm3d) and isinstance(
            block.norm, nn.BatchNorm2d | nn.BatchNorm3d
        ):
            block.conv = fuse_conv_bn_eval(block.conv, block.norm)
            block.norm = nn.Identity()
    return network
