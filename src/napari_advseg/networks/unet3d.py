"""Residual U-Net for volumes (Lee et al. 2017; the layout of pytorch_connectomics of 2021 that the thesis trained)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Literal

from torch import Tensor, nn
from torch.nn import functional as F

from napari_advseg.networks.convolution import (
    Activation,
    ConvNorm3d,
    Norm,
    Triple,
    activation,
    same_conv3d,
)

Down = Literal["stride", "maxpool"]
Initial = Literal["kaiming", "orthogonal"]


class Residual(nn.Module):
    """Two convolutions with a sum around them, and the activation behind it."""

    def __init__(self, channels: int, kernel: Triple, act: Activation, norm: Norm) -> None:
        super().__init__()
        self.first = ConvNorm3d(channels, channels, kernel, norm)
        self.second = ConvNorm3d(channels, channels, kernel, norm)
        self.first_act = activation(act)
        self.second_act = activation(act)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.second_act(self.second(self.first_act(self.first(x))) + x)
        return out


class Level(nn.Module):
    """One level on the way down: half the size (but for the first), a convolution, a residual block."""

    def __init__(
        self,
        inside: int,
        outside: int,
        step: Triple,
        kernels: tuple[Triple, Triple],
        act: Activation,
        norm: Norm,
        down: Down,
    ) -> None:
        super().__init__()
        pools = down == "maxpool" and max(step) > 1
        self.pool = nn.MaxPool3d(step, step, ceil_mode=True) if pools else nn.Identity()
        self.conv = ConvNorm3d(inside, outside, kernels[0], norm, (1, 1, 1) if pools else step)
        self.act = activation(act)
        self.block = Residual(outside, kernels[1], act, norm)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.block(self.act(self.conv(self.pool(x))))
        return out


class Rise(nn.Module):
    """One level on the way up: a convolution, a resize to the skip's size, its sum, a residual block."""

    def __init__(
        self,
        inside: int,
        outside: int,
        kernels: tuple[Triple, Triple],
        act: Activation,
        norm: Norm,
        *,
        corners: bool,
    ) -> None:
        super().__init__()
        self.conv = ConvNorm3d(inside, outside, kernels[0], norm)
        self.act = activation(act)
        self.block = Residual(outside, kernels[1], act, norm)
        self.corners = corners

    def forward(self, x: Tensor, skip: Tensor) -> Tensor:
        deep = self.act(self.conv(x))
        wide = F.interpolate(deep, skip.shape[-3:], mode="trilinear", align_corners=self.corners)
        out: Tensor = self.block(wide + skip)
        return out


class UNet3d(nn.Module):
    """Maps (N, in_channels, Z, H, W) of any size to logits (N, out_channels, Z, H, W).

    `widths` are the channels of each level from the top. `isotropic` says for each level whether its
    convolution reaches along z, and, from the second on, whether sections are halved on the way to
    it. The residual blocks look at single sections, with `deep_blocks` in isotropic levels at
    neighbours too. Widths (28, 36, 48, 64, 80), isotropic (no, no, no, yes, yes), batch norm, one
    channel in and one out: 923,201 parameters.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        widths: Sequence[int],
        isotropic: Sequence[bool],
        act: Activation = "elu",
        norm: Norm = "batch",
        down: Down = "stride",
        *,
        deep_blocks: bool = False,
    ) -> None:
        super().__init__()
        first = widths[0]
        self.entry = ConvNorm3d(in_channels, first, (1, 5, 5), norm)
        self.entry_act = activation(act)
        kernels = [(kernel(deep), kernel(deep and deep_blocks)) for deep in isotropic]
        self.down = nn.ModuleList(
            Level(inside, outside, step, both, act, norm, down)
            for inside, outside, step, both in zip(
                (first, *widths[:-1]), widths, steps(isotropic), kernels, strict=True
            )
        )
        self.up = nn.ModuleList(
            Rise(
                widths[level],
                widths[level - 1],
                (kernels[level][0], kernels[level - 1][1]),
                act,
                norm,
                corners=down == "stride",
            )
            for level in range(len(widths) - 1, 0, -1)
        )
        self.out = same_conv3d(first, out_channels, (1, 5, 5), bias=True)

    def forward(self, x: Tensor) -> Tensor:
        x = self.entry_act(self.entry(x))
        skips = []
        for level in self.down:
            x = level(x)
            skips.append(x)
        skips.pop()
        for rise in self.up:
            x = rise(x, skips.pop())
        logits: Tensor = self.out(x)
        return logits


def kernel(deep: bool) -> Triple:  # noqa: FBT001 - a property of the level, not a mode
    """The sides of a convolution that reaches along z, or looks at single sections."""
    return (3 if deep else 1, 3, 3)


def steps(isotropic: Sequence[bool]) -> Iterator[Triple]:
    """How far each level steps along z, y and x."""
    for level, deep in enumerate(isotropic):
        yield (1, 1, 1) if level == 0 else (2 if deep else 1, 2, 2)


def initialise(network: nn.Module, kind: Initial) -> None:
    """Draw the weights of every convolution, in place; biases are 0."""
    for module in network.modules():
        if not isinstance(module, nn.Conv3d):
            continue
        if kind == "orthogonal":
            nn.init.orthogonal_(module.weight)
        else:
            nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
        if module.bias is not None:
            nn.init.zeros_(module.bias)
