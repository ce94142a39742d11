"""Gated convolutions: the generator that fills what a mask leaves out, and the critic of what it fills."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.parametrizations import spectral_norm

from napari_advseg.networks.convolution import standardised

DILATIONS = (2, 4, 8, 16)
GATED = 16
LAST_MAP = 5
CONTEXT = 160
"""Pixels around an output that its convolutions look at; the norms look at the whole tile."""


class GatedConv(nn.Module):
    """InstanceNorm(ELU(feature(x)) sigmoid(gate(x))), both convolutions biased, "same" zero padding.

    Yu et al. 2019; the norm has neither weights nor running statistics.
    """

    def __init__(
        self, inside: int, outside: int, kernel: int = 3, stride: int = 1, dilation: int = 1
    ) -> None:
        super().__init__()
        padding = dilation * (kernel - 1) // 2
        self.feature, self.gate = (
            nn.Conv2d(inside, outside, kernel, stride, padding, dilation) for _ in range(2)
        )

    def forward(self, x: Tensor) -> Tensor:
        found = self.raw(x)
        # A single pixel has no deviation to divide by.
        return standardised(found) if found.shape[-1] * found.shape[-2] > 1 else found

    def raw(self, x: Tensor) -> Tensor:
        """The same before the norm, which takes the mean of every map away."""
        return F.elu(self.feature(x)) * torch.sigmoid(self.gate(x))


class GatedGenerator(nn.Module):
    """Maps (N, out_channels, H, W) of [image, ones, mask], which are `in_channels` + 2 channels of any size.

    Sixteen gated layers and a plain one, with skips to layers of equal size (Teterwak et al. 2019; methods,
    section 13). 3,454,705 parameters for a width of 32 and one channel in and out. Nothing bounds the output.
    """

    def __init__(self, in_channels: int, out_channels: int, width: int = 32) -> None:
        super().__init__()
        w, w2, w4 = width, 2 * width, 4 * width
        self.in_channels, self.numbers = in_channels, w4
        self.gated = nn.ModuleList(
            [
                GatedConv(in_channels + 2, w, 5),
                GatedConv(w, w2, stride=2),
                GatedConv(w2, w2),
                GatedConv(w2, w4, stride=2),
                GatedConv(w4, w4),
                GatedConv(w4, w4),
                *(GatedConv(w4, w4, dilation=reach) for reach in DILATIONS),
                GatedConv(w4, w4),
                GatedConv(2 * w4, w4),
                GatedConv(2 * w4, w2),
                GatedConv(2 * w2, w2),
                GatedConv(2 * w2, w),
                GatedConv(2 * w, max(1, w // 2)),
            ]
        )
        self.last = nn.Conv2d(max(1, w // 2), out_channels, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        layers = list(self.gated)
        a = layers[0](x)
        b = layers[1](a)
        c = layers[2](b)
        d = layers[3](c)
        e = layers[4](d)
        x = e
        for layer in layers[5:11]:
            x = layer(x)
        x = layers[11](torch.cat((x, e), 1))
        x = layers[12](_resized(torch.cat((x, d), 1), c))
        x = layers[13](torch.cat((x, c), 1))
        x = layers[14](_resized(torch.cat((x, b), 1), a))
        made: Tensor = self.last(layers[15](torch.cat((x, a), 1)))
        return made

    def described(self, x: Tensor) -> Tensor:
        """What the encoder (layers 1 to 11) sees in an image, as 4 `width` numbers: (N, 4 width)."""
        layers: Sequence[GatedConv] = list(self.gated)  # type: ignore[arg-type]
        for layer in layers[:10]:
            x = layer(x)
        # After the norm every mean is 0 and every deviation 1: nothing would be left to tell images apart.
        return layers[10].raw(x).mean((2, 3))

    def layer_of(self, name: str) -> int:
        """Which layer, 1 to 17, the tensor of this name belongs to."""
        part, _, rest = name.partition(".")
        return int(rest.partition(".")[0]) + 1 if part == "gated" else GATED + 1


class ConditionedCritic(nn.Module):
    """One score (N, 1) for each image with its mask, (N, in_channels + 1, H, W), and a vector (N, `condition`).

    score = <w, v> + <V c, v>, v what seven convolutions of 5 x 5 make of image and mask, all with spectral norm
    (Miyato and Koyama 2018; methods, section 13). With one channel and a width of 64 there are 7,838,528
    parameters for a condition of 1000 numbers and 7,582,528 for none.
    """

    def __init__(self, in_channels: int, width: int = 64, condition: int = 0) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        inside = in_channels + 1
        for wide in (1, 2, 4, 4, 4, 4):
            layers += [
                spectral_norm(nn.Conv2d(inside, wide * width, 5, 2, 2)),
                nn.LeakyReLU(0.2),
            ]
            inside = wide * width
        self.layers = nn.Sequential(*layers)
        self.last = spectral_norm(nn.Conv2d(inside, inside, LAST_MAP))
        self.score = spectral_norm(nn.Linear(inside, 1, bias=False))
        self.condition = (
            spectral_norm(nn.Linear(condition, inside, bias=False)) if condition else None
        )

    def forward(self, image: Tensor, mask: Tensor, condition: Tensor | None = None) -> Tensor:
        maps = self.layers(torch.cat((image, mask), 1))
        # 257 px come down to 5 x 5; other sizes are brought there.
        maps = F.adaptive_avg_pool2d(maps, LAST_MAP)
        found = F.leaky_relu(self.last(maps), 0.2).flatten(1)
        score: Tensor = self.score(found)
        if self.condition is not None and condition is not None:
            score = score + (self.condition(condition) * found).sum(1, keepdim=True)
        return score


def generator_of(tensors: dict[str, Any], where: str) -> GatedGenerator:
    """The generator that the tensors of a model (`generator.parameter` -> array) belong to.

    Raises:
        ValueError: there is none among them; `where` names the model.
    """
    prefix = "generator."
    own = {
        name.removeprefix(prefix): torch.as_tensor(np.ascontiguousarray(value))
        for name, value in tensors.items()
        if name.startswith(prefix)
    }
    first, last = own.get("gated.0.feature.weight"), own.get("last.weight")
    if first is None or last is None:
        raise ValueError(
            f"{where} holds no gated generator; name a model of the family boundless or boundless_transfer."
        )
    network = GatedGenerator(first.shape[1] - 2, last.shape[0], first.shape[0])
    network.load_state_dict(own)
    return network


def _resized(x: Tensor, like: Tensor) -> Tensor:
    return F.interpolate(x, like.shape[-2:], mode="bilinear", align_corners=False)
