"""The reverse problem: images of labels, told apart from real ones by their history."""

from __future__ import annotations

import sys

import numpy as np
import pytest

import napari_advseg as advseg
from napari_advseg import cli, drain
from napari_advseg.inference.painter import generate
from napari_advseg.recipes import train_recipe
from napari_advseg.tasks.generate.gate import agreement, through_the_gate
from napari_advseg.training.fit import fit

SMALL = {
    "model": {
        "direction": "map_to_image",
        "width": 8,
        "depth": 3,
        "dropout": 0.0,
        "optimiser": {"learning_rate": 0.003, "beta1": 0.5},
        "critic": {"widths": [8, 16]},
    },
    "examples": {"crop": 48, "batch": 4},
    "training": {
        "steps": 60,
        "validate_every": 30,
        "threads": 1,
        "device": "cpu",
        "precision": "fp32",
    },
}


@pytest.fixture(scope="module")
def painter(tissue, tmp_path_factory):
    out = tmp_path_factory.mktemp("painter") / "model"
    return drain(fit(*tissue, train_recipe("cgan", "quick", {**SMALL, "out": str(out)})))


def test_a_painted_image_looks_like_the_real_one_of_its_labels(painter, tissue):
    image, labels = tissue
    assert set(painter.card.calibration) == {"l1", "ssim"}
    made = drain(generate(labels, painter))
    assert (made.shape, made.dtype, made.frame.scale) == (
        image.shape,
        image.dtype,
        image.frame.scale,
    )
    real, painted = (one.numpy().astype(float).ravel() for one in (image, made))
    other = np.roll(made.numpy(), 31, axis=-1).astype(float).ravel()
    assert np.corrcoef(real, painted)[0, 1] > np.corrcoef(real, other)[0, 1] + 0.2


def test_it_says_that_it_is_synthetic_wherever_it_goes(painter, tissue, tmp_path):
    made = drain(generate(tissue[1], painter))
    for name in ("a.tif", "a.ome.zarr"):
        read = advseg.read(advseg.write(made, tmp_path / name))
        assert any(
            line.startswith("synthetic: painted of labels by cgan") for line in read.frame.history
        )


def test_a_painter_refuses_to_segment_and_a_segmenter_to_paint(painter, tissue):
    with pytest.raises(ValueError, match="use the command generate"):
        drain(advseg.segment(tissue[0], painter))
    tree = {
        "training": {**SMALL["training"], "steps": 1},
        "examples": SMALL["examples"],
        "model": {"widths": [4, 8]},
    }
    unet = drain(fit(*tissue, train_recipe("unet", "quick", tree)))
    with pytest.raises(ValueError, match="makes maps of images and no images"):
        drain(generate(tissue[1], unet))


@pytest.fixture
def call(monkeypatch, capfd):
    def run(*arguments):
        monkeypatch.setattr(sys, "argv", ["napari-advseg", *map(str, arguments)])
        with pytest.raises(SystemExit) as end:
            cli.main()
        return end.value.code, capfd.readouterr().err

    return run


@pytest.fixture(scope="module")
def judge(tissue, tmp_path_factory):
    """A segmenter of the real images."""
    tree = {
        "training": {**SMALL["training"], "steps": 40},
        "examples": SMALL["examples"],
        "model": {"widths": [8, 16], "optimiser": {"learning_rate": 0.005}},
        "out": str(tmp_path_factory.mktemp("judge") / "model"),
    }
    return drain(fit(*tissue, train_recipe("unet", "quick", tree)))


def test_the_gate_lets_through_what_a_segmenter_finds_again(judge, tissue):
    image, labels = tissue
    spoilt = image.numpy().copy()
    spoilt[1] = np.random.default_rng(0).integers(0, 255, spoilt[1].shape)
    passed = drain(through_the_gate(image.like(spoilt), labels, judge, 0.47))
    assert passed.overlap[1] < 0.47 < np.delete(passed.overlap, 1).min()
    assert np.array_equal(passed.image.numpy(), np.delete(spoilt, 1, axis=0))
    assert np.array_equal(passed.labels.numpy(), np.delete(labels.numpy(), 1, axis=0))
    assert passed.words.startswith("5 of 6 painted sections passed")
    with pytest.raises(ValueError, match="ask for less overlap"):
        drain(through_the_gate(image.like(spoilt), labels, judge, 1.0))


def test_the_gate_judges_classes_by_their_mean_overlap(tissue):
    image, labels = tissue
    classes = labels.like((labels.numpy() > 0).astype(np.uint8))
    tree = {
        "training": {**SMALL["training"], "steps": 40},
        "examples": {**SMALL["examples"], "targets": {"kind": "classes"}},
        "model": {"widths": [8, 16], "optimiser": {"learning_rate": 0.005}},
    }
    model = drain(fit(image, classes, train_recipe("unet", "quick", tree)))
    right = drain(agreement(image, classes, model))
    wrong = drain(agreement(image, classes.like(1 - classes.numpy()), model))
    assert right.min() > 0.4
    assert wrong.max() < 0.2


def test_the_command_has_a_gate(painter, judge, call, tmp_path):
    asked = ("generate", "--model", painter.folder, "--gate", judge.folder, "--side", 64)
    code, err = call(*asked, "--out", tmp_path / "all", "--agree", 0)
    assert code == 0, err
    assert "4 of 4 painted sections passed the gate" in err
    code, err = call(*asked, "--out", tmp_path / "none", "--agree", 1)
    assert code == 2
    assert "train the painter longer" in err
    assert not list((tmp_path / "none").iterdir())


def test_a_recipe_of_generated_pairs_repeats_them(painter, tissue, tmp_path, call):
    labels, out, again = (tmp_path / name for name in ("labels.tif", "pairs", "again"))
    advseg.write(tissue[1], labels)
    asked = ("generate", "--model", painter.folder, "--out", out, "--labels", labels)
    assert call(*asked, "--sections", "1:3")[0] == 0
    code, err = call("run", out / "recipe.yaml", "--set", f"out={again}")
    assert code == 0, err
    for name in ("image.tif", "labels.tif"):
        one, other = (advseg.read(folder / name) for folder in (out, again))
        assert np.array_equal(one.numpy(), other.numpy())
    assert one.shape[0] == 2


def test_the_command_writes_pairs(painter, tmp_path, call):
    out = tmp_path / "pairs"
    asked = ("generate", "--model", painter.folder, "--out", out, "--count", 2, "--side", 64)
    code, err = call(*asked)
    assert code == 0, err
    image, labels = advseg.read(out / "image.tif"), advseg.read(out / "labels.tif")
    assert image.shape == labels.shape == (2, 64, 64)
    assert "synthetic" in " ".join((*image.frame.history, *labels.frame.history))
    code, err = call(*asked)
    assert code == 2
    assert "--overwrite" in err
