"""Objectives and penalties: the numbers and signs of the formulas (methods, section 0), in float64."""

from __future__ import annotations

from typing import get_args

import numpy as np
import pytest
import torch

from napari_advseg.networks.objectives import (
    critic_loss,
    falseness,
    fooling_loss,
    patch_weight,
    penalty,
)
from napari_advseg.settings.critic import Objective

REAL = np.array([1.5, -0.5, 0.25, 40.0])
FAKE = np.array([-2.0, 0.75, 0.5, -30.0])
WEIGHTS = {
    "equal": np.ones(4),
    "unequal": np.array([1.0, 0.5, 2.0, 0.0]),
    "single": np.array([0.0, 0.0, 0.25, 0.0]),
}


def softplus(x):
    return np.logaddexp(0, x)


CRITIC_TERMS = {
    "vanilla": lambda a, b: (softplus(-a), softplus(b)),
    "minimax": lambda a, b: (softplus(-a), softplus(b)),
    "lsgan": lambda a, b: ((a - 1) ** 2 / 2, b**2 / 2),
    "hinge": lambda a, b: (np.maximum(0, 1 - a), np.maximum(0, 1 + b)),
    "wgan-gp": lambda a, b: (0.001 * a**2 - a, b),
    "r1": lambda a, b: (softplus(-a), softplus(b)),
}
FOOLING_TERMS = {
    "vanilla": lambda b: softplus(-b),
    "minimax": lambda b: -softplus(b),
    "lsgan": lambda b: (b - 1) ** 2,
    "hinge": lambda b: -b,
    "wgan-gp": lambda b: -b,
    "r1": lambda b: softplus(-b),
}
NUMBERS = {  # the critic's loss at scores 2 and -1, and the other's at score -1
    "vanilla": (0.126928 + 0.313262, 1.313262),
    "minimax": (0.126928 + 0.313262, -0.313262),
    "lsgan": (0.5 + 0.5, 4.0),
    "hinge": (0.0 + 0.0, 1.0),
    "wgan-gp": (-1.996 - 1.0, 1.0),
    "r1": (0.126928 + 0.313262, 1.313262),
}


def test_every_objective_that_can_be_chosen_is_in_these_tables():
    assert set(get_args(Objective)) == set(NUMBERS) == set(CRITIC_TERMS) == set(FOOLING_TERMS)


def tensor(values):
    return torch.tensor(values, dtype=torch.float64)


@pytest.mark.parametrize("kind", NUMBERS)
def test_both_losses_have_the_numbers_worked_out_by_hand(kind):
    real, fake, weight = (torch.tensor([value]) for value in (2.0, -1.0, 1.0))
    critics, others = NUMBERS[kind]
    assert float(critic_loss(kind, real, fake, weight)) == pytest.approx(critics, abs=1e-5)
    assert float(fooling_loss(kind, fake, weight)) == pytest.approx(others, abs=1e-5)


@pytest.mark.parametrize("weight", WEIGHTS.values(), ids=WEIGHTS)
@pytest.mark.parametrize("kind", CRITIC_TERMS)
def test_the_critics_loss_is_the_weighted_mean_of_the_formula(kind, weight):
    expected = sum(np.average(term, weights=weight) for term in CRITIC_TERMS[kind](REAL, FAKE))
    found = critic_loss(kind, tensor(REAL), tensor(FAKE), tensor(weight))
    assert float(found) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("weight", WEIGHTS.values(), ids=WEIGHTS)
@pytest.mark.parametrize("kind", FOOLING_TERMS)
def test_the_loss_of_who_is_judged_is_the_weighted_mean_of_the_formula(kind, weight):
    expected = np.average(FOOLING_TERMS[kind](FAKE), weights=weight)
    found = fooling_loss(kind, tensor(FAKE), tensor(weight))
    assert float(found) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("kind", CRITIC_TERMS)
def test_the_critic_wants_real_up_and_fake_down_and_the_other_wants_fake_up(kind):
    real, fake = (torch.tensor([value], requires_grad=True) for value in (0.2, 0.1))
    loss = critic_loss(kind, real, fake, torch.ones(1))
    up, down = torch.autograd.grad(loss, (real, fake))
    (wanted,) = torch.autograd.grad(fooling_loss(kind, fake, torch.ones(1)), fake)
    assert up < 0 < down
    assert wanted < 0


def test_a_real_target_below_1_stops_the_critic_there():
    smooth = {
        "vanilla": 0.9 * softplus(-1.5) + 0.1 * softplus(1.5) + softplus(-2),
        "lsgan": (1.5 - 0.9) ** 2 / 2 + (-2) ** 2 / 2,
        "hinge": 0.0,
    }
    for kind, expected in smooth.items():
        found = critic_loss(kind, tensor([1.5]), tensor([-2.0]), tensor([1.0]), smooth=0.9)
        assert float(found) == pytest.approx(expected, rel=1e-5)


def test_the_drift_of_wgan_gp_can_be_chosen():
    found = [
        float(critic_loss("wgan-gp", tensor([3.0]), tensor([0.0]), tensor([1.0]), drift=drift))
        for drift in (0.0, 0.1)
    ]
    assert found == pytest.approx([-3.0, -2.1])


SLOPES = {"vanilla": 0.0, "minimax": 0.0, "lsgan": 0.0, "hinge": 0.0}
SLOPES |= {"wgan-gp": 10 * (3 - 1) ** 2, "r1": 10 / 2 * 3**2}


@pytest.mark.parametrize("kind", SLOPES)
def test_the_penalty_of_a_linear_critic_follows_from_its_slope(kind):
    """A slope of 3 everywhere."""
    weight = torch.randn(1, 2, 4, 4, generator=torch.Generator().manual_seed(0))
    weight *= 3 / weight.norm()
    real, fake = torch.rand(2, 5, 2, 4, 4)
    found = penalty(kind, lambda x: (x * weight).sum((1, 2, 3)), real, fake)
    assert float(found.detach()) == pytest.approx(SLOPES[kind], rel=1e-4)


def test_r1_looks_at_real_images_alone_and_wgan_gp_between_real_and_fake():
    """The critic |x|^2 / 2 has the slope |x|, another for each image."""
    real = torch.arange(1.0, 4).view(3, 1, 1, 1).expand(3, 1, 2, 2)
    fake = torch.zeros_like(real)
    seen = []

    def critic(x):
        seen.append(x.detach())
        return x.square().flatten(1).sum(1) / 2

    r1 = float(penalty("r1", critic, real, fake).detach())
    assert torch.equal(seen.pop(), real)
    assert r1 == pytest.approx(10 / 2 * np.mean([4 * 1, 4 * 4, 4 * 9]))
    wgan = float(penalty("wgan-gp", critic, real, fake).detach())
    share = (seen.pop() / real).flatten(1).double().numpy()
    assert np.allclose(share, share[:, :1])
    assert ((share > 0) & (share < 1)).all()
    assert len(np.unique(share[:, 0])) == 3
    slopes = 2 * share[:, 0] * [1, 2, 3]
    assert wgan == pytest.approx(10 * np.mean((slopes - 1) ** 2), rel=1e-5)


@pytest.mark.parametrize(("kind", "expected"), [("wgan-gp", 20 * (3 - 1)), ("r1", 10 * 3)])
def test_a_penalty_teaches_the_critic(kind, expected):
    """d/dk of 10 (k - 1)^2 and of 5 k^2 at a slope k of 3."""
    slope = torch.tensor(3.0, requires_grad=True)
    images = torch.rand(2, 1, 1, 1)
    penalty(kind, lambda x: slope * x.flatten(), images, 1 - images).backward()
    assert float(slope.grad) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize(
    ("kind", "undecided", "slope"),
    [(kind, 0.5, 4) if kind == "lsgan" else (kind, 0.0, 1) for kind in NUMBERS],
)
def test_falseness_falls_along_a_sigmoid_through_a_half(kind, undecided, slope):
    scores = np.array([-1.0, undecided, 2.0])
    expected = 1 / (1 + np.exp(slope * (scores - undecided)))
    np.testing.assert_allclose(falseness(kind, tensor(scores)), expected, rtol=1e-5)


def test_a_patch_weighs_what_is_annotated_in_it():
    weight = torch.zeros(1, 2, 4, 8)
    weight[0, 0, :2, :4] = 3.0  # any weight counts as annotated, in whichever channel
    weight[0, 1, 2:, 6:] = 0.5
    found = patch_weight(weight, torch.zeros(1, 1, 2, 2))
    assert found.tolist() == [[[[1.0, 0.0], [0.0, 0.5]]]]
