"""What every family promises; a new one adds a class of four lines."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from napari_advseg import families
from napari_advseg.families.counts import listed, parameters, preset_here
from napari_advseg.families.family import TensorBatch
from napari_advseg.settings.training import TrainingSettings
from napari_advseg.training.run import Run


def toy_batch(channels: int = 1, side: int = 64, count: int = 2) -> TensorBatch:
    """Dark lines on grey: image, interior map, weight 1."""
    rng = np.random.default_rng(0)
    target = np.ones((count, 1, side, side), np.float32)
    for item in target:
        for at in rng.integers(4, side - 4, 3):
            item[0, at : at + 3] = 0
            item[0, :, at : at + 3] = 0
    image = 0.2 + 0.6 * target + rng.normal(0, 0.02, target.shape).astype(np.float32)
    image = np.repeat(image, channels, axis=1).astype(np.float32)
    return TensorBatch(*(torch.from_numpy(a) for a in (image, target, np.ones_like(target))))


class FamilyContract:
    name: str
    narrow: dict[str, object]
    player: str

    def family(self, **changes):
        torch.manual_seed(0)
        entry = families.find(self.name)
        settings = entry.settings.model_validate({**self.narrow, **changes})
        return families.load(self.name).Model(settings)

    def run(self, steps=40, seed=0, **changes):
        settings = TrainingSettings(steps=steps, precision="fp32", device="cpu", threads=1)
        return Run(self.family(**changes), settings, seed)

    @pytest.mark.parametrize("channels", [1, 3])
    @pytest.mark.parametrize("shape", [(16, 16), (32, 80), (64, 48)])
    def test_output_has_the_size_of_the_tile_and_is_a_probability(self, channels, shape):
        family = self.family(in_channels=channels)
        for module in family.modules.values():
            module.eval()
        with torch.inference_mode():
            out = family.infer(torch.rand(2, channels, *shape))
        assert out.shape == (2, 1, *shape)
        assert out.dtype == torch.float32
        assert 0 <= out.min() <= out.max() <= 1

    def test_every_player_learns_and_only_in_its_own_turn(self):
        family = self.family()
        for turn in family.turns(toy_batch()):
            others = [m for name, m in family.modules.items() if name != turn.player]
            mine = list(family.modules[turn.player].parameters())
            turn.loss.backward(inputs=mine)
            for weight in mine:
                assert weight.grad is not None
                assert torch.isfinite(weight.grad).all()
                assert weight.grad.abs().sum() > 0
            assert all(weight.grad is None for module in others for weight in module.parameters())
            for weight in mine:
                weight.grad = None

    def test_it_overfits_one_batch(self):
        run = self.run(steps=100)
        batch = toy_batch()
        first = run.take_step(batch)[f"{self.player}/loss"]
        for _ in range(79):
            last = run.take_step(batch)[f"{self.player}/loss"]
        assert last < min(0.15, first / 3)

    def test_the_same_seed_gives_the_same_losses(self):
        first, second = (self.run() for _ in range(2))
        for _ in range(3):
            assert first.take_step(toy_batch()) == second.take_step(toy_batch())

    def test_unannotated_pixels_teach_nothing(self):
        batch = toy_batch()
        batch.weight[:, :, :32] = 0
        other = TensorBatch(batch.image, batch.target.clone(), batch.weight)
        other.target[:, :, :32] = 1 - other.target[:, :, :32]
        assert self.run().take_step(batch) == self.run().take_step(other)

    def test_saved_and_loaded_weights_give_the_same_output(self):
        run, other = self.run(), self.family()
        run.take_step(toy_batch())
        other.put_weights(run.weights())
        tile = torch.rand(1, 1, 32, 32)
        for family in (run.family, other):
            for module in family.modules.values():
                module.eval()
        with torch.inference_mode():
            # Memory formats differ, and with them the order of sums.
            torch.testing.assert_close(run.family.infer(tile), other.infer(tile), atol=1e-5, rtol=0)

    def test_weights_of_another_shape_are_refused_by_name(self):
        weights = self.run().weights()
        key = next(key for key, value in weights.items() if value.ndim == 4)
        wrong = {**weights, key: weights[key][:1]}
        with pytest.raises(ValueError, match=key):
            self.family().put_weights(wrong)
        with pytest.raises(ValueError, match="unet.extra"):
            self.family().put_weights({**weights, "unet.extra": weights[key]})
        with pytest.raises(ValueError, match=key):
            self.family().put_weights({k: v for k, v in weights.items() if k != key})

    @pytest.mark.parametrize("broken_at", [1, 3])
    def test_a_resumed_run_equals_an_unbroken_one(self, broken_at):
        batches = [toy_batch(), toy_batch(side=32), toy_batch(), toy_batch(side=32), toy_batch()]
        whole = self.run(**self.noisy)
        expected = [whole.take_step(batch) for batch in batches]
        first = self.run(**self.noisy)
        for batch in batches[:broken_at]:
            first.take_step(batch)
        second = self.run(seed=0, **self.noisy)
        second.recall(first.state())
        assert [second.take_step(batch) for batch in batches[broken_at:]] == expected[broken_at:]
        for key, value in whole.weights().items():
            np.testing.assert_array_equal(second.weights()[key], value)

    noisy: dict[str, object] = {}


class TestUNet(FamilyContract):
    name = "unet"
    player = "unet"
    narrow = {"widths": (8, 16, 32), "optimiser": {"learning_rate": 0.01}}
    noisy = {"dropout": 0.2}

    @pytest.mark.parametrize(
        "options",
        [
            {"norm": "instance"},
            {"norm": "group"},
            {"norm": "none"},
            {"residual": True},
            {"activation": "elu"},
            {"dice": 1.0},
        ],
        ids=str,
    )
    def test_every_option_builds_a_network_that_learns(self, options):
        run = self.run(steps=30, **options)
        losses = [run.take_step(toy_batch())["unet/loss"] for _ in range(30)]
        assert losses[-1] < 0.8 * losses[0]

    def test_the_seed_preset_has_the_parameters_of_the_thesis(self):
        assert parameters(families.find("unet"), "seed") == {"unet": 31_036_481}

    def test_narrow_widths_have_the_published_count(self):
        entry = families.find("unet")
        with torch.device("meta"):
            family = families.load("unet").Model(entry.settings(widths=(8, 16, 32, 64, 128)))
        assert sum(w.numel() for w in family.modules["unet"].parameters()) == 486_409

    def test_five_levels_see_96_pixels(self):
        family = self.family(widths=(4, 8, 8, 8, 8))
        assert (family.context, family.stride) == (96, 16)

    def test_one_step_reaches_no_further_than_the_context(self):
        """A changed pixel leaves outputs beyond the context bit-equal, and reaches most of the context."""
        family = self.family(widths=(4, 4, 4, 4, 4), norm="none")
        tile = torch.rand(1, 1, 256, 256)
        other = tile.clone()
        other[0, 0, 128, 128] += 1000.0
        with torch.inference_mode():
            changed = (family.modules["unet"](tile) != family.modules["unet"](other))[0, 0]
        rows = torch.where(changed.any(1))[0]
        assert 128 - rows.min() <= family.context
        assert rows.max() - 128 <= family.context
        assert rows.max() - rows.min() > family.context


def test_every_family_lists_its_presets_with_counts():
    names = {entry["name"] for entry in listed()}
    assert names == set(families.FAMILIES)
    for entry in listed():
        assert entry["summary"]
        assert entry["reference"]
        assert all(
            count > 0
            for preset in entry["presets"].values()
            for count in preset["parameters"].values()
        )


def test_a_computer_without_a_gpu_gets_the_quick_preset(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert preset_here("unet") == "quick"
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert preset_here("unet") == "seed"


def test_an_unknown_family_is_refused_with_the_known_ones():
    with pytest.raises(ValueError, match="choose one of: unet"):
        families.load("unett")
