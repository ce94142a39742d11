"""`journal` as it is called from outside: what was done, listed, exported, replayed and baked."""

from __future__ import annotations

import csv
import json

import numpy as np
import pytest

import napari_advseg as advseg
from napari_advseg.proofreading.editing import edits
from napari_advseg.proofreading.editing.proof import open_proof
from napari_advseg.volume.frame import Frame
from napari_advseg.volume.volume import Volume

FRAME = Frame("zyx", (40.0, 4.0, 6.0), ("nanometer",) * 3)
CELLS = np.repeat(np.repeat(np.arange(1, 7).reshape(1, 2, 3), 6, 1), 6, 2).repeat(2, 0)


@pytest.fixture
def labels(tmp_path):
    path = advseg.write(Volume(CELLS, FRAME), tmp_path / "cells.ome.zarr")
    proof = open_proof(path, author="Ada")
    proof.do(edits.merge(proof, points=[(0, 0, 0), (0, 0, 7)]), "one axon")
    proof.do(edits.erase(proof, (slice(0, 1), slice(6, 9), slice(0, 6))))
    proof.do(edits.delete(proof, points=[(1, 8, 16)]))
    proof.undo()
    proof.close()
    return path


def expected():
    array = np.where(CELLS == 2, 1, CELLS)
    array[0, 6:9, :6] = 0
    return array


def test_the_list_names_each_edit_with_its_reason(call, labels):
    code, out, err = call("journal", "list", labels)
    assert code == 0, err
    lines = out.splitlines()
    assert len(lines) == 3
    assert lines[0].startswith("2 edits of ")
    assert "Ada  merge  1, 2  one axon" in lines[1]
    assert lines[2].endswith("erase  0  18 voxels")
    code, out, _ = call("journal", "list", labels.with_name("cells.proofreading"), "--json")
    found = json.loads(out)
    assert [(one["number"], one["operation"]) for one in found["edits"]] == [
        (1, "merge"),
        (2, "erase"),
    ]
    assert found["shape"] == [2, 12, 18]


def test_the_list_says_which_box_was_reviewed(call, labels):
    proof = open_proof(labels)
    proof.do(edits.review(proof, (slice(1, 2), slice(None), slice(2, 9))))
    proof.close()
    assert call("journal", "list", labels)[1].splitlines()[-1].endswith("review  box 1:2 0:12 2:9")


def test_an_export_is_read_by_other_programs(call, labels, tmp_path):
    assert call("journal", "export", labels, "--out", tmp_path / "edits.csv")[0] == 0
    with (tmp_path / "edits.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [(one["operation"], one["ids"], one["box"]) for one in rows] == [
        ("merge", "1 2", ""),
        ("erase", "0", "0:1 6:9 0:6"),
    ]
    assert call("journal", "export", labels, "--out", tmp_path / "edits.json")[0] == 0
    assert len(json.loads((tmp_path / "edits.json").read_text())["edits"]) == 2
    code, _, err = call("journal", "export", labels, "--out", tmp_path / "edits.doc")
    assert code == 2
    assert ".json or .csv" in err


def test_a_bake_is_a_file_of_its_own(call, labels, tmp_path):
    code, _, err = call("journal", "bake", labels, "--out", tmp_path / "fixed.ome.zarr")
    assert code == 0, err
    np.testing.assert_array_equal(advseg.read(tmp_path / "fixed.ome.zarr").numpy(), expected())
    np.testing.assert_array_equal(advseg.read(labels).numpy(), CELLS)
    code, _, err = call("journal", "bake", labels, "--out", labels, "--overwrite")
    assert code == 2
    assert "choose another name" in err


def test_a_replay_lists_conflicts_and_writes_what_fits(call, labels, tmp_path):
    other = 50 + CELLS
    other[0, 6:9, :6] = np.arange(300, 306)
    onto = advseg.write(Volume(other, FRAME), tmp_path / "other.ome.zarr")
    command = ["journal", "replay", labels, "--onto", onto]
    code, out, err = call(*command)
    assert code == 0, err
    assert out.splitlines()[0] == "1 edits done, 0 not needed there, 1 conflicts."
    assert "2 erase: Other objects" in out.splitlines()[1]
    outputs = ["--out", tmp_path / "new.ome.zarr", "--conflicts", tmp_path / "conflicts.json"]
    code, out, _ = call(*command, *outputs, "--keep", tmp_path / "new.proofreading", "--json")
    found = json.loads(out)
    assert (found["done"], len(found["conflicts"])) == (1, 1)
    assert json.loads((tmp_path / "conflicts.json").read_text())[0]["number"] == 2
    wanted = np.where(other == 52, 51, other)
    np.testing.assert_array_equal(advseg.read(tmp_path / "new.ome.zarr").numpy(), wanted)
    proof = open_proof(onto, tmp_path / "new.proofreading")
    np.testing.assert_array_equal(proof.labels[...], wanted)
    proof.close()


def test_what_is_no_journal_or_of_other_labels_is_refused(call, labels, tmp_path):
    code, _, err = call("journal", "list", tmp_path / "nothing")
    assert code == 2
    assert "holds no journal" in err
    other = advseg.write(Volume(CELLS + 1, FRAME), tmp_path / "other.ome.zarr")
    out = tmp_path / "fixed.ome.zarr"
    code, _, err = call("journal", "bake", labels, "--out", out, "--labels", other)
    assert code == 2
    assert "belongs to other labels" in err
    assert not out.exists()


def test_a_report_has_time_edits_and_the_score(call, labels, tmp_path):
    truth = advseg.write(Volume(np.where(CELLS == 2, 1, CELLS), FRAME), tmp_path / "truth.tif")
    out = tmp_path / "report"
    code, found, err = call("journal", "report", labels, "--out", out, "--truth", truth, "--json")
    assert code == 0, err
    tree = json.loads(found)
    assert tree["edits"] == {"merge": 1, "erase": 1, "all": 2, "taken_back": 1}
    assert tree["after"]["voi"] < tree["before"]["voi"]
    assert "| merge | 1 |" in (out / "review.md").read_text()
    assert "edits,merge,1" in (out / "review.csv").read_text()
    code, _, err = call("journal", "report", labels, "--out", out)
    assert (code, "The review is in" in err) == (0, True)
    assert "before" not in (out / "review.csv").read_text()


def test_a_truth_of_another_shape_is_refused(call, labels, tmp_path):
    truth = advseg.write(Volume(CELLS[:1], FRAME), tmp_path / "truth.tif")
    code, _, err = call("journal", "report", labels, "--out", tmp_path, "--truth", truth)
    assert code == 2
    assert "differ" in err
