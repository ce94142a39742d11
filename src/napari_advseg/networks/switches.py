"""DeconvNet: pooling remembers where each maximum stood, and unpooling puts it back there."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn

from napari_advseg.networks.convolution import Norm, normalisation


class DeconvNet(nn.Module):
    """Logits (N, out_channels, H, W) of images (N, in_channels, H, W) of any size from 2^levels on.

    For each of `widths` two 3 x 3 convolutions and a 2 x 2 maximum pooling that keeps the places of its
    maxima (switches); mirrored, unpooling by the matching switches to the size before, and two
    transposed convolutions (Zeiler et al. 2011; Noh et al. 2015; S002). Widths 64, 128, 256 have
    2,289,986 parameters for three channels in and two out.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        widths: Sequence[int] = (64, 128, 256),
        norm: Norm = "none",
        *,
        dropout: float = 0.5,
    ) -> None:
        super().__init__()
        inside = (in_channels, *widths[:-1])
        outside = (out_channels, *widths[:-1])
        self.encoder = nn.ModuleList(
            _pair(nn.Conv2d, first, width, width, norm, last=False)
            for first, width in zip(inside, widths, strict=True)
        )
        self.decoder = nn.ModuleList(
            _pair(nn.ConvTranspose2d, width, width, end, norm, last=level == 0)
            for level, (width, end) in reversed(list(enumerate(zip(widths, outside, strict=True))))
        )
        self.pool = nn.MaxPool2d(2, 2, return_indices=True)
        self.unpool = nn.MaxUnpool2d(2, 2)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor) -> Tensor:
        switches = []
        for block in self.encoder:
            x = block(x)
            size = x.shape[-2:]
            x, places = self.pool(x)
            switches.append((places, size))
        x = self.dropout(x)
        for block in self.decoder:
            places, size = switches.pop()
            x = block(self.unpool(x, places, output_size=size))
        return x


def _pair(
    layer: type[nn.Conv2d | nn.ConvTranspose2d],
    inside: int,
    middle: int,
    outside: int,
    norm: Norm,
    *,
    last: bool,
) -> nn.Sequential:
    """Two layers of 3 x 3 with norm and ReLU, the last of all without them."""
    parts: list[nn.Module] = []
    for first, second in ((inside, middle), (middle, outside)):
        part = layer(first, second, 3, padding=1)
        nn.init.kaiming_normal_(part.weight, nonlinearity="relu")
        if part.bias is not None:
            nn.init.zeros_(part.bias)
        parts += [part, normalisation(norm, second), nn.ReLU(inplace=True)]
    return nn.Sequential(*(parts[:-2] if last else parts))
