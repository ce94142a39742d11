"""Folds are disjoint and cover all; together they are one model; a sweep names its winner."""

from __future__ import annotations

import csv

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_advseg import drain, model_store, segment, write
from napari_advseg.inference.predict import predict
from napari_advseg.progress import Said
from napari_advseg.tasks import execute
from napari_advseg.training.folds import fold_spans

SMALL = {
    "task": "train",
    "family": "deconvnet",
    "model": {"widths": [4, 8], "norm": "batch"},
    "examples": {"crop": 32, "batch": 2},
    "training": {
        "steps": 3,
        "validate_every": 3,
        "threads": 1,
        "device": "cpu",
        "precision": "fp32",
    },
}


@given(count=st.integers(2, 200), folds=st.integers(2, 10), first=st.integers(0, 50))
@settings(max_examples=50, deadline=None)
def test_folds_are_disjoint_cover_all_and_are_alike_in_size(count, folds, first):
    if folds > count:
        with pytest.raises(ValueError, match="cannot be divided"):
            fold_spans((first, first + count), folds)
        return
    spans = fold_spans((first, first + count), folds)
    assert [k for a, b in spans for k in range(a, b)] == list(range(first, first + count))
    sizes = [b - a for a, b in spans]
    assert max(sizes) - min(sizes) <= 1


def test_the_folds_of_the_literature():
    assert [b - a for a, b in fold_spans((0, 164), 5)] == [33, 33, 33, 33, 32]


@pytest.fixture
def tree(tissue, tmp_path):
    image, labels = (
        write(one, tmp_path / name) for one, name in zip(tissue, ("i.tif", "l.tif"), strict=True)
    )
    return {**SMALL, "image": str(image), "labels": str(labels), "out": str(tmp_path / "m")}


def test_folds_make_a_report_and_one_model_of_all(tree, tissue, tmp_path):
    reports = []
    result = drain(execute({**tree, "folds": 3}), reports.append)
    out = tmp_path / "m"
    assert result["model"] == str(out)
    assert len((out / "folds.csv").read_text().splitlines()) == 4
    assert any("+-" in r.text for r in reports if isinstance(r, Said))
    whole = model_store.load(out)
    assert len(whole.members) == 3
    assert [one.card.recipe.validation for one in whole.members] == [(0, 2), (2, 4), (4, 6)]
    made = drain(predict(tissue[0], whole)).numpy().astype(float)
    parts = [drain(predict(tissue[0], one)).numpy().astype(float) for one in whole.members]
    np.testing.assert_allclose(made, np.mean(parts, axis=0), atol=2e-3)
    assert drain(segment(tissue[0], out)).labels.shape == tissue[0].shape


def test_a_broken_cross_validation_goes_on_with_the_fold_that_is_missing(tree, tmp_path):
    running = execute({**tree, "folds": 2})
    for report in running:
        if isinstance(report, Said) and report.text.startswith("Fold 2"):
            running.close()
            break
    before = model_store.read_card(tmp_path / "m" / "fold-1")
    drain(execute({**tree, "folds": 2}, resume=True))
    assert model_store.read_card(tmp_path / "m" / "fold-1") == before
    assert model_store.load(tmp_path / "m").members


def test_a_sweep_tries_every_rate_and_names_the_best(tree, tmp_path):
    reports = []
    result = drain(execute({**tree, "sweep": [1e-2, 1e-8]}), reports.append)
    assert result["model"] == str(tmp_path / "m" / "rate-0.01")
    assert (tmp_path / "m" / "sweep.csv").read_text().count("\n") == 3
    assert any("0.01 has the lowest" in r.text for r in reports if isinstance(r, Said))


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"folds": 7}, "choose 2 to 6"),
        ({"folds": 2, "sweep": [1e-3]}, "ask for one"),
        ({"folds": 2, "out": None}, "--out"),
    ],
)
def test_what_cannot_be_studied_is_refused(tree, changes, words):
    with pytest.raises(ValueError, match=words):
        drain(execute({**tree, **changes}))


def test_a_class_that_one_fold_does_not_hold_is_left_out_there(tissue, tmp_path):
    image, labels = tissue
    classes = (labels.numpy() > 0).astype(np.uint8)
    classes[0, :20] = 2
    paths = [
        write(one, tmp_path / name)
        for one, name in ((image, "i.tif"), (labels.like(classes), "c.tif"))
    ]
    tree = {**SMALL, "image": str(paths[0]), "labels": str(paths[1]), "out": str(tmp_path / "m")}
    tree["examples"] = {**SMALL["examples"], "targets": {"kind": "classes", "classes": [0, 1, 2]}}
    drain(execute({**tree, "folds": 2}))
    with (tmp_path / "m" / "folds.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert all(float(row["iou_of_1"]) > 0 for row in rows)
    assert model_store.read_card(tmp_path / "m").calibration["iou_of_1"] == pytest.approx(
        np.mean([float(row["iou_of_1"]) for row in rows])
    )
