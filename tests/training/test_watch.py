"""Alarms: said once, with the knob to turn, and a collapse is gone back from."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from napari_advseg import drain, model_store
from napari_advseg.families.cgan.model import Model
from napari_advseg.progress import Contest, StepDone, Strip, Warned, decode, encode
from napari_advseg.recipes import train_recipe
from napari_advseg.training.fit import fit
from napari_advseg.training.watch import REMEMBERED, Watch, contest, told_apart

SMALL = {
    "model": {"width": 4, "depth": 3, "critic": {"widths": [4, 8]}},
    "examples": {"crop": 32, "batch": 2},
    "training": {
        "steps": 20,
        "validate_every": 4,
        "save_every": 4,
        "threads": 1,
        "device": "cpu",
        "precision": "fp32",
    },
}


def scores(real, fake):
    return {"critic": {"real": torch.tensor(real), "fake": torch.tensor(fake)}}


def test_how_well_a_critic_tells_apart_is_the_area_under_its_curve():
    assert told_apart(torch.tensor([2.0, 3.0]), torch.tensor([0.0, 1.0])) == 1
    assert told_apart(torch.tensor([0.0, 1.0]), torch.tensor([2.0, 3.0])) == 0
    assert told_apart(torch.tensor([0.0, 3.0]), torch.tensor([1.0, 2.0])) == 0.5


def test_a_contest_is_plain_json_and_counts_every_score():
    found = contest(10, scores([1.0, 2.0], [0.0, 0.5, 0.2]), {"generator": 3.0, "critic": 1.5})
    assert decode(encode(found)) == found
    assert sum(found.critics["critic"]["real"]) == 2
    assert sum(found.critics["critic"]["fake"]) == 3
    assert found.ratio == 2


def seen(watch, real, fake, ratio=(1.0, 1.0), times=REMEMBERED):
    alarms = []
    for step in range(times):
        norms = {"generator": ratio[0], "critic": ratio[1]}
        alarms += watch.see(contest(step, scores(real, fake), norms))
    return [alarm.text for alarm in alarms]


def test_a_winning_critic_is_said_once_until_it_is_over():
    watch = Watch()
    (text,) = seen(watch, [5.0, 6.0], [0.0, 1.0])
    assert "critic.smooth" in text
    assert seen(watch, [5.0, 6.0], [0.0, 1.0]) == []
    assert seen(watch, [0.0, 1.0], [0.5, 0.6]) == []
    assert len(seen(watch, [5.0, 6.0], [0.0, 1.0])) == 1


def test_a_critic_that_guesses_raises_no_alarm():
    assert seen(Watch(), [0.0, 1.0], [0.2, 0.7]) == []


def test_a_vanished_gradient_is_named():
    (text,) = seen(Watch(), [0.0, 1.0], [0.2, 0.7], ratio=(1e-9, 1.0))
    assert "saturated" in text


def test_equal_maps_of_different_images_are_a_collapse():
    true, same = [torch.rand(1, 8, 8) for _ in range(3)], [torch.ones(1, 8, 8)] * 3
    watch = Watch()
    assert watch.look(same, true) == []  # it has not learnt yet
    assert watch.look(true, true) == []
    (alarm,) = watch.look(same, true)
    assert alarm.is_fatal
    never = Watch()
    looks = [never.look(same, true) for _ in range(12)]
    assert looks[0] == []
    assert looks[-1]
    assert Watch().look([torch.ones(1, 8, 8)], true[:1]) == []


def test_a_map_that_stays_turned_round_is_said_once():
    watch = Watch()
    assert [watch.measure({"flipped": 1.0}) for _ in range(2)] == [[], []]
    (alarm,) = watch.measure({"flipped": 1.0})
    assert "give a few pairs" in alarm.text
    assert not alarm.is_fatal
    assert watch.measure({"flipped": 1.0}) == watch.measure({}) == []


def test_a_training_shows_contests_and_strips(tissue, tmp_path):
    reports = []
    recipe = train_recipe("cgan", "quick", {**SMALL, "out": str(tmp_path / "m")})
    drain(fit(*tissue, recipe), reports.append)
    assert [r.step for r in reports if isinstance(r, Contest)] == [10, 20]
    strips = [r for r in reports if isinstance(r, Strip)]
    assert [strip.step for strip in strips] == [4, 8, 12, 16, 20]
    assert all(Path(strip.path).read_bytes()[:4] == b"\x89PNG" for strip in strips)


@pytest.fixture
def collapsing(monkeypatch):
    """A generator whose output depends on the image at first and is the same everywhere later."""
    calls = []

    def infer(self, tile):
        calls.append(tile)
        return tile[:, :1] if len(calls) <= 2 else torch.full_like(tile[:, :1], 0.5)

    monkeypatch.setattr(Model, "infer", infer)


def test_a_collapse_goes_back_and_ends_with_the_last_healthy_model(tissue, tmp_path, collapsing):
    reports = []
    training = {**SMALL["training"], "nan_retries": 2}
    recipe = train_recipe(
        "cgan", "quick", {**SMALL, "training": training, "out": str(tmp_path / "m")}
    )
    drain(fit(*tissue, recipe), reports.append)
    texts = [r.text for r in reports if isinstance(r, Warned)]
    assert sum("Went back to step 4" in text for text in texts) == 2
    assert any("ends with the last healthy model, of step 4" in text for text in texts)
    assert max(r.step for r in reports if isinstance(r, StepDone)) == 8
    model = model_store.load(tmp_path / "m")
    assert all(np.isfinite(value).all() for value in model.weights.values())


def test_going_back_can_be_switched_off(tissue, collapsing):
    reports = []
    training = {**SMALL["training"], "roll_back": False}
    drain(
        fit(*tissue, train_recipe("cgan", "quick", {**SMALL, "training": training})), reports.append
    )
    assert max(r.step for r in reports if isinstance(r, StepDone)) == 20
    assert any("collapsed" in r.text for r in reports if isinstance(r, Warned))
    assert not any("Went back" in r.text for r in reports if isinstance(r, Warned))
