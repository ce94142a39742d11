"""A search from file to file: honest sections, complete folders, and the choice in the model's card."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import yaml

import napari_advseg as advseg
from napari_advseg import model_store, tasks
from napari_advseg.examples.sections import split_sections
from napari_advseg.model_store import save_choice
from napari_advseg.progress import BlockDone, Said, Warned
from napari_advseg.recipes import train_recipe
from napari_advseg.tuning import Tuned

SMALL = {
    "model": {"widths": (4, 8)},
    "examples": {"crop": 32, "batch": 2},
    "training": {"steps": 4, "validate_every": 2, "threads": 1},
}
LISTS = {"thresholds": [0.3, 0.5], "gaps": [0.0, 0.1]}
FILES = {"tuning.json", "tuning.csv", "heatmap.png", "recipe.yaml", "interior.ome.zarr"}


@pytest.fixture(scope="module")
def trained(tissue, tmp_path_factory):
    """Image, labels and a model that was trained on sections 0 to 4 of 6."""
    folder = tmp_path_factory.mktemp("trained")
    image, labels = (
        str(advseg.write(volume, folder / name))
        for volume, name in zip(tissue, ("raw.tif", "truth.tif"), strict=True)
    )
    changes = {**SMALL, "sections": "0:5", "out": str(folder / "m")}
    advseg.drain(advseg.fit(image, labels, train_recipe("unet", "quick", changes)))
    return image, labels, str(folder / "m")


@pytest.fixture
def model(trained, tmp_path):
    """A copy of the model that may be changed."""
    return shutil.copytree(trained[2], tmp_path / "model")


@pytest.fixture(scope="module")
def interior_map(trained, tmp_path_factory):
    """The model's map of every section."""
    volume = advseg.drain(advseg.segment(trained[0], trained[2])).interior_map
    return str(advseg.write(volume, tmp_path_factory.mktemp("map") / "p.ome.zarr"))


def run(tree):
    reports = []
    result = advseg.drain(tasks.execute(tree), reports.append)
    return result, reports


def recipe(trained, out, **fields):
    image, labels, model = trained
    tree = {
        "task": "tune",
        "image": image,
        "labels": labels,
        "model": model,
        "out": str(out),
        "tuning": LISTS,
        **fields,
    }
    if "interior_map" in fields:
        del tree["image"]
    return tree


def table(result):
    return Tuned.from_json(json.loads(Path(result["table"]).read_text()))


def said(reports, kind=Said):
    return " ".join(report.text for report in reports if isinstance(report, kind))


def test_the_withheld_sections_are_the_default(trained, tmp_path):
    result, reports = run(recipe(trained, tmp_path / "t"))
    withheld = split_sections(range(5))[1]
    found = table(result)
    assert list(found.sections) == result["sections"] == withheld == [4]
    assert {path.name for path in (tmp_path / "t").iterdir()} == FILES
    assert "sections 4 (which the model's training withheld)" in said(reports)
    assert "optimistic" in said(reports)
    assert not said(reports, Warned)
    assert result["saved"] is False
    assert len(found.cells) == 4
    kept = advseg.read(result["probabilities"])
    assert kept.shape == (1, 80, 112)
    assert result["map_sections"] == [0]


def test_a_map_gives_the_same_as_the_model_that_made_it(trained, interior_map, tmp_path):
    made, _ = run(recipe(trained, tmp_path / "a", sections="3:6"))
    given, reports = run(recipe(trained, tmp_path / "b", sections="3:6", interior_map=interior_map))
    assert table(made).cells == table(given).cells
    assert given["probabilities"] == interior_map
    assert (given["map_sections"], made["map_sections"]) == ([3, 4, 5], [0, 1, 2])
    assert not any(r.phase == "predict" for r in reports if isinstance(r, BlockDone))
    again = recipe(trained, tmp_path / "c", sections="3:6", interior_map=made["probabilities"])
    assert table(run(again)[0]).cells == table(made).cells, "a map of just these sections"


def test_the_numbers_are_those_of_label_and_score(trained, interior_map, tmp_path):
    result, _ = run(recipe(trained, tmp_path / "t", sections="4:6", interior_map=interior_map))
    found = table(result)
    maps, truth = (advseg.read(path).cut(4, 6) for path in (interior_map, trained[1]))
    labels = advseg.drain(advseg.label(maps, found.best.labelling(found.labelling)))
    assert found.best.voi == pytest.approx(advseg.score(labels, truth, found.scoring).voi)


def test_sections_that_the_model_learnt_from_are_warned_of(trained, interior_map, tmp_path):
    fields = {"interior_map": interior_map, "sections": "2:5"}
    _, reports = run(recipe(trained, tmp_path / "t", **fields))
    assert "learnt from sections 2, 3:" in said(reports, Warned)


def test_another_image_is_tuned_on_whole(trained, tmp_path):
    other = shutil.copy(trained[0], tmp_path / "other.tif")
    result, reports = run(recipe(trained, tmp_path / "t", image=str(other)))
    assert result["sections"] == [0, 1, 2, 3, 4, 5]
    assert "0-5 (all there are)" in said(reports)
    assert not said(reports, Warned)


def test_without_a_model_a_map_is_enough(trained, interior_map, tmp_path):
    _, labels, _ = trained
    result, _ = run(
        {
            "task": "tune",
            "labels": labels,
            "interior_map": interior_map,
            "out": str(tmp_path / "t"),
            "tuning": LISTS,
        }
    )
    assert result["model"] is None
    assert (tmp_path / "t" / "heatmap.png").stat().st_size > 10_000
    assert not (tmp_path / "t" / "interior.ome.zarr").exists()


def test_one_section_without_z_works(tissue, trained, interior_map, tmp_path):
    labels, interior_map = (
        str(advseg.write(advseg.read(path).numpy()[5], tmp_path / f"{name}.tif"))
        for path, name in ((trained[1], "labels"), (interior_map, "map"))
    )
    tree = recipe(trained, tmp_path / "t", labels=labels, interior_map=interior_map)
    result, _ = run(tree)
    assert result["sections"] == [0]
    assert len(table(result).cells) == 4


def test_the_choice_goes_into_the_card_and_nothing_else_changes(
    trained, model, interior_map, tmp_path
):
    before = model_store.load(model)
    fields = {"interior_map": interior_map, "sections": "4:6", "choose": [0.5, 0.6], "save": True}
    labelling = before.card.labelling.changed(minimum_size=11).model_dump()
    tree = recipe((*trained[:2], str(model)), tmp_path / "t", labelling=labelling, **fields)
    result, _ = run(tree)
    after = model_store.load(model)
    assert result["saved"] is True
    assert (after.card.labelling.threshold, after.card.labelling.gap_threshold) == (0.5, 0.6)
    assert after.card.labelling.minimum_size == 11
    assert after.card.calibrated_on.sections == (4, 5)
    assert after.card.calibrated_on.objective == "cremi_score"
    chosen = table(result).chosen
    assert after.card.calibration["voi_merge"] == chosen.voi_merge
    same = {"labelling", "calibration", "calibrated_on"}
    assert after.card.model_dump(exclude=same) == before.card.model_dump(exclude=same)
    for name, weights in before.weights.items():
        np.testing.assert_array_equal(after.weights[name], weights)


def test_a_cell_can_be_saved_by_itself(trained, model, interior_map, tmp_path):
    found = table(run(recipe(trained, tmp_path / "t", interior_map=interior_map))[0])
    card = save_choice(model, found.cells[0])
    assert model_store.read_card(model) == card
    assert card.labelling.threshold == found.cells[0].threshold
    assert card.calibrated_on is None, "nobody said where"


def test_training_says_what_it_calibrated_on(trained):
    known = model_store.read_card(trained[2]).calibrated_on
    assert known.sections == (4,)
    assert known.image == trained[0]


def test_the_recipe_beside_the_tables_gives_them_again(trained, interior_map, tmp_path):
    first, _ = run(recipe(trained, tmp_path / "a", interior_map=interior_map))
    tree = yaml.safe_load((tmp_path / "a" / "recipe.yaml").read_text())
    assert tree["sections"] == [4, 5]
    second, _ = run({**tree, "out": str(tmp_path / "b")})
    assert table(first) == table(second)
    for name in ("tuning.csv", "heatmap.png"):
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()


def test_an_earlier_search_is_replaced_only_on_request(trained, interior_map, tmp_path):
    tree = recipe(trained, tmp_path / "t", interior_map=interior_map)
    run(tree)
    with pytest.raises(ValueError, match="an earlier search already"):
        run(tree)
    shorter = {**tree, "tuning": {**LISTS, "gaps": [0.0]}, "overwrite": True}
    assert len(table(run(shorter)[0]).cells) == 2
    assert [path.name for path in tmp_path.iterdir()] == ["t"]


def test_a_folder_of_something_else_and_the_maps_own_are_never_replaced(
    trained, interior_map, tmp_path
):
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "cat.png").touch()
    for fields in ({}, {"overwrite": True}):
        with pytest.raises(ValueError, match="no earlier search"):
            run(recipe(trained, tmp_path / "photos", interior_map=interior_map, **fields))
    first, _ = run(recipe(trained, tmp_path / "t"))
    again = recipe(trained, tmp_path / "t", interior_map=first["probabilities"], overwrite=True)
    with pytest.raises(ValueError, match="lies in the folder"):
        run(again)
    assert table(first)


def test_cancel_leaves_nothing(trained, model, tmp_path):
    before = (model / "model.json").read_bytes()
    tree = recipe((*trained[:2], str(model)), tmp_path / "t", sections="0:6", save=True)
    running = tasks.execute(tree)
    for report in running:
        if isinstance(report, BlockDone) and report.phase == "thresholds" and report.done == 2:
            running.close()
    assert [path.name for path in tmp_path.iterdir()] == ["model"]
    assert (model / "model.json").read_bytes() == before


def test_empty_labels_are_refused_before_anything_is_predicted(trained, tmp_path, monkeypatch):
    empty = advseg.write(np.zeros((6, 80, 112), np.uint8), tmp_path / "empty.tif")
    monkeypatch.setattr("napari_advseg.tasks.tune.predicted", lambda *_: pytest.fail("predicts"))
    with pytest.raises(ValueError, match="0 everywhere in these sections"):
        run(recipe(trained, tmp_path / "t", labels=str(empty), sections="0:6"))


@pytest.mark.parametrize(
    ("shape", "fields", "words"),
    [
        ((4, 80, 112), {}, "4 sections and the image or map 6"),
        ((4, 80, 112), {"sections": "1:3"}, "4 sections and the image or map 6"),
        ((6, 78, 112), {"sections": "4:6"}, r"\(2, 80, 112\).*\(2, 78, 112\) differ"),
        ((6, 80, 112), {"sections": "5:9"}, "5:9 are not inside 0:6"),
        ((6, 80, 112), {"choose": [0.4, 0.4]}, "was not tried"),
    ],
)
def test_what_does_not_fit_together_is_refused(
    shape, fields, words, trained, interior_map, tmp_path
):
    labels = advseg.write(np.ones(shape, np.uint8), tmp_path / "labels.tif")
    tree = recipe(trained, tmp_path / "t", labels=str(labels), interior_map=interior_map, **fields)
    with pytest.raises(ValueError, match=words):
        run(tree)
    assert not (tmp_path / "t").exists()
