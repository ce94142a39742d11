"""What a run keeps and judges is the moving average of its weights, not the last step's."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from napari_advseg import families
from napari_advseg.families.family import TensorBatch
from napari_advseg.recipes import train_recipe
from napari_advseg.settings.training import TrainingSettings
from napari_advseg.training.step import Run

QUICK = TrainingSettings(device="cpu", threads=1, precision="fp32", warmup=0, ema=0.3)


def model(**settings):
    return families.load("unet").Model(
        train_recipe("unet", "quick", {"model": {"widths": (2, 4), **settings}}).model
    )


def batch(seed):
    draw = torch.Generator().manual_seed(seed)
    image, target = torch.rand((2, 2, 1, 8, 16), generator=draw)
    return TensorBatch(image, (target > 0.5).float(), torch.ones_like(target))


@pytest.fixture
def trained():
    """A run after three steps, and its weights before the first and after each step."""
    torch.manual_seed(0)
    run = Run(model(), QUICK.changed(steps=3), seed=0)
    seen = [run.state().tensors]
    for step in range(3):
        run.take_step(batch(step))
        seen.append(run.state().tensors)
    return run, [networks(tensors) for tensors in seen]


def networks(tensors):
    return {
        key.removeprefix("network."): value
        for key, value in tensors.items()
        if key.startswith("network.")
    }


def averaged(seen, decay=0.3):
    """m <- d m + (1 - d) w with d = min(decay, (1 + t) / (10 + t)), from the weights before the first step."""
    means = {key: value for key, value in seen[0].items() if value.dtype == np.float32}
    for t, weights in enumerate(seen[1:], 1):
        kept = min(decay, (1 + t) / (10 + t))
        means = {key: kept * means[key] + (1 - kept) * weights[key] for key in means}
    return means


def test_the_weights_that_are_saved_are_the_moving_average(trained):
    run, seen = trained
    kept = run.weights()
    for key, value in averaged(seen).items():
        np.testing.assert_allclose(kept[key], value, rtol=1e-5, atol=1e-7)
    assert any(np.abs(kept[key] - seen[-1][key]).max() > 1e-4 for key in kept)


def test_validation_judges_the_moving_average_and_gives_the_networks_back(trained):
    run, seen = trained
    losses = {}
    for name, weights in (("average", seen[-1] | averaged(seen)), ("last", seen[-1])):
        plain = Run(model(), QUICK.changed(ema=0), seed=0)
        plain.family.put_weights(weights)
        losses[name] = plain.validate([batch(7)])["loss"]
    assert run.validate([batch(7)])["loss"] == pytest.approx(losses["average"], rel=1e-5)
    assert losses["average"] != pytest.approx(losses["last"], rel=1e-4)
    for key, value in networks(run.state().tensors).items():
        np.testing.assert_array_equal(value, seen[-1][key])


def test_without_an_average_the_last_weights_are_saved():
    torch.manual_seed(0)
    run = Run(model(), QUICK.changed(ema=0, steps=1), seed=0)
    run.take_step(batch(0))
    for key, value in networks(run.state().tensors).items():
        np.testing.assert_array_equal(run.weights()[key], value)
