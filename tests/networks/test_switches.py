"""DeconvNet: every maximum comes back in its place."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from napari_advseg.networks.switches import DeconvNet


def pooling_alone(levels):
    """A network whose convolutions pass on what they get."""
    network = DeconvNet(1, 1, (1,) * levels).eval()
    for layer in network.modules():
        if isinstance(layer, nn.Conv2d | nn.ConvTranspose2d):
            nn.init.zeros_(layer.weight)
            layer.weight.data[:, :, 1, 1] = 1
    return network


def maxima(image, side):
    """The image where it is the largest of its block of side x side, 0 elsewhere."""
    kept = torch.zeros_like(image)
    for top in range(0, image.shape[0] // side * side, side):
        for left in range(0, image.shape[1] // side * side, side):
            block = image[top : top + side, left : left + side]
            y, x = divmod(int(block.argmax()), block.shape[1])
            kept[top + y, left + x] = block[y, x]
    return kept


@pytest.mark.parametrize("shape", [(8, 8), (9, 15), (33, 25)], ids=str)
@pytest.mark.parametrize("levels", [1, 2, 3])
def test_unpooling_puts_a_maximum_back_and_nothing_elsewhere(levels, shape):
    image = torch.rand(shape, generator=torch.Generator().manual_seed(levels))
    with torch.no_grad():
        made = pooling_alone(levels)(image[None, None])
    assert torch.equal(made[0, 0], maxima(image, 2**levels))


def test_the_gradient_passes_only_through_the_switches():
    image = torch.rand(1, 1, 16, 16, requires_grad=True)
    made = pooling_alone(2)(image)
    made.sum().backward()
    assert torch.equal(image.grad != 0, made != 0)
    assert int((image.grad != 0).sum()) == 16


@pytest.mark.parametrize("shape", [(131, 97), (9, 15), (8, 8)], ids=str)
def test_any_size_comes_out_as_it_went_in(shape):
    with torch.inference_mode():
        made = DeconvNet(3, 2, (4, 8, 8)).eval()(torch.rand(1, 3, *shape))
    assert made.shape == (1, 2, *shape)
    assert torch.isfinite(made).all()


@pytest.mark.parametrize(
    ("widths", "count"), [((64, 128, 256), 2_289_986), ((32, 64, 128), 573_602), ((16, 32, 64), 143_954)]
)  # fmt: skip
def test_counts_are_the_published_ones(widths, count):
    with torch.device("meta"):
        network = DeconvNet(3, 2, widths)
    assert sum(weight.numel() for weight in network.parameters()) == count


def test_logits_can_be_negative_though_every_other_layer_is_rectified():
    torch.manual_seed(0)
    with torch.inference_mode():
        assert DeconvNet(1, 2, (4,))(torch.rand(1, 1, 16, 16)).min() < 0
