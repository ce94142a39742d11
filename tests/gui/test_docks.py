"""Both docks with a child that computes nothing: what is refused, said, shown and survived."""

from __future__ import annotations

import os
import signal

import numpy as np
import pytest
from fake_child import CRASHES, ENDLESS, FAILS
from napari.utils.notifications import notification_manager
from waiting import SOON

from napari_advseg.gui.kit.preview import quick_to_show
from napari_advseg.gui.opened import session_of
from napari_advseg.gui.viewer import results
from napari_advseg.volume.formats.files import read


@pytest.fixture
def train(stage, fake_child, qtbot):
    """A Train dock that could start."""
    _, dock, _ = stage()
    qtbot.waitUntil(
        lambda: bool(dock.out.path) and dock.out.place.path == dock.out.path, timeout=SOON
    )
    qtbot.waitUntil(dock.buttons.run.isEnabled, timeout=SOON)
    return dock


def start(dock, qtbot, seed=0):
    dock.forms.advanced.row("seed").editor.write(seed)
    dock.buttons.run.click()
    qtbot.waitUntil(lambda: dock._job is not None, timeout=SOON)


def ended(dock, qtbot):
    qtbot.waitUntil(lambda: dock._job.is_over, timeout=SOON)
    qtbot.waitUntil(lambda: not dock.buttons.cancel.isEnabled(), timeout=SOON)


def stands_still(job, qtbot):
    """Whether a job is where it was 40 of its steps ago."""
    before = job.done
    qtbot.wait(200)
    return job.done == before


def notices():
    return [record.message for record in notification_manager.records]


def test_a_training_runs_from_the_button_to_the_segment_dock(train, qtbot, home):
    start(train, qtbot)
    assert not train.buttons.run.isEnabled()
    assert train.buttons.cancel.isEnabled()
    ended(train, qtbot)
    model = home / "napari-advseg" / "models" / "neuropil-unet"
    assert set(train._job.curves) == {"bce", "validation loss", "validation f1"}
    assert "Almost nothing was annotated." in train.buttons.log.toPlainText()
    assert model.is_dir()
    session = session_of(train._viewer)
    assert session.model == str(model)


def test_image_and_labels_are_handed_over_with_their_scale(train, qtbot):
    painted = train.labels.layer.data.copy()
    start(train, qtbot)
    ended(train, qtbot)
    recipe = train._job.recipe
    labels, image = read(recipe.labels), read(recipe.image)
    np.testing.assert_array_equal(labels.numpy(), painted)
    np.testing.assert_array_equal(image.numpy(), train.image.layer.data)
    assert labels.frame.scale == image.frame.scale == (40.0, 4.0, 4.0)
    assert set(labels.frame.units) == {"nanometer"}


def test_a_failed_job_is_explained_and_the_next_one_runs(train, qtbot):
    start(train, qtbot, FAILS)
    ended(train, qtbot)
    assert notices()[-1] == "The image is constant; choose another."
    assert train.buttons.run.isEnabled()
    start(train, qtbot)
    ended(train, qtbot)
    assert train._job.curves


def test_an_error_of_a_library_is_a_notice_too(train, qtbot):
    start(train, qtbot, CRASHES)
    ended(train, qtbot)
    assert "something in a library" in notices()[-1]
    assert train.buttons.run.isEnabled()


def test_a_paused_training_stands_still_goes_on_and_can_be_cancelled(train, qtbot):
    start(train, qtbot, ENDLESS)
    qtbot.waitUntil(lambda: train._job.done > 5 and train.buttons.pause.isEnabled(), timeout=SOON)
    assert "left" in train._job.progress_words()
    train.buttons.pause.click()
    assert train.buttons.pause.text() == "Continue"
    qtbot.waitUntil(lambda: stands_still(train._job, qtbot), timeout=SOON)
    held = train._job.done
    assert train._job.progress_words().startswith("Paused at")
    train.buttons.pause.click()
    qtbot.waitUntil(lambda: train._job.done > held + 5, timeout=SOON)
    train.buttons.cancel.click()
    ended(train, qtbot)
    assert "Cancelled" in train.buttons.log.toPlainText()
    assert train.buttons.run.isEnabled()


def test_a_killed_child_is_noticed_and_the_next_run_starts_another(train, qtbot):
    session = session_of(train._viewer)
    start(train, qtbot, ENDLESS)
    qtbot.waitUntil(lambda: train._job.done > 1, timeout=SOON)
    killed = session.process_id
    os.kill(killed, signal.SIGKILL)
    ended(train, qtbot)
    assert "ended by signal 9" in notices()[-1]
    start(train, qtbot)
    ended(train, qtbot)
    assert session.process_id != killed
    assert session.model


def test_cancelling_twice_ends_a_job_at_once(train, qtbot):
    start(train, qtbot, ENDLESS)
    qtbot.waitUntil(lambda: train._job.done > 1, timeout=SOON)
    train.buttons.cancel.click()
    assert train.buttons.cancel.text() == "Stop now"
    train.buttons.cancel.click()
    ended(train, qtbot)
    assert "Cancelled" in train.buttons.log.toPlainText()


def test_start_says_which_layer_is_missing(stage, fake_child, qtbot):
    viewer, dock, segment = stage()
    viewer.layers.remove(dock.labels.layer)
    assert "Choose a labels layer" in dock.buttons.why.text()
    assert not dock.buttons.run.isEnabled()
    viewer.layers.remove(dock.image.layer)
    assert "Choose an image layer" in dock.buttons.why.text()
    assert "Choose a model folder" in segment.buttons.why.text()
    viewer.add_labels(np.zeros((4, 64, 64), np.int32), name="mine")
    assert dock.labels.current_choice == "mine"


def test_layers_that_do_not_belong_together_are_refused_with_both_sizes(train):
    other = train._viewer.add_labels(np.ones((4, 60, 64), np.int32), name="other")
    train.labels.choose(other)
    assert "64 x 64" in train.buttons.why.text()
    assert "60 x 64" in train.buttons.why.text()
    scaled = train._viewer.add_labels(np.ones((4, 64, 64), np.int32), scale=(40, 8, 8))
    train.labels.choose(scaled)
    assert "scale" in train.buttons.why.text()
    assert not train.buttons.run.isEnabled()


def test_an_empty_annotation_is_refused_before_anything_is_trained(train, qtbot, home):
    layer = train.labels.layer
    layer.data = np.zeros_like(layer.data)
    start(train, qtbot)
    ended(train, qtbot)
    assert "Nothing is painted" in notices()[-1]
    assert not list((home / "napari-advseg").rglob("*.zarr*"))


def test_what_is_typed_wrong_switches_start_off_and_says_why(train):
    train.forms.length.row("steps").editor.write("many")
    assert train.buttons.why.text().startswith("Steps: ")
    assert not train.buttons.run.isEnabled()
    train.forms.length.row("steps").editor.write(10)
    assert train.buttons.run.isEnabled()
    train.forms.advanced.group("model").row("widths").editor.write((1,))
    assert "Widths" in train.buttons.why.text()


def test_a_model_that_is_there_is_not_overwritten(train, qtbot, home):
    folder = home / "mine"
    folder.mkdir()
    (folder / "model.json").write_text("{}")
    train.out.set(folder)
    train.out.chosen.emit()
    qtbot.waitUntil(lambda: "holds a model already" in train.buttons.why.text(), timeout=SOON)
    assert not train.buttons.run.isEnabled()
    assert not train.conflict.isHidden()
    train.rename.click()
    qtbot.waitUntil(lambda: train.out.path == str(home / "mine-2"), timeout=SOON)
    qtbot.waitUntil(train.buttons.run.isEnabled, timeout=SOON)
    train.out.set(folder)
    qtbot.waitUntil(lambda: train.out.place.holds == "model", timeout=SOON)
    train.resume.click()
    ended(train, qtbot)
    assert train._job.log[0].text == "resume is True"


def test_the_device_and_the_preset_it_chooses_are_shown(train, qtbot):
    qtbot.waitUntil(lambda: "CPU, 2 cores" in train.device.text(), timeout=SOON)
    assert train.network.preset.itemText(0) == "auto (quick)"
    train.network.preset.setCurrentIndex(train.network.preset.findData("seed"))
    assert train.recipe().training.steps == 100_200
    assert train.recipe().model.widths == (64, 128, 256, 512, 1024)


def test_a_deleted_labels_layer_does_not_disturb_a_training(train, qtbot):
    start(train, qtbot, ENDLESS)
    qtbot.waitUntil(lambda: train._job.done > 1, timeout=SOON)
    train._viewer.layers.clear()
    train.buttons.cancel.click()
    ended(train, qtbot)
    assert "Choose an image layer" in train.buttons.why.text()


def test_a_dock_that_is_closed_and_opened_again_during_a_training_follows_it(train, qtbot):
    start(train, qtbot, ENDLESS)
    job = train._job
    train._viewer.window.remove_dock_widget(train)
    again = type(train)(train._viewer)
    qtbot.addWidget(again)
    assert again._job is job
    assert train._job is None
    again.buttons.cancel.click()
    ended(again, qtbot)
    assert "Cancelled" in again.buttons.log.toPlainText()
    assert "Cancelled" not in train.buttons.log.toPlainText()


def test_the_result_of_a_dock_that_is_closed_meanwhile_is_not_lost(train, qtbot):
    viewer, session = train._viewer, session_of(train._viewer)
    start(train, qtbot)
    viewer.window.remove_dock_widget(train)
    qtbot.waitUntil(lambda: bool(session.model), timeout=SOON)


def test_a_preview_is_never_put_into_a_layer_of_the_user(stage, fake_child):
    viewer, train, _ = stage()
    mine = viewer.add_labels(np.ones((1, 64, 64), np.int32), name="Preview")
    viewer.layers.selection.active = mine
    preview = results.OwnLayer(viewer, "Preview")
    preview.show(preview_data(np.full((64, 64), 7)))
    assert mine.data.max() == 1
    assert viewer.layers.selection.active is mine
    assert preview.layer is not mine
    train.reset_choices()
    assert mine in train.labels.choices
    assert preview.layer not in train.labels.choices
    preview.remove()
    assert mine in viewer.layers


def preview_data(section):
    data = quick_to_show(section.astype(np.int32))[None]
    return data, {"name": "x", "scale": [1, 1, 1], "translate": [0, 0, 0]}, "labels"


def test_a_preview_is_redrawn_in_its_layer_and_never_loses_an_id(stage, fake_child, qtbot):
    viewer, _, _ = stage()
    preview = results.OwnLayer(viewer, "Preview")
    preview.show(preview_data(np.full((64, 64), 5)))
    for labels in (np.full((64, 64), 7), np.full((64, 64), 9), np.full((64, 64), 70_000)):
        preview.show(preview_data(labels))  # the first time before the layer has come
        qtbot.waitUntil(lambda: preview.layer is not None, timeout=SOON)
        np.testing.assert_array_equal(preview.layer.data[0], labels)
    assert sum(layer.name == "Preview" for layer in viewer.layers) == 1
    viewer.layers.remove(preview.layer)
    assert preview.layer is None
    assert preview.is_missed
    preview.show(preview_data(labels))
    qtbot.waitUntil(lambda: preview.layer in viewer.layers, timeout=SOON)


def test_the_controls_of_a_result_come_a_turn_later_whatever_is_done_with_it_first(
    stage, fake_child, qtbot
):
    viewer, _, _ = stage()
    panels = viewer.window._qt_viewer.controls
    there = panels.count()
    kept, selected, removed = (
        results.add(viewer, preview_data(np.full((64, 64), number))) for number in (5, 6, 7)
    )
    viewer.layers.selection.active = selected
    viewer.layers.remove(removed)
    qtbot.waitUntil(lambda: all(named(panels, layer) for layer in (kept, selected)), timeout=SOON)
    assert panels.currentWidget() is panels.widgets[selected]
    assert removed not in panels.widgets
    assert panels.count() == there + 2


def named(panels, layer):
    """Whether the panel of a layer is napari's own, not what stands in for it."""
    return type(panels.widgets[layer]).__name__ == "QtLabelsControls"


def test_a_preview_that_is_taken_away_before_it_came_never_comes(stage, fake_child, qtbot):
    viewer, _, _ = stage()
    preview = results.OwnLayer(viewer, "Preview")
    preview.show(preview_data(np.full((64, 64), 5)))
    preview.remove()
    qtbot.wait(100)
    assert "Preview" not in viewer.layers
    assert not preview.is_missed


def test_the_theme_colours_the_curves(train):
    train._viewer.theme = "light"
    assert train.live.cockpit.balance.area.backgroundBrush().color().lightness() > 128
