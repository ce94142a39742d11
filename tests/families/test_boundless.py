"""Boundless: counts, masks, what is painted and what is not, and the transfer of its layers."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import save_file

from napari_advseg import families
from napari_advseg.families.boundless.masks import draw
from napari_advseg.families.boundless.model import hinge
from napari_advseg.families.boundless.settings import MaskSettings
from napari_advseg.families.counts import parameters
from napari_advseg.families.family import Progress, TensorBatch
from napari_advseg.families.works import Fills
from napari_advseg.networks.convolution import ConvNorm
from napari_advseg.networks.gated import ConditionedCritic, GatedConv, GatedGenerator
from napari_advseg.networks.inception import InceptionV3, with_weights
from napari_advseg.recipes import train_recipe
from napari_advseg.settings.channels import Channels
from napari_advseg.settings.training import TrainingSettings
from napari_advseg.training.step import Run

NARROW = {
    "width": 4,
    "critic_width": 4,
    "optimiser": {"learning_rate": 0.003, "beta1": 0.5, "beta2": 0.9},
}
COUNTS = {0: 0, 4: 263_424, 6: 853_760, 8: 1_444_096, 10: 2_034_432}
COUNTS |= {12: 2_919_680, 14: 3_362_304, 16: 3_454_560}


def boundless(channels=1, seed=0, **changes):
    torch.manual_seed(seed)
    chosen = families.find("boundless").settings.model_validate({**NARROW, **changes})
    return families.load("boundless").Model(chosen, Channels(image=channels))


def transfer(seed=0, **changes):
    torch.manual_seed(seed)
    chosen = families.find("boundless_transfer").settings.model_validate({"width": 4, **changes})
    return families.load("boundless_transfer").Model(chosen)


def run_of(family, steps=20):
    plain = TrainingSettings(steps=steps, precision="fp32", device="cpu", threads=1)
    return Run(family, plain, seed=0)


def waves(count=2, side=65, channels=1, seed=0):
    """Smooth images that can be guessed from what is around; nothing is annotated, all is known."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:side, :side] / side
    image = [
        0.5 + 0.4 * np.sin(6 * (a * y + b * x) + c) for a, b, c in rng.random((count * channels, 3))
    ]
    grey = np.array(image, np.float32).reshape(count, channels, side, side)
    ones = np.ones((count, 1, side, side), np.float32)
    return TensorBatch(*(torch.from_numpy(one) for one in (grey, ones.copy(), ones)))


class TestCounts:
    def test_the_seed_preset_has_the_published_parameters(self):
        counted = parameters(families.find("boundless"), "seed")
        assert counted == {"generator": 3_454_705, "critic": 7_838_528}
        assert parameters(families.find("boundless_transfer"), "seed") == {"generator": 3_454_705}

    def test_without_a_condition_and_in_colour(self):
        def count(network):
            return sum(weight.numel() for weight in network.parameters())

        with torch.device("meta"):
            assert count(ConditionedCritic(1)) == 7_582_528
            assert count(ConditionedCritic(3, condition=1000)) == 7_841_728
            assert count(GatedGenerator(3, 3)) == 3_458_195
            assert count(InceptionV3()) == 23_834_568

    @pytest.mark.parametrize("layers", COUNTS)
    def test_frozen_layers_have_the_counts_of_the_thesis(self, layers):
        with torch.device("meta"):
            family = transfer(width=32, freeze_first=layers)
        weights = list(family.modules["generator"].parameters())
        frozen = sum(weight.numel() for weight in weights if not weight.requires_grad)
        assert frozen == COUNTS[layers]
        assert sum(weight.numel() for weight in weights) - frozen == 3_454_705 - COUNTS[layers]


class TestMasks:
    @given(
        mode=st.sampled_from(["right", "center", "random"]),
        side=st.integers(48, 300),
        jitter=st.integers(0, 4),
        seed=st.integers(0, 2**32 - 1),
    )
    @settings(max_examples=100, deadline=None)
    def test_area_and_bounds(self, mode, side, jitter, seed):
        generator = torch.Generator().manual_seed(seed)
        chosen = MaskSettings(mode=mode, jitter=jitter)
        masks = draw(chosen, (side, side), 10, generator)[:, 0].numpy()  # a thousand in all
        assert set(np.unique(masks)) == {0, 1}
        for mask in masks:
            rows, columns = (np.flatnonzero(mask.any(axis)) for axis in (1, 0))
            high, wide = len(rows), len(columns)
            assert mask.sum() == high * wide  # a full rectangle
            if mode == "right":
                assert high == side
                assert abs(wide - round(side / 4)) <= jitter
                assert columns[-1] == side - 1
                continue
            assert high == wide
            if mode == "center":
                assert abs(high - round(side / 3)) <= jitter
                assert abs(rows[0] - (side - 1 - rows[-1])) <= 1
                assert rows[0] == columns[0]
            else:
                assert round(side / 3) - jitter <= high <= round(2 * side / 3) + jitter

    def test_at_257_px_they_are_those_of_the_thesis(self):
        sides = {
            mode: {
                int(mask.sum(-1).max())
                for mask in draw(
                    MaskSettings(mode=mode), (257, 257), 1000 if mode == "random" else 3
                )
            }
            for mode in ("right", "center", "random")
        }
        assert sides["right"] == {64}
        assert sides["center"] == {86}
        assert (min(sides["random"]), max(sides["random"])) == (86, 171)

    def test_a_share_of_them_can_be_empty(self):
        empty = [
            float(
                (draw(MaskSettings(empty=share), (32, 32), 400).sum((1, 2, 3)) == 0).float().mean()
            )
            for share in (0.0, 0.25, 1.0)
        ]
        assert empty[0] == 0
        assert 0.17 < empty[1] < 0.33
        assert empty[2] == 1

    def test_crops_that_are_not_square_have_theirs(self):
        assert draw(MaskSettings(), (40, 80), 1).sum() == 40 * 20
        for mode in ("center", "random"):
            assert draw(MaskSettings(mode=mode), (40, 80), 1).sum() <= 27**2


class TestPainting:
    @pytest.mark.parametrize("shape", [(257, 257), (97, 130), (16, 16), (5, 6)])
    def test_any_size_comes_out_as_it_went_in(self, shape):
        with torch.inference_mode():
            assert GatedGenerator(1, 1, 4)(torch.rand(1, 3, *shape)).shape == (1, 1, *shape)
            assert ConditionedCritic(1, 4)(
                torch.rand(2, 1, *shape), torch.rand(2, 1, *shape)
            ).shape == (2, 1)

    def test_a_crop_of_257_px_is_halved_twice(self):
        sizes, network = [], GatedGenerator(1, 1, 4)
        for layer in network.gated:
            layer.register_forward_hook(lambda _, given, made: sizes.append(made.shape[-1]))
        with torch.inference_mode():
            network(torch.rand(1, 3, 257, 257))
        assert sizes == [257, 129, 129, *[65] * 9, 129, 129, 257, 257]

    @given(seed=st.integers(0, 2**32 - 1), mode=st.sampled_from(["right", "center", "random"]))
    @settings(max_examples=20, deadline=None)
    def test_outside_the_mask_the_image_stays_bit_by_bit(self, seed, mode):
        generator = torch.Generator().manual_seed(seed)
        image = 3 * torch.rand(2, 1, 33, 47, generator=generator) - 1
        image[0, 0, 0, 0] = torch.nan if mode == "center" else 1e30
        hole = draw(MaskSettings(mode=mode), (33, 47), 2, generator)
        with torch.inference_mode():
            filled = boundless().fill(image, hole)
        kept = hole == 0
        assert torch.equal(filled[kept].view(torch.int32), image[kept].view(torch.int32))
        assert not torch.equal(filled[~kept], image[~kept])

    def test_nothing_of_what_is_hidden_leaks(self):
        family, hole = boundless(), draw(MaskSettings(), (48, 48), 1)
        image = torch.rand(1, 1, 48, 48)
        other = torch.where(hole > 0, torch.rand_like(image), image)
        with torch.inference_mode():
            assert torch.equal(*(family.fill(one, hole)[hole > 0] for one in (image, other)))

    def test_it_does_not_segment_and_says_what_it_is_for(self):
        with pytest.raises(ValueError, match="extend and mend"):
            boundless().infer(torch.rand(1, 1, 32, 32))
        assert isinstance(boundless(), Fills)
        assert not isinstance(transfer(), Fills)


class TestLearning:
    def test_the_critics_loss_is_2_where_it_knows_nothing(self):
        assert hinge(torch.zeros(3, 1), torch.zeros(3, 1)) == 2

    def test_the_generator_learns_before_the_critic_and_each_alone(self):
        family = boundless()
        turns = []
        for turn in family.turns(waves(), Progress(0, 10)):
            turns.append(turn.player)
            mine = list(family.modules[turn.player].parameters())
            turn.loss.backward(inputs=mine)
            assert all(weight.grad is not None for weight in mine)
            assert sum(float(weight.grad.abs().sum()) for weight in mine) > 0
            others = [m for name, m in family.modules.items() if name != turn.player]
            assert all(w.grad is None for module in others for w in module.parameters())
            for weight in mine:
                weight.grad = None
        assert turns == ["generator", "critic"]

    def test_in_its_quiet_steps_only_the_likeness_teaches(self):
        turn = next(iter(boundless(quiet_steps=5).turns(waves(), Progress(4, 10))))
        assert set(turn.terms) == {"likeness"}
        turn = next(iter(boundless(quiet_steps=5).turns(waves(), Progress(5, 10))))
        assert set(turn.terms) == {"likeness", "fooling"}

    def test_it_overfits_one_batch(self):
        changes = {"width": 8, "optimiser": {"learning_rate": 0.003, "beta1": 0.9}}
        run = run_of(boundless(**changes), steps=80)
        batch = waves(count=1, side=33)
        for _ in range(80):
            run.take_step(batch)
        last = run.validate([batch])
        assert last["loss"] < 0.05
        assert last["ssim_inside"] > 0.5

    @pytest.mark.parametrize("count", [1, 2])
    def test_channels_last_makes_no_other_gradient(self, count):
        """Instance norm of torch 2.13 gives a wrong one for a single image with channels last."""
        image = torch.rand(count, 4, 9, 9)
        weight = torch.arange(float(image.numel())).reshape(image.shape).sin()
        found = []
        for order in (torch.contiguous_format, torch.channels_last):
            torch.manual_seed(0)
            layers = torch.nn.Sequential(ConvNorm(4, 4, "instance"), GatedConv(4, 4))
            layers.to(memory_format=order)
            (layers(image) * weight).sum().backward()
            found.append([one.grad for one in layers.parameters()])
        for one, other in zip(*found, strict=True):
            torch.testing.assert_close(one, other, rtol=1e-3, atol=1e-4)

    def test_a_resumed_run_equals_an_unbroken_one(self):
        whole, first = (run_of(boundless(mask={"mode": "random"})) for _ in range(2))
        expected = [whole.take_step(waves(seed=k)) for k in range(3)]
        first.take_step(waves(seed=0))
        second = run_of(boundless(seed=9, mask={"mode": "random"}))
        second.recall(first.state())
        assert [second.take_step(waves(seed=k)) for k in (1, 2)] == expected[1:]
        for key, value in whole.weights().items():
            np.testing.assert_array_equal(second.weights()[key], value)

    def test_unknown_pixels_teach_nothing(self):
        batch = waves()
        batch.weight[:, :, :20] = 0
        other = TensorBatch(batch.image.clone(), batch.target, batch.weight)
        other.image[:, :, :20] = 1 - other.image[:, :, :20]
        losses = [run_of(boundless()).take_step(one) for one in (batch, other)]
        assert losses[0] == losses[1]

    def test_masks_of_a_validation_are_always_the_same(self):
        run = run_of(boundless(mask={"mode": "random"}))
        assert run.validate([waves()]) == run.validate([waves()])

    def test_colours_are_painted_too(self):
        run = run_of(boundless(channels=3))
        assert all(np.isfinite(value) for value in run.take_step(waves(channels=3)).values())


@pytest.fixture(scope="module")
def published(tmp_path_factory):
    """A file as the public one, with other numbers."""
    torch.manual_seed(0)
    path = tmp_path_factory.mktemp("inception") / "inception.pth"
    tensors = InceptionV3().state_dict()
    tensors |= {"AuxLogits.fc.weight": torch.zeros(1000, 768)}
    torch.save(tensors, path)
    return path


class TestConditions:
    def test_inception_needs_weights_and_the_refusal_names_none(self):
        with pytest.raises(ValueError, match=r"model\.conditioning=none"):
            boundless(conditioning="inception").furnish(dict)
        with pytest.raises(ValueError, match=r"model\.conditioning=none"):
            next(boundless(conditioning="inception").turns(waves(), Progress(0, 1)))

    def test_a_foreign_or_truncated_file_is_refused(self, published, tmp_path):
        foreign = tmp_path / "foreign.safetensors"
        save_file({"layers.0.weight": torch.zeros(3)}, foreign)
        broken = tmp_path / "broken.pth"
        broken.write_bytes(published.read_bytes()[:100_000])
        for path, words in (
            (foreign, "not the weights of InceptionV3: 'Conv2d_1a_3x3.conv.weight' is missing"),
            (broken, "cannot be read"),
            (tmp_path / "none.pth", "cannot be read"),
        ):
            family = boundless(conditioning="inception", inception_weights=str(path))
            with pytest.raises(ValueError, match=words) as refusal:
                family.furnish(dict)
            assert "model.conditioning=none" in str(refusal.value)

    def test_inception_tells_the_critic(self, published):
        family = boundless(conditioning="inception", inception_weights=str(published))
        family.furnish(dict)
        run = run_of(family)
        before = run.weights()
        assert all(np.isfinite(value) for value in run.take_step(waves(side=33)).values())
        key = "critic.condition.parametrizations.weight.original"
        assert before[key].shape == (16, 1000)
        assert not np.array_equal(run.weights()[key], before[key])

    def test_a_grey_image_is_seen_as_its_three_equal_colours(self, published):
        tensors = torch.load(published, weights_only=True)
        grey, colour = (with_weights(tensors, channels) for channels in (1, 3))
        image = torch.rand(1, 1, 40, 40)
        with torch.inference_mode():
            torch.testing.assert_close(
                grey(image), colour(image.expand(-1, 3, -1, -1)), rtol=1e-3, atol=1e-4
            )
            single = with_weights(tensors, 1, "single")
            assert not torch.allclose(single(image), grey(image))

    def test_the_encoder_of_an_earlier_model_tells_the_critic(self):
        earlier = run_of(boundless(seed=3)).weights()
        family = boundless(conditioning="encoder", encoder="there", encoder_numbers=16)
        family.furnish(lambda folder: {"there": earlier}[folder])
        assert all(np.isfinite(value) for value in run_of(family).take_step(waves()).values())
        told = family._condition(2 * waves(count=2).image - 1)
        assert told.shape == (2, 16)
        torch.testing.assert_close(told.norm(dim=1), torch.ones(2))
        assert not torch.allclose(told[0], told[1], atol=1e-3)

    def test_another_model_is_refused_as_encoder(self):
        chosen = {"conditioning": "encoder", "encoder": "there"}
        with pytest.raises(ValueError, match="holds no gated generator"):
            boundless(**chosen).furnish(lambda _: {"unet.weight": np.zeros(3)})
        earlier = run_of(boundless()).weights()
        with pytest.raises(ValueError, match=r"set model\.encoder_numbers=16"):
            boundless(**chosen).furnish(lambda _: earlier)
        with pytest.raises(ValueError, match="name the folder"):
            boundless(conditioning="encoder").furnish(dict)
        with pytest.raises(ValueError, match="images of 1 channels"):
            boundless(channels=3, encoder_numbers=16, **chosen).furnish(lambda _: earlier)

    def test_weights_without_their_condition_are_refused(self):
        with pytest.raises(ValueError, match=r"set model\.conditioning=inception"):
            train_recipe("boundless", "quick", {"model": {"inception_weights": "x.pth"}})


class TestTransfer:
    @pytest.mark.parametrize("layers", [0, 4, 8, 16])
    def test_frozen_tensors_stay_and_are_in_no_optimiser(self, layers):
        run = run_of(transfer(freeze_first=layers, optimiser={"learning_rate": 0.01}))
        network = run.family.modules["generator"]
        before = run.weights()
        held = [id(w) for _, w in network.named_parameters() if not w.requires_grad]
        inner = run._optimisers["generator"][0]
        assert not {id(w) for group in inner.param_groups for w in group["params"]} & set(held)
        for seed in range(3):
            run.take_step(waves(seed=seed))
        after = run.weights()
        for name, value in before.items():
            is_frozen = network.layer_of(name.partition(".")[2]) <= layers
            assert np.array_equal(after[name], value) == is_frozen, name

    @pytest.mark.parametrize("number", [-1, 17])
    def test_a_number_of_layers_out_of_range_is_refused(self, number):
        with pytest.raises(ValueError, match=r"model\.freeze_first"):
            train_recipe("boundless_transfer", "quick", {"model": {"freeze_first": number}})

    @pytest.mark.parametrize(
        ("scenario", "layers"),
        [
            ("random", (0, 0)),
            ("pretrained", (17, 0)),
            ("random_frozen", (0, 8)),
            ("pretrained_frozen", (8, 8)),
        ],
    )
    def test_the_four_scenarios(self, scenario, layers):
        family = transfer(scenario=scenario)
        assert (family.settings.loaded, family.settings.frozen) == layers
        assert family.expects_source == (layers[0] > 0)
        names = [f"generator.{name}" for name in family.modules["generator"].state_dict()]
        assert len(family.may_take(names)) == (0 if not layers[0] else {8: 32, 17: 66}[layers[0]])

    def test_the_two_sets_of_hyper_parameters(self):
        segmentation, boundless_ = (
            transfer(hyper_parameters=kind).optimisers["generator"]
            for kind in ("segmentation", "boundless")
        )
        assert (segmentation.learning_rate, segmentation.eps, segmentation.beta1) == (
            0.01,
            0.01,
            0.9,
        )
        assert (boundless_.learning_rate, boundless_.eps) == (1e-4, 0.01)
        assert (boundless_.beta1, boundless_.beta2) == (0.5, 0.9)
        with pytest.raises(ValueError, match=r"model\.hyper_parameters=own"):
            transfer(hyper_parameters="boundless", optimiser={"learning_rate": 0.1})

    def test_the_image_is_shown_in_the_order_of_the_pre_training(self):
        """Image, ones, mask: the first layer of both networks gets equal channels where nothing is hidden."""
        seen = {}
        image = torch.rand(1, 1, 32, 32)
        for name, family in (("before", boundless()), ("after", transfer())):
            first = family.modules["generator"].gated[0]
            first.register_forward_hook(
                lambda _, given, __, name=name: seen.update({name: given[0].clone()})
            )
            with torch.inference_mode():
                if name == "before":
                    family.fill(image, torch.zeros(1, 1, 32, 32))
                else:
                    family.infer(image)
        assert torch.equal(seen["before"], seen["after"])
        assert torch.equal(seen["after"][:, 1], torch.ones(1, 32, 32))
        assert torch.equal(seen["after"][:, 2], torch.zeros(1, 32, 32))
        swapped = seen["after"][:, [0, 2, 1]]
        network = transfer().modules["generator"]
        with torch.inference_mode():
            assert not torch.allclose(network(seen["after"]), network(swapped), atol=1e-3)

    def test_the_mask_can_say_the_other_thing(self):
        image = torch.rand(1, 1, 32, 32)
        with torch.inference_mode():
            assert not torch.equal(transfer().infer(image), transfer(mask=1).infer(image))
