"""First weights of adversarial networks: the spread that was asked for, and nothing else touched."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from napari_advseg.networks.initial import gaussian


@pytest.mark.parametrize("spread", [0.02, 0.1])
@pytest.mark.parametrize(
    "layer",
    [nn.Conv2d(32, 64, 4), nn.ConvTranspose2d(32, 64, 4), nn.Linear(128, 256)],
    ids=lambda layer: type(layer).__name__,
)
def test_weights_are_drawn_around_0_and_biases_are_0(layer, spread):
    torch.manual_seed(0)
    gaussian([layer], spread)
    assert layer.weight.std().item() == pytest.approx(spread, rel=0.03)
    assert layer.weight.mean().item() == pytest.approx(0, abs=0.03 * spread)
    assert (layer.bias == 0).all()


def test_weights_of_norms_are_drawn_around_1():
    torch.manual_seed(0)
    for norm in (nn.BatchNorm2d(4096), nn.GroupNorm(8, 4096)):
        gaussian([norm])
        assert norm.weight.mean().item() == pytest.approx(1, abs=0.002)
        assert norm.weight.std().item() == pytest.approx(0.02, rel=0.05)
        assert (norm.bias == 0).all()


def test_norms_without_weights_and_other_layers_stay_as_they_are():
    network = nn.Sequential(nn.InstanceNorm2d(3), nn.Conv3d(2, 3, 3), nn.ReLU())
    before = [weight.clone() for weight in network.parameters()]
    gaussian(network.modules())
    assert all(map(torch.equal, network.parameters(), before))
