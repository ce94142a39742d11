"""A study runs whole, goes on where it was broken, and refuses test sections that were trained on."""

from __future__ import annotations

import csv

import numpy as np
import pytest

from napari_advseg import drain
from napari_advseg.progress import StepDone
from napari_advseg.studies import synthetic as module
from napari_advseg.studies.queue import runs
from napari_advseg.studies.synthetic import Plan, synthetic, turned_labels
from napari_advseg.volume.frame import Frame
from napari_advseg.volume.volume import Volume


@pytest.fixture
def narrow(monkeypatch):
    """The networks of the study at the size of a test."""
    real = module.train_recipe
    small = {
        "unet": {"model": {"widths": [4, 8]}, "examples": {"crop": 32, "batch": 2}},
        "cgan": {
            "model": {"width": 4, "depth": 3, "critic": {"widths": [4, 8]}},
            "examples": {"crop": 32, "batch": 2},
        },
    }

    def recipe(family, preset, changes):
        own = {**small[family], **changes}
        own["model"] = {**small[family]["model"], **changes.get("model", {})}
        own["training"] = {
            **changes["training"],
            "device": "cpu",
            "precision": "fp32",
            "threads": 1,
        }
        return real(family, preset, own)

    monkeypatch.setattr(module, "train_recipe", recipe)


def test_the_study_compares_three_kinds_of_data_and_is_not_run_twice(narrow, tissue, tmp_path):
    plan = Plan((0, 3), (3, 4), (4, 6), steps=3, painter_steps=3, seeds=(0, 1), gate=0.0)
    done = drain(synthetic(*tissue, plan, tmp_path))
    with open(done["rows"], newline="") as file:  # noqa: PTH123
        rows = list(csv.DictReader(file))
    assert [(row["data"], row["seed"]) for row in rows] == [
        (kind, seed) for kind in ("real", "synthetic", "both") for seed in "01"
    ]
    page = (tmp_path / "report.md").read_text()
    assert "both - real" in page
    assert "3 of 3 painted sections passed" in page
    again = []
    drain(synthetic(*tissue, plan, tmp_path), again.append)
    assert not [report for report in again if isinstance(report, StepDone)]


def test_a_gate_that_nothing_passes_says_what_to_do(narrow, tissue, tmp_path):
    plan = Plan((0, 3), (3, 4), (4, 6), steps=2, painter_steps=2, seeds=(0,), gate=1.0)
    with pytest.raises(ValueError, match="train the painter longer, or ask for less overlap"):
        drain(synthetic(*tissue, plan, tmp_path))


@pytest.mark.parametrize(
    ("spans", "words"),
    [
        (((0, 3), (4, 5), (5, 6)), "must follow training"),
        (((0, 3), (3, 4), (2, 6)), "have been trained"),
        (((0, 3), (3, 5), (4, 6)), "or validated on"),
    ],
)
def test_leaking_sections_are_refused(tissue, tmp_path, spans, words):
    with pytest.raises(ValueError, match=words):
        drain(synthetic(*tissue, Plan(*spans, steps=1, painter_steps=1), tmp_path))


def test_labels_to_paint_are_those_of_the_training_mirrored():
    array = np.arange(24, dtype=np.uint32).reshape(2, 3, 4)
    found = turned_labels(Volume(array, Frame("zyx"), kind="labels")).numpy()
    np.testing.assert_array_equal(found, array[:, ::-1])


def test_stretches_of_sections_end_where_one_is_left_out():
    assert list(runs([2, 3, 4, 7, 9, 10])) == [(2, 5), (7, 8), (9, 11)]
    assert list(runs([])) == []
