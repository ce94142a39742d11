"""DeepLab: dilated networks whose logits have an eighth of the image's size and are resized to it."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn
from torch.nn import functional as F

from napari_advseg.networks.initial import gaussian

CLASSIFIER_SPREAD = 0.01
RATES = (6, 12, 18, 24)
VGG_16 = ((64, 64), (128, 128), (256, 256, 256), (512, 512, 512), (512, 512, 512))


class Bottleneck(nn.Module):
    """1 x 1, 3 x 3 and 1 x 1 convolutions with a sum around them (He et al. 2016).

    Parameters are named as in the public ImageNet weights, so that those can be loaded.
    """

    EXPANSION = 4

    def __init__(self, inside: int, width: int, stride: int, dilation: int) -> None:
        super().__init__()
        outside = width * self.EXPANSION
        self.conv1 = nn.Conv2d(inside, width, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, stride, dilation, dilation, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.conv3 = nn.Conv2d(width, outside, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(outside)
        self.downsample: nn.Module | None = None
        if stride != 1 or inside != outside:
            around = nn.Conv2d(inside, outside, 1, stride, bias=False)
            self.downsample = nn.Sequential(around, nn.BatchNorm2d(outside))

    def forward(self, x: Tensor) -> Tensor:
        y = F.relu(self.bn1(self.conv1(x)))
        y = F.relu(self.bn2(self.conv2(y)))
        y = self.bn3(self.conv3(y))
        return F.relu(y + (x if self.downsample is None else self.downsample(x)))


class DilatedResNet(nn.Module):
    """Features (N, 2048, H/8, W/8): ResNet-101 whose last two stages dilate by 2 and 4 instead of halving.

    42,500,160 parameters for three channels and `blocks` (3, 4, 23, 3), named as in the public weights.
    """

    def __init__(self, in_channels: int = 3, blocks: Sequence[int] = (3, 4, 23, 3)) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(in_channels, 64, 7, 2, 3, bias=False)
        self.bn1 = nn.BatchNorm2d(64)
        stages = zip((64, 128, 256, 512), blocks, (1, 2, 1, 1), (1, 1, 2, 4), strict=True)
        inside = 64
        for number, (width, count, stride, dilation) in enumerate(stages, start=1):
            stage = []
            for index in range(count):
                stage.append(Bottleneck(inside, width, 1 if index else stride, dilation))
                inside = width * Bottleneck.EXPANSION
            self.add_module(f"layer{number}", nn.Sequential(*stage))
        self.out_channels = inside

    def forward(self, x: Tensor) -> Tensor:
        x = F.max_pool2d(F.relu(self.bn1(self.conv1(x))), 3, 2, 1)
        for number in range(1, 5):
            x = self.get_submodule(f"layer{number}")(x)
        return x


class LiteBody(nn.Module):
    """Features (N, last width, H/8, W/8) of four small stages, the last two dilated by 2 and 4."""

    def __init__(self, in_channels: int, widths: Sequence[int] = (16, 32, 64, 128)) -> None:
        super().__init__()
        stages: list[nn.Module] = []
        inside = in_channels
        for width, stride, dilation in zip(widths, (2, 2, 2, 1), (1, 1, 2, 4), strict=True):
            for index in range(2):
                step = 1 if index else stride
                conv = nn.Conv2d(inside, width, 3, step, dilation, dilation, bias=False)
                nn.init.kaiming_normal_(conv.weight, nonlinearity="relu")
                stages += [conv, nn.BatchNorm2d(width), nn.ReLU(inplace=True)]
                inside = width
        self.stages = nn.Sequential(*stages)
        self.out_channels = inside

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.stages(x)
        return y


class LargeFovBody(nn.Module):
    """Features (N, 1024, H/8, W/8): VGG-16 without its last halvings, fc6 as 3 x 3 at rate 12, fc7 as 1 x 1.

    DeepLab-LargeFOV (Chen et al. 2015); the convolutions are named as in the public weights
    (`features.0.weight` and so on), fc6 and fc7 start anew.
    """

    def __init__(self, in_channels: int = 3, dropout: float = 0.5) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        inside = in_channels
        for number, widths in enumerate(VGG_16):
            dilation = 2 if number == 4 else 1
            for width in widths:
                layers += [
                    nn.Conv2d(inside, width, 3, 1, dilation, dilation),
                    nn.ReLU(inplace=True),
                ]
                inside = width
            layers.append(nn.MaxPool2d(3, 2 if number < 3 else 1, 1))
        self.features = nn.Sequential(*layers)
        self.fc6 = nn.Conv2d(inside, 1024, 3, 1, 12, 12)
        self.fc7 = nn.Conv2d(1024, 1024, 1)
        self.dropout = nn.Dropout2d(dropout)
        self.out_channels = 1024

    def forward(self, x: Tensor) -> Tensor:
        x = self.dropout(F.relu(self.fc6(self.features(x))))
        y: Tensor = self.dropout(F.relu(self.fc7(x)))
        return y


class DeepLab(nn.Module):
    """Logits (N, classes, H, W): a body of an eighth of the size, and classifiers of several rates summed.

    `rates` (6, 12, 18, 24) are the atrous pyramid of DeepLab-v2 (Chen et al. 2017): with ResNet-101
    44,048,532 parameters for 21 classes; no rates are a single 1 x 1 classifier, as in LargeFOV.
    """

    def __init__(self, body: nn.Module, channels: int, classes: int, rates: Sequence[int]) -> None:
        super().__init__()
        self.body = body
        layers = [nn.Conv2d(channels, classes, 3, 1, rate, rate) for rate in rates]
        layers = layers or [nn.Conv2d(channels, classes, 1)]
        gaussian(layers, CLASSIFIER_SPREAD)
        self.classifiers = nn.ModuleList(layers)

    def forward(self, x: Tensor) -> Tensor:
        features = self.body(x)
        first, *others = self.classifiers
        logits = first(features)
        for classifier in others:
            logits = logits + classifier(features)
        return F.interpolate(logits, x.shape[-2:], mode="bilinear", align_corners=False)


def deeplab(in_channels: int, classes: int) -> DeepLab:
    """DeepLab-v2 on ResNet-101."""
    body = DilatedResNet(in_channels)
    return DeepLab(body, body.out_channels, classes, RATES)


def deeplab_lite(in_channels: int, classes: int) -> DeepLab:
    """The same shape at the size of a CPU: four stages of 16 to 128 channels."""
    body = LiteBody(in_channels)
    return DeepLab(body, body.out_channels, classes, RATES)


def largefov(in_channels: int, classes: int) -> DeepLab:
    """DeepLab-LargeFOV on VGG-16; 20,505,429 parameters for three channels and 21 classes."""
    body = LargeFovBody(in_channels)
    return DeepLab(body, body.out_channels, classes, ())
