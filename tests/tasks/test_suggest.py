"""Where to annotate next, from file to file and from the command line."""

from __future__ import annotations

import json
import sys

import numpy as np
import pytest

import napari_advseg as advseg
from napari_advseg import cli, tasks
from napari_advseg.progress import Said
from napari_advseg.recipes import train_recipe
from napari_advseg.volume.volume import Volume

SMALL = {
    "model": {"widths": (4, 8)},
    "examples": {"crop": 32, "batch": 2},
    "training": {"steps": 2, "validate_every": 2, "threads": 1},
}


def trained(tissue, out, **changes):
    recipe = train_recipe("unet", "quick", {**SMALL, **changes, "out": str(out)})
    advseg.drain(advseg.fit(*tissue, recipe))
    return str(out)


@pytest.fixture(scope="module")
def model(tissue, tmp_path_factory):
    return trained(tissue, tmp_path_factory.mktemp("models") / "m")


@pytest.fixture
def image(tissue, tmp_path):
    return str(advseg.write(tissue[0], tmp_path / "raw.ome.zarr"))


def run(image, model, **fields):
    tree = {"task": "suggest", "image": image, "model": model, "window": 32, **fields}
    reports = []
    return advseg.drain(tasks.execute(tree), reports.append), reports


def test_places_lie_in_the_image_the_most_doubtful_first(image, model, tissue, tmp_path):
    found, reports = run(image, model, count=5, out=str(tmp_path / "places.json"))
    assert len(found["places"]) == 5
    for row in found["places"]:
        assert 0 <= row["uncertainty"] <= 1
        for (low, high), at, size in zip(row["box"], row["point"], tissue[0].shape, strict=True):
            assert 0 <= low <= at < high <= size
        assert row["box"][0] == [row["section"], row["section"] + 1]
    values = [row["uncertainty"] for row in found["places"]]
    assert values[0] == max(values)
    assert json.loads((tmp_path / "places.json").read_text())["places"] == found["places"]
    said = [report.text for report in reports if isinstance(report, Said)]
    assert said[-1].startswith("5 places in 6 of 6 sections")


def test_what_is_annotated_is_not_suggested_and_not_predicted(image, model, tissue, tmp_path):
    painted = np.zeros(tissue[0].shape, np.uint32)
    painted[:4] = 1
    painted[4, :, :64] = 2
    path = advseg.write(Volume(painted, tissue[0].frame, kind="labels"), tmp_path / "l.tif")
    found, _ = run(image, model, labels=str(path), count=50)
    assert found["sections"] == 2
    assert {row["section"] for row in found["places"]} == {4, 5}
    for row in found["places"]:
        z, y, x = row["point"]
        assert not painted[z, y, x]


def test_when_everything_is_annotated_that_is_said(image, model, tissue, tmp_path):
    whole = Volume(np.ones(tissue[0].shape, np.uint8), tissue[0].frame, kind="labels")
    path = advseg.write(whole, tmp_path / "l.tif")
    found, reports = run(image, model, labels=str(path))
    assert found["places"] == []
    assert "Nothing is left to suggest" in reports[-1].text


@pytest.mark.parametrize("measure", ["margin", "entropy"])
def test_few_sections_are_looked_at_and_only_those_chosen(image, model, measure):
    found, _ = run(image, model, sections=[1, 6], looked_at=2, measure=measure)
    assert {row["section"] for row in found["places"]} <= {1, 5}
    assert found["sections"] == 2


def test_a_folder_of_images_names_the_image_of_each_place(model, tissue, tmp_path):
    for kind, volume in zip(("images", "labels"), tissue, strict=True):
        (tmp_path / kind).mkdir()
        for index in (0, 3):
            advseg.write(volume.cut(index, index + 1), tmp_path / kind / f"{index}.tif")
    folders = str(tmp_path / "images"), str(tmp_path / "labels")
    found, _ = run(folders[0], model)
    assert {row["image"][-5:] for row in found["places"]} == {"0.tif", "3.tif"}
    assert {row["section"] for row in found["places"]} == {0}
    found, _ = run(folders[0], model, labels=folders[1])
    assert found["places"] == []


def test_a_model_of_classes_is_unsure_too(image, tissue, tmp_path):
    classes = Volume((tissue[1].numpy() % 3).astype(np.uint8), tissue[1].frame, kind="labels")
    examples = SMALL["examples"] | {"targets": {"kind": "classes"}}
    model = trained((tissue[0], classes), tmp_path / "classes", examples=examples)
    found, _ = run(image, model, sections=[0, 1], count=3)
    assert len(found["places"]) == 3
    assert all(0 < row["uncertainty"] <= 1 for row in found["places"])


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"sections": [2, 9]}, "Sections 2:9 are not inside 0:6"),
        ({"labels": "nowhere.tif"}, "does not exist"),
        ({"count": 0}, "count"),
    ],
)
def test_what_cannot_be_is_refused(image, model, fields, words):
    with pytest.raises(ValueError, match=words):
        run(image, model, **fields)


def test_labels_of_another_image_are_refused(image, model, tmp_path):
    path = advseg.write(np.ones((6, 8, 8), np.uint16), tmp_path / "l.tif")
    with pytest.raises(ValueError, match="shapes"):
        run(image, model, labels=str(path))


@pytest.fixture
def call(monkeypatch, capfd):
    def started(*arguments):
        monkeypatch.setattr(sys, "argv", ["napari-advseg", *map(str, arguments)])
        with pytest.raises(SystemExit) as end:
            cli.main()
        out, err = capfd.readouterr()
        return end.value.code, out, err

    return started


def test_the_command_prints_a_list_or_json(call, image, model, tmp_path):
    arguments = ("suggest", "--image", image, "--model", model, "--set", "window=32")
    code, out, err = call(*arguments, "--count", 3, "--out", tmp_path / "p.json")
    assert code == 0
    assert len(out.splitlines()) == 4
    assert out.split()[:5] == ["#", "section", "y", "x", "uncertainty"]
    assert "p.json" in err
    code, out, _ = call(*arguments, "--count", 2, "--json")
    assert set(json.loads(out)[0]) == {"section", "box", "point", "uncertainty"}
    code, _, err = call("suggest", "--image", image, "--model", tmp_path)
    assert code == 2
    assert "holds no model" in err
