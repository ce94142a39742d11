"""What was written before settings and rooms got their names of today is read as it was meant.

The files in `version_1` were written by version 0.1.0, before anything was renamed; they are never written anew.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

import napari_advseg as advseg
from napari_advseg import model_store
from napari_advseg.inference import predict
from napari_advseg.recipes import read_tree, validated
from napari_advseg.settings.labelling import LabellingSettings
from napari_advseg.settings.override import override
from napari_advseg.settings.tuning import TuningSettings
from napari_advseg.tasks import execute
from napari_advseg.tuning.tuned import Tuned

OLD = Path(__file__).with_name("version_1")
RENAMED = {
    "labels": {"interior_map": "map.tif"},
    "again": {"interior_map": "map.tif"},
    "tune": {"interior_map": "map.ome.zarr"},
    "judge": {"interior_map": "map.ome.zarr"},
}


@pytest.mark.parametrize("file", sorted(OLD.glob("*.recipe.yaml")), ids=lambda file: file.name)
def test_a_recipe_means_what_it_meant(file):
    written = read_tree(file)
    made = validated(written).model_dump(mode="json")
    for name, value in RENAMED.get(file.name.split(".")[0], {}).items():
        assert made.pop(name) == value
    changed = {"probabilities", "interior", "labelling", "tuning"}
    assert {name: made[name] for name in written.keys() - changed} == {
        name: written[name] for name in written.keys() - changed
    }


@pytest.mark.parametrize("name", ["labels", "again"])
def test_settings_of_labelling_are_found_under_their_names_of_today(name):
    written = read_tree(OLD / f"{name}.recipe.yaml")["labelling"]
    settings = validated(read_tree(OLD / f"{name}.recipe.yaml")).labelling
    assert settings.gap_threshold == written.pop("edge_threshold")
    assert settings.across_sections == written.pop("volume")
    made = settings.model_dump(mode="json")
    assert {one: made[one] for one in written} == written


def test_of_two_names_of_a_setting_the_one_given_last_counts():
    assert LabellingSettings(volume="linked").across_sections == "linked"
    assert LabellingSettings().changed(edge_threshold=0.5).gap_threshold == 0.5
    tree = {"gap_threshold": 0.7, "edge_threshold": 0.6}
    assert LabellingSettings.model_validate(tree).gap_threshold == 0.6
    assert TuningSettings(edge_thresholds=".5,.6").gap_thresholds == (0.5, 0.6)
    assert override(LabellingSettings, None, {"volume": "linked"}).across_sections == "linked"


def test_a_model_gives_the_interior_map_that_it_gave():
    model = model_store.load(OLD / "model")
    card = json.loads((OLD / "model/model.json").read_text(encoding="utf-8"))
    assert model.card.labelling.gap_threshold == card["labelling"]["edge_threshold"]
    made = advseg.drain(predict(advseg.read(OLD / "raw.tif"), model)).numpy()
    then = advseg.read(OLD / "map.tif").numpy()
    np.testing.assert_allclose(made.astype(float), then.astype(float), atol=0.01)


@pytest.mark.parametrize("name", ["labels", "again"])
def test_a_recipe_gives_the_labels_that_it_gave(name, tmp_path, monkeypatch):
    shutil.copy(OLD / "map.tif", tmp_path)
    monkeypatch.chdir(tmp_path)
    settings = read_tree(OLD / f"{name}.recipe.yaml")["labelling"]
    tree = {"task": "label", "probabilities": "map.tif", "out": "made.tif", "labelling": settings}
    advseg.drain(execute(tree))
    made, then = advseg.read("made.tif"), advseg.read(OLD / f"{name}.tif")
    np.testing.assert_array_equal(made.numpy(), then.numpy())
    assert made.frame.scale == then.frame.scale


def test_set_takes_an_older_name_too(tmp_path, call):
    old = ["--set", "labelling.volume=linked", "--set", "labelling.edge_threshold=.4458"]
    files = ["--image", OLD / "raw.tif", "--model", OLD / "model", "--out", tmp_path / "l.tif"]
    code, _, err = call("segment", *files, *old, "--set", "labelling.threshold=.4407")
    assert code == 0, err
    written = read_tree(tmp_path / "l.recipe.yaml")["labelling"]
    assert (written["across_sections"], written["gap_threshold"]) == ("linked", 0.4458)
    assert not {"volume", "edge_threshold"} & written.keys()


def test_the_table_of_a_search_is_read_and_keeps_its_keys():
    tree = json.loads((OLD / "tuning.json").read_text(encoding="utf-8"))
    tuned = Tuned.from_json(tree)
    assert tuned.best.gap_threshold == tree["best"]["edge_threshold"]
    assert tuned.to_json()["cells"] == tree["cells"]
