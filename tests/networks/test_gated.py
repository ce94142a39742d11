"""Gated layers: what a gate lets through, how far they look, and how a condition enters a score."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from napari_advseg.networks.gated import (
    CONTEXT,
    GATED,
    ConditionedCritic,
    GatedConv,
    GatedGenerator,
    generator_of,
)


def gate(layer, logit):
    """Hold the gate of a layer at sigmoid(`logit`) everywhere."""
    nn.init.zeros_(layer.gate.weight)
    nn.init.constant_(layer.gate.bias, logit)


def test_a_closed_gate_lets_nothing_through_and_an_open_one_everything():
    layer, x = GatedConv(2, 3), torch.randn(1, 2, 8, 8)
    gate(layer, -200.0)
    assert (layer(x) == 0).all()
    gate(layer, 200.0)
    torch.testing.assert_close(layer.raw(x), F.elu(layer.feature(x)))
    gate(layer, 0.0)
    torch.testing.assert_close(layer.raw(x), F.elu(layer.feature(x)) / 2)


def test_a_gate_is_a_sigmoid_of_what_it_sees():
    layer, x = GatedConv(2, 3), torch.randn(1, 2, 8, 8)
    expected = F.elu(layer.feature(x)) / (1 + torch.exp(-layer.gate(x)))
    torch.testing.assert_close(layer.raw(x), expected)


def test_the_output_of_a_layer_is_standardised():
    made = GatedConv(2, 3)(torch.randn(2, 2, 9, 9)).flatten(2)
    torch.testing.assert_close(made.mean(2), torch.zeros(2, 3), atol=1e-5, rtol=0)
    torch.testing.assert_close(made.var(2, correction=0), torch.ones(2, 3), atol=0.01, rtol=0)


def test_a_single_pixel_is_not_standardised_away():
    layer, x = GatedConv(1, 2), torch.randn(1, 1, 1, 1)
    assert torch.equal(layer(x), layer.raw(x))
    assert (layer(x) != 0).any()


@pytest.mark.parametrize(("stride", "dilation"), [(1, 1), (1, 16), (2, 1)])
def test_same_padding_keeps_the_size_up_to_the_stride(stride, dilation):
    layer = GatedConv(1, 1, stride=stride, dilation=dilation)
    assert layer(torch.rand(1, 1, 33, 20)).shape == (1, 1, -(-33 // stride), 20 // stride)


def test_the_convolutions_look_no_further_than_the_context_and_nearly_as_far():
    torch.manual_seed(0)
    network = GatedGenerator(1, 1, 2)
    for layer in network.gated:
        layer.forward = layer.raw  # the norms look at the whole tile
    side = 2 * CONTEXT + 81
    image = torch.rand(1, 3, side, side, requires_grad=True)
    network(image)[0, 0, side // 2, side // 2].backward()
    rows = torch.nonzero(image.grad[0].abs().amax((0, 2))).flatten() - side // 2
    assert CONTEXT / 2 < max(-rows.min(), rows.max()) <= CONTEXT


def test_every_tensor_belongs_to_one_of_17_layers_in_their_order():
    network = GatedGenerator(1, 1, 2)
    layers = [network.layer_of(name) for name in network.state_dict()]
    assert layers == sorted(layers)
    assert {layer: layers.count(layer) for layer in layers} == {
        **dict.fromkeys(range(1, GATED + 1), 4),
        GATED + 1: 2,
    }


def test_a_generator_is_built_again_from_its_tensors_alone():
    network, image = GatedGenerator(2, 3, 4), torch.rand(1, 4, 16, 16)
    tensors = {f"generator.{name}": value.numpy() for name, value in network.state_dict().items()}
    again = generator_of({**tensors, "critic.score": torch.zeros(1).numpy()}, "there")
    with torch.no_grad():
        assert torch.equal(again(image), network(image))
    with pytest.raises(ValueError, match="there holds no gated generator"):
        generator_of({"unet.out.weight": torch.zeros(1).numpy()}, "there")


def test_an_encoder_tells_images_apart_by_so_many_numbers():
    network = GatedGenerator(1, 1, 4)
    with torch.no_grad():
        told = network.described(torch.rand(3, 3, 24, 24))
    assert told.shape == (3, network.numbers)
    assert (told[0] - told[1]).abs().max() > 1e-4


def test_the_condition_enters_the_score_as_a_product():
    """score(c) = score(0) + <V c, v>: linear in the condition."""
    critic = ConditionedCritic(1, 4, condition=5).eval()
    image, mask, one, other = (
        torch.rand(2, 1, 32, 32),
        torch.zeros(2, 1, 32, 32),
        torch.rand(2, 5),
        torch.rand(2, 5),
    )
    with torch.no_grad():
        plain = critic(image, mask)
        first, second, both = (
            critic(image, mask, condition) - plain
            for condition in (one, other, 2 * one - 3 * other)
        )
        assert torch.equal(critic(image, mask, torch.zeros(2, 5)), plain)
    torch.testing.assert_close(both, 2 * first - 3 * second, atol=1e-6, rtol=1e-3)
    assert first.abs().max() > 0


def test_spectral_norm_bounds_every_layer_of_the_critic():
    critic = ConditionedCritic(1, 4, condition=5).eval()
    layers = [part for part in critic.modules() if isinstance(part, nn.Conv2d | nn.Linear)]
    assert len(layers) == 9
    for layer in layers:
        largest = torch.linalg.matrix_norm(layer.weight.detach().flatten(1), 2)
        assert float(largest) == pytest.approx(1, abs=0.1)
