"""The Train dock around a run: how long it takes, the section on screen, going on after a restart, comparing two."""

from __future__ import annotations

import json

import numpy as np
import pytest
from fake_child import ENDLESS
from napari.utils.theme import get_theme
from waiting import SOON

from napari_advseg import model_store
from napari_advseg.gui.compute import checks
from napari_advseg.gui.compute.job import Job
from napari_advseg.gui.docks.train import start_choice
from napari_advseg.gui.docks.train.compare_runs import open_comparison
from napari_advseg.gui.docks.train.model_preview import NAME
from napari_advseg.gui.kit.plots import PENS
from napari_advseg.gui.opened import session_of
from napari_advseg.gui.viewer import results
from napari_advseg.model_store import Card
from napari_advseg.progress import StepDone
from napari_advseg.recipes import train_recipe
from napari_advseg.runs import remembered as memory
from napari_advseg.volume.normalise import Normaliser

CPU = {"device": "cpu", "name": "CPU", "cores": 2, "precision": "bf16", "memory_gb": 4}


@pytest.fixture(autouse=True)
def own_memory(tmp_path, monkeypatch):
    monkeypatch.setenv(memory.ENVIRONMENT, str(tmp_path / "cache"))


@pytest.fixture
def train(stage, fake_child, qtbot):
    _, dock, _ = stage()
    qtbot.waitUntil(
        lambda: bool(dock.out.path) and dock.out.place.path == dock.out.path, timeout=SOON
    )
    qtbot.waitUntil(dock.buttons.run.isEnabled, timeout=SOON)
    return dock


def model_folder(place, name, step=400, steps=2300, seed=0, **model):
    """A model as a training leaves it that was broken off, without weights."""
    folder = place / name
    folder.mkdir(parents=True)
    tree = {"training": {"steps": steps}, "seed": seed, "model": model}
    recipe = train_recipe("unet", "quick", tree)
    card = Card(
        recipe=recipe.changed(out=str(folder), image="i.tif", labels="l.tif"),
        normaliser=Normaliser(),
        last_step=step,
        best_step=step,
        best_loss=0.25 + seed,
    )
    model_store.save_card(folder, card)
    (folder / model_store.STATE).write_text(json.dumps({"format": 1, "file": "", "step": step}))
    rows = [f"{k},train,unet/loss,{1 / k}" for k in range(1, 4)]
    rows.append(f"3,validation,loss,{0.5 + seed}")
    (folder / model_store.LOG).write_text("\n".join(["step,phase,name,value", *rows]) + "\n")
    memory.remember_place(str(folder))
    return folder


def endless(dock, qtbot):
    dock.forms.advanced.row("seed").editor.write(ENDLESS)
    dock.buttons.run.click()
    qtbot.waitUntil(lambda: dock._job.done > 1, timeout=SOON)


def cancelled(dock, qtbot):
    dock.buttons.cancel.click()
    qtbot.waitUntil(lambda: dock._job.is_over, timeout=SOON)


def test_the_time_is_what_was_asked_or_measured_or_said_to_be_unknown():
    recipe = train_recipe("unet", "quick", {"training": {"steps": 1200}})
    known = memory.Memory({memory.pace_of(recipe, "CPU"): 0.6})
    assert "was not measured" in checks.time_words(recipe, CPU, memory.Memory())
    assert "Without a GPU" in checks.time_words(recipe, CPU, memory.Memory())
    assert "about 12 min, as measured" in checks.time_words(recipe, CPU, known)
    other = {**CPU, "device": "cuda", "name": "H100"}
    assert "Without a GPU" not in checks.time_words(recipe, other, known)
    asked = recipe.changed(training=recipe.training.changed(minutes=5))
    assert checks.time_words(asked, CPU, known) == "Training takes 5 min, as asked."
    forced = recipe.changed(training=recipe.training.changed(device="cpu"))
    assert checks.device_name(forced, other) == "CPU"


def test_epochs_are_estimated_once_the_sections_are_counted():
    recipe = train_recipe("cgan", "seed")
    known = memory.Memory({memory.pace_of(recipe, "CPU"): 1.0})
    assert "was not measured" in checks.time_words(recipe, CPU, known)
    assert "about 27 min" in checks.time_words(recipe, CPU, known, sections=16)


def test_device_and_time_are_said_before_start(train, qtbot):
    qtbot.waitUntil(lambda: "was not measured" in train.device.text(), timeout=SOON)
    assert train.device.text().startswith("Computes on: CPU, 2 cores, bf16. ")
    memory.remember_pace(memory.pace_of(train.recipe(), "CPU"), 1.0)
    train._recall()
    qtbot.waitUntil(lambda: "Training takes about 38 min" in train.device.text(), timeout=SOON)
    train.forms.length.row("steps").editor.write(30)
    assert "about 30 s" in train.device.text()


def test_while_it_runs_the_time_left_takes_the_place_of_the_estimate(train, qtbot):
    qtbot.waitUntil(lambda: "was not measured" in train.device.text(), timeout=SOON)
    endless(train, qtbot)
    assert train.device.text() == "Computes on: CPU, 2 cores, bf16."
    cancelled(train, qtbot)
    qtbot.waitUntil(lambda: "this training takes" in train.device.text(), timeout=SOON)


@pytest.mark.parametrize("theme", ["dark", "light"])
def test_curves_stand_out_from_the_ground(theme):
    parts = get_theme(theme).background.as_rgb_tuple(alpha=False)
    ground = "#{:02x}{:02x}{:02x}".format(*parts)
    assert min(contrast(pen, ground) for pen in PENS) >= 3


def contrast(one, other):
    """The contrast of two colours as the Web Content Accessibility Guidelines (2.2) define it."""
    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def luminance(colour):
    parts = [part / 255 for part in bytes.fromhex(colour[1:])]
    linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
    return sum(share * p for share, p in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


def test_the_section_on_screen_is_previewed_and_follows_the_slider(train, qtbot):
    viewer = train._viewer
    viewer.dims.set_current_step(0, 2)
    endless(train, qtbot)
    qtbot.waitUntil(lambda: NAME in viewer.layers, timeout=SOON)
    layer = viewer.layers[NAME]
    assert layer.translate[0] == pytest.approx(80)
    assert np.allclose(layer.data, 0.2)
    assert list(layer.scale) == [40, 4, 4]
    assert results.is_ours(layer)
    assert layer not in train.image.choices
    viewer.dims.set_current_step(0, 1)
    qtbot.waitUntil(lambda: layer.translate[0] == pytest.approx(40), timeout=SOON)
    assert np.allclose(layer.data, 0.1)
    cancelled(train, qtbot)


def test_a_preview_that_is_taken_away_stays_away_until_it_is_asked_for(train, qtbot):
    viewer = train._viewer
    endless(train, qtbot)
    qtbot.waitUntil(lambda: NAME in viewer.layers, timeout=SOON)
    viewer.layers.remove(NAME)
    qtbot.waitUntil(lambda: not train.preview.isChecked(), timeout=SOON)
    assert NAME not in viewer.layers
    train.preview.setChecked(True)
    qtbot.waitUntil(lambda: NAME in viewer.layers, timeout=SOON)
    train.preview.setChecked(False)
    qtbot.waitUntil(lambda: NAME not in viewer.layers, timeout=SOON)
    cancelled(train, qtbot)


def test_a_broken_off_training_is_offered_on_opening_and_goes_on(stage, fake_child, qtbot, home):
    older, newer = (model_folder(home / "m", name) for name in ("older", "newer"))
    assert older.is_dir()
    _, dock, _ = stage()
    qtbot.waitUntil(lambda: not dock.going_on.isHidden(), timeout=SOON)
    assert dock.going_on.words.text() == "Today's training newer stopped at step 400 of 2,300."
    dock.going_on.go_on.click()
    qtbot.waitUntil(lambda: dock._job is not None and dock._job.is_over, timeout=SOON)
    assert dock._job.log[0].text == "resume is True"
    assert dock._job.recipe.out == str(newer)
    assert dock._job.recipe.image == "i.tif"
    assert dock._job.curves["unet/loss"][:2] == [(1, 1.0), (2, 0.5)]


def test_an_offer_that_is_left_is_not_made_again(stage, fake_child, qtbot, home):
    folder = model_folder(home / "m", "mine")
    _, dock, _ = stage()
    qtbot.waitUntil(lambda: not dock.going_on.isHidden(), timeout=SOON)
    dock.going_on.leave.click()
    qtbot.waitUntil(dock.going_on.isHidden, timeout=SOON)
    assert memory.remembered().places == ()
    assert (folder / model_store.CARD).is_file()


def test_two_trainings_are_compared_in_curves_numbers_and_settings(train, qtbot, home):
    first = model_folder(home / "m", "first")
    second = model_folder(home / "m", "second", step=2300, seed=1)
    dialog = open_comparison(session_of(train._viewer), train._viewer)
    qtbot.addWidget(dialog)
    qtbot.waitUntil(lambda: dialog.table.rowCount() > 0, timeout=SOON)
    assert (dialog.first.path, dialog.second.path) == (str(second), str(first))
    rows = {
        dialog.table.item(row, 0).text(): [dialog.table.item(row, k).text() for k in (1, 2)]
        for row in range(dialog.table.rowCount())
    }
    assert rows["seed"] == ["1", "0"]
    assert rows["validation loss, best"] == ["1.25", "0.25"]
    plot = dialog.curves.plots["unet"]
    assert {key for key in plot._lines if key[0] == "validation loss"} == {
        ("validation loss", False),
        ("validation loss", True),
    }
    assert "validation loss&nbsp;1.5 / 0.5" in plot.legend.text()
    dialog.second.set(str(home / "nothing"))
    qtbot.waitUntil(lambda: "holds no model" in dialog.words.text(), timeout=SOON)
    dialog.close()


def test_curves_of_an_earlier_part_stand_before_those_of_now(qtbot):
    job = Job("train", "Training")
    job.read(StepDone(3, 5, {"unet/loss": 0.3}, 0.1))
    job.remember({"unet/loss": [(1, 0.5), (2, 0.4), (3, 9.0)], "validation loss": [(2, 0.6)]})
    assert job.curves["unet/loss"] == [(1, 0.5), (2, 0.4), (3, 0.3)]
    assert job.curves["validation loss"] == [(2, 0.6)]
    job.read(StepDone(4, 5, {"unet/loss": 0.2}, 0.1))
    assert job.curves["unet/loss"][-1] == (4, 0.2)


def test_a_training_begins_with_random_weights_or_with_those_of_a_model_and_its_network(
    train, qtbot, home
):
    assert train.recipe().start_from is None
    folder = str(model_folder(home, "narrow", widths=(4, 8)))
    train.start_from.take(folder)
    qtbot.waitUntil(lambda: train.recipe().model.widths == (4, 8), timeout=SOON)
    assert train.recipe().start_from == folder
    assert "unet" in train.start_words.text()
    train.network.preset.setCurrentIndex(train.network.preset.findData("seed"))
    qtbot.waitUntil(lambda: train.recipe().model.widths == (4, 8), timeout=SOON)
    train.start_from.take("")
    qtbot.waitUntil(lambda: train.recipe().model.widths != (4, 8), timeout=SOON)
    assert train.recipe().start_from is None


def test_the_box_chooses_a_model_or_a_folder_that_is_browsed_for(train, qtbot, home, monkeypatch):
    box, folder = train.start_from, str(model_folder(home, "narrow", widths=(4, 8)))
    monkeypatch.setattr(start_choice, "browse_folder", lambda *_: folder)
    box.setCurrentIndex(box.count() - 1)
    box.activated.emit(box.currentIndex())
    qtbot.waitUntil(lambda: train.recipe().model.widths == (4, 8), timeout=SOON)
    assert (box.currentText(), train.recipe().start_from) == ("narrow", folder)
    box.setCurrentIndex(0)
    box.activated.emit(0)
    assert train.recipe().start_from is None
    assert train.recipe().model.widths != (4, 8)


def test_what_is_typed_wrong_elsewhere_is_no_obstacle_to_a_start(train, qtbot, home):
    train.forms.advanced.group("model").row("widths").editor.widget.setText("x")
    assert train.forms.advanced.problem
    train.start_from.take(str(model_folder(home, "narrow", widths=(4, 8))))
    qtbot.waitUntil(lambda: not train.forms.advanced.problem, timeout=SOON)
    assert train.recipe().model.widths == (4, 8)


def test_another_family_begins_with_random_weights(train, qtbot, home):
    folder = str(model_folder(home, "narrow", widths=(4, 8)))
    train.start_from.take(folder)
    train.network.family.setCurrentText("deconvnet")
    assert train.recipe().start_from is None
    train.start_from.take(folder)
    qtbot.waitUntil(lambda: train.start_words.text() != "", timeout=SOON)
    assert train.recipe().family == "deconvnet"
