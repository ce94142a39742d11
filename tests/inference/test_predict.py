"""A model over a volume: tiled equals whole, every size comes back, faults are survived."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from napari_advseg import drain, families
from napari_advseg.examples.resize import resized_image
from napari_advseg.inference import device as devices
from napari_advseg.inference import precision, predictor, tiling
from napari_advseg.inference.precision import Agreement, middle
from napari_advseg.inference.predict import predict, predict_into
from napari_advseg.inference.predictor import Predictor
from napari_advseg.inference.tiling import padded
from napari_advseg.model_store import Card, StoredModel
from napari_advseg.progress import BlockDone, Said, Warned
from napari_advseg.recipes import train_recipe
from napari_advseg.settings.channels import Channels
from napari_advseg.settings.labelling import LabellingSettings
from napari_advseg.settings.prediction import PredictionSettings
from napari_advseg.volume.frame import Frame
from napari_advseg.volume.normalise import Normaliser
from napari_advseg.volume.part import Part
from napari_advseg.volume.volume import Volume

FP32 = PredictionSettings(precision="fp32", device="cpu")


def model_of(widths=(4, 4, 4, 4, 4), scale=1.0, channels=None, **options) -> StoredModel:
    """Random weights whose batch norms have seen something."""
    torch.manual_seed(0)
    recipe = train_recipe(
        "unet", "quick", {"model": {"widths": widths, **options}, "examples": {"scale": scale}}
    )
    channels = channels or Channels()
    family = families.load("unet").Model(recipe.model, channels)
    for module in family.modules.values():
        module.train()
        for _ in range(3):
            module(torch.rand(2, channels.image, 64, 64))
    weights = {
        f"unet.{k}": v.numpy().copy() for k, v in family.modules["unet"].state_dict().items()
    }
    normaliser = Normaliser.fit(
        Volume(np.arange(256, dtype=np.uint8).reshape(16, 16), Frame("yx")),
        recipe.examples.normalisation,
    )
    return StoredModel(Card(recipe=recipe, normaliser=normaliser, channels=channels), weights)


def image(*shape, axes=None, dtype=np.uint8, **frame) -> Volume:
    rng = np.random.default_rng(0)
    return Volume(
        (rng.random(shape) * 255).astype(dtype), Frame(axes or "zyx"[-len(shape) :], **frame)
    )


def reports_of(*args, **kwargs):
    seen = []
    return drain(predict(*args, **kwargs), seen.append), seen


def test_tiled_equals_whole_in_full_precision():
    model, volume = model_of(), image(1, 400, 380)
    whole = drain(predict(volume, model, FP32.changed(tile=4096))).numpy()
    tiled, reports = reports_of(volume, model, FP32.changed(tile=240))
    assert sum(isinstance(r, BlockDone) for r in reports) > 20
    np.testing.assert_allclose(
        tiled.numpy().astype(np.float32), whole.astype(np.float32), atol=1e-3
    )
    exact, pieces = (
        drain(Predictor(model, FP32.changed(tile=tile)).section(volume.section(0)))
        for tile in (4096, 240)
    )
    np.testing.assert_allclose(pieces, exact, atol=2e-6)


def test_a_smaller_halo_than_the_context_leaves_seams():
    """The test above can fail: without the halo the tiles differ."""
    model, volume = model_of(), image(400, 380)
    exact = drain(Predictor(model, FP32.changed(tile=4096)).section(volume.section(0)))
    seamed = drain(Predictor(model, FP32.changed(tile=240, halo=0)).section(volume.section(0)))
    assert np.abs(seamed - exact).max() > 1e-3


@pytest.mark.parametrize(
    "shape", [(1, 1), (5, 7), (16, 16), (33, 47), (100, 97), (1, 40, 30), (3, 20, 90)]
)
def test_every_size_comes_back(shape):
    volume = image(*shape, scale=(2.0, 3.0, 4.0)[-len(shape) :], units=("nanometer",) * len(shape))
    result = drain(predict(volume, model_of((4, 4, 4)), FP32))
    assert result.shape == volume.shape
    assert result.dtype == np.float16
    assert (result.frame.scale, result.frame.units) == (volume.frame.scale, volume.frame.units)
    assert 0 <= result.numpy().min() <= result.numpy().max() <= 1


def test_the_training_scale_is_undone():
    volume = image(64, 80)
    assert drain(predict(volume, model_of((4, 4, 4), scale=0.72), FP32)).shape == volume.shape


def test_three_channels_go_in_and_one_map_comes_out():
    volume = image(3, 2, 32, 48, axes="czyx")
    result = drain(predict(volume, model_of((4, 4), channels=Channels(image=3)), FP32))
    assert (result.axes, result.shape) == ("zyx", (2, 32, 48))


def test_other_channels_than_the_models_are_refused_with_both_numbers():
    with pytest.raises(ValueError, match="3 channels, the model was trained with 1"):
        drain(predict(image(3, 32, 32, axes="cyx"), model_of((4, 4)), FP32))
    with pytest.raises(ValueError, match="2 time points"):
        drain(predict(image(2, 32, 32, axes="tyx"), model_of((4, 4)), FP32))


def test_pixels_that_are_no_number_are_masked_in_the_result():
    volume = image(40, 40, dtype=np.float32)
    holes = volume.numpy().copy()
    holes[3, 5], holes[20, 20] = np.nan, np.inf
    result = drain(predict(Volume(holes, volume.frame), model_of((4, 4)), FP32)).numpy()
    assert np.isnan(result[[3, 20], [5, 20]]).all()
    assert np.isnan(result).sum() == 2


def test_flips_make_the_result_independent_of_orientation():
    settings, model, volume = FP32.changed(flips=True), model_of((4, 4, 4)), image(64, 48)
    straight = drain(predict(volume, model, settings)).numpy().astype(np.float32)
    turned = Volume(np.rot90(volume.numpy(), 1).copy(), volume.frame)
    back = np.rot90(drain(predict(turned, model, settings)).numpy(), -1).astype(np.float32)
    np.testing.assert_allclose(back, straight, atol=2e-3)


def test_sections_can_go_elsewhere_one_by_one():
    volume, seen = image(3, 32, 32), {}
    drain(predict_into(seen.__setitem__, volume, model_of((4, 4)), FP32))
    whole = drain(predict(volume, model_of((4, 4)), FP32)).numpy()
    for index, section in seen.items():
        np.testing.assert_array_equal(section, whole[index])


def test_out_of_memory_halves_the_tile_and_goes_on(monkeypatch):
    model, volume = model_of((4, 4, 4)), image(1, 200, 200)
    expected = drain(predict(volume, model, FP32)).numpy().astype(np.float32)
    infer = Predictor.infer

    def tight(self, planes, precision=None):
        if planes.shape[-1] > 120 or planes.shape[-2] > 120:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return infer(self, planes)

    monkeypatch.setattr(Predictor, "infer", tight)
    result, reports = reports_of(volume, model, FP32)
    assert [r.text for r in reports if isinstance(r, Warned)]
    np.testing.assert_allclose(result.numpy().astype(np.float32), expected, atol=1e-3)
    last = [r for r in reports if isinstance(r, BlockDone)][-1]
    assert last.done == last.total > 1


def test_memory_that_never_suffices_is_said_and_ends(monkeypatch):
    def never(self, planes, precision=None):
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(Predictor, "infer", never)
    with pytest.raises(ValueError, match="Memory does not suffice"):
        drain(predict(image(64, 64), model_of((4, 4)), FP32))


def test_another_runtime_error_is_not_taken_for_missing_memory(monkeypatch):
    def broken(self, planes, precision=None):
        raise RuntimeError("shape mismatch")

    monkeypatch.setattr(Predictor, "infer", broken)
    with pytest.raises(RuntimeError, match="shape mismatch"):
        drain(predict(image(64, 64), model_of((4, 4)), FP32))


def test_a_tile_that_leaves_no_room_for_the_context_is_refused():
    with pytest.raises(ValueError, match="choose at least"):
        drain(predict(image(256, 256), model_of(), FP32.changed(tile=128)))


def test_instance_norm_blends_tiles_over_an_overlap():
    model, volume = model_of((4, 4), norm="instance"), image(128, 128)
    grid = Predictor(model, FP32.changed(tile=128)).tiling.grid((256, 256))
    assert grid.overlap == tiling.SEAM_OVERLAP
    result, reports = reports_of(volume, model, FP32.changed(tile=112))
    assert result.shape == (128, 128)
    assert "neighbouring tiles differ by" in next(r.text for r in reports if isinstance(r, Said))
    assert not [r for r in reports_of(volume, model, FP32)[1] if isinstance(r, Said)], (
        "one tile has no seam"
    )


def test_half_precision_is_taken_only_where_it_agrees(monkeypatch):
    monkeypatch.setattr(precision, "PROBE", 64)
    monkeypatch.setattr(predictor, "PROBE", 64)
    monkeypatch.setattr(devices, "half_precision", lambda device: "bf16")
    auto = PredictionSettings(device="cpu")
    for agrees in (True, False):
        monkeypatch.setattr(Agreement, "good", property(lambda self, agrees=agrees: agrees))
        said = [
            r.text
            for r in reports_of(image(2, 128, 128), model_of((4, 4)), auto)[1]
            if isinstance(r, Said)
        ]
        assert ("is used" in said[0]) is agrees
    _, reports = reports_of(image(32, 32), model_of((4, 4)), auto)
    assert not [r for r in reports if isinstance(r, Said)], "a small image is not worth a probe"


def test_agreement_counts_pixels_and_measures_labels():
    full = np.ones((64, 64), np.float32)
    full[32] = 0
    settings = LabellingSettings(threshold=0.5, gap_threshold=0.5, thin=False)
    same = Agreement.between(full, full.copy(), settings)
    assert (same.pixels, same.voi, same.good) == (1.0, 0.0, True)
    open_wall = full.copy()
    open_wall[32, :4] = 1
    other = Agreement.between(full, open_wall, settings)
    assert other.pixels == pytest.approx(1 - 4 / 64**2)
    assert other.voi > 0.5
    assert not other.good


def test_another_voxel_size_than_in_training_is_warned_of():
    model = model_of((4, 4))
    model = StoredModel(
        model.card.changed(voxel_size=(4.0, 6.0), units=("nanometer",) * 2), model.weights
    )
    near, far, foreign = (
        image(32, 32, scale=(size, 1.5 * size), units=("nanometer",) * 2)
        for size in (4.4, 8.0, 40.0)
    )
    as_it_is = FP32.changed(resize=False)
    for settings in (FP32, as_it_is):
        assert not [r for r in reports_of(near, model, settings)[1] if isinstance(r, Warned | Said)]
        assert warning(foreign, model, settings).startswith("The image has 40 nm along y")
    assert "8 nm along y, the model was trained at 4 nm" in warning(far, model, as_it_is)


def warning(volume, model, settings):
    return next(r.text for r in reports_of(volume, model, settings)[1] if isinstance(r, Warned))


def test_the_middle_of_planes_is_as_far_from_every_edge():
    planes = np.arange(2 * 6 * 9).reshape(2, 6, 9)
    np.testing.assert_array_equal(middle(planes, 3), planes[:, 1:4, 3:6])
    np.testing.assert_array_equal(middle(planes, 7), planes[:, :, 1:8])


def test_padding_reflects_and_reaches_the_stride():
    planes = np.arange(10, dtype=np.float32).reshape(1, 2, 5)
    assert padded(planes, 4).shape == (1, 4, 8)
    np.testing.assert_array_equal(padded(planes, 4)[:, :2, :5], planes)
    assert padded(planes[:, :, :4], 2) is not None


def test_a_device_that_is_not_there_is_refused(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(ValueError, match="no cuda device here"):
        Predictor(model_of((4, 4)), FP32.changed(device="cuda"))


PARTS = (Part(100, 260, 30, 333), Part(0, 50, 0, 380), Part(390, 400, 370, 380))


def made(volume, model, part):
    seen = {}
    drain(predict_into(seen.__setitem__, volume, model, FP32, part=part))
    return np.stack([seen[k] for k in sorted(seen)]).astype(np.float32)


def test_grey_values_of_another_exposure_are_taken_anew_where_that_is_asked_for():
    model, volume = model_of(), image(2, 80, 96)
    brighter = volume.like(volume.numpy().astype(np.uint16) * 150 + 4000)
    plain, anew = FP32, FP32.changed(refit=True)
    asked = drain(predict(brighter, model, anew)).numpy().astype(np.float32)
    same = drain(predict(volume, model, anew)).numpy().astype(np.float32)
    other = drain(predict(brighter, model, plain)).numpy().astype(np.float32)
    np.testing.assert_allclose(asked, same, atol=2e-3)
    assert np.abs(other - same).max() > 0.01


@pytest.mark.parametrize("part", PARTS)
def test_a_part_equals_the_same_part_of_the_whole(part):
    model, volume = model_of(), image(2, 400, 380)
    whole = drain(predict(volume, model, FP32)).numpy().astype(np.float32)
    np.testing.assert_allclose(made(volume, model, part), cut(whole, part), atol=1e-3, rtol=0)


def cut(stack, part):
    return stack[..., part.top : part.bottom, part.left : part.right]


def test_a_part_of_a_scaled_model_is_close_to_the_whole():
    model, volume = model_of((4, 4, 4), scale=0.5), image(1, 300, 300)
    whole = drain(predict(volume, model, FP32)).numpy().astype(np.float32)
    part = Part(101, 200, 50, 173)
    difference = np.abs(made(volume, model, part) - cut(whole, part))
    assert difference.shape == (1, 99, 123)
    assert difference.mean() < 0.02


def test_a_part_of_classes_has_the_values_of_the_classes():
    model = model_of((4, 4, 4), channels=Channels(output=3, gives="classes"))
    card = model.card
    targets = card.recipe.examples.targets.changed(kind="classes", classes=(0, 2, 7))
    examples = card.recipe.examples.changed(targets=targets)
    model = StoredModel(card.changed(recipe=card.recipe.changed(examples=examples)), model.weights)
    volume, part = image(2, 64, 80), Part(3, 40, 8, 60)
    whole = drain(predict(volume, model, FP32)).numpy()
    found = made(volume, model, part)
    assert set(np.unique(found)) <= {0, 2, 7}
    np.testing.assert_array_equal(found, cut(whole, part))


def at(volume, size, unit="nanometer"):
    return image(*volume.shape, scale=(size,) * 2, units=(unit,) * 2)


def trained_at(size):
    model = model_of((4, 4, 4))
    return StoredModel(
        model.card.changed(voxel_size=(size, size), units=("nanometer",) * 2), model.weights
    )


@pytest.mark.parametrize(("size", "unit"), [(8.0, "nanometer"), (0.008, "micrometer")])
def test_the_network_sees_the_voxel_size_of_its_training(size, unit):
    coarse = at(image(40, 60), size, unit)
    result, reports = reports_of(coarse, trained_at(4.0), FP32)
    fine = Volume(resized_image(coarse.numpy(), 80, 120), at(image(80, 120), 4.0).frame)
    expected = drain(predict(fine, trained_at(4.0), FP32)).numpy()
    np.testing.assert_allclose(result.numpy(), resized_image(expected, 40, 60), atol=5e-3, rtol=0)
    assert result.shape == coarse.shape
    assert "sees it at that size" in next(r.text for r in reports if isinstance(r, Said))


def test_a_size_that_nobody_said_changes_nothing():
    plain, pixels = image(40, 60), at(image(40, 60), 9.0, "pixel")
    expected = drain(predict(plain, trained_at(4.0), FP32)).numpy()
    np.testing.assert_array_equal(drain(predict(pixels, trained_at(4.0), FP32)).numpy(), expected)
