"""Networks from image to logits of any size, by name: what SegGAN refines."""

from __future__ import annotations

from typing import Literal

from torch import nn

from napari_advseg.networks.deeplab import deeplab, deeplab_lite, largefov
from napari_advseg.networks.switches import DeconvNet
from napari_advseg.networks.unet import UNet2d

Segmenter = Literal["deeplab", "largefov", "deeplab_lite", "unet", "deconvnet"]
STRIDES: dict[Segmenter, int] = {
    "deeplab": 8,
    "largefov": 8,
    "deeplab_lite": 8,
    "unet": 16,
    "deconvnet": 8,
}
UNET = (16, 32, 64, 128, 256)


def segmenter(kind: Segmenter, in_channels: int, classes: int) -> nn.Module:
    """Logits (N, classes, H, W) of images (N, in_channels, H, W); sides are multiples of `STRIDES[kind]`."""
    if kind == "deeplab":
        return deeplab(in_channels, classes)
    if kind == "largefov":
        return largefov(in_channels, classes)
    if kind == "deeplab_lite":
        return deeplab_lite(in_channels, classes)
    if kind == "unet":
        return UNet2d(in_channels, classes, UNET)
    return DeconvNet(in_channels, classes, norm="batch")
