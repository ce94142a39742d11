"""`tune` as it is called from outside."""

from __future__ import annotations

import json
import shlex

import numpy as np
import pytest
from phantom import voronoi_phantom
from scipy.ndimage import distance_transform_edt
from skimage.segmentation import find_boundaries

import napari_advseg as advseg
from napari_advseg import model_store
from napari_advseg.recipes import train_recipe
from napari_advseg.tuning import Tuned

SMALL = ["--thresholds", ".5,.8", "--gaps", "0:.2:.1"]


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """A map and its truth, two sections."""
    folder = tmp_path_factory.mktemp("data")
    pairs = [voronoi_phantom(seed, size=96, cells=9, gaps=4) for seed in (0, 1)]
    maps, truth = (np.stack(arrays) for arrays in zip(*pairs, strict=True))
    return [
        "--probabilities",
        advseg.write(maps, folder / "map.tif"),
        "--labels",
        advseg.write(truth.astype(np.uint16), folder / "truth.tif"),
    ]


@pytest.fixture(scope="module")
def model(tissue, tmp_path_factory):
    out = tmp_path_factory.mktemp("models") / "m"
    changes = {
        "model": {"widths": (4, 8)},
        "examples": {"crop": 32, "batch": 2},
        "training": {"steps": 2, "validate_every": 2, "threads": 1},
        "out": str(out),
    }
    advseg.drain(advseg.fit(*tissue, train_recipe("unet", "quick", changes)))
    return out


def test_a_search_prints_its_best_cells_and_names_its_files(call, files, tmp_path):
    code, out, err = call("tune", *files, *SMALL, "--out", tmp_path / "t")
    assert code == 0
    lines = out.splitlines()
    assert lines[1].split()[:4] == ["best", "0.5", "0.7", "honest"] or lines[1].startswith("best")
    assert "plain threshold" in out
    assert "left out" in out
    assert "optimistic" in lines[-1]
    assert "heatmap.png" in err
    assert "sections 0, 1 (all there are)" in err


def test_json_is_one_document(call, files, tmp_path):
    options = shlex.split("--grid thesis --objective weighted --merge-weight 3 --json")
    code, out, _ = call("tune", *files, *options, "--out", tmp_path / "t")
    document = json.loads(out)
    assert code == 0
    assert document["objective"] == "weighted"
    assert document["sections"] == [0, 1]
    found = Tuned.from_json(json.loads((tmp_path / "t" / "tuning.json").read_text()))
    assert len(found.cells) == 36
    assert document["best"]["voi"] == found.best.voi
    assert found.settings.merge_weight == 3


def test_every_axis_can_be_varied_and_any_setting_fixed(call, files, tmp_path):
    options = (
        "--minima depth,distance --radii 0:2:1 --statistics mean,median --edge-thresholds .6,.9 "
        "--thresholds .5 --sections 1:2 --set labelling.minimum_size=7 --set scoring.border=0 "
        "--set tuning.objective=voi"
    )
    code, *_ = call("tune", *files, *shlex.split(options), "--out", tmp_path / "t")
    found = Tuned.from_json(json.loads((tmp_path / "t" / "tuning.json").read_text()))
    assert code == 0
    assert len(found.cells) == 2 * 3 * 2 * 2
    assert found.labelling.minimum_size == 7
    assert found.scoring.border == 0
    assert found.settings.objective == "voi"
    assert found.sections == (1,)


def test_the_trap_is_said_in_one_sentence(call, tmp_path):
    truth = voronoi_phantom(3, size=128, cells=12)[1]
    walls = find_boundaries(truth, mode="thick")
    map_ = np.roll(np.clip(distance_transform_edt(~walls) / 12, 0, 1), 8, axis=1)
    paths = [
        advseg.write(map_[:, 8:].astype(np.float32), tmp_path / "map.tif"),
        advseg.write(truth[:, 8:].astype(np.uint8), tmp_path / "truth.tif"),
    ]
    options = shlex.split("--thresholds .1:.5:.2 --gaps 0 --objective voi")
    code, out, err = call(
        "tune", "--probabilities", paths[0], "--labels", paths[1], *options, "--out", tmp_path / "t"
    )
    assert code == 0
    assert err.count("walls left out of the score, 0.5, 0.5 would look best") == 1
    assert "walls left out" in out
    code, out, _ = call(
        "tune",
        *("--probabilities", paths[0], "--labels", paths[1]),
        *options,
        *("--out", tmp_path / "t", "--overwrite", "--json"),
    )
    assert "would look best" in json.loads(out)["note"]


def test_the_chosen_pair_is_saved_into_the_model(call, files, model, tmp_path):
    options = [*SMALL, "--choose", ".8,.9", "--save", "--model", model]
    code, out, err = call("tune", *files, *options, "--out", tmp_path / "t")
    card = model_store.read_card(model)
    assert code == 0
    assert (card.labelling.threshold, card.labelling.gap_threshold) == (0.8, 0.9)
    assert card.calibrated_on.sections == (0, 1)
    assert "chosen" in out
    assert f"Saved model: {model}" in err


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ("--thresholds 1.2", "tuning.thresholds: 1.2 is outside [0, 1)"),
        ("--thresholds .7;.8", "tuning.thresholds: '.7;.8' is no number"),
        ("--thresholds ''", "tuning.thresholds: the list is empty"),
        ("--thresholds .9:.5:.1", "LAST not below FIRST"),
        ("--gaps .1:.2", "write FIRST:LAST:STEP"),
        ("--gaps 0 --edge-thresholds .5", "tuning: give gaps or gap_thresholds, not both"),
        ("--minima deep", "tuning.minima.0: Input should be 'depth', 'distance' or 'number'"),
        ("--radii 20", "tuning.radii: 20 is outside [0, 10]"),
        ("--objective best", "tuning.objective: Input should be 'voi'"),
        ("--merge-weight 0", "tuning.merge_weight: Input should be greater than or equal to 1"),
        ("--grid fine", "tuning.grid: Input should be 'wide' or 'thesis'"),
        ("--choose .8", "'.8' is no pair of thresholds; write --choose T,E"),
        ("--choose .8,.81", "the nearest that was is 0.8, 0.8"),
        ("--sections 3:5", "Sections 3:5 are not inside 0:2"),
        ("--sections 1", "must be A:B"),
        ("--save", "name a model to save the choice into"),
        ("--image raw.tif", "not both"),
        ("--model nowhere", "holds no model"),
        ("--set tuning.step=1", "There is no setting 'tuning.step'"),
        ("--set scoring.border=100", "border smaller than 100 px"),
    ],
)
def test_a_wrong_option_is_one_line(call, files, tmp_path, options, words):
    given = shlex.split(options)
    given += [] if {"--thresholds", "--gaps"} & set(given) else SMALL
    code, out, err = call("tune", *files, *given, "--out", tmp_path / "t")
    assert code == 2
    assert not out
    last = err.strip().splitlines()[-1]
    assert last.startswith("napari-advseg: ")
    assert words in last
    assert not (tmp_path / "t").exists()


def test_an_image_needs_a_model(call, files, tmp_path):
    code, _, err = call("tune", "--image", files[1], *files[2:], "--out", tmp_path / "t")
    assert code == 2
    assert "name a model that predicts the interior map" in err
