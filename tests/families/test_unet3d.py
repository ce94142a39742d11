"""The U-Net for volumes: its layout, what it is built for, and the whole line from blocks to labels."""

from __future__ import annotations

import sys

import numpy as np
import pytest
import torch

import napari_advseg as advseg
from napari_advseg import cli, families, write
from napari_advseg.families.counts import parameters
from napari_advseg.families.unet3d.settings import UNet3dSettings
from napari_advseg.inference.predict import map_of, predict
from napari_advseg.inference.predictor import Predictor
from napari_advseg.inference.slabs import surrounded
from napari_advseg.model_store import Card, StoredModel
from napari_advseg.networks.convolution import folded
from napari_advseg.networks.unet3d import UNet3d
from napari_advseg.progress import BlockDone, Said, Warned, drain
from napari_advseg.recipes import Suggest, train_recipe
from napari_advseg.samples import neuropil
from napari_advseg.settings.channels import Channels
from napari_advseg.settings.prediction import PredictionSettings
from napari_advseg.tasks import suggest
from napari_advseg.training.data import prepare
from napari_advseg.training.fit import new_run, with_anisotropy
from napari_advseg.volume.frame import Frame
from napari_advseg.volume.normalise import Normaliser
from napari_advseg.volume.volume import Volume

PUBLISHED = (False, False, False, True, True)
NANOMETERS = ("nanometer",) * 3
TINY = {
    "model": {"widths": [4, 4, 8]},
    "examples": {"depth": 4, "crop": 32, "batch": 1},
    "training": {"threads": 1, "steps": 2},
}


def tissue(shape=(8, 48, 56), voxel=(40.0, 4.0, 6.0), units=NANOMETERS, wall=1):
    """Synthetic neuropil with the voxel size as given."""
    image, labels = neuropil(shape, seed=0, wall=wall)
    frame = Frame("zyx", voxel, units, name="tissue")
    return Volume(image.array, frame), Volume(labels.array, frame)


def tiny(changes=None, preset="quick"):
    recipe = train_recipe("unet3d", preset, TINY)
    tree = recipe.model_dump()
    for group, fields in (changes or {}).items():
        tree[group] = {**tree[group], **fields} if isinstance(fields, dict) else fields
    return type(recipe).model_validate(tree)


def stored(widths=(4, 4, 8), channels=None, examples=None, **model):
    """A model that has learnt nothing: random weights, grey values from 0 to 255."""
    recipe = tiny({"model": {"widths": widths, **model}, "examples": examples or {}})
    torch.manual_seed(0)
    family = families.load("unet3d").Model(recipe.model, channels)
    with torch.no_grad():
        for name, value in family.modules["unet"].named_buffers():
            if name.endswith("running_mean"):
                value.normal_(0, 0.1)
    card = Card(
        recipe=recipe,
        normaliser=Normaliser(low=0, high=255, fill=128),
        channels=family.channels,
        voxel_size=(40, 4, 6),
        units=NANOMETERS,
    )
    weights = {
        f"unet.{key}": value.detach().numpy()
        for key, value in family.modules["unet"].state_dict().items()
    }
    return StoredModel(card, weights)


FP32 = PredictionSettings(precision="fp32", threads=1, device="cpu")


def test_the_seed_preset_has_the_parameters_of_the_thesis():
    assert parameters(families.find("unet3d"), "seed") == {"unet": 923_201}


@pytest.mark.parametrize(
    ("fields", "count"),
    [
        ({"down": "maxpool"}, 923_201),
        ({"widths": (8, 12, 16, 20, 24)}, 91_665),
        ({"deep_blocks": True}, 1_448_513),
        ({"isotropic": PUBLISHED}, 923_201),
    ],
    ids=str,
)
def test_options_have_the_known_counts(fields, count):
    with torch.device("meta"):
        model = families.load("unet3d").Model(UNet3dSettings(**fields))
    assert sum(w.numel() for w in model.modules["unet"].parameters()) == count


@pytest.mark.parametrize(
    ("apart", "levels"),
    [
        (10, PUBLISHED),
        (12.5, PUBLISHED),
        (1, (True,) * 5),
        (0.5, (True,) * 5),
        (2, (False, True, True, True, True)),
        (5, (False, False, True, True, True)),
        (100, (False, False, False, False, True)),
    ],
)
def test_the_distance_of_sections_decides_which_levels_reach_between_them(apart, levels):
    assert UNet3dSettings(anisotropy=apart).levels == levels


def test_named_levels_win_and_have_to_fit_the_widths():
    assert UNet3dSettings(anisotropy=1, isotropic=PUBLISHED).levels == PUBLISHED
    with pytest.raises(ValueError, match="3 isotropic levels and 5 widths do not fit"):
        UNet3dSettings(isotropic=(False, True, True))


def test_flat_levels_keep_the_sections_and_the_published_patch_has_the_published_maps():
    with torch.device("meta"):
        network = UNet3d(1, 1, (28, 36, 48, 64, 80), PUBLISHED)
        shapes = []
        for level in network.down:
            level.register_forward_hook(lambda *of: shapes.append(tuple(of[2].shape[1:])))
        assert network(torch.empty(1, 1, 18, 160, 160)).shape == (1, 1, 18, 160, 160)
    assert shapes == [
        (28, 18, 160, 160),
        (36, 18, 80, 80),
        (48, 18, 40, 40),
        (64, 9, 20, 20),
        (80, 5, 10, 10),
    ]


@pytest.mark.parametrize("down", ["stride", "maxpool"])
@pytest.mark.parametrize("shape", [(5, 33, 47), (4, 16, 16), (2, 17, 16)])
def test_any_size_comes_out_as_it_went_in(down, shape):
    network = UNet3d(2, 3, (4, 4, 8, 8), (True, False, True, True), down=down, norm="none")
    assert network(torch.rand(1, 2, *shape)).shape == (1, 3, *shape)


def test_every_skip_is_added():
    network = UNet3d(1, 1, (4, 4, 8), (False, False, True), norm="none").eval()
    tile = torch.rand(1, 1, 4, 16, 16)
    with torch.no_grad():
        whole = network(tile)
        for level in (0, 1):
            hook = network.up[1 - level].register_forward_pre_hook(
                lambda _, given: (given[0], torch.zeros_like(given[1]))
            )
            assert not torch.equal(network(tile), whole)
            hook.remove()


def test_a_section_sees_its_neighbours_only_where_levels_reach():
    tile = torch.rand(1, 1, 6, 16, 16)
    other = tile.clone()
    other[0, 0, 5] += 1
    for levels, sees in (((False, False, False), False), ((False, False, True), True)):
        network = UNet3d(1, 1, (4, 4, 8), levels, norm="none").eval()
        with torch.no_grad():
            same = torch.equal(network(tile)[:, :, 4], network(other)[:, :, 4])
        assert same != sees


def test_folded_norms_change_nothing():
    network = UNet3d(1, 1, (4, 4, 8), (False, True, True))
    for name, value in network.named_buffers():
        if "running" in name:
            value.uniform_(0.5, 1.5)
    tile = torch.rand(1, 1, 4, 16, 16)
    with torch.no_grad():
        torch.testing.assert_close(
            folded(network)(tile), network.eval()(tile), atol=1e-5, rtol=1e-4
        )


def prepared(image, labels, recipe):
    data = drain(prepare(image, labels, recipe))
    return data, drain(with_anisotropy(data, recipe))


def test_the_voxel_size_becomes_the_anisotropy_of_the_recipe():
    recipe = tiny()
    apart = 40 / (4 * 6) ** 0.5
    assert prepared(*tissue(), recipe)[1].model.anisotropy == pytest.approx(apart, rel=1e-3)
    isotropic = tissue(voxel=(8.0, 8.0, 8.0))
    assert prepared(*isotropic, recipe)[1].model.anisotropy == 1
    by_scale = tissue(voxel=(12.0, 1.0, 1.0), units=("pixel",) * 3)
    assert prepared(*by_scale, recipe)[1].model.anisotropy == 12
    asked = tiny({"model": {"anisotropy": 3.0}})
    assert prepared(*tissue(), asked)[1].model.anisotropy == 3


def test_an_unknown_voxel_size_is_refused_with_the_setting_that_helps():
    image, labels = tissue(voxel=(1.0, 1.0, 1.0), units=("pixel",) * 3)
    with pytest.raises(ValueError, match=r"voxel size of 'tissue' is not known.*model\.anisotropy"):
        drain(advseg.fit(image, labels, tiny()))
    data, recipe = prepared(image, labels, tiny({"model": {"anisotropy": 1.0}}))
    assert new_run(data, recipe).family.settings.levels == (True,) * 3


def test_images_of_different_voxels_are_refused():
    pairs = [tissue(), tissue(voxel=(8.0, 4.0, 4.0))]
    images, labels = zip(*pairs, strict=True)
    with pytest.raises(ValueError, match=r"sections of the images lie 2 to 8\.16 pixels apart"):
        drain(advseg.fit(list(images), list(labels), tiny()))


def test_axes_of_anisotropic_voxels_are_not_exchanged():
    cube = {"examples": {"depth": 16, "crop": 16, "augmentation": {"swap_axes": True}}}
    with pytest.raises(
        ValueError, match=r"lie 8\.16 pixels apart and look different from the side"
    ):
        drain(advseg.fit(*tissue(shape=(24, 32, 32)), tiny(cube)))


@pytest.mark.parametrize(
    ("family", "fields", "words"),
    [
        ("unet", {"depth": 8}, "unet learns from single sections and examples.depth is 8"),
        ("cgan", {"depth": 8}, "choose a family of volumes: unet3d"),
        ("unet", {"targets": {"walls": "volume"}}, "sees no walls between them"),
        ("unet3d", {"depth": None}, "unet3d learns from blocks of sections and examples.depth is"),
        (
            "unet3d",
            {"depth": 8, "augmentation": {"swap_axes": True}},
            "axes are exchanged in cubes only, and patches have 8 sections of 128 px",
        ),
        (
            "unet3d",
            {"targets": {"walls": "volume", "kind": "laplacian3"}},
            "drawn in sections only",
        ),
    ],
)
def test_settings_of_the_other_dimension_are_refused(family, fields, words):
    with pytest.raises(ValueError, match=words):
        train_recipe(family, "quick", {"examples": fields})


@pytest.mark.parametrize(
    ("shape", "fields", "words"),
    [
        ((1, 48, 48), {}, "'tissue' is a single section, and blocks of 4 sections"),
        ((3, 48, 48), {}, r"Patches of \(4, 32, 32\) .* larger than 'tissue' of \(3, 48, 48\)"),
        ((8, 24, 48), {}, r"examples\.depth up to 8 and examples\.crop up to 24"),
        ((8, 48, 48), {"depth": 8}, "8 sections deep, but no more than 7 neighbouring sections"),
    ],
)
def test_volumes_that_are_too_small_are_refused(shape, fields, words):
    with pytest.raises(ValueError, match=words):
        drain(advseg.fit(*tissue(shape=shape), tiny({"examples": fields})))


def test_a_single_section_is_refused_by_a_model_of_volumes():
    image, _ = tissue()
    with pytest.raises(ValueError, match=r"single section, and the model \(unet3d\) looks at"):
        drain(predict(Volume(image.array[:1], image.frame), stored()))


def test_sections_of_another_distance_or_none_are_said():
    model = stored(anisotropy=10.0)
    for voxel, units, words in (
        ((4.0, 4.0, 4.0), NANOMETERS, "Sections lie 1 pixels apart, those that the model"),
        ((1.0, 1.0, 1.0), ("pixel",) * 3, "voxel size of the image is not known"),
        ((48.0, 4.0, 6.0), NANOMETERS, ""),
    ):
        said = Predictor(model, FP32).shown.match(Frame("zyx", voxel, units))
        assert [type(one) for one in said] == ([Warned] if words else [])
        assert words in "".join(one.text for one in said)


def test_a_tiled_prediction_is_near_the_whole_one_and_without_seams():
    image, _ = tissue(shape=(12, 112, 112))
    model = stored(anisotropy=10.0)
    whole = drain(predict(image, model, FP32)).numpy().astype(np.float32)
    reports = []
    running = predict(image, model, FP32.changed(tile=80, depth=8))
    try:
        while True:
            reports.append(next(running))
    except StopIteration as end:
        tiled = end.value.numpy().astype(np.float32)
    assert tiled.shape == whole.shape == (12, 112, 112)
    assert np.abs(tiled - whole).mean() < 0.02
    jumps = [np.abs(np.diff(tiled - whole, axis=axis)) for axis in range(3)]
    across = [jump.mean(axis=tuple({0, 1, 2} - {axis})) for axis, jump in enumerate(jumps)]
    assert max(planes.max() for planes in across) < 0.02  # no plane between two tiles stands out
    assert any(isinstance(one, Said) and "blended" in one.text for one in reports)
    blocks = [one for one in reports if isinstance(one, BlockDone)]
    assert [one.done for one in blocks] == list(range(1, len(blocks) + 1))
    assert len(blocks) == blocks[0].total > 8


def test_a_replay_with_what_was_chosen_gives_the_same():
    image, _ = tissue(shape=(10, 64, 64))
    model = stored()
    first = Predictor(model, FP32)
    maps = [
        drain(predict(image, model, settings, [predictor])).numpy()
        for predictor in (first,)
        for settings in (FP32,)
    ]
    again = drain(predict(image, model, first.ran)).numpy()
    assert np.array_equal(maps[0], again)


def test_sections_cut_out_of_a_stack_are_seen_with_their_neighbours():
    image, _ = tissue(shape=(12, 48, 48))
    model = stored()
    whole = drain(predict(image, model, FP32)).numpy().astype(np.float32)
    cut = drain(predict(image.cut(5, 6), model, FP32)).numpy().astype(np.float32)
    assert cut.shape == (1, 48, 48)
    assert np.abs(cut[0] - whole[5]).mean() < 0.01
    wide, before = surrounded(image.cut(5, 6), 2)
    assert (wide.size("z"), before) == (5, 2)
    assert np.array_equal(wide.numpy(), image.numpy()[3:8])
    assert wide.frame.translate == image.cut(3, 8).frame.translate
    one = drain(map_of([Predictor(model, FP32)], image, 5))
    assert one.shape == (48, 48)
    assert np.abs(one - whole[5]).mean() < 0.05


def test_voxels_without_a_number_have_none_in_the_map():
    image, _ = tissue(shape=(6, 32, 32))
    grey = image.numpy().astype(np.float32)
    grey[2, 3, 4] = np.nan
    map_ = drain(predict(Volume(grey, image.frame), stored(), FP32)).numpy()
    assert np.isnan(map_[2, 3, 4])
    assert np.isnan(map_).sum() == 1


def test_affinities_in_three_directions_become_their_least():
    channels = Channels(output=3, gives="affinities")
    family = families.load("unet3d").Model(UNet3dSettings(widths=(4, 4)), channels)
    module = family.modules["unet"].eval()
    tile = torch.rand(1, 1, 4, 16, 16)
    with torch.no_grad():
        every = torch.sigmoid(module(tile))
        assert every.shape[1] == 3
        assert torch.equal(family.infer(tile), every.amin(1, keepdim=True))


@pytest.mark.parametrize("kind", ["affinities", "classes"])
def test_other_targets_are_learnt_from_blocks(kind):
    image, labels = tissue()
    if kind == "classes":
        labels = labels.like((labels.numpy() > 0).astype(np.uint8))
    recipe = tiny({"examples": {"targets": {"kind": kind}}})
    model = drain(advseg.fit(image, labels, recipe))
    assert model.card.channels.output == {"affinities": 3, "classes": 2}[kind]
    made = drain(advseg.segment(image, model, prediction=FP32))
    assert made.labels.shape == image.shape


def test_the_command_line_goes_from_a_stack_to_a_score(tmp_path, monkeypatch, capsys):
    image, labels = tissue()
    for name, volume in (("raw", image), ("ids", labels)):
        write(volume, tmp_path / f"{name}.ome.zarr")

    def run(*words):
        monkeypatch.setattr(sys, "argv", ["napari-advseg", *map(str, words)])
        with pytest.raises(SystemExit) as end:
            cli.main()
        assert end.value.code == 0, capsys.readouterr().err
        return capsys.readouterr().out

    raw, ids, model = (tmp_path / name for name in ("raw.ome.zarr", "ids.ome.zarr", "model"))
    chosen = ["model.widths=[4,4,8]", "examples.depth=4", "examples.crop=32", "examples.batch=1"]
    chosen += ["training.threads=1", "training.steps=2"]
    options = [part for one in chosen for part in ("--set", one)]
    run("train", "--family", "unet3d", "--preset", "quick", "--image", raw, "--labels", ids,
        "--out", model, *options)  # fmt: skip
    for out, more in (("labels", ()), ("one", ("--sections", "3:4"))):
        path = tmp_path / f"{out}.ome.zarr"
        run("segment", "--image", raw, "--model", model, "--out", path, *more)
    assert advseg.read(tmp_path / "one.ome.zarr").size("z") == 1
    assert "voi_split" in run("score", tmp_path / "labels.ome.zarr", ids)
    places = drain(
        suggest.run(Suggest(image=str(raw), model=str(model), count=2, window=16, looked_at=2))
    )
    assert len(places["places"]) == 2
