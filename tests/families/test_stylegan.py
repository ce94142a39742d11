"""StyleGAN: published sizes, growth, the parts that papers define exactly, and a state that can be gone on with."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from napari_advseg import families
from napari_advseg.families.counts import parameters
from napari_advseg.families.family import Progress, TensorBatch
from napari_advseg.families.stylegan.likeness import diversity, histogram_distance, patch_distance
from napari_advseg.families.works import as_drawer
from napari_advseg.networks.objectives import penalty
from napari_advseg.networks.style import StyleCritic, level_and_share
from napari_advseg.recipes import train_recipe
from napari_advseg.settings.training import TrainingSettings
from napari_advseg.training.step import Run

NARROW = {"widths": (8, 8, 8), "code": 8, "mapping": 2, "init_size": 4}


def family(channels=None, **changes):
    torch.manual_seed(0)
    entry = families.find("stylegan")
    settings = entry.settings.model_validate({**NARROW, **changes})
    return families.load("stylegan").Model(settings, channels)


def running(steps=12, ema=0.0, precision="fp32", **changes):
    settings = TrainingSettings(steps=steps, precision=precision, device="cpu", threads=1, ema=ema)
    return Run(family(**changes), settings, 0)


def batch(count=4, side=16, seed=0):
    """Dark stripes on grey, nothing annotated."""
    rng = np.random.default_rng(seed)
    image = np.full((count, 1, side, side), 0.8, np.float32)
    for item, at in zip(image, rng.integers(0, side - 4, count), strict=True):
        item[0, at : at + 3] = 0.2
    nothing = np.zeros_like(image)
    return TensorBatch(*(torch.from_numpy(a) for a in (image, nothing, nothing)))


def test_the_seed_preset_has_the_published_parameters():
    assert parameters(families.find("stylegan"), "seed") == {
        "generator": 25_838_470,
        "critic": 25_148_673,
    }


def test_the_seed_preset_grows_through_phases_of_40_000_images():
    entry = families.find("stylegan")
    recipe = train_recipe("stylegan", "seed")
    with torch.device("meta"):
        model = families.load("stylegan").Model(entry.settings())
    steps, count = recipe.training.steps, recipe.examples.batch
    assert steps * count == 400_000

    def level(images):
        return level_and_share(model.reached(Progress(images // count, steps), count))

    assert level(0) == level(79_984) == (1, 1.0)
    assert level(80_000) == (2, pytest.approx(16 / 40_000, abs=1e-6))
    assert level(100_000) == (2, pytest.approx(0.5, abs=1e-3))
    assert level(120_000) == (2, 1.0)
    assert level(320_000)[0] == 5
    assert level(399_984) == (5, 1.0)


def test_without_growth_it_begins_at_the_full_side():
    model = family(init_size=16)
    assert {model.reached(Progress(step, 9), 4) for step in range(9)} == {2.0}


@pytest.mark.parametrize("reached", [0.0, 0.25, 1.0, 1.5, 2.0])
def test_generator_and_critic_work_at_every_step_of_the_growth(reached):
    model = family()
    side = 4 << level_and_share(reached)[0]
    generator, critic = model.modules["generator"], model.modules["critic"]
    image = generator(generator.styles(torch.randn(3, 8)), reached)
    assert image.shape == (3, 1, side, side)
    assert critic(image, reached).shape == (3, 1)


def test_a_level_that_has_faded_in_equals_one_without_a_fade():
    model = family()
    generator, critic = model.modules["generator"], model.modules["critic"]
    styles, noise = generator.styles(torch.randn(2, 8)), torch.Generator()
    image, nearly = (
        generator(styles, reached, noise=noise.manual_seed(1)) for reached in (2.0, 2.0 - 1e-5)
    )
    torch.testing.assert_close(image, nearly, atol=1e-3, rtol=1e-3)
    torch.testing.assert_close(critic(image, 2.0), critic(image, 2.0 - 1e-5), atol=1e-2, rtol=1e-2)


def test_without_noise_strength_the_same_style_gives_the_same_image():
    generator = family().modules["generator"]
    styles = generator.styles(torch.randn(2, 8))
    torch.testing.assert_close(generator(styles, 2.0), generator(styles, 2.0))
    for name, weight in generator.named_parameters():
        if name.endswith("strength"):
            torch.nn.init.constant_(weight, 0.5)
    assert not torch.allclose(generator(styles, 2.0), generator(styles, 2.0))


@pytest.mark.parametrize("objective", ["wgan-gp", "r1"])
def test_penalties_are_found_in_full_precision_under_autocast(objective):
    critic = StyleCritic(1, (4, 4))
    seen = []

    def judge(image):
        score = critic(image, 1.0)
        seen.append((image.dtype, score.dtype))
        return score

    with torch.autocast("cpu", dtype=torch.bfloat16):
        penalty(objective, judge, torch.rand(2, 1, 8, 8), torch.rand(2, 1, 8, 8)).backward()
    assert seen == [(torch.float32, torch.float32)]
    assert all(w.grad is not None for w in critic.blocks.parameters() if w.ndim > 1)


@pytest.mark.parametrize("objective", ["wgan-gp", "r1"])
def test_every_player_learns_in_its_own_turn_only(objective):
    model = family(init_size=16, objective=objective, mixing=1.0)
    for module in model.modules.values():
        module.train()
    torch.manual_seed(1)
    learners = []
    for turn in model.turns(batch(), Progress(0, 4)):
        learners.append(turn.player)
        assert torch.isfinite(turn.loss)
        mine = dict(model.modules[turn.player].named_parameters())
        turn.loss.backward(inputs=list(mine.values()))
        # Heads of coarser levels, and of styles mixed away, have nothing to do at the full side.
        moved = [name for name, w in mine.items() if w.grad is not None and w.grad.abs().sum() > 0]
        assert len(moved) > 0.7 * len(mine)
        for name, module in model.modules.items():
            if name != turn.player:
                assert all(w.grad is None for w in module.parameters())
        for weight in mine.values():
            weight.grad = None
    assert learners == ["critic", "generator"]


def test_the_average_follows_the_weights():
    run = running(ema=0.999)
    before = run.weights()
    for _ in range(3):
        run.take_step(batch())
    after, own = run.weights(), run._networks()
    key = "generator.heads.0.weight"
    assert not np.array_equal(after[key], before[key])
    assert not np.array_equal(after[key], own[key])
    assert np.abs(after[key] - own[key]).max() < np.abs(own[key] - before[key]).max()


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_a_resumed_run_equals_an_unbroken_one(precision):
    batches = [batch(seed=seed) for seed in range(6)]
    whole = running(steps=6, ema=0.9, precision=precision, mixing=0.5)
    expected = [whole.take_step(one) for one in batches]
    first = running(steps=6, ema=0.9, precision=precision, mixing=0.5)
    for one in batches[:3]:
        first.take_step(one)
    second = running(steps=6, ema=0.9, precision=precision, mixing=0.5)
    second.recall(first.state())
    assert [second.take_step(one) for one in batches[3:]] == expected[3:]
    for key, value in whole.weights().items():
        np.testing.assert_array_equal(second.weights()[key], value)


def test_saved_weights_draw_the_same_crops_at_the_side_that_was_reached():
    run, other = running(), family()
    run.take_step(batch())
    other.put_weights(run.weights())
    assert float(other.modules["generator"].reached) == 0.0
    with torch.inference_mode():
        ours, theirs = (model.sample(3, seed=5) for model in (run.family, other))
    torch.testing.assert_close(ours, theirs, atol=1e-5, rtol=0)
    assert ours.shape == (3, 1, 16, 16)
    assert 0 <= ours.min() <= ours.max() <= 1


def test_a_crop_of_a_seed_is_the_same_however_many_are_drawn():
    model = family()
    with torch.inference_mode():
        five = model.sample(5, seed=2)
        torch.testing.assert_close(model.sample(2, seed=2, first=3), five[3:], atol=1e-6, rtol=0)
        assert not torch.allclose(model.sample(1, seed=3), five[:1])
        assert model.sample(6, truncation=0.0).std(0).max() < 1e-3 < five.std(0).max()


def test_colours_have_channels_of_their_own():
    channels = families.find("unet").counted.changed(image=3)
    assert family(channels).sample(2).shape == (2, 3, 16, 16)


def test_it_segments_nothing_and_others_draw_nothing():
    with pytest.raises(ValueError, match="use the command generate"):
        family().infer(torch.rand(1, 1, 16, 16))
    unet = families.load("unet").Model(families.find("unet").settings(widths=(4, 8)))
    with pytest.raises(ValueError, match="train a stylegan"):
        as_drawer(unet)


def test_crops_of_another_side_and_impossible_growth_are_refused():
    with pytest.raises(ValueError, match=r"set examples\.crop=64, or more or fewer widths"):
        train_recipe("stylegan", "quick", {"examples": {"crop": 160}})
    with pytest.raises(ValueError, match="The first size 24 is none of 4, 8, 16"):
        train_recipe("stylegan", "quick", {"model": {"init_size": 24}})
    with pytest.raises(ValueError, match="2 to 9 positive numbers"):
        train_recipe("stylegan", "quick", {"model": {"widths": [8]}})


def test_the_distance_tells_like_from_unlike_and_blurred():
    rng = torch.Generator().manual_seed(0)

    def tissue(count):
        coarse = torch.rand(count, 1, 8, 8, generator=rng)
        fine = 0.2 * torch.rand(count, 1, 32, 32, generator=rng)
        return 0.8 * F.interpolate(coarse, size=(32, 32), mode="bilinear") + fine

    real, like = tissue(32), tissue(32)
    blurred = F.avg_pool2d(tissue(32), 5, 1, 2, count_include_pad=False)
    assert patch_distance(real, real) == 0
    assert patch_distance(like, real) < 0.3 * patch_distance(blurred, real)
    assert histogram_distance(like, real) < 0.1 < histogram_distance(like / 4, real)
    assert diversity(like[:1].expand(8, -1, -1, -1), real) == 0
    assert 0.8 < diversity(like, real) < 1.2


def test_grey_values_with_nothing_in_common_are_1_apart():
    dark, bright = torch.zeros(2, 1, 8, 8), torch.ones(2, 1, 8, 8)
    assert float(histogram_distance(dark, bright)) == 1
    assert float(histogram_distance(dark, torch.cat([dark, bright]))) == 0.5
    assert float(histogram_distance(dark, dark)) == 0


@pytest.mark.slow
def test_it_learns_stripes():
    """Methods 12, in miniature: grey values come near the real ones, and no collapse."""

    def grainy(count, seed):  # two bare grey values would fill two bins, which nothing drawn meets
        plain = batch(count, seed=seed)
        grain = torch.randn(plain.image.shape, generator=torch.Generator().manual_seed(seed))
        return dataclasses.replace(plain, image=(plain.image + 0.06 * grain).clamp(0, 1))

    run = running(
        steps=1200, ema=0.99, widths=(32, 32, 16), init_size=16, objective="r1",
        optimiser={"learning_rate": 2e-3, "beta1": 0.0, "beta2": 0.99},
        critic_optimiser={"learning_rate": 2e-3, "beta1": 0.0, "beta2": 0.99},
    )  # fmt: skip
    judged = [grainy(64, seed=5000)]
    first = run.validate(judged)
    for seed in range(1200):
        run.take_step(grainy(16, seed=seed))
    last = run.validate(judged)
    assert last["loss"] < 0.2 * first["loss"]
    assert last["histogram"] < 0.4 < first["histogram"]
    assert 0.5 < last["diversity"] < 1.5
