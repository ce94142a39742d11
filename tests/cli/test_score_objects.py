"""`score --objects` and `score --classes`, called as from outside."""

from __future__ import annotations

import json

import numpy as np
import pytest

import napari_advseg as advseg
from napari_advseg.volume.frame import Frame
from napari_advseg.volume.volume import Volume


@pytest.fixture(scope="module")
def files(tmp_path_factory, tissue):
    """Labels with two objects joined, truth, and a map of probabilities."""
    folder = tmp_path_factory.mktemp("objects")
    truth = tissue[1]
    labels = truth.numpy().copy()
    ids = [one for one in np.unique(labels[0]) if one]
    labels[0][labels[0] == ids[0]] = ids[1]
    doubt = np.random.default_rng(0).random(labels.shape, np.float32)
    given = {"labels": labels, "truth": truth.numpy(), "map": doubt}
    return {
        name: advseg.write(Volume(array, Frame("zyx")), folder / f"{name}.tif")
        for name, array in given.items()
    }


def test_objects_are_one_more_block(call, files):
    code, said, err = call("score", files["labels"], files["truth"], "--json")
    assert code == 0, err
    plain = json.loads(said)
    assert "objects" not in plain
    code, said, err = call("score", files["labels"], files["truth"], "--objects", "--json")
    assert code == 0, err
    more = json.loads(said)
    labels, truth = (advseg.read(files[name]) for name in ("labels", "truth"))
    assert more.pop("objects") == advseg.object_score(labels, truth).to_json()
    assert more == plain


def test_every_option_reaches_the_score(call, files):
    code, said, err = call(
        *("score", files["labels"], files["truth"], "--objects", "--json"),
        *("--iou", "0.5:0.6", "--tolerance", 1, "--detections", 3, "--probabilities", files["map"]),
        *("--by", "volume", "--boundary", "count", "--border", 0, "--zero", "background"),
    )
    assert code == 0, err
    labels, truth, values = (advseg.read(files[name]) for name in ("labels", "truth", "map"))
    expected = advseg.object_score(
        labels,
        truth,
        probabilities=values,
        ious=(0.5, 0.55, 0.6),
        tolerance=1,
        detections=3,
        by="volume",
        boundary="count",
        border=0,
        zero="background",
    )
    assert json.loads(said)["objects"] == expected.to_json()
    assert "--detections" in err


def test_lines_name_what_the_json_names(call, files):
    code, plain, _ = call("score", files["labels"], files["truth"])
    assert code == 0
    code, said, err = call("score", files["labels"], files["truth"], "--objects")
    assert code == 0, err
    assert said.startswith(plain.rstrip("\n"))
    rows = {line.split()[0]: line.split()[1] for line in said.splitlines() if line.strip()}
    score = advseg.object_score(*(advseg.read(files[name]) for name in ("labels", "truth")))
    assert rows["f1"] == f"{score.at[0].f1:.4f}"
    assert rows["open_boundary_rate"] == f"{score.open_boundary_rate:.4f}"
    assert rows["boundary_f1"] == f"{score.boundary_f1:.4f}"
    assert rows["masks"] == f"{score.masks.ap:.4f}"


def test_only_some_sections_of_labels_truth_and_map(call, files, tmp_path):
    part = advseg.write(advseg.read(files["map"]).cut(1, 3), tmp_path / "part.tif")
    answers = []
    for values in (files["map"], part):
        code, said, err = call(
            *("score", files["labels"], files["truth"], "--objects", "--json"),
            *("--sections", "1:3", "--probabilities", values),
        )
        assert code == 0, err
        answers.append(json.loads(said))
    assert answers[0] == answers[1]
    assert len(answers[0]["objects"]["sections"]) == 2


def test_an_empty_truth_says_n_a(call, files, tmp_path):
    none = Volume(np.zeros(advseg.read(files["truth"]).shape, np.uint8), Frame("zyx"))
    empty = advseg.write(none, tmp_path / "none.tif")
    code, said, err = call("score", files["labels"], empty, "--objects")
    assert code == 0, err
    assert "nothing was compared" in err
    assert "n/a" in said
    assert "nan" not in said
    code, said, _ = call("score", files["labels"], empty, "--objects", "--json")
    assert code == 0
    assert json.loads(said)["objects"]["at"][0]["f1"] is None


def test_class_maps_are_scored_instead(call, tmp_path):
    truth = np.zeros((2, 20, 20), np.uint8)
    truth[:, 10:], truth[:, :, 18:] = 1, 255
    found = np.where(truth == 255, 0, truth)
    found[0, 10] = 0
    paths = [
        advseg.write(Volume(array, Frame("zyx")), tmp_path / f"{name}.tif")
        for name, array in (("found", found), ("truth", truth))
    ]
    options = ("--classes", "--ignore", 255, "--tolerance", 1)
    code, said, err = call("score", *paths, *options, "--json")
    assert code == 0, err
    expected = advseg.semantic_score(found, truth, ignore=255, width=1)
    assert json.loads(said) == expected.to_json()
    assert 0 < expected.mean_boundary_iou < expected.mean_iou < expected.pixel_accuracy < 1
    code, said, err = call("score", *paths, *options)
    assert code == 0, err
    assert f"{expected.mean_boundary_iou:.4f}" in said
    code, said, err = call("score", *paths, "--classes", "--ignore", -1, "--json")
    assert code == 0, err
    assert "255" in json.loads(said)["iou"]


@pytest.mark.parametrize(
    ("options", "named"),
    [
        (["--classes", "--by", "volume"], "leave out --by"),
        (["--classes", "--objects", "--iou", "0.5"], "leave out --iou, --objects"),
        (["--ignore", "3"], "add --classes"),
        (["--iou", "0.5"], "add --objects"),
        (["--tolerance", "3"], "add --objects"),
        (["--probabilities", "map.tif"], "add --objects"),
        (["--objects", "--iou", "most"], "write 0.5"),
        (["--objects", "--iou", "2"], "less than or equal to 1"),
        (["--objects", "--tolerance", "-1"], "tolerance=-1"),
        (["--classes", "--tolerance", "-1"], "-1"),
        (["--objects", "--probabilities", "map.tif"], "map.tif"),
    ],
)
def test_options_that_do_not_fit_are_refused_in_one_line(call, files, options, named):
    code, said, err = call("score", files["labels"], files["truth"], *options)
    assert code == 2
    assert said == ""
    assert named in err
    assert len(err.strip().splitlines()) == 1
