"""StyleGAN: styles drawn from noise steer a synthesis that grows from 4 x 4 pixels; the critic grows with it."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from napari_advseg.networks.convolution import standardised

WIDTHS_128 = (512, 512, 512, 512, 256, 128)
CODE = 512
SMALLEST = 4
SLOPE = 0.2
# A variance of nothing has no finite slope at its square root.
GUARD = 1e-8


def level_and_share(reached: float) -> tuple[int, float]:
    """The finest level in use and its share in the picture, in (0, 1], of how far the growth is.

    1.25 means: one quarter of the way from level 1 (8 px) to level 2 (16 px).
    """
    level = max(0, math.ceil(reached - 1e-6))
    return level, min(1.0, 1.0 - (level - reached))


class StyleGenerator(nn.Module):
    """Images (N, out_channels, R, R), about -1 to 1, of codes (N, code); Karras et al. 2019.

    A mapping of `depth` layers turns a code into a style; the synthesis begins with a learned constant of 4 x 4 and has
    one block for each of `widths`: convolution, noise, leaky ReLU, AdaIN, twice. Weights are drawn from N(0, 1)
    and scaled at run time (equalised learning rate). Every level has an output of its own, which fades in while the
    level is new. Widths for 128 px and a single channel have 25,838,470 parameters.

    `reached` says how far the growth is (`level_and_share`); it is kept with the weights.
    """

    reached: Tensor

    def __init__(
        self,
        out_channels: int,
        widths: Sequence[int] = WIDTHS_128,
        code: int = CODE,
        depth: int = 8,
        slowed: float = 0.01,
    ) -> None:
        super().__init__()
        self.code = code
        self.mapping = nn.ModuleList(EqualLinear(code, code, slowed) for _ in range(depth))
        self.constant = nn.Parameter(torch.randn(1, widths[0], SMALLEST, SMALLEST))
        insides = (None, *widths[:-1])
        self.blocks = nn.ModuleList(
            _Styled(inside, width, code) for inside, width in zip(insides, widths, strict=True)
        )
        self.heads = nn.ModuleList(EqualConv(width, out_channels, 1) for width in widths)
        self.register_buffer("reached", torch.tensor(float(len(widths) - 1)))

    def styles(self, codes: Tensor) -> Tensor:
        """The style (N, code) of each code."""
        x = codes * torch.rsqrt(codes.square().mean(1, keepdim=True) + GUARD)
        for layer in self.mapping:
            x = F.leaky_relu(layer(x), SLOPE)
        return x

    def forward(
        self,
        styles: Tensor,
        reached: float,
        others: Tensor | None = None,
        crossover: int = 0,
        noise: torch.Generator | None = None,
    ) -> Tensor:
        """Images (N, C, r, r) of styles (N, code), r the side of the finest level in use.

        From block `crossover` on `others` take over (style mixing). `noise` draws the noise; without one it comes from
        torch's own random state.
        """
        level, share = level_and_share(reached)
        x, before = self.constant.expand(len(styles), -1, -1, -1), None
        for at, block in enumerate(self.blocks[: level + 1]):
            before = x
            style = styles if others is None or at < crossover else others
            x = block(x, style, noise)
        image: Tensor = self.heads[level](x)
        if share < 1 and level and before is not None:
            coarse = self.heads[level - 1](before)
            image = torch.lerp(_doubled(coarse), image, share)
        return image


class StyleCritic(nn.Module):
    """One score (N, 1) for every image (N, in_channels, r, r); the synthesis mirrored.

    A block for each of `widths` from the finest down, each with two convolutions and a halving; at 4 x 4 a map with the
    standard deviation over the batch is added, against collapse (Karras et al. 2018, section 3). 25,148,673 parameters
    for 128 px and a single channel.
    """

    def __init__(self, in_channels: int, widths: Sequence[int] = WIDTHS_128) -> None:
        super().__init__()
        self.heads = nn.ModuleList(EqualConv(in_channels, width, 1) for width in widths)
        self.blocks = nn.ModuleList(
            _Halving(width, outside) for width, outside in zip(widths[1:], widths[:-1], strict=True)
        )
        self.first = EqualConv(widths[0] + 1, widths[0], 3)
        self.second = EqualConv(widths[0], widths[0], SMALLEST, padding=0)
        self.score = EqualLinear(widths[0], 1)

    def forward(self, image: Tensor, reached: float) -> Tensor:
        """Scores of images whose side is that of the finest level in use."""
        level, share = level_and_share(reached)
        x = self.heads[level](image)
        for at in range(level, 0, -1):
            x = self.blocks[at - 1](x)
            if at == level and share < 1:
                x = torch.lerp(self.heads[level - 1](F.avg_pool2d(image, 2)), x, share)
        x = torch.cat((x, spread_over(x)), dim=1)
        x = F.leaky_relu(self.first(x), SLOPE)
        x = F.leaky_relu(self.second(x), SLOPE)
        scores: Tensor = self.score(x.flatten(1))
        return scores


class EqualLinear(nn.Module):
    """A linear layer whose weights have deviation 1 and are scaled when used, so that all learn at one pace.

    `slowed` below 1 makes this layer learn so much slower than the others (its weights are stored as much larger).
    """

    def __init__(self, inside: int, outside: int, slowed: float = 1.0) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(outside, inside) / slowed)
        self.bias = nn.Parameter(torch.zeros(outside))
        self.scale = math.sqrt(2 / inside) * slowed
        self.slowed = slowed

    def forward(self, x: Tensor) -> Tensor:
        return F.linear(x, self.weight * self.scale, self.bias * self.slowed)


class EqualConv(nn.Module):
    """A convolution with an equalised learning rate, see `EqualLinear`."""

    def __init__(self, inside: int, outside: int, kernel: int, padding: int | None = None) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(outside, inside, kernel, kernel))
        self.bias = nn.Parameter(torch.zeros(outside))
        self.scale = math.sqrt(2 / (inside * kernel * kernel))
        self.padding = kernel // 2 if padding is None else padding

    def forward(self, x: Tensor) -> Tensor:
        return F.conv2d(x, self.weight * self.scale, self.bias, padding=self.padding)

    def doubling(self, x: Tensor) -> Tensor:
        """Nearest neighbours doubled, then the convolution of 3 x 3, as one transposed convolution."""
        kernel = _boxed(self.weight * self.scale).flip(2, 3).transpose(0, 1)
        return F.conv_transpose2d(x, kernel, self.bias, stride=2, padding=1)

    def halving(self, x: Tensor) -> Tensor:
        """The convolution of 3 x 3, then the mean of 2 x 2 pixels, as one strided convolution."""
        return F.conv2d(x, _boxed(self.weight * self.scale) / 4, self.bias, stride=2, padding=1)


class AdaIN(nn.Module):
    """Maps with the mean and deviation that a style asks for: instance norm, then its scale and shift."""

    def __init__(self, channels: int, code: int) -> None:
        super().__init__()
        self.style = EqualLinear(code, 2 * channels)
        with torch.no_grad():
            self.style.bias[:channels] = 1

    def forward(self, x: Tensor, style: Tensor) -> Tensor:
        scale, shift = self.style(style)[:, :, None, None].chunk(2, dim=1)
        moved: Tensor = scale * standardised(x) + shift
        return moved


class Noise(nn.Module):
    """Maps with noise of a learned strength a channel, 0 at first; equal in all channels."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.strength = nn.Parameter(torch.zeros(1, channels, 1, 1))

    def forward(self, x: Tensor, generator: torch.Generator | None) -> Tensor:
        shape = (len(x), 1, *x.shape[-2:])
        if generator is None:
            drawn = torch.randn(shape, device=x.device, dtype=x.dtype)
        else:
            drawn = torch.randn(shape, generator=generator).to(x)
        return x + self.strength * drawn


class _Styled(nn.Module):
    """One level of the synthesis; the first, without `inside`, takes its maps as they are."""

    def __init__(self, inside: int | None, width: int, code: int) -> None:
        super().__init__()
        self.grow = None if inside is None else EqualConv(inside, width, 3)
        self.conv = EqualConv(width, width, 3)
        self.noises = nn.ModuleList(Noise(width) for _ in range(2))
        self.norms = nn.ModuleList(AdaIN(width, code) for _ in range(2))

    def forward(self, x: Tensor, style: Tensor, noise: torch.Generator | None) -> Tensor:
        if self.grow is not None:
            x = _binomial(self.grow.doubling(x))
        for at in range(2):
            x = self.conv(x) if at else x
            x = F.leaky_relu(self.noises[at](x, noise), SLOPE)
            x = self.norms[at](x, style)
        return x


class _Halving(nn.Module):
    """One level of the critic."""

    def __init__(self, inside: int, outside: int) -> None:
        super().__init__()
        self.conv = EqualConv(inside, outside, 3)
        self.halve = EqualConv(outside, outside, 3)

    def forward(self, x: Tensor) -> Tensor:
        x = F.leaky_relu(self.conv(x), SLOPE)
        return F.leaky_relu(self.halve.halving(_binomial(x)), SLOPE)


def spread_over(x: Tensor) -> Tensor:
    """The mean deviation of maps (N, C, H, W) over the batch, as a map (N, 1, H, W); next to 0 for a batch of one."""
    deviation = (x.float().var(0, unbiased=False) + GUARD).sqrt().mean()
    return deviation.to(x.dtype).expand(len(x), 1, *x.shape[-2:])


def _boxed(weight: Tensor) -> Tensor:
    """A kernel of 3 x 3 run over 2 x 2 equal pixels: one of 4 x 4."""
    wide = F.pad(weight, (1, 1, 1, 1))
    return wide[..., 1:, 1:] + wide[..., :-1, 1:] + wide[..., 1:, :-1] + wide[..., :-1, :-1]


def _binomial(x: Tensor) -> Tensor:
    """Maps under the binomial filter 1-2-1 in both directions."""
    taps = torch.tensor([1.0, 2.0, 1.0], device=x.device, dtype=x.dtype) / 4
    kernel = (taps[:, None] * taps).expand(x.shape[1], 1, 3, 3)
    return F.conv2d(x, kernel, padding=1, groups=x.shape[1])


def _doubled(image: Tensor) -> Tensor:
    return F.interpolate(image, scale_factor=2, mode="nearest")
