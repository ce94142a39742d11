"""Crops drawn from noise: learnt from images alone, told apart from real ones, compared with what was shown."""

from __future__ import annotations

import csv
import sys

import numpy as np
import pytest

import napari_advseg as advseg
from napari_advseg import cli, drain
from napari_advseg.progress import Said, Warned
from napari_advseg.recipes import train_recipe
from napari_advseg.tasks.generate.crops import compare_with_training, draw
from napari_advseg.training.fit import fit
from napari_advseg.volume.frame import Frame
from napari_advseg.volume.volume import Volume

SMALL = {
    "model": {"widths": [8, 8, 8, 8], "code": 8, "mapping": 2},
    "examples": {"crop": 32, "batch": 4},
    "training": {
        "steps": 8,
        "validate_every": 4,
        "save_every": 4,
        "threads": 1,
        "device": "cpu",
        "precision": "fp32",
        "ema": 0.5,
    },
}


@pytest.fixture(scope="module")
def images(tissue, tmp_path_factory):
    """The sections of the tissue as a file."""
    return advseg.write(tissue[0], tmp_path_factory.mktemp("images") / "raw.tif")


@pytest.fixture(scope="module")
def drawer(images, tmp_path_factory):
    out = tmp_path_factory.mktemp("drawer") / "model"
    recipe = train_recipe("stylegan", "quick", {**SMALL, "images": str(images), "out": str(out)})
    return drain(fit(recipe=recipe))


@pytest.fixture
def call(monkeypatch, capfd):
    def run(*arguments):
        monkeypatch.setattr(sys, "argv", ["napari-advseg", *map(str, arguments)])
        with pytest.raises(SystemExit) as end:
            cli.main()
        return end.value.code, capfd.readouterr().err

    return run


def test_it_learns_from_images_alone_and_says_how_like_them_its_crops_are(drawer):
    assert set(drawer.card.calibration) == {"loss", "histogram", "diversity"}
    assert drawer.card.last_step == 8
    assert list((drawer.folder / "samples").iterdir())


def test_crops_keep_pixel_size_and_grey_values_and_say_that_they_are_synthetic(
    drawer, tissue, tmp_path
):
    made = drain(draw(drawer, 3, seed=4, truncation=0.7, gain=1.2))
    assert (made.shape, made.dtype, made.axes) == ((3, 32, 32), tissue[0].dtype, "zyx")
    assert made.frame.scale[1:] == tissue[0].frame.scale[1:]
    assert made.frame.units[1:] == tissue[0].frame.units[1:]
    again = advseg.read(advseg.write(made, tmp_path / "crops.tif"))
    assert any(
        line.startswith("synthetic: drawn from noise by stylegan") for line in again.frame.history
    )
    assert "seed 4, truncation 0.7, gain 1.2" in " ".join(again.frame.history)


def test_more_gain_is_more_contrast(drawer):
    plain, strong = (drain(draw(drawer, 4, gain=gain)).numpy().std() for gain in (0.5, 1.0))
    assert strong > plain


def test_a_repeated_patch_is_reported_with_its_place(drawer, tissue):
    array = tissue[0].numpy()
    copied = np.rot90(array[2, 11:43, 40:72])
    noise = np.random.default_rng(0).integers(0, 255, (32, 32)).astype(np.uint8)
    notes = []
    found = drain(
        compare_with_training(Volume(np.stack([copied, noise]), Frame("zyx")), drawer), notes.append
    )
    assert found.copied == (0,)
    assert found.places[0] == (0, 2)
    assert (found.nearest[0].row, found.nearest[0].column) == (11, 40)
    assert np.corrcoef(found.patches[0].ravel(), copied.ravel())[0, 1] > 0.99
    assert found.unseen
    assert any(
        isinstance(note, Warned) and "1 of 2 look repeated: 0" in note.text for note in notes
    )


def test_crops_of_an_untrained_model_are_no_copies(drawer):
    notes = []
    found = drain(compare_with_training(drain(draw(drawer, 4)), drawer), notes.append)
    assert found.copied == ()
    assert any(isinstance(note, Said) and "none looks repeated" in note.text for note in notes)


def test_images_that_have_gone_leave_the_check_out_and_say_so(tissue, tmp_path):
    model = drain(fit(tissue[0], None, train_recipe("stylegan", "quick", {
        **SMALL, "training": {**SMALL["training"], "steps": 1}})))  # fmt: skip
    notes = []
    assert drain(compare_with_training(drain(draw(model, 1)), model), notes.append) is None
    assert "Name the images with --images" in notes[-1].text
    assert (
        drain(
            compare_with_training(drain(draw(model, 1)), model, str(tmp_path / "gone.tif")),
            notes.append,
        )
        is None
    )
    assert "was not checked" in notes[-1].text


def test_the_command_trains_on_images_draws_crops_and_another_training_takes_them(
    images, call, tmp_path
):
    model, out = tmp_path / "model", tmp_path / "crops"
    options = [f"--set=model.{name}={value}" for name, value in
               (("widths", "[8,8,8]"), ("code", 8), ("mapping", 2))]  # fmt: skip
    common = ["--set=examples.batch=2", "--set=training.steps=2", "--set=training.threads=1",
              "--set=training.device=cpu"]  # fmt: skip
    asked = ["train", "--family", "stylegan", "--preset", "quick", *options, *common]
    code, err = call(*asked, "--images", images, "--set=examples.crop=16", "--out", model)
    assert code == 0, err
    drawn = ("generate", "--model", model, "--out", out, "--count", 5, "--seed", 1)
    code, err = call(*drawn)
    assert code == 0, err
    assert "carry no labels" in err
    assert "Most alike training patches" in err
    with (out / "crops.csv").open(newline="") as file:
        assert len(list(csv.DictReader(file))) == 5
    assert (out / "check" / "nearest.png").is_file()
    code, err = call(*drawn)
    assert code == 2
    assert "--overwrite" in err
    code, err = call(*asked, "--images", out, "--set=examples.crop=16", "--out", tmp_path / "again")
    assert code == 0, err
    assert "4 sections train, 1 validates; no labels are needed" in err


def test_labels_for_crops_and_a_family_without_images_are_refused(drawer, images, call, tmp_path):
    asked = ("generate", "--model", drawer.folder, "--out", tmp_path / "x")
    code, err = call(*asked, "--labels", images)
    assert code == 2
    assert "leave out --labels and --gate" in err
    code, err = call(
        "segment", "--image", images, "--model", drawer.folder, "--out", tmp_path / "l.tif"
    )
    assert code == 2
    assert "use the command generate" in err
    with pytest.raises(ValueError, match="Truncation 2"):
        drain(draw(drawer, 1, truncation=2))


def test_a_broken_training_of_images_alone_goes_on(images, tmp_path):
    changes = {**SMALL, "image": str(images), "out": str(tmp_path / "model")}
    whole = drain(fit(recipe=train_recipe("stylegan", "quick", {**changes, "out": None})))
    running = fit(recipe=train_recipe("stylegan", "quick", changes))
    for report in running:
        if getattr(report, "step", 0) == 3:
            break
    running.close()
    resumed = drain(fit(recipe=train_recipe("stylegan", "quick", changes), resume=True))
    for key, value in whole.weights.items():
        np.testing.assert_array_equal(resumed.weights[key], value)
