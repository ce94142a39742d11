"""Previews show the section that is looked at and change nothing in the training."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from napari_advseg import drain, model_store
from napari_advseg.progress import Previewed, StepDone, Warned
from napari_advseg.recipes import train_recipe
from napari_advseg.runs import viewing
from napari_advseg.training import preview
from napari_advseg.training.fit import fit

TRAINING = {
    "steps": 8,
    "validate_every": 4,
    "save_every": 4,
    "preview_every": 2,
    "threads": 1,
    "device": "cpu",
    "precision": "fp32",
    "minutes": None,
}
FAMILIES = {
    "unet": {"widths": (4, 8)},
    "cgan": {"width": 4, "depth": 3, "dropout": 0.5, "samples": 2, "critic": {"widths": (4, 8)}},
    "unet3d": {"widths": (4, 8)},
}
ALONE = {
    "boundless": {"width": 4, "critic_width": 4},
    "stylegan": {"widths": (8, 8, 8, 8), "code": 8, "mapping": 2},
}


@pytest.fixture(autouse=True)
def nobody_looks():
    viewing.look({})
    yield
    viewing.look({})


@pytest.fixture(autouse=True)
def without_rest(monkeypatch):
    monkeypatch.setattr(preview, "SHARE", 1.0)


def recipe(family="unet", out=None, **changes):
    tree = {
        "model": (FAMILIES | ALONE)[family],
        "examples": {"crop": 32, "batch": 2, **({"depth": 4} if family == "unet3d" else {})},
        "training": {**TRAINING, "ema": 0.9},
        "zero": "boundary",
        "out": out and str(out),
    }
    return train_recipe(family, "quick", {**tree, **changes})


def at(folder, section=2, row=48, column=48):
    return {"section": section, "row": row, "column": column, "folder": str(folder)}


def watched(running, **looks):
    """All reports of a training; `looks` says after which step the user looks where."""
    reports = []

    def read(report):
        reports.append(report)
        if isinstance(report, StepDone) and f"step_{report.step}" in looks:
            viewing.look(looks[f"step_{report.step}"])

    model = drain(running, read)
    return model, reports


def last_of(reports):
    *_, last = (report for report in reports if isinstance(report, Previewed))
    return last


@pytest.mark.parametrize("family", FAMILIES)
def test_losses_and_weights_are_bit_equal_with_and_without_previews(tissue, tmp_path, family):
    plain, silent = watched(fit(*tissue, recipe(family)))
    looks = {"step_1": at(tmp_path), "step_4": at(tmp_path, section=0), "step_6": {}}
    seen, reports = watched(fit(*tissue, recipe(family)), **looks)
    previews = [report for report in reports if isinstance(report, Previewed)]
    assert [(one.step, one.section) for one in previews] == [(1, 2), (2, 2), (4, 0)]
    assert not any(isinstance(report, Previewed) for report in silent)
    of_steps = [
        [report.losses for report in some if isinstance(report, StepDone)]
        for some in (silent, reports)
    ]
    assert of_steps[0] == of_steps[1]
    for key, value in plain.weights.items():
        np.testing.assert_array_equal(seen.weights[key], value)


def test_a_preview_is_what_the_model_then_makes_of_that_section(tissue, tmp_path):
    out = tmp_path / "model"
    running = fit(*tissue, recipe(out=out, training={**TRAINING, "steps": 4}))
    _, reports = watched(running, step_3=at(tmp_path))
    last = last_of(reports)
    assert (last.step, last.top, last.left) == (4, 0, 0)
    model = model_store.load(out, "last")
    expected = preview._map(model, preview.PredictionSettings(device="cpu"), tissue[0].section(2))
    np.testing.assert_array_equal(np.load(last.path, allow_pickle=False), expected)


def test_of_a_large_section_the_part_around_the_view_is_shown(tissue, tmp_path, monkeypatch):
    monkeypatch.setattr(preview, "SIDE", 32)
    for place, corner in ((at(tmp_path, row=90), (48, 32)), (at(tmp_path, 9, -5, 500), (0, 80))):
        _, reports = watched(fit(*tissue, recipe()), step_1=place)
        last = last_of(reports)
        assert (last.top, last.left) == corner
        assert np.load(last.path, allow_pickle=False).shape == (32, 32)
        assert last.section == min(place["section"], 5)


def test_classes_are_shown_as_classes_and_painters_show_what_they_paint(tissue, tmp_path):
    image, labels = tissue
    classes = labels.like((labels.numpy() % 3).astype(np.uint8))
    learnt = recipe(examples={"crop": 32, "batch": 2, "targets": {"kind": "classes"}})
    learnt = learnt.changed(zero="background")
    _, reports = watched(fit(image, classes, learnt), step_1=at(tmp_path))
    found = np.load(last_of(reports).path, allow_pickle=False)
    assert found.dtype == np.uint8
    assert set(np.unique(found)) <= {0, 1, 2}
    model = {**FAMILIES["cgan"], "direction": "map_to_image"}
    _, reports = watched(fit(*tissue, recipe("cgan", model=model)), step_1=at(tmp_path))
    found = np.load(last_of(reports).path, allow_pickle=False)
    assert found.dtype == np.float32
    assert found.shape == (80, 112)


def test_previews_rest_so_that_they_take_a_small_share_of_the_time(tissue, tmp_path, monkeypatch):
    monkeypatch.setattr(preview, "SHARE", 1e-9)
    _, reports = watched(fit(*tissue, recipe()), step_1=at(tmp_path))
    assert sum(isinstance(report, Previewed) for report in reports) == 1


def test_a_preview_that_fails_is_said_once_and_the_training_goes_on(tissue, tmp_path, monkeypatch):
    def refuse(*_):
        raise RuntimeError("out of memory")

    monkeypatch.setattr(preview, "_map", refuse)
    _, reports = watched(fit(*tissue, recipe()), step_1=at(tmp_path))
    assert sum(isinstance(report, StepDone) for report in reports) == 8
    said = [r.text for r in reports if isinstance(r, Warned) and "no more previews" in r.text]
    assert len(said) == 1


def test_a_folder_that_has_gone_and_zero_steps_are_no_trouble(tissue, tmp_path):
    _, reports = watched(fit(*tissue, recipe()), step_1=at(tmp_path / "gone"))
    assert sum(isinstance(report, StepDone) for report in reports) == 8
    off = recipe(training={**TRAINING, "preview_every": 0})
    _, reports = watched(fit(*tissue, off), step_1=at(tmp_path))
    assert not any(isinstance(report, Previewed) for report in reports)


def test_who_looks_before_the_first_step_sees_it_and_nobody_looks_at_the_next_training(
    tissue, tmp_path
):
    viewing.look(at(tmp_path))
    _, reports = watched(fit(*tissue, recipe()))
    assert next(report for report in reports if isinstance(report, Previewed)).step == 1
    assert viewing.current_view() is None


def test_random_state_and_threads_are_left_as_they_were():
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    threads = torch.get_num_threads()
    with preview.untouched():
        torch.rand(10)
        torch.set_num_threads(threads + 1)
    assert torch.get_num_threads() == threads
    assert torch.equal(torch.rand(3), expected)


def test_what_is_no_place_is_refused():
    with pytest.raises(ValueError, match="no place to look at"):
        viewing.look({"where": 3})


@pytest.mark.parametrize("family", ALONE)
def test_a_family_of_images_alone_shows_what_it_paints(tissue, tmp_path, family):
    image = tissue[0]
    plain, _ = watched(fit(image, None, recipe(family)))
    seen, reports = watched(fit(image, None, recipe(family)), step_1=at(tmp_path, section=1))
    assert not [
        one for one in reports if isinstance(one, Warned) and "no more previews" in one.text
    ]
    last = last_of(reports)
    made = np.load(last.path)
    assert made.shape == image.shape[1:]
    assert made.dtype == np.float32
    assert 0 <= made.min() < made.max() <= 1
    assert (last.top, last.left) == (0, 0)
    given = seen.card.normaliser(image.section(1)).clip(0, 1)
    same = np.isclose(made, given).reshape(made.shape)
    if family == "boundless":  # a quarter of every crop is hidden, the rest is the image
        assert same[:, :24].all()
        assert not same[:, 24:32].all()
    else:
        assert same.mean() < 0.5
    for key, value in plain.weights.items():
        np.testing.assert_array_equal(value, seen.weights[key], err_msg=key)
