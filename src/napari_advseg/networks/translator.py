"""Translators: networks that turn an image into a map of the same size, or a map into an image."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from napari_advseg.networks.convolution import Norm, normalisation
from napari_advseg.networks.initial import gaussian

WIDEST = 8


class Halving(nn.Module):
    """LeakyReLU (but on the image itself), a 4 x 4 convolution of stride 2, and a normalisation."""

    def __init__(self, inside: int, outside: int, norm: Norm, *, first: bool, biased: bool) -> None:
        super().__init__()
        self.act = nn.Identity() if first else nn.LeakyReLU(0.2)
        self.conv = nn.Conv2d(inside, outside, 4, 2, 1, bias=biased)
        self.norm = normalisation(norm, outside, affine=norm != "instance")

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.norm(self.conv(self.act(x)))
        return y


class Doubling(nn.Module):
    """ReLU, a transposed 4 x 4 convolution of stride 2, a normalisation and dropout.

    With `resize` the size is doubled by repetition before a 3 x 3 convolution: no checkerboard.
    """

    def __init__(
        self, inside: int, outside: int, norm: Norm, *, dropout: float, resize: bool, biased: bool
    ) -> None:
        super().__init__()
        self.conv: nn.Module = nn.ConvTranspose2d(inside, outside, 4, 2, 1, bias=biased)
        if resize:
            repeat = nn.Upsample(scale_factor=2)
            self.conv = nn.Sequential(repeat, nn.Conv2d(inside, outside, 3, 1, 1, bias=biased))
        self.norm = normalisation(norm, outside, affine=norm != "instance")
        self.dropout = nn.Dropout(dropout) if dropout else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.dropout(self.norm(self.conv(torch.relu(x))))
        return y


class UNetTranslator(nn.Module):
    """Maps (N, in_channels, H, W) to (N, out_channels, H, W) before any tanh; H, W multiples of 2^depth.

    The U-Net generator of pix2pix (Isola et al. 2017): every level halves the size and doubles the
    channels, up to 8 times `width`; skips join levels of equal size; dropout in the widest levels next
    to the innermost. Width 64 and depth 8 have 54,407,809 parameters for one channel in and out,
    depth 7 41,822,849. Instance norm has no weights of its own, its convolutions have biases.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        width: int = 64,
        depth: int = 8,
        norm: Norm = "batch",
        *,
        dropout: float = 0.5,
        resize: bool = False,
    ) -> None:
        super().__init__()
        widths = [width * min(WIDEST, 1 << level) for level in range(depth)]
        innermost, biased = depth - 1, norm in ("instance", "none")

        def halving(level: int) -> Halving:
            inside = widths[level - 1] if level else in_channels
            kind: Norm = "none" if level in (0, innermost) else norm
            return Halving(inside, widths[level], kind, first=level == 0, biased=biased)

        def doubling(level: int) -> Doubling:
            inside = widths[level] if level == innermost else 2 * widths[level]
            is_wide = widths[level] == widths[level - 1] and 0 < level < innermost
            return Doubling(
                inside,
                widths[level - 1] if level else out_channels,
                norm if level else "none",
                dropout=dropout if is_wide else 0.0,
                resize=resize,
                biased=biased or level == 0,
            )

        self.down = nn.ModuleList(halving(level) for level in range(depth))
        self.up = nn.ModuleList(doubling(level) for level in reversed(range(depth)))
        gaussian(self.modules())

    def forward(self, x: Tensor) -> Tensor:
        skips: list[Tensor] = []
        for block in self.down:
            x = block(x)
            skips.append(x)
        skips.pop()
        for index, block in enumerate(self.up):
            x = block(torch.cat((skips.pop(), x), dim=1) if index else x)
        return x


class Residual(nn.Module):
    """Two 3 x 3 convolutions with reflected edges and a sum around them."""

    def __init__(self, channels: int, norm: Norm, *, dropout: float, biased: bool) -> None:
        super().__init__()
        self.inner = nn.Sequential(
            nn.ReflectionPad2d(1),
            nn.Conv2d(channels, channels, 3, bias=biased),
            normalisation(norm, channels, affine=norm != "instance"),
            nn.ReLU(inplace=True),
            nn.Dropout(dropout) if dropout else nn.Identity(),
            nn.ReflectionPad2d(1),
            nn.Conv2d(channels, channels, 3, bias=biased),
            normalisation(norm, channels, affine=norm != "instance"),
        )

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = x + self.inner(x)
        return y


class ResNetTranslator(nn.Module):
    """Maps (N, in_channels, H, W) to (N, out_channels, H, W) before any tanh; H, W multiples of 4.

    The residual generator of CycleGAN (Johnson et al. 2016; Zhu et al. 2017): two halvings, `blocks`
    residual blocks, two doublings. Nine blocks of instance norm have 11,365,633 parameters for one
    channel in and out, six have 7,825,153.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        width: int = 64,
        blocks: int = 9,
        norm: Norm = "instance",
        *,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        biased = norm in ("instance", "none")

        def act(channels: int) -> tuple[nn.Module, nn.Module]:
            affine = norm != "instance"
            return normalisation(norm, channels, affine=affine), nn.ReLU(inplace=True)

        layers: list[nn.Module] = [
            nn.ReflectionPad2d(3),
            nn.Conv2d(in_channels, width, 7, bias=biased),
            *act(width),
        ]
        for inside in (width, 2 * width):
            layers += [nn.Conv2d(inside, 2 * inside, 3, 2, 1, bias=biased), *act(2 * inside)]
        layers += [Residual(4 * width, norm, dropout=dropout, biased=biased) for _ in range(blocks)]
        for inside in (4 * width, 2 * width):
            up = nn.ConvTranspose2d(inside, inside // 2, 3, 2, 1, output_padding=1, bias=biased)
            layers += [up, *act(inside // 2)]
        layers += [nn.ReflectionPad2d(3), nn.Conv2d(width, out_channels, 7)]
        self.layers = nn.Sequential(*layers)
        gaussian(self.modules())

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.layers(x)
        return y


class MaskPainter(nn.Module):
    """Images (N, out_channels, H, W) in [-1, 1] of class maps (N, in_channels, H, W); sides multiples of 16.

    Four halvings and four doublings (S001; kernels and widths after pix2pix), biases everywhere, with
    skips on request; 5,533,699 parameters for 21 classes and three channels without them.
    """

    WIDTHS = (64, 128, 256, 512)

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        widths: tuple[int, ...] = WIDTHS,
        *,
        dropout: float = 0.5,
        skips: bool = False,
    ) -> None:
        super().__init__()
        self.skips = skips
        self.down = nn.ModuleList(
            Halving(inside, width, "batch" if level else "none", first=level == 0, biased=True)
            for level, (inside, width) in enumerate(
                zip((in_channels, *widths[:-1]), widths, strict=True)
            )
        )
        outside = (*widths[-2::-1], out_channels)
        self.up = nn.ModuleList(
            Doubling(
                inside * (2 if skips and level else 1),
                width,
                "batch" if level < len(widths) - 1 else "none",
                dropout=dropout if level < len(widths) - 1 else 0.0,
                resize=False,
                biased=True,
            )
            for level, (inside, width) in enumerate(zip(widths[::-1], outside, strict=True))
        )
        gaussian(self.modules())

    def forward(self, x: Tensor) -> Tensor:
        kept: list[Tensor] = []
        for block in self.down:
            x = block(x)
            kept.append(x)
        kept.pop()
        for level, block in enumerate(self.up):
            x = block(torch.cat((kept.pop(), x), dim=1) if self.skips and level else x)
        return torch.tanh(x)
