"""U-Net for sections (Ronneberger, Fischer, Brox 2015) with the widths and options of the thesis."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from napari_advseg.networks.convolution import Activation, ConvNorm, Norm, activation


class Pair(nn.Module):
    """Two convolutions with normalisation and activation, with a sum around them if `residual`."""

    def __init__(
        self,
        inside: int,
        outside: int,
        act: Activation,
        norm: Norm,
        *,
        residual: bool,
        dropout: float,
    ) -> None:
        super().__init__()
        self.first = ConvNorm(inside, outside, norm)
        self.second = ConvNorm(outside, outside, norm)
        self.first_act = activation(act)
        self.second_act = activation(act)
        self.dropout = nn.Dropout2d(dropout) if dropout else nn.Identity()
        same = inside == outside
        around = nn.Identity() if same else nn.Conv2d(inside, outside, 1, bias=False)
        self.around = around if residual else None

    def forward(self, x: Tensor) -> Tensor:
        y = self.second(self.first_act(self.first(x)))
        if self.around is not None:
            y = y + self.around(x)
        out: Tensor = self.dropout(self.second_act(y))
        return out


class UNet2d(nn.Module):
    """Maps (N, in_channels, H, W) to logits (N, out_channels, H, W); H and W are multiples of `stride`.

    `widths` are the channels of each level from the top; (64, 128, 256, 512, 1024) with batch norm, one
    channel in and one out has 31,036,481 parameters.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        widths: Sequence[int],
        act: Activation = "relu",
        norm: Norm = "batch",
        *,
        residual: bool = False,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()

        def pair(inside: int, outside: int) -> Pair:
            return Pair(inside, outside, act, norm, residual=residual, dropout=dropout)

        self.down = nn.ModuleList(
            pair(inside, outside)
            for inside, outside in zip((in_channels, *widths[:-1]), widths, strict=True)
        )
        steps = list(zip(widths[:0:-1], widths[-2::-1], strict=True))
        self.widen = nn.ModuleList(nn.ConvTranspose2d(deep, flat, 2, 2) for deep, flat in steps)
        self.up = nn.ModuleList(pair(2 * flat, flat) for _, flat in steps)
        self.out = nn.Conv2d(widths[0], out_channels, 1)
        self.pool = nn.MaxPool2d(2)

    def forward(self, x: Tensor) -> Tensor:
        skips = []
        for level, block in enumerate(self.down):
            x = block(self.pool(x) if level else x)
            skips.append(x)
        skips.pop()
        for widen, block in zip(self.widen, self.up, strict=True):
            x = block(torch.cat((skips.pop(), widen(x)), dim=1))
        logits: Tensor = self.out(x)
        return logits


def stride(levels: int) -> int:
    """Side lengths that a U-Net of `levels` takes are multiples of this."""
    return 1 << (levels - 1)


def context(levels: int) -> int:
    """Pixels around an output pixel that can influence it, rounded up to the stride.

    Two 3 x 3 convolutions reach 2 pixels of their level. A pixel begun is a whole one of the next deeper level, and
    that is two of the level above it.
    """
    reach = 0
    for _ in range(levels - 1):
        reach = -(-(reach + 2) // 2)
    reach += 2
    for _ in range(levels - 1):
        reach = 2 * reach + 2
    step = stride(levels)
    return -(-reach // step) * step
