"""StyleGAN's networks: equalised layers, modulation, fading in, and the spread over a batch."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional as F

from napari_advseg.networks.style import (
    AdaIN,
    EqualConv,
    EqualLinear,
    Noise,
    StyleCritic,
    StyleGenerator,
    level_and_share,
    spread_over,
)

WIDTHS = (8, 8, 4)


def generator(seed=0):
    torch.manual_seed(seed)
    return StyleGenerator(1, WIDTHS, code=8, depth=2)


def drawn(network, styles, reached, *mixed):
    """Images with the same noise each time."""
    with torch.no_grad():
        return network(styles, reached, *mixed, noise=torch.Generator().manual_seed(1))


@pytest.mark.parametrize(
    ("reached", "level", "share"),
    [(0.0, 0, 1.0), (0.25, 1, 0.25), (1.0, 1, 1.0), (1.25, 2, 0.25), (1.75, 2, 0.75), (5.0, 5, 1.0)],
)  # fmt: skip
def test_how_far_the_growth_is_says_level_and_share(reached, level, share):
    assert level_and_share(reached) == (level, pytest.approx(share))


@pytest.mark.parametrize("share", [1e-5, 0.25, 0.5, 1.0])
@pytest.mark.parametrize("level", [1, 2])
def test_a_new_level_fades_in_from_the_doubled_one_below_it(level, share):
    """share 0 is the lower branch, share 1 the upper one."""
    network = generator()
    styles = torch.randn(2, 8)
    lower = F.interpolate(drawn(network, styles, level - 1.0), scale_factor=2, mode="nearest")
    upper = drawn(network, styles, float(level))
    assert not torch.allclose(lower, upper, atol=0.1)
    found = drawn(network, styles, level - 1 + share)
    torch.testing.assert_close(found, (1 - share) * lower + share * upper, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("level", [1, 2])
def test_the_critic_begins_a_level_with_what_it_said_of_the_halved_image(level):
    torch.manual_seed(0)
    critic = StyleCritic(1, WIDTHS)
    image = torch.randn(3, 1, 4 << level, 4 << level)
    with torch.no_grad():
        before = critic(F.avg_pool2d(image, 2), level - 1.0)
        torch.testing.assert_close(critic(image, level - 1 + 2e-6), before, atol=1e-4, rtol=1e-4)
        assert not torch.allclose(critic(image, float(level)), before, atol=0.01)


def test_equalised_layers_give_variance_2_of_variance_1_whatever_their_size():
    """What a leaky ReLU halves: weights of deviation 1 times sqrt(2 / fan in)."""
    torch.manual_seed(0)
    for inside in (16, 256):
        made = EqualLinear(inside, 256)(torch.randn(512, inside))
        assert made.var().item() == pytest.approx(2, rel=0.2)
        made = EqualConv(inside, 64, 3)(torch.randn(4, inside, 20, 20))[..., 1:-1, 1:-1]
        assert made.var().item() == pytest.approx(2, rel=0.2)
    assert EqualConv(256, 256, 3).weight.std().item() == pytest.approx(1, rel=0.01)


def test_adain_gives_maps_the_deviation_and_mean_of_the_style():
    layer, style = AdaIN(3, 5), torch.randn(2, 5)
    made = layer(4 + 3 * torch.randn(2, 3, 16, 16), style).flatten(2)
    scale, shift = layer.style(style).chunk(2, dim=1)
    torch.testing.assert_close(made.mean(2), shift, atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(made.std(2, correction=0), scale.abs(), atol=1e-4, rtol=1e-4)


def test_fresh_adain_asks_for_a_variance_around_1():
    torch.manual_seed(0)
    made = AdaIN(512, 64)(torch.randn(1, 512, 8, 8), torch.zeros(1, 64)).flatten(2)
    torch.testing.assert_close(made.var(2, correction=0), torch.ones(1, 512), atol=1e-3, rtol=0)


def test_adain_with_scale_1_and_shift_0_is_instance_norm():
    layer, maps = AdaIN(3, 5), torch.rand(2, 3, 6, 6)
    torch.nn.init.zeros_(layer.style.weight)
    torch.testing.assert_close(layer(maps, torch.randn(2, 5)), F.instance_norm(maps))


def test_the_fused_convolutions_are_what_they_stand_for():
    layer, maps = EqualConv(3, 4, 3), torch.rand(2, 3, 6, 10)
    doubled = F.interpolate(maps, scale_factor=2, mode="nearest")
    torch.testing.assert_close(layer.doubling(maps), layer(doubled))
    torch.testing.assert_close(layer.halving(maps), F.avg_pool2d(layer(maps), 2))


def test_noise_is_equal_in_all_channels_but_for_its_strength():
    layer, maps = Noise(3), torch.zeros(2, 3, 4, 4)
    torch.nn.init.ones_(layer.strength)
    layer.strength.data[0, 1] = -2
    made = layer(maps, torch.Generator().manual_seed(0))
    assert torch.equal(made[:, 1], -2 * made[:, 0])
    assert torch.equal(made[:, 2], made[:, 0])
    assert made[0].std() > 0.5


def test_a_style_does_not_depend_on_the_length_of_its_code():
    network, codes = generator(), torch.randn(3, 8)
    torch.testing.assert_close(network.styles(10 * codes), network.styles(codes))


def test_from_the_crossover_on_others_take_over():
    network, (ours, others) = generator(), torch.randn(2, 2, 8)
    plain, swapped = drawn(network, ours, 2.0), drawn(network, others, 2.0)
    assert torch.equal(drawn(network, ours, 2.0, others, 3), plain)
    assert torch.equal(drawn(network, ours, 2.0, others, 0), swapped)
    mixed = drawn(network, ours, 2.0, others, 1)
    assert not torch.allclose(mixed, plain)
    assert not torch.allclose(mixed, swapped)


def test_the_mapping_is_slowed_and_begins_as_if_it_were_not():
    torch.manual_seed(0)
    slow = StyleGenerator(1, (4, 4), 16, 1, slowed=0.01)
    torch.manual_seed(0)
    fast = StyleGenerator(1, (4, 4), 16, 1, slowed=1.0)
    codes = torch.randn(3, 16)
    torch.testing.assert_close(slow.styles(codes), fast.styles(codes))
    for network in (slow, fast):
        optimiser = torch.optim.Adam(network.mapping.parameters(), lr=0.1)
        network.styles(codes).square().sum().backward()
        before = network.styles(codes).detach()
        optimiser.step()
        network.moved = float((network.styles(codes) - before).abs().mean().detach())
    assert slow.moved < 0.05 * fast.moved


def test_the_spread_is_the_mean_deviation_over_the_batch():
    maps = torch.randn(5, 3, 4, 6)
    expected = maps.double().std(0, correction=0).mean()
    found = spread_over(maps)
    assert found.shape == (5, 1, 4, 6)
    torch.testing.assert_close(found, expected.float().expand(5, 1, 4, 6))


def test_a_batch_of_one_has_no_spread_and_a_slope_all_the_same():
    maps = torch.rand(1, 3, 4, 4, requires_grad=True)
    spread_over(maps).sum().backward()
    assert torch.isfinite(maps.grad).all()
