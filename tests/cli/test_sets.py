"""Folders through the command line: palette masks of classes are learnt, segmented and scored image by image."""

from __future__ import annotations

import csv
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import napari_advseg as advseg
from napari_advseg import inference
from napari_advseg.model_store import read_card
from napari_advseg.tasks import segment
from napari_advseg.tasks.segment import segment_folder
from napari_advseg.volume.frame import Frame
from napari_advseg.volume.volume import Volume

VOID = 255
SETTINGS = (
    "examples.targets.kind=classes",
    "examples.crop=32",
    "examples.batch=4",
    "model.widths=[8,16]",
    "model.optimiser.learning_rate=0.01",
    "training.steps=60",
    "training.validate_every=60",
    "training.threads=1",
    "training.device=cpu",
    "training.precision=fp32",
)


def striped(side, seed):
    """Stripes of three greys, their classes 0, 1 and 2, and a frame that nobody has judged."""
    rng = np.random.default_rng(seed)
    kinds = np.repeat(rng.integers(0, 3, side // 8 + 1), 8)[:side]
    kinds[:24] = np.repeat([0, 1, 2], 8)
    classes = np.repeat(kinds[:, None].astype(np.uint8), side + 8, axis=1)
    grey = (60 * classes + rng.normal(40, 4, classes.shape)).clip(0, 255).astype(np.uint8)
    classes[:2], classes[-2:] = VOID, VOID
    return grey, classes


def save_mask(classes, path):
    """A PNG of palette indices, as PASCAL VOC keeps its masks."""
    mask = Image.fromarray(classes, mode="P")
    mask.putpalette([*(20 * k for k in range(12)), *(224 for _ in range(756))])
    mask.save(path)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    base = tmp_path_factory.mktemp("sets")
    (base / "images").mkdir()
    (base / "masks").mkdir()
    for seed, side in enumerate((48, 64, 56, 48)):
        grey, classes = striped(side, seed)
        frame = Frame("yx", (4.0, 6.0), ("nanometer",) * 2)
        advseg.write(Volume(grey, frame), base / "images" / f"cell{seed}.tif")
        save_mask(classes, base / "masks" / f"cell{seed}_classes.png")
    return base


@pytest.fixture(scope="module")
def model(folder):
    """A model of classes, trained by the command line on palette masks."""
    words = ["train", "--preset", "quick", "--out", folder / "model"]
    words += ["--image", folder / "images", "--labels", folder / "masks" / "*_classes.png"]
    for one in SETTINGS:
        words += ["--set", one]
    command = [sys.executable, "-m", "napari_advseg", *map(str, words)]
    said = subprocess.run(command, check=True, capture_output=True, text=True).stderr
    assert "3 classes: 0 (" in said
    assert "255 is left out" in said
    return folder / "model"


def segmenting(folder, model, out, *options):
    given = {"--image": folder / "images", "--model": model, "--out": out}
    return ["segment", *(word for pair in given.items() for word in pair), *options]


@pytest.fixture
def labels(folder, model, tmp_path):
    out = tmp_path / "labels"
    advseg.drain(segment_folder(folder / "images", model, out))
    return out


def test_palette_masks_are_learnt_segmented_and_scored(call, folder, model, tmp_path):
    out = tmp_path / "labels"
    code, _, err = call(*segmenting(folder, model, out))
    assert code == 0, err
    assert "4 of 4 images segmented, 3 classes in" in err
    assert sorted(path.name for path in out.iterdir()) == [
        *(f"cell{k}.tif" for k in range(4)),
        "recipe.yaml",
    ]
    assert read_card(model).recipe.examples.targets.classes == (0, 1, 2)
    found = advseg.read(out / "cell1.tif")
    assert found.frame.scale == (4.0, 6.0)
    assert set(np.unique(found.numpy())) <= {0, 1, 2}
    alone = advseg.drain(advseg.segment(folder / "images" / "cell1.tif", model)).labels
    np.testing.assert_array_equal(found.numpy(), alone.numpy())
    code, said, err = call("score", out, folder / "masks", "--classes", "--json")
    assert code == 0, err
    assert "255 in the truth is left out, as in palette masks" in err
    page = json.loads(said)
    assert [one["image"] for one in page["images"]] == [f"cell{k}.tif" for k in range(4)]
    truth = advseg.read(folder / "masks" / "cell1_classes.png").numpy()
    expected = advseg.semantic_score(found.numpy(), truth, ignore=VOID)
    assert page["images"][1]["mean_iou"] == expected.mean_iou
    assert expected.mean_iou > 0.8
    summary = page["summary"]
    every = [one["mean_iou"] for one in page["images"]]
    assert summary["mean"]["mean_iou"] == pytest.approx(np.mean(every))
    assert summary["median"]["mean_iou"] == pytest.approx(np.median(every))
    assert summary["min"]["mean_iou"] == min(every)
    high = [one["iou"]["2"] > 0.97 for one in page["images"]]
    assert summary["above_0.97"]["iou_2"] == np.mean(high)


def test_the_table_has_a_row_for_each_image_and_a_file_on_request(call, folder, labels, tmp_path):
    table = tmp_path / "scores.csv"
    given = ("score", labels, folder / "masks", "--classes", "--ignore", VOID)
    code, said, err = call(*given, "--csv", table)
    assert code == 0, err
    names = [line.split()[0] for line in said.splitlines() if line.strip()]
    block = [*(f"cell{k}.tif" for k in range(4)), "mean", "median", "min", "max", "above"]
    assert names[1 : 1 + len(block)] == block
    assert "IoU 2" in said
    with table.open() as file:
        rows = list(csv.DictReader(file))
    assert [Path(row["labels"]).name for row in rows] == block[:4]
    code, said, _ = call(*given, "--json")
    assert float(rows[2]["iou_1"]) == json.loads(said)["images"][2]["iou"]["1"]


def test_instances_and_objects_of_folders_are_scored_too(call, folder, labels):
    code, said, err = call("score", labels, folder / "masks", "--objects", "--json")
    assert code == 0, err
    one = json.loads(said)["images"][0]
    pair = labels / "cell0.tif", folder / "masks" / "cell0_classes.png"
    assert one["voi"] == advseg.score(*map(advseg.read, pair)).voi
    assert {"voi", "objects"} <= set(one)
    assert {"voi", "f1", "open_boundary_rate"} <= set(json.loads(said)["summary"]["mean"])
    code, said, _ = call("score", folder / "masks", labels)
    assert code == 0, "the longer names may be on either side"
    assert "VOI" in said


def test_the_model_is_loaded_once(folder, model, tmp_path, monkeypatch):
    made = []

    def counted(*given):
        made.append(inference.ready(*given))
        return made[-1]

    monkeypatch.setattr(segment, "ready", counted)
    advseg.drain(segment_folder(folder / "images", model, tmp_path / "labels"))
    assert len(made) == 1


def test_a_recipe_of_a_folder_is_replayed_and_gone_on_with(call, labels, tmp_path):
    recipe, again = labels / "recipe.yaml", tmp_path / "again"
    code, said, err = call("run", recipe, "--set", f"out={again}")
    assert code == 0, err
    assert json.loads(said)["segmented"] == 4
    for k in range(4):
        first, second = (advseg.read(one / f"cell{k}.tif").numpy() for one in (labels, again))
        np.testing.assert_array_equal(first, second)
    assert call("run", recipe)[0] == 2
    (labels / "cell2.tif").unlink()
    code, said, err = call("run", recipe, "--resume")
    assert code == 0, err
    assert json.loads(said)["segmented"] == 1
    assert "4 images, 3 of them segmented already and kept." in err


def test_an_image_that_does_not_fit_is_named_before_the_first(call, folder, model, tmp_path):
    mixed = tmp_path / "mixed"
    mixed.mkdir()
    for k in (0, 1):
        (mixed / f"a{k}.tif").write_bytes((folder / "images" / f"cell{k}.tif").read_bytes())
    colours = np.random.default_rng(0).integers(0, 255, (48, 48, 3), np.uint8)
    Image.fromarray(colours).save(mixed / "z.png")
    given = ("segment", "--model", model, "--out", tmp_path / "labels")
    code, out, err = call(*given, "--image", mixed)
    assert (code, out) == (2, "")
    assert "z.png: The image has 3 channels, the model was trained with 1" in err
    (mixed / "z.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    code, _, err = call(*given, "--image", mixed)
    assert code == 2
    assert "z.png" in err
    assert len(err.strip().splitlines()) == 1
    assert not (tmp_path / "labels").exists()
    code, _, err = call(*given, "--image", mixed / "a*.tif")
    assert code == 0, err


def test_an_interrupted_folder_says_how_far_it_came(folder, model, tmp_path):
    many = tmp_path / "many"
    many.mkdir()
    whole = (folder / "images" / "cell1.tif").read_bytes()
    for k in range(400):
        (many / f"cell{k:03}.tif").write_bytes(whole)
    out = tmp_path / "labels"
    words = ["segment", "--image", many, "--model", model, "--out", out]
    command = [sys.executable, "-m", "napari_advseg", *map(str, words)]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as child:
        for line in child.stderr:
            if "cell002.tif" in line:
                os.kill(child.pid, signal.SIGINT)
                break
        rest = child.stderr.read().splitlines()
    assert child.returncode == 2
    done = len(list(out.glob("*.tif")))
    assert 3 <= done < 400
    assert f"after {done} of 400 images" in rest[-1]
    assert "--resume" in rest[-1]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--sections", "0:1"], "leave out --sections"),
        (["--ignore", "255"], "add --classes"),
        (["--csv", "nowhere/scores.csv", "--classes"], None),
    ],
)
def test_what_does_not_fit_folders_is_said(call, folder, labels, options, words, monkeypatch):
    monkeypatch.chdir(labels)
    code, out, err = call("score", labels, folder / "masks", *options)
    assert (code, out) == ((2, "") if words else (0, out))
    assert words is None or words in err


def test_labels_without_truth_and_pairs_that_differ_are_named(call, folder, labels, tmp_path):
    code, _, err = call("score", labels, folder / "masks" / "cell[012]*")
    assert code == 2
    assert "The labels file cell3.tif has no truth" in err
    code, _, err = call("score", labels / "cell0.tif", folder / "masks")
    assert code == 2
    assert "cell1_classes.png belongs to no labels file" in err
    other = tmp_path / "other"
    other.mkdir()
    for k in range(4):
        save_mask(striped(40, k)[1], other / f"cell{k}.png")
    code, _, err = call("score", labels, other, "--classes")
    assert code == 2
    assert "cell0.tif: Labels of shape (48, 56) and truth of shape (40, 48) differ" in err
    code, _, err = call(
        "score", labels / "cell0.tif", folder / "masks" / "cell0_classes.png", "--csv", "x"
    )
    assert code == 2
    assert "--csv is a table of several images" in err
