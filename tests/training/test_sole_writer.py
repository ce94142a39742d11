"""Two windows on one model folder: one of them trains, and what a killed one left behind is in nobody's way."""

from __future__ import annotations

import dataclasses
import json

import pytest

from napari_advseg.disk import lock
from napari_advseg.model_store import read_card
from napari_advseg.progress import StepDone, drain
from napari_advseg.recipes import train_recipe
from napari_advseg.runs.continuing import LOCK
from napari_advseg.training.fit import fit

TINY = {
    "model": {"widths": [4, 8]},
    "examples": {"crop": 32, "batch": 1},
    "training": {"steps": 2, "validate_every": 2, "save_every": 1, "precision": "fp32"},
}


def recipe(folder):
    return train_recipe("unet", "quick", {**TINY, "out": str(folder)})


def test_a_folder_that_another_window_trains_into_is_refused(tissue, tmp_path):
    folder = tmp_path / "model"
    folder.mkdir()
    theirs, _ = lock.take(folder, "", name=LOCK)
    with pytest.raises(
        ValueError, match=f"'model' is open in another window .process {theirs.holder.pid}"
    ):
        drain(fit(*tissue, recipe(folder)))
    assert [file.name for file in folder.iterdir()] == [LOCK]
    theirs.release()
    assert drain(fit(*tissue, recipe(folder))).card.last_step == 2
    assert not (folder / LOCK).exists()


def test_the_lock_of_a_killed_training_is_nobodys(tissue, tmp_path):
    folder = tmp_path / "model"
    folder.mkdir()
    ours, _ = lock.take(folder, "", name=LOCK)
    dead = dataclasses.replace(ours.holder, born=ours.holder.born - 1000)
    (folder / LOCK).write_text(json.dumps(dataclasses.asdict(dead)))
    assert drain(fit(*tissue, recipe(folder))).card.last_step == 2


def test_a_cancelled_training_gives_the_folder_free(tissue, tmp_path):
    folder = tmp_path / "model"
    running = fit(*tissue, recipe(folder))
    while not isinstance(next(running), StepDone):
        pass
    assert (folder / LOCK).exists()
    running.close()
    assert not (folder / LOCK).exists()
    assert read_card(folder).last_step == 1
    drain(fit(*tissue, recipe(folder), resume=True))
    assert read_card(folder).last_step == 2
