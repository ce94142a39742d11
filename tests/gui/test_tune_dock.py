"""The Tune dock: two maps to hover over and click, a preview that follows, and a choice that is saved."""

from __future__ import annotations

import numpy as np
import pytest
from fake_child import ENDLESS, FAILS
from qtpy.QtCore import QEvent, QPoint, QPointF, Qt
from qtpy.QtGui import QMouseEvent
from qtpy.QtWidgets import QApplication
from waiting import SOON

from napari_advseg.gui.compute import handover
from napari_advseg.gui.docks.tune.cell_words import cell_words
from napari_advseg.gui.docks.tune.choice_preview import PREVIEW
from napari_advseg.gui.docks.tune.dock import MADE, TuneDock
from napari_advseg.labelling.section.gap_closing import label_section
from napari_advseg.model_store import Card, read_card, save_card
from napari_advseg.recipes import Tune, train_recipe
from napari_advseg.samples import neuropil
from napari_advseg.volume.formats.files import read, write
from napari_advseg.volume.frame import Frame
from napari_advseg.volume.normalise import Normaliser
from napari_advseg.volume.volume import Volume

PLACED = {"scale": (40.0, 4.0, 4.0), "translate": (80.0, 12.0, 8.0), "units": ("nm",) * 3}


def soft_map(truth):
    """Walls that are dark but for a few faint places."""
    rng = np.random.default_rng(0)
    walls = np.zeros(truth.shape, np.float32)
    walls[:, :, :-1] = truth[:, :, :-1] != truth[:, :, 1:]
    walls[:, :-1] = np.maximum(walls[:, :-1], truth[:, :-1] != truth[:, 1:])
    faint = rng.random(truth.shape) < 0.2
    return np.clip(0.95 - walls * np.where(faint, 0.1, 0.6), 0, 1).astype(np.float32)


@pytest.fixture
def viewer(make_napari_viewer, home, fake_child):
    """An interior map and its truth: 3 sections of 48 x 48."""
    made = make_napari_viewer(show=True)
    truth = neuropil((3, 48, 48))[1].numpy().astype(np.int32)
    made.add_image(soft_map(truth), name="map", **PLACED)
    made.add_labels(truth, name="truth", **PLACED)
    return made


@pytest.fixture
def dock(viewer, qtbot):
    """A dock that can start on the map, with a grid of 3 x 4."""
    made = TuneDock(viewer)
    viewer.window.add_dock_widget(made, name="Tune", area="right")
    made.map.choose(made.map.choices[1])
    made.ranges.row("thresholds").editor.write("0.3, 0.6, 0.8")
    made.ranges.row("gaps").editor.write("0:0.3:0.1")
    qtbot.waitUntil(made.buttons.run.isEnabled, timeout=SOON)
    return made


def searched(dock, qtbot):
    qtbot.waitUntil(dock.buttons.run.isEnabled, timeout=SOON)
    dock.buttons.run.click()
    qtbot.waitUntil(lambda: dock._search is not None, timeout=SOON)
    qtbot.waitUntil(lambda: dock._job.is_over, timeout=SOON)
    return dock._search.tuned


def middle(dock, side, place):
    return dock.maps.place_of(side, place).center().toPoint()


def click(dock, qtbot, side, place):
    qtbot.mouseClick(dock.maps, Qt.MouseButton.LeftButton, pos=middle(dock, side, place))


def hover(dock, point):
    """Move the mouse without a button; QTest moves none that the window system does not show."""
    place, button = QPointF(point), Qt.MouseButton.NoButton
    moved = QMouseEvent(
        QEvent.Type.MouseMove, place, place, button, button, Qt.KeyboardModifier.NoModifier
    )
    QApplication.sendEvent(dock.maps, moved)


@pytest.fixture
def model(tmp_path):
    """A model folder with a card and no weights: nothing is predicted here."""
    folder = tmp_path / "model"
    folder.mkdir()
    save_card(folder, card())
    return folder


def card():
    return Card(recipe=train_recipe("unet", "quick"), normaliser=Normaliser(low=0, high=255))


def test_the_search_is_run_on_the_layers_with_their_scale(dock, qtbot):
    tuned = searched(dock, qtbot)
    recipe = dock._job.recipe
    assert recipe.image is None
    np.testing.assert_array_equal(read(recipe.labels).numpy(), dock.truth.layer.data)
    assert read(recipe.interior_map).frame.scale == (40.0, 4.0, 4.0)
    assert sorted({cell.threshold for cell in tuned.cells}) == [0.3, 0.6, 0.8]
    assert len(tuned.cells) == 12
    assert dock.maps.isVisible()
    assert f"{tuned.best.threshold:g}" in dock.cell_words.text()


def test_the_mouse_over_a_cell_says_its_numbers_and_a_click_chooses_it(dock, qtbot):
    tuned = searched(dock, qtbot)
    grid = dock._grid
    other = next(
        place for place, cell in grid.cells.items() if cell.pair != tuned.chosen.pair and place[0]
    )
    cell = grid.cells[other]
    hover(dock, middle(dock, "flattering", other))
    assert dock.cell_words.text() == cell_words(cell)
    hover(dock, QPoint(1, 1))
    assert dock.cell_words.text() == cell_words(tuned.chosen)
    click(dock, qtbot, "honest", other)
    assert dock._search.tuned.chosen == cell
    assert dock._grid.marks["chosen"] == other
    assert dock._search.tuned.best == tuned.best
    for key, step in ((Qt.Key.Key_Up, -1), (Qt.Key.Key_Down, 1)):
        row, column = dock._grid.marks["chosen"]
        qtbot.keyClick(dock.maps, key)
        assert dock._grid.marks["chosen"] == (row + step, column)


def test_the_preview_is_the_labelling_of_the_cell_and_follows_the_section(dock, viewer, qtbot):
    searched(dock, qtbot)
    viewer.dims.set_current_step(0, 2)
    place = next(iter(dock._grid.cells))
    click(dock, qtbot, "honest", place)
    tuned = dock._search.tuned
    settings = dock._grid.cells[place].labelling(tuned.labelling)
    wanted = label_section(dock.map.layer.data[2], settings)

    def is_shown():
        layer = dock.live._own.layer
        return layer is not None and np.array_equal(layer.data[0], wanted)

    qtbot.waitUntil(is_shown, timeout=SOON)
    layer = dock.live._own.layer
    np.testing.assert_allclose(layer.translate, (80 + 2 * 40, 12, 8))
    viewer.dims.set_current_step(0, 0)
    qtbot.waitUntil(lambda: layer.translate[0] == 80, timeout=SOON)
    assert "cell" in dock.live.words.text()
    dock.live.click()
    qtbot.waitUntil(lambda: PREVIEW not in viewer.layers, timeout=SOON)


def test_a_click_turns_to_a_section_that_was_searched_and_others_are_not_previewed(
    dock, viewer, qtbot
):
    dock.sections.row("sections").editor.write((1, 3))
    viewer.dims.set_current_step(0, 0)
    searched(dock, qtbot)
    assert viewer.dims.current_step[0] == 1
    viewer.dims.set_current_step(0, 0)
    assert "not searched" in dock.live.words.text()
    click(dock, qtbot, "honest", next(iter(dock._grid.cells)))
    assert viewer.dims.current_step[0] == 1
    qtbot.waitUntil(lambda: dock.live._own.layer is not None, timeout=SOON)
    assert dock.live._own.layer.translate[0] == 80 + 40


def test_the_choice_is_saved_into_the_model(dock, qtbot, model):
    dock.model.set(model)
    qtbot.waitUntil(lambda: dock.model.found.card is not None, timeout=SOON)
    searched(dock, qtbot)
    place = list(dock._grid.cells)[-1]
    click(dock, qtbot, "flattering", place)
    chosen = dock._search.tuned.chosen
    with qtbot.waitSignal(dock._session.recalibrated, timeout=SOON):
        dock.save.click()
    assert read_card(model).labelling.threshold == chosen.threshold
    assert read_card(model).labelling.gap_threshold == chosen.gap_threshold
    assert "Saved into" in dock.buttons.log.toPlainText()


def test_a_model_that_has_gone_is_a_notice(dock, qtbot, model):
    dock.model.set(model)
    qtbot.waitUntil(lambda: dock.model.found.card is not None, timeout=SOON)
    searched(dock, qtbot)
    for file in model.iterdir():
        file.unlink()
    dock.save.click()
    qtbot.waitUntil(lambda: "holds no model" in dock.buttons.log.toPlainText(), timeout=SOON)
    assert dock.save.isEnabled()


def test_one_flat_section_is_searched_and_previewed(make_napari_viewer, home, fake_child, qtbot):
    viewer = make_napari_viewer()
    truth = neuropil((48, 48))[1].numpy().astype(np.int32)
    viewer.add_image(soft_map(truth[None])[0], name="map", scale=(4, 4))
    viewer.add_labels(truth, name="truth", scale=(4, 4))
    dock = TuneDock(viewer)
    qtbot.addWidget(dock)
    dock.map.choose(dock.map.choices[1])
    dock.ranges.row("thresholds").editor.write("0.5")
    searched(dock, qtbot)
    qtbot.waitUntil(lambda: dock.live._own.layer is not None, timeout=SOON)
    assert dock.live._own.layer.data.shape == truth.shape


def test_without_a_model_nothing_can_be_saved(dock, qtbot):
    searched(dock, qtbot)
    assert not dock.save.isEnabled()
    assert "model" in dock.save.toolTip()


def test_every_measure_and_combination_can_be_shown(dock, qtbot):
    dock.more.row("radii").editor.write("0, 2")
    tuned = searched(dock, qtbot)
    assert dock.combination.isVisible()
    for way in range(dock.combination.count()):
        dock.combination.setCurrentIndex(way)
        for measure in range(dock.measure.count()):
            dock.measure.setCurrentIndex(measure)
            dock.maps.grab()
            assert len(dock._grid.cells) == 12
    assert sum(len(dock._grid.cells) for _ in range(2)) == len(tuned.cells)


def test_a_failed_search_is_explained_and_one_that_is_cancelled_leaves_the_dock_ready(dock, qtbot):
    dock.ranges.row("merge_weight").editor.write(FAILS)
    dock.buttons.run.click()
    qtbot.waitUntil(lambda: "0 everywhere" in dock.buttons.log.toPlainText(), timeout=SOON)
    dock.ranges.row("merge_weight").editor.write(ENDLESS)
    qtbot.waitUntil(dock.buttons.run.isEnabled, timeout=SOON)
    dock.buttons.run.click()
    qtbot.waitUntil(lambda: dock._job.done > 2, timeout=SOON)
    dock.buttons.cancel.click()
    qtbot.waitUntil(lambda: "Cancelled" in dock.buttons.log.toPlainText(), timeout=SOON)
    qtbot.waitUntil(dock.buttons.run.isEnabled, timeout=SOON)
    assert dock._search is None


def test_layers_that_are_removed_meanwhile_do_not_disturb_it(dock, viewer, qtbot):
    dock.buttons.run.click()
    qtbot.waitUntil(lambda: dock._job.state != "preparing", timeout=SOON)
    viewer.layers.clear()
    qtbot.waitUntil(lambda: dock._search is not None, timeout=SOON)
    assert "Choose" in dock.buttons.why.text()
    qtbot.waitUntil(lambda: dock.live._own.layer is not None, timeout=SOON)


def test_what_is_missing_or_does_not_fit_is_said_before_it_runs(dock, viewer, qtbot):
    other = viewer.add_labels(np.ones((3, 40, 48), np.int32), **PLACED)
    dock.truth.choose(other)
    assert "40 x 48" in dock.buttons.why.text()
    deep = viewer.add_labels(np.ones((5, 48, 48), np.int32), **PLACED)
    dock.truth.choose(deep)
    assert "choose layers that belong together" in dock.buttons.why.text()
    dock.sections.row("sections").editor.write((2, 5))
    assert not dock.buttons.why.text()
    dock.ranges.row("thresholds").editor.write("0.5, 1.5")
    assert "Thresholds" in dock.buttons.why.text()
    dock.ranges.row("thresholds").editor.write("0.5:0.8:0.1")
    assert not dock.buttons.why.text()
    dock.map.choose(None)
    assert dock.map.current_choice == MADE
    assert "Choose a model folder" in dock.buttons.why.text()


def test_a_dock_that_is_closed_takes_its_preview_along(dock, viewer, qtbot):
    searched(dock, qtbot)
    qtbot.waitUntil(lambda: dock.live._own.layer is not None, timeout=SOON)
    viewer.window.remove_dock_widget(dock)
    qtbot.waitUntil(lambda: PREVIEW not in viewer.layers, timeout=SOON)
    again = TuneDock(viewer)
    viewer.window.add_dock_widget(again, name="Tune", area="right")
    assert again._search is None


def test_what_the_model_was_trained_with_is_named_by_its_own_paths(tmp_path, model):
    rng = np.random.default_rng(0)
    frame = Frame("zyx", (40.0, 4.0, 4.0), ("nanometer",) * 3)
    image = Volume(rng.integers(0, 255, (2, 16, 16), np.uint8), frame)
    truth = Volume(rng.integers(0, 9, (2, 16, 16)).astype(np.int32), frame)
    paths = {
        "image": str(write(image, tmp_path / "i.ome.zarr")),
        "labels": str(write(truth, tmp_path / "l.ome.zarr", kind="labels")),
    }
    trained = card()
    save_card(model, trained.changed(recipe=trained.recipe.changed(**paths)))
    recipe = Tune(image="i", labels="l", model=str(model), out=str(tmp_path / "out"))
    found = handover.tuning(recipe, image, truth, tmp_path / "c", lambda: False)
    assert found.image == paths["image"]
    assert found.labels == paths["labels"]
    changed = Volume(truth.numpy() + 1, frame)
    found = handover.tuning(recipe, image, changed, tmp_path / "c", lambda: False)
    assert found.image == paths["image"]
    assert found.labels != paths["labels"]
