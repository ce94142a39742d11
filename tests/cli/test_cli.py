"""The command line as it is called from outside: literal names, one JSON document, one line of refusal."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
import yaml

import napari_advseg as advseg
from napari_advseg import model_store
from napari_advseg.cli.train import composed
from napari_advseg.volume.frame import Frame
from napari_advseg.volume.volume import Volume

QUICK = [
    "--set",
    "model.widths=[4,8]",
    "--set",
    "examples.crop=32",
    "--set",
    "examples.batch=2",
    "--set",
    "training.validate_every=2",
    "--set",
    "training.threads=1",
]


@pytest.fixture(scope="module")
def files(tissue, tmp_path_factory):
    folder = tmp_path_factory.mktemp("data")
    image, labels = tissue
    return advseg.write(image, folder / "raw.tif"), advseg.write(labels, folder / "truth.ome.zarr")


def train_options(files, out, steps=4):
    return [
        "train",
        "--image",
        files[0],
        "--labels",
        files[1],
        "--out",
        out,
        "--set",
        f"training.steps={steps}",
        *QUICK,
    ]


@pytest.fixture(scope="module")
def model(files, tmp_path_factory):
    out = tmp_path_factory.mktemp("models") / "m"
    command = [sys.executable, "-m", "napari_advseg", *map(str, train_options(files, out))]
    subprocess.run(command, check=True, capture_output=True)
    return out


def test_train_segment_score_from_file_to_number(call, files, model, tmp_path):
    image, truth = files
    out, interior_map = tmp_path / "labels.ome.zarr", tmp_path / "p.ome.zarr"
    code, _, err = call(
        "segment",
        "--image",
        image,
        "--model",
        model,
        "--out",
        out,
        "--sections",
        "1:4",
        "--probabilities",
        interior_map,
    )
    assert code == 0, err
    labels, interior = advseg.read(out), advseg.read(interior_map)
    assert labels.shape == interior.shape == (3, 80, 112)
    assert labels.dtype.kind in "iu"
    raw = advseg.read(image).frame
    assert labels.frame.scale == raw.scale
    assert labels.frame.units == raw.units
    assert labels.frame.translate[0] == pytest.approx(raw.scale[0])
    code, said, err = call("score", out, truth, "--sections", "1:4", "--json")
    assert code == 0, err
    score = json.loads(said)
    expected = advseg.score(labels, advseg.read(truth).cut(1, 4))
    for name in (
        "voi_split",
        "voi_merge",
        "voi",
        "adapted_rand_error",
        "cremi_score",
        "ignored_fraction",
    ):
        assert score[name] == pytest.approx(getattr(expected, name))
        assert score[name] == pytest.approx(
            np.mean([section[name] for section in score["sections"]])
        )


def test_a_tiff_comes_out_where_tiff_is_asked_for(call, files, model, tmp_path):
    code, _, err = call(
        "segment",
        "--image",
        files[0],
        "--model",
        model,
        "--out",
        tmp_path / "labels.tif",
        "--set",
        "labelling.thin=false",
        "--set",
        "labelling.minimum_size=4",
    )
    assert code == 0, err
    recipe = yaml.safe_load((tmp_path / "labels.recipe.yaml").read_text())
    assert recipe["labelling"]["thin"] is False
    assert recipe["labelling"]["minimum_size"] == 4
    assert recipe["labelling"]["threshold"] == model_store.read_card(model).labelling.threshold
    again = {**recipe, "out": str(tmp_path / "again.tif")}
    (tmp_path / "again.yaml").write_text(yaml.safe_dump(again))
    code, said, err = call("run", tmp_path / "again.yaml")
    assert code == 0, err
    assert json.loads(said)["labels"] == str(tmp_path / "again.tif")
    first, second = (advseg.read(tmp_path / name).numpy() for name in ("labels.tif", "again.tif"))
    np.testing.assert_array_equal(first, second)


def test_the_recipe_beside_the_model_trains_it_again(call, files, model, tmp_path):
    recipe = yaml.safe_load((model / "recipe.yaml").read_text())
    assert recipe["image"] == str(files[0])
    code, _, err = call("run", model / "recipe.yaml", "--set", f"out={tmp_path / 'again'}")
    assert code == 0, err
    first, second = (model_store.load(folder).weights for folder in (model, tmp_path / "again"))
    for key, value in first.items():
        np.testing.assert_array_equal(second[key], value)


def test_a_recipe_is_an_input_that_options_override(call, files, tmp_path):
    (tmp_path / "run.yaml").write_text(
        "training:\n  steps: 9\nseed: 5\nmodel:\n  widths: [4, 8]\nzero: boundary\n"
    )
    code, _, err = call(
        *train_options(files, tmp_path / "m", 3),
        "--recipe",
        tmp_path / "run.yaml",
        "--validate",
        "4:6",
        "--sections",
        "1:6",
    )
    assert code == 0, err
    used = model_store.read_card(tmp_path / "m").recipe
    assert (used.training.steps, used.seed, used.validation, used.sections) == (
        3,
        5,
        (4, 6),
        (1, 6),
    )
    assert used.zero == "boundary"


def test_minutes_yield_to_explicit_steps(call, files, tmp_path):
    code, _, err = call(*train_options(files, tmp_path / "m", 3), "--minutes", "5")
    assert code == 0, err
    assert model_store.read_card(tmp_path / "m").recipe.training.steps == 3


def test_what_starts_from_a_model_has_its_network_unless_a_preset_is_named():
    widths = model_store.read_card("first").recipe.model.model_dump(mode="json")["widths"]
    start = {"start_from": "first"}
    assert composed(None, "unet", None, start)["model"]["widths"] == widths
    assert composed(None, "unet", "quick", start)["model"]["widths"] != widths
    narrow = composed(None, "unet", None, {**start, "model": {"widths": [4, 8]}})
    assert narrow["model"]["widths"] == [4, 8]
    assert composed(None, "deconvnet", None, start)["model"]["widths"] != widths


def test_an_interrupted_training_saves_and_resumes(files, tmp_path):
    command = [
        sys.executable,
        "-m",
        "napari_advseg",
        *map(str, train_options(files, tmp_path / "m", 100_000)),
    ]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as child:
        while (
            not (tmp_path / "m" / model_store.LOG).exists()
            or "unet/loss" not in (tmp_path / "m" / model_store.LOG).read_text()
        ):
            assert child.poll() is None
            time.sleep(0.02)
        os.kill(child.pid, signal.SIGINT)
        _, err = child.communicate()
    assert child.returncode == 2
    assert "--resume" in err.splitlines()[-1]
    step = model_store.load_state(tmp_path / "m").facts["step"]
    assert step > 0
    resume = [
        sys.executable,
        "-m",
        "napari_advseg",
        "train",
        "--out",
        str(tmp_path / "m"),
        "--resume",
        "--set",
        f"training.steps={step + 2}",
    ]
    done = subprocess.run(resume, capture_output=True, text=True, check=True)
    assert f"Going on from step {step} of {step + 2}" in done.stderr
    assert done.stdout == ""


def test_a_training_killed_at_once_resumes_to_the_weights_of_an_unbroken_one(files, tmp_path):
    def started(out):
        sparse = ["--set", "training.save_every=5", "--set", "training.validate_every=100"]
        options = [*train_options(files, out, 200), *sparse]
        command = [sys.executable, "-m", "napari_advseg", *map(str, options)]
        return subprocess.Popen(command, stderr=subprocess.DEVNULL)

    with started(tmp_path / "broken") as child:
        while not (tmp_path / "broken" / model_store.STATE).exists():
            assert child.poll() is None
            time.sleep(0.005)
        child.kill()
    step = model_store.load_state(tmp_path / "broken").facts["step"]
    assert 0 < step < 200
    resume = ["train", "--out", str(tmp_path / "broken"), "--resume"]
    subprocess.run(
        [sys.executable, "-m", "napari_advseg", *resume], check=True, capture_output=True
    )
    with started(tmp_path / "whole") as child:
        assert child.wait() == 0
    whole, broken = (model_store.load(tmp_path / name).weights for name in ("whole", "broken"))
    for key, value in whole.items():
        np.testing.assert_array_equal(broken[key], value)


def test_families_lists_the_counts_of_the_literature(call):
    code, out, _ = call("families", "--json")
    assert code == 0
    unet = next(entry for entry in json.loads(out) if entry["name"] == "unet")
    assert set(unet) == {"name", "summary", "reference", "presets"}
    assert unet["presets"]["seed"]["parameters"]["unet"] == 31036481
    assert "unet 31,036,481" in call("families")[1]


@pytest.mark.parametrize("out", ["folder", "im.tif", "im.ome.zarr"])
def test_a_sample_is_written_with_its_truth(call, tmp_path, out):
    code, said, err = call("sample", "neuropil", tmp_path / out)
    assert code == 0, err
    image, labels = (advseg.read(line) for line in said.splitlines())
    assert image.shape == labels.shape
    assert image.frame.scale == labels.frame.scale
    assert labels.numpy().min() >= 0 < labels.numpy().max()
    assert call("sample", "neuropil", tmp_path / out)[0] == 2, "nothing is overwritten"


def test_the_demo_leaves_scores_labels_and_pictures(call, tmp_path):
    code, said, err = call("demo", "--out", tmp_path / "d", "--steps", "3")
    assert code == 0, err
    score = json.loads((tmp_path / "d" / "score.json").read_text())
    assert {"voi", "adapted_rand_error", "cremi_score", "plain_threshold", "sections"} <= set(score)
    assert list((tmp_path / "d").glob("*.png"))
    assert advseg.read(tmp_path / "d" / "labels.ome.zarr").numpy().any()
    assert "adapted_rand_error" in said
    assert call("demo", "--out", tmp_path / "d")[0] == 2


def test_doctor_says_what_it_found(call):
    code, out, _ = call("doctor")
    assert code in (0, 2)
    assert "torch" in out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["nonsense"], "nonsense"),
        (["train", "--family", "vnet", "--out", "m"], "choose one of: unet"),
        (["train", "--out", "m"], "names no image"),
        (["train", "--image", "raw.tif"], "--out"),
        (
            [
                "train",
                "--image",
                "missing.tif",
                "--labels",
                "missing.tif",
                "--out",
                "m",
                "--preset",
                "quick",
            ],
            "missing.tif",
        ),
        (["train", "--out", "m", "--preset", "fast"], "quick, seed"),
        (["train", "--out", "m", "--set", "training.stepz=1"], "training.stepz"),
        (["train", "--out", "m", "--set", "nonsense"], "name=value"),
        (["train", "--out", "m", "--seed", "-1"], "seed"),
        (["train", "--out", "m", "--sections", "7:3"], "A < B"),
        (["train", "--out", "nothing", "--resume"], "nothing"),
        (["segment", "--image", "a", "--model", "nowhere", "--out", "l.tif"], "holds no model"),
        (["segment", "--image", "a"], "--model"),
        (["score", "missing.tif", "other.tif"], "missing.tif"),
        (["run", "missing.yaml"], "missing.yaml"),
        (["sample", "nonsense", "out"], "neuropil"),
    ],
)
def test_a_wrong_call_ends_with_2_and_one_line(call, tmp_path, monkeypatch, arguments, said):
    monkeypatch.chdir(tmp_path)
    code, out, err = call(*arguments)
    assert code == 2
    assert out == ""
    assert said in err
    assert len(err.strip().splitlines()) == 1
    assert not list(tmp_path.iterdir()), "nothing is left behind"


def test_image_and_labels_of_different_shape_are_refused_with_both(call, tmp_path, files):
    small = advseg.write(
        Volume(np.ones((6, 50, 96), np.uint8), Frame("zyx")), tmp_path / "small.tif"
    )
    code, _, err = call("train", "--image", files[0], "--labels", small, "--out", tmp_path / "m")
    assert code == 2
    assert "(6, 80, 112)" in err
    assert "(6, 50, 96)" in err
    assert not (tmp_path / "m").exists()


def test_empty_and_one_class_annotations_are_refused_before_the_start(call, tmp_path, files):
    for value in (0, 5):
        labels = advseg.write(
            Volume(np.full((6, 80, 112), value, np.uint16), Frame("zyx")), tmp_path / f"{value}.tif"
        )
        code, _, err = call(
            "train", "--image", files[0], "--labels", labels, "--out", tmp_path / "m"
        )
        assert code == 2, err
        assert not (tmp_path / "m").exists()


def test_colour_images_are_refused_by_a_grey_model_and_taken_by_a_colour_one(
    call, tmp_path, files, model
):
    colour = Volume(np.random.default_rng(0).integers(0, 255, (3, 80, 112), np.uint8), Frame("cyx"))
    path = advseg.write(colour, tmp_path / "rgb.ome.zarr")
    code, _, err = call("segment", "--image", path, "--model", model, "--out", tmp_path / "l.tif")
    assert code == 2
    assert "3 channels" in err
    labels = advseg.write(
        Volume(advseg.read(files[1]).section(0), Frame("yx")), tmp_path / "l.ome.zarr"
    )
    code, _, err = call(
        "train",
        "--image",
        path,
        "--labels",
        labels,
        "--out",
        tmp_path / "m",
        "--preset",
        "quick",
        "--set",
        "training.steps=2",
        *QUICK,
    )
    assert code == 0, err


def test_an_existing_output_is_kept(call, tmp_path, files, model):
    (tmp_path / "labels.tif").write_bytes(b"mine")
    code, _, err = call(
        "segment", "--image", files[0], "--model", model, "--out", tmp_path / "labels.tif"
    )
    assert code == 2
    assert "--overwrite" in err
    assert (tmp_path / "labels.tif").read_bytes() == b"mine"
    code, _, err = call(
        "segment",
        "--image",
        files[0],
        "--model",
        model,
        "--out",
        tmp_path / "labels.tif",
        "--overwrite",
    )
    assert code == 0, err
    assert advseg.read(tmp_path / "labels.tif").shape == (6, 80, 112)
