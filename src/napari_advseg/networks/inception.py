"""InceptionV3, which says what an image shows; its tensors bear the names of the weights that others published."""

from __future__ import annotations

from collections import OrderedDict

import torch
from torch import Tensor, nn
from torch.nn import functional as F

SIDE = 299
PUBLIC = "https://download.pytorch.org/models/inception_v3_google-0cc3c7bd.pth"
AUXILIARY = "AuxLogits."

Step = tuple[str, int, tuple[int, int], int]
"""Name, channels that come out, kernel and stride of a convolution; those of stride 1 keep the size."""
Path = tuple[Step, ...]
MAX, MEAN = "max", "mean"


class InceptionV3(nn.Module):
    """Logits (N, 1000) of images (N, 3 or 1, H, W) in [-1, 1], which are resized to 299 x 299 (Szegedy et al. 2016).

    23,834,568 parameters for three channels; the auxiliary head, which only helps to train, is left out.
    """

    def __init__(self, in_channels: int = 3) -> None:
        super().__init__()
        layers = OrderedDict[str, nn.Module](
            Conv2d_1a_3x3=Convolution(in_channels, 32, (3, 3), 2, same=False),
            Conv2d_2a_3x3=Convolution(32, 32, (3, 3), same=False),
            Conv2d_2b_3x3=Convolution(32, 64, (3, 3)),
            maxpool1=nn.MaxPool2d(3, 2),
            Conv2d_3b_1x1=Convolution(64, 80, (1, 1)),
            Conv2d_4a_3x3=Convolution(80, 192, (3, 3), same=False),
            maxpool2=nn.MaxPool2d(3, 2),
            Mixed_5b=Mixed(192, _a(32)),
            Mixed_5c=Mixed(256, _a(64)),
            Mixed_5d=Mixed(288, _a(64)),
            Mixed_6a=Mixed(288, _b()),
            Mixed_6b=Mixed(768, _c(128)),
            Mixed_6c=Mixed(768, _c(160)),
            Mixed_6d=Mixed(768, _c(160)),
            Mixed_6e=Mixed(768, _c(192)),
            Mixed_7a=Mixed(768, _d()),
            Mixed_7b=Mixed(1280, _e()),
            Mixed_7c=Mixed(2048, _e()),
        )
        for name, layer in layers.items():
            self.add_module(name, layer)
        self._names = tuple(layers)
        self.fc = nn.Linear(2048, 1000)

    def forward(self, x: Tensor) -> Tensor:
        x = F.interpolate(x, (SIDE, SIDE), mode="bilinear", align_corners=False)
        for name in self._names:
            x = self.get_submodule(name)(x)
        logits: Tensor = self.fc(x.mean((2, 3)))
        return logits


class Convolution(nn.Module):
    """Convolution, batch norm, ReLU."""

    def __init__(
        self,
        inside: int,
        outside: int,
        kernel: tuple[int, int],
        stride: int = 1,
        *,
        same: bool = True,
    ) -> None:
        super().__init__()
        padding = (kernel[0] // 2, kernel[1] // 2) if same else (0, 0)
        self.conv = nn.Conv2d(inside, outside, kernel, stride, padding, bias=False)
        self.bn = nn.BatchNorm2d(outside, eps=0.001)

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(self.bn(self.conv(x)))


class Mixed(nn.Module):
    """Several paths of convolutions side by side; a path may begin with a pooling, or be nothing else."""

    def __init__(self, inside: int, paths: tuple[Path, ...]) -> None:
        super().__init__()
        self.paths = tuple(tuple(step[0] for step in path) for path in paths)
        for path in paths:
            width = inside
            for name, outside, kernel, stride in path:
                if name in (MAX, MEAN):
                    continue
                if name not in self._modules:  # two paths may begin alike
                    self.add_module(
                        name, Convolution(width, outside, kernel, stride, same=stride == 1)
                    )
                width = outside

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([self._along(path, x) for path in self.paths], 1)

    def _along(self, path: tuple[str, ...], x: Tensor) -> Tensor:
        for name in path:
            if name == MAX:
                x = F.max_pool2d(x, 3, 2)
            elif name == MEAN:
                x = F.avg_pool2d(x, 3, 1, 1)
            else:
                x = self.get_submodule(name)(x)
        return x


def with_weights(tensors: dict[str, Tensor], in_channels: int, grey: str = "sum") -> InceptionV3:
    """The network for images of so many channels with published weights, frozen, in evaluation mode.

    Of the first layer grey images get the `sum` over the colours, which equals showing grey in all three, or a
    `single` colour.

    Raises:
        ValueError: a tensor is missing or has another shape; the first one is named.
    """
    network = InceptionV3(1 if in_channels == 1 else 3)
    given = {name: value for name, value in tensors.items() if not name.startswith(AUXILIARY)}
    first = "Conv2d_1a_3x3.conv.weight"
    if in_channels == 1 and first in given and given[first].dim() == 4:
        colours = given[first]
        given[first] = colours.sum(1, keepdim=True) if grey == "sum" else colours[:, :1]
    for name, own in network.state_dict().items():
        found = given.get(name)
        if found is None and name.endswith(
            "num_batches_tracked"
        ):  # older files lack it; it counts nothing here
            given[name] = own
        elif found is None or found.shape != own.shape:
            what = "is missing" if found is None else f"has the shape {tuple(found.shape)}"
            raise ValueError(
                f"These are not the weights of InceptionV3: '{name}' {what}, expected is {tuple(own.shape)}. Name the "
                "public state-dict file, or train with model.conditioning=none."
            )
    network.load_state_dict(given, strict=False)
    return network.eval().requires_grad_(requires_grad=False)


def _step(name: str, outside: int, height: int, width: int = 0, stride: int = 1) -> Step:
    return name, outside, (height, width or height), stride


_POOL_MAX: Step = _step(MAX, 0, 3, stride=2)
_POOL_MEAN: Step = _step(MEAN, 0, 3)


def _a(pooled: int) -> tuple[Path, ...]:
    return (
        (_step("branch1x1", 64, 1),),
        (_step("branch5x5_1", 48, 1), _step("branch5x5_2", 64, 5)),
        (
            _step("branch3x3dbl_1", 64, 1),
            _step("branch3x3dbl_2", 96, 3),
            _step("branch3x3dbl_3", 96, 3),
        ),
        (_POOL_MEAN, _step("branch_pool", pooled, 1)),
    )


def _b() -> tuple[Path, ...]:
    return (
        (_step("branch3x3", 384, 3, stride=2),),
        (
            _step("branch3x3dbl_1", 64, 1),
            _step("branch3x3dbl_2", 96, 3),
            _step("branch3x3dbl_3", 96, 3, stride=2),
        ),
        (_POOL_MAX,),
    )


def _c(inner: int) -> tuple[Path, ...]:
    return (
        (_step("branch1x1", 192, 1),),
        (
            _step("branch7x7_1", inner, 1),
            _step("branch7x7_2", inner, 1, 7),
            _step("branch7x7_3", 192, 7, 1),
        ),
        (
            _step("branch7x7dbl_1", inner, 1),
            _step("branch7x7dbl_2", inner, 7, 1),
            _step("branch7x7dbl_3", inner, 1, 7),
            _step("branch7x7dbl_4", inner, 7, 1),
            _step("branch7x7dbl_5", 192, 1, 7),
        ),
        (_POOL_MEAN, _step("branch_pool", 192, 1)),
    )


def _d() -> tuple[Path, ...]:
    return (
        (_step("branch3x3_1", 192, 1), _step("branch3x3_2", 320, 3, stride=2)),
        (
            _step("branch7x7x3_1", 192, 1),
            _step("branch7x7x3_2", 192, 1, 7),
            _step("branch7x7x3_3", 192, 7, 1),
            _step("branch7x7x3_4", 192, 3, stride=2),
        ),
        (_POOL_MAX,),
    )


def _e() -> tuple[Path, ...]:
    three = _step("branch3x3_1", 384, 1)
    double = _step("branch3x3dbl_1", 448, 1), _step("branch3x3dbl_2", 384, 3)
    return (
        (_step("branch1x1", 320, 1),),
        (three, _step("branch3x3_2a", 384, 1, 3)),
        (three, _step("branch3x3_2b", 384, 3, 1)),
        (*double, _step("branch3x3dbl_3a", 384, 1, 3)),
        (*double, _step("branch3x3dbl_3b", 384, 3, 1)),
        (_POOL_MEAN, _step("branch_pool", 192, 1)),
    )
