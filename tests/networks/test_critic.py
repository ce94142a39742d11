"""Critics: a score stands where its patch is, whatever the network and the size of the map."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from napari_advseg.networks.critic import PATCH_70, PatchCritic
from napari_advseg.networks.objectives import critic_loss, falseness

KINDS = ("vanilla", "minimax", "lsgan", "hinge", "wgan-gp", "r1")
CRITICS = {
    "patch of 70 px": {"widths": (4, 4, 4, 4)},
    "two levels": {"widths": (4, 4)},
    "all strided": {"widths": (4, 4, 4), "all_strided": True},
}


def even(**options):
    """A critic whose score is a mean over its patch."""
    critic = PatchCritic(1, norm="none", **options).eval()
    for layer in critic.modules():
        if isinstance(layer, nn.Conv2d):
            nn.init.constant_(layer.weight, 1 / layer.weight[0].numel())
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)
    return critic


def test_the_published_critic_sees_70_pixels_every_8():
    with torch.device("meta"):
        critic = PatchCritic(2, PATCH_70)
    assert (critic.sees, critic.step) == (70, 8)


@pytest.mark.parametrize("name", CRITICS)
def test_a_score_sees_exactly_the_patch_that_is_stated(name):
    critic = even(**CRITICS[name])
    scores = []
    for at in (5, 6):
        image = torch.rand(1, 1, 200, 200, requires_grad=True)
        critic(image)[0, 0, at, at].backward()
        rows = torch.nonzero(image.grad[0, 0].amax(1)).flatten()
        assert len(rows) == rows.max() - rows.min() + 1 == critic.sees
        scores.append(int(rows.min()))
    assert scores[1] - scores[0] == critic.step


@pytest.mark.parametrize(("side", "scores"), [(256, 30), (128, 14)])
def test_the_published_critic_gives_the_published_number_of_scores(side, scores):
    with torch.device("meta"):
        found = PatchCritic(2)(torch.empty(1, 2, side, side))
    assert found.shape == (1, 1, scores, scores)


@pytest.mark.parametrize(
    ("channels", "options", "count"),
    [
        (6, {}, 2_768_705),
        (4, {}, 2_766_657),
        (2, {}, 2_764_609),
        (1, {"norm": "instance"}, 2_762_689),
        (3, {"norm": "instance"}, 2_764_737),
        (3, {"widths": (64, 128, 256), "all_strided": True, "biased": True}, 663_745),
        (1, {"widths": (64, 128, 256), "all_strided": True, "biased": True}, 661_697),
    ],
)
def test_counts_are_the_published_ones(channels, options, count):
    with torch.device("meta"):
        critic = PatchCritic(channels, **options)
    assert sum(weight.numel() for weight in critic.parameters()) == count


def test_spectral_norm_bounds_the_slope_of_every_layer():
    critic = PatchCritic(1, (4, 8), norm="none", spectral=True).eval()
    layers = [part for part in critic.modules() if isinstance(part, nn.Conv2d)]
    assert len(layers) == 3
    for layer in layers:
        largest = torch.linalg.matrix_norm(layer.weight.detach().flatten(1), 2)
        assert float(largest) == pytest.approx(1, abs=0.1)


@pytest.mark.parametrize("name", CRITICS)
@given(height=st.integers(24, 90), width=st.integers(24, 90))
@settings(max_examples=8, deadline=None)
def test_every_pixel_of_a_map_of_any_size_has_a_score(name, height, width):
    with torch.inference_mode():
        found = even(**CRITICS[name]).at_pixels(torch.full((2, 1, height, width), 0.5))
    assert found.shape == (2, 1, height, width)
    assert found.min() > 0


@pytest.mark.parametrize("name", CRITICS)
@given(y=st.integers(70, 120), x=st.integers(70, 120))
@settings(max_examples=8, deadline=None)
def test_a_spot_changes_the_scores_around_it_and_no_others(name, y, x):
    critic = even(**CRITICS[name])
    plain = torch.zeros(1, 1, 192, 192)
    spot = plain.clone()
    spot[0, 0, y, x] = 1000.0
    with torch.inference_mode():
        changed = (critic.at_pixels(spot) - critic.at_pixels(plain))[0, 0].abs()
    rows, columns = torch.meshgrid(torch.arange(192.0), torch.arange(192.0), indexing="ij")
    middle = [float((changed * at).sum() / changed.sum()) for at in (rows, columns)]
    assert middle == pytest.approx([y, x], abs=critic.step)
    far = torch.maximum((rows - y).abs(), (columns - x).abs()) > critic.sees / 2 + critic.step
    assert changed[far].max() == 0


@pytest.mark.parametrize("kind", KINDS)
def test_what_scores_higher_looks_less_false(kind):
    scores = torch.linspace(-2, 2, 41)
    found = falseness(kind, scores)
    assert (found[1:] < found[:-1]).all()
    assert 0 < found.min() < found.max() < 1


@pytest.mark.parametrize("kind", ["vanilla", "minimax", "lsgan", "hinge", "r1"])
def test_an_undecided_critic_takes_it_for_half_false(kind):
    """Where real and fake score alike, the score that costs least is the one at which nothing is decided."""
    at = torch.linspace(-2, 2, 401)
    weight = torch.ones(1)
    costs = torch.stack([critic_loss(kind, one[None], one[None], weight) for one in at])
    best = at[(costs - costs.min()).abs() < 1e-6]
    assert falseness(kind, best.mean()) == pytest.approx(0.5, abs=0.01)
