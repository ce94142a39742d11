"""Blocks of convolution, norm and activation: what they give, and that folding changes nothing."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from napari_advseg.networks.convolution import (
    ConvNorm,
    ConvNorm3d,
    InstanceNorm,
    activation,
    folded,
    normalisation,
    same_conv3d,
    standardised,
)


@pytest.mark.parametrize("shape", [(2, 3, 5, 7), (2, 3, 4, 5, 7)], ids=["sections", "volumes"])
def test_standardised_maps_have_mean_0_and_variance_1(shape):
    maps = 5 + 3 * torch.randn(shape)
    made = standardised(maps).flatten(2).double()
    torch.testing.assert_close(made.mean(2), torch.zeros(2, 3).double(), atol=1e-5, rtol=0)
    torch.testing.assert_close(
        made.var(2, correction=0), torch.ones(2, 3).double(), rtol=1e-4, atol=0
    )


def test_a_constant_map_becomes_0_and_keeps_its_type():
    made = standardised(torch.full((1, 1, 4, 4), 7.0, dtype=torch.bfloat16))
    assert made.dtype == torch.bfloat16
    assert (made == 0).all()


def test_instance_norm_scales_and_shifts_by_its_weights():
    layer, maps = InstanceNorm(2, affine=True), torch.randn(3, 2, 6, 6)
    with torch.no_grad():
        layer.weight.copy_(torch.tensor([2.0, -1.0]))
        layer.bias.copy_(torch.tensor([0.5, 4.0]))
    made = layer(maps).mean((2, 3))
    torch.testing.assert_close(made, torch.tensor([0.5, 4.0]).expand(3, 2), atol=1e-5, rtol=0)
    torch.testing.assert_close(layer(maps)[:, 1], 4 - standardised(maps)[:, 1])


@pytest.mark.parametrize(("channels", "groups"), [(16, 8), (12, 6), (7, 7), (11, 1), (9, 3)])
def test_group_norm_takes_the_most_groups_up_to_8_that_divide_the_channels(channels, groups):
    assert normalisation("group", channels).num_groups == groups


def test_activations_have_their_published_values():
    at = torch.tensor([-1.0, 0.0, 2.0])
    expected = {
        "relu": [0, 0, 2],
        "elu": [np.exp(-1) - 1, 0, 2],
        "leaky_relu": [-0.2, 0, 2],
    }
    for kind, values in expected.items():
        assert activation(kind)(at.clone()).tolist() == pytest.approx(values)


@pytest.mark.parametrize("norm", ["batch", "instance", "group", "none"])
def test_a_convolution_has_a_bias_only_where_nothing_normalises(norm):
    for block in (ConvNorm(3, 8, norm), ConvNorm3d(3, 8, (1, 3, 3), norm)):
        assert (block.conv.bias is not None) == (norm == "none")


def test_first_weights_keep_the_variance_through_a_relu():
    """He et al. 2015: deviation sqrt(2 / fan in)."""
    weight = ConvNorm(32, 64, "batch").conv.weight
    assert weight.std().item() == pytest.approx(np.sqrt(2 / (32 * 9)), rel=0.05)


@pytest.mark.parametrize("stride", [(1, 1, 1), (1, 2, 2), (2, 2, 2)])
@pytest.mark.parametrize("kernel", [(1, 3, 3), (3, 3, 3), (1, 5, 5)])
def test_a_same_convolution_keeps_the_size_and_the_values_at_the_edge(kernel, stride):
    conv = same_conv3d(1, 1, kernel, stride, bias=False)
    nn.init.constant_(conv.weight, 1 / np.prod(kernel))
    made = conv(torch.full((1, 1, 5, 7, 8), 3.0))
    expected = [-(-side // step) for side, step in zip((5, 7, 8), stride, strict=True)]
    torch.testing.assert_close(made, torch.full((1, 1, *expected), 3.0))


@pytest.mark.parametrize("norm", ["batch", "instance"])
def test_folding_changes_no_output_and_not_the_network_itself(norm):
    network = nn.Sequential(ConvNorm(2, 6, norm), nn.ReLU(), ConvNorm(6, 3, norm))
    for _ in range(3):
        network(2 + 3 * torch.randn(4, 2, 8, 8))  # statistics of its own
    for name, weight in network.named_parameters():
        if "norm" in name:
            nn.init.uniform_(weight, 0.5, 1.5)
    before = {name: value.clone() for name, value in network.state_dict().items()}
    fast, tile = folded(network), torch.randn(1, 2, 9, 7)
    with torch.no_grad():
        torch.testing.assert_close(fast(tile), network.eval()(tile), atol=1e-5, rtol=1e-4)
    assert any(isinstance(part, nn.BatchNorm2d) for part in network.modules()) == (norm == "batch")
    assert not any(isinstance(part, nn.BatchNorm2d) for part in fast.modules())
    for name, value in network.state_dict().items():
        assert torch.equal(value, before[name])
