"""Trainings that were broken off are found again, and two trainings can be compared by their folders."""

from __future__ import annotations

import os
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest

from napari_advseg import drain, model_store
from napari_advseg.disk import lock
from napari_advseg.progress import StepDone
from napari_advseg.recipes import train_recipe
from napari_advseg.runs.comparing import curves_of, differences, learnt, numbers
from napari_advseg.runs.continuing import LOCK, broken_off, recipe_to_go_on
from napari_advseg.training.fit import fit

SMALL = {
    "model": {"widths": (4, 8)},
    "examples": {"crop": 32, "batch": 2},
    "training": {
        "steps": 6,
        "validate_every": 2,
        "save_every": 2,
        "threads": 1,
        "device": "cpu",
        "precision": "fp32",
        "minutes": None,
    },
    "zero": "boundary",
}


def recipe(out, **changes):
    return train_recipe("unet", "quick", {**SMALL, "out": str(out), **changes})


def broken(tissue, out, step=3):
    running = fit(*tissue, recipe(out))
    for report in running:
        if isinstance(report, StepDone) and report.step == step:
            running.close()
    return str(out)


@pytest.fixture(scope="module")
def whole(tissue, tmp_path_factory):
    out = tmp_path_factory.mktemp("whole") / "first"
    drain(fit(*tissue, recipe(out)))
    return str(out)


def test_of_all_folders_those_that_were_broken_off_are_offered(tissue, whole, tmp_path):
    folder = broken(tissue, tmp_path / "half")
    found = broken_off([whole, folder, str(tmp_path / "gone"), str(tmp_path)])
    assert [(one.folder, one.step, one.steps) for one in found] == [(folder, 3, 6)]
    one = found[0]
    assert one.words(one.saved) == "Today's training half stopped at step 3 of 6."
    assert one.words(one.saved + timedelta(days=1)).startswith("Yesterday's training half")
    assert str(one.saved.year) in one.words(one.saved + timedelta(days=9))


def test_the_last_saved_comes_first_and_one_that_runs_is_left_alone(tissue, tmp_path):
    older, newer = (broken(tissue, tmp_path / name) for name in ("older", "newer"))
    state = Path(older) / model_store.STATE
    os.utime(state, (1e9, 1e9))
    assert [one.folder for one in broken_off([older, newer])] == [newer, older]
    held, _ = lock.take(Path(newer), "it", name=LOCK)
    assert [one.folder for one in broken_off([older, newer])] == [older]
    held.release()


def test_a_training_goes_on_from_its_folder_alone_wherever_that_was_moved(tissue, tmp_path):
    from napari_advseg import write

    image, labels = (
        str(write(v, tmp_path / f"{k}.tif")) for k, v in zip("il", tissue, strict=True)
    )
    given = recipe(tmp_path / "m", image=image, labels=labels)
    expected = drain(fit(recipe=given.changed(out=str(tmp_path / "unbroken"))))
    running = fit(recipe=given)
    for report in running:
        if isinstance(report, StepDone) and report.step == 3:
            running.close()
    (tmp_path / "m").rename(tmp_path / "moved")
    again = drain(fit(recipe=recipe_to_go_on(str(tmp_path / "moved")), resume=True))
    for key, value in expected.weights.items():
        np.testing.assert_array_equal(again.weights[key], value)
    assert broken_off([str(tmp_path / "moved")]) == []


def test_curves_come_from_the_log_without_echoes(whole):
    curves = curves_of(Path(whole))
    assert [step for step, _ in curves["unet/loss"]] == [1, 2, 3, 4, 5, 6]
    assert [step for step, _ in curves["validation loss"]] == [2, 4, 6]
    assert "unet/bce" not in curves
    assert curves_of(Path(whole).parent) == {}


def test_two_trainings_are_compared_by_numbers_and_by_what_was_set_otherwise(
    tissue, whole, tmp_path
):
    other = recipe(tmp_path / "second", seed=4, model={"widths": (4, 4)})
    drain(fit(*tissue, other))
    first, second = learnt(whole), learnt(str(tmp_path / "second"))
    assert {(one.what, one.first, one.second) for one in differences(first, second)} == {
        ("seed", "0", "4"),
        ("model.widths", "4, 8", "4, 4"),
    }
    rows = {one.what: (one.first, one.second) for one in numbers(first, second)}
    assert rows["steps"] == ("6 of 6", "6 of 6")
    assert all(rows["validation loss, best"])
    assert "adapted rand error" in rows
    assert differences(first, first) == []


def test_a_folder_without_a_model_cannot_be_compared(tmp_path):
    with pytest.raises(ValueError, match="holds no model"):
        learnt(str(tmp_path))
