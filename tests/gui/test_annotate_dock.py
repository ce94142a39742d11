"""The Annotate dock: layers that fit, brushes that mean what they say, shares that follow, edits that can be undone."""

from __future__ import annotations

import sys
from pathlib import Path

import dask.array
import napari
import numpy as np
import pytest
from fake_suggester import ENDLESS, FAILS
from napari.layers import Labels, Layer
from napari.utils.notifications import notification_manager
from one_viewer import of_a_module, wait_for_the_end_of
from qtpy.QtCore import QEvent, QPointF, Qt
from qtpy.QtGui import QKeyEvent, QMouseEvent
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QApplication
from waiting import SOON

from napari_advseg import model_store
from napari_advseg.gui.compute import handover
from napari_advseg.gui.compute.session import Session
from napari_advseg.gui.docks.annotate.dock import FOUND, MARK, AnnotateDock
from napari_advseg.gui.docks.annotate.hatching import TINT
from napari_advseg.gui.help import shortcuts
from napari_advseg.gui.opened import session_of
from napari_advseg.gui.viewer import annotation_layer
from napari_advseg.napari_io import read_layers, write_labels
from napari_advseg.progress import drain
from napari_advseg.recipes import train_recipe
from napari_advseg.samples import neuropil
from napari_advseg.training.data import plan
from napari_advseg.volume.formats.canvas import Canvas
from napari_advseg.volume.formats.files import read
from napari_advseg.volume.painted import BACKGROUND, BOUNDARY, classes_of, is_painted

# With real children at work, which a crowded computer delays.

SETTLED_MS = 100
PLACED = {"scale": (40.0, 4.0, 4.0), "translate": (80.0, 12.0, 8.0), "units": ("nm",) * 3}
HERE = Path(__file__).parent


@pytest.fixture(scope="module")
def stage(tmp_path_factory):
    """One viewer with the dock for all tests, and its home folder: starting one takes longer than most of them."""
    folder = tmp_path_factory.mktemp("home")
    with of_a_module() as patch:
        for name in ("HOME", "USERPROFILE"):
            patch.setenv(name, str(folder))
        command = (sys.executable, str(HERE / "fake_suggester.py"))
        patch.setattr(Session, "command", command)
        patch.setattr(model_store, "FIRST_FOLDER", folder / "nowhere")
        viewer = napari.Viewer(show=False)
        dock = AnnotateDock(viewer)
        viewer.window.add_dock_widget(dock, name="Annotate", area="right")
        yield viewer, dock, folder
        child = session_of(viewer).process_id
        viewer.close()
        wait_for_the_end_of(child)


@pytest.fixture
def viewer(stage):
    """Seven sections of 64 x 80, nothing painted, no model."""
    made, dock, _ = stage
    QTest.qWait(SETTLED_MS)  # a layer of the test before may be about to come
    made.layers.clear()
    for box in (dock.tint, dock.edits.replace):
        box.setChecked(False)
    dock.what.setCurrentIndex(0)
    dock._session.model = ""
    dock.model.set("")
    made.add_image(neuropil((7, 64, 80))[0].numpy(), name="tissue", **PLACED)
    return made


@pytest.fixture
def dock(viewer, stage):
    return stage[1]


@pytest.fixture
def ready(dock, qtbot):
    """A dock with an empty annotation, at section 0."""
    new_layer(dock, qtbot)
    dock._viewer.dims.set_current_step(0, 0)
    counted(dock, qtbot)
    return dock


def new_layer(dock, qtbot):
    before = len(dock._viewer.layers)
    dock.new.click()
    qtbot.waitUntil(lambda: len(dock._viewer.layers) == before + 1, timeout=SOON)
    qtbot.waitUntil(lambda: dock.labels.layer is dock._viewer.layers[-1], timeout=SOON)
    qtbot.waitUntil(lambda: dock.labels.layer.mode == "paint", timeout=SOON)
    return dock.labels.layer


def counted(dock, qtbot):
    shares = dock._coverage.shares
    qtbot.waitUntil(lambda: not dock._coverage.shares.uncounted(), timeout=SOON)
    return shares


def filled(dock, qtbot):
    qtbot.waitUntil(lambda: not dock.edits.filling.is_busy, timeout=SOON)


def paint(layer, section, rows, columns, value):
    """A stroke as napari's own tools make it."""
    edges = [(rows.start, columns.start), (rows.stop, columns.stop)]
    (top, left), (bottom, right) = edges
    outline = [
        [section, y, x] for y, x in ((top, left), (top, right), (bottom, right), (bottom, left))
    ]
    layer.paint_polygon(outline, value)


def press(widget, key):
    QApplication.sendEvent(
        widget, QKeyEvent(QEvent.Type.KeyPress, key, Qt.KeyboardModifier.NoModifier)
    )


# A layer that fits


def test_a_new_layer_lies_as_the_image_and_is_empty(dock, viewer, qtbot):
    image = viewer.layers["tissue"]
    layer = new_layer(dock, qtbot)
    assert layer.name == "tissue annotation"
    assert layer.data.shape == image.data.shape
    assert layer.data.dtype == np.uint32
    np.testing.assert_allclose(layer.scale, image.scale)
    np.testing.assert_allclose(layer.translate, image.translate)
    assert layer.units == image.units
    assert not layer.data.any()
    assert is_painted(handover.taken(layer).frame)
    assert viewer.layers.selection.active is layer
    assert layer.mode == "paint"
    assert layer.selected_label == 1


@pytest.mark.parametrize("kind", ["channels", "rgb", "pyramid", "lazy", "section"])
def test_a_new_layer_fits_images_of_every_kind(dock, viewer, qtbot, kind):
    grey = np.arange(7 * 64 * 80, dtype=np.uint16).reshape(7, 64, 80)
    scale, shape = (40.0, 4.0, 4.0), grey.shape
    if kind == "channels":
        data, more = np.stack([grey, grey]), {"scale": (1, *scale), "axis_labels": tuple("czyx")}
    elif kind == "rgb":
        data, more = np.repeat(grey[..., None], 3, -1).astype(np.uint8), {"rgb": True}
    elif kind == "pyramid":
        data, more = [grey, grey[:, ::2, ::2]], {"multiscale": True}
    elif kind == "lazy":
        data, more = dask.array.from_array(grey, chunks=(1, 64, 80)), {}
    else:
        data, more, shape, scale = grey[0], {}, grey.shape[1:], scale[1:]
    layer = viewer.add_image(data, name=kind, **{"scale": scale, **more})
    dock.reset_choices()
    dock.image.choose(layer)
    made = new_layer(dock, qtbot)
    assert made.data.shape == shape
    np.testing.assert_allclose(made.scale, scale)
    assert not made.multiscale


def test_what_cannot_be_annotated_says_why(dock, viewer, monkeypatch):
    dock.image.choose(viewer.layers["tissue"])
    monkeypatch.setattr(annotation_layer, "LONGEST", 70)
    dock._judge()
    assert not dock.new.isEnabled()
    assert "80 px long" in dock.new.toolTip()
    dock.what.setCurrentText("Classes")
    dock.names.setText("only one")
    assert "at least two" in dock.new.toolTip()
    viewer.layers.clear()
    dock.reset_choices()
    assert "Choose an image layer" in dock.new.toolTip()


def test_a_time_series_is_refused(dock, viewer):
    layer = viewer.add_image(np.zeros((3, 2, 32, 32), np.uint8), axis_labels=tuple("tzyx"))
    dock.reset_choices()
    dock.image.choose(layer)
    assert "3 time points" in dock.new.toolTip()


def test_a_large_annotation_is_on_disk_and_never_in_memory(dock, qtbot, stage, monkeypatch):
    monkeypatch.setattr(annotation_layer, "IN_MEMORY", 1000)
    layer = new_layer(dock, qtbot)
    assert isinstance(layer.data, Canvas)
    place = stage[2] / "napari-advseg" / "annotations" / "tissue-annotation.ome.zarr"
    assert layer.metadata["path"] == str(place)
    assert str(place) in dock.buttons.log.toPlainText()
    paint(layer, 2, slice(8, 20), slice(10, 40), 5)
    stored = read(place)
    assert stored.numpy()[2, 14, 20] == 5
    assert stored.frame.scale == (40.0, 4.0, 4.0)
    assert is_painted(stored.frame)
    layer.undo()
    assert not read(place).numpy().any()


def test_classes_get_values_names_and_colours(dock, qtbot):
    dock.what.setCurrentText("Classes")
    assert not dock.names.isHidden()
    dock.names.setText("background, axon, myelin")
    layer = new_layer(dock, qtbot)
    assert layer.name == "tissue classes"
    assert layer.data.dtype == np.uint8
    assert list(dock.brushes.buttons) == ["background", "axon", "myelin", "Erase"]
    dock.brushes.buttons["myelin"].click()
    assert layer.selected_label == 3
    assert layer.features.set_index("index")["class"][2] == "axon"
    following = [layer.selected_label]
    for _ in range(3):
        dock._take_next()
        following.append(0 if layer.mode == "erase" else layer.selected_label)
    assert following == [3, 0, 1, 2]
    volume = handover.taken(layer).frame
    assert classes_of(volume) == {1: "background", 2: "axon", 3: "myelin"}


# Brushes


def test_brushes_paint_what_they_say(ready):
    layer, brushes = ready.labels.layer, ready.brushes
    for name, value in (("Boundary", BOUNDARY), ("Background", BACKGROUND)):
        brushes.buttons[name].click()
        assert (layer.selected_label, layer.mode) == (value, "paint")
        assert brushes.buttons[name].isChecked()
    brushes.buttons["Object"].click()
    assert layer.selected_label == 1
    assert not brushes.buttons["Boundary"].isChecked()
    brushes.buttons["Erase"].click()
    assert layer.mode == "erase"
    assert [name for name, one in brushes.buttons.items() if one.isChecked()] == ["Erase"]


def test_a_new_object_gets_an_id_that_nobody_has(ready, qtbot):
    layer = ready.labels.layer
    layer.data_setitem((np.array([5]), np.array([3]), np.array([3])), 41)
    qtbot.waitUntil(lambda: ready.brushes.highest == 41, timeout=SOON)
    ready.brushes.take("New object")
    assert layer.selected_label == 42
    ready.brushes.take("Boundary")
    paint(layer, 0, slice(2, 30), slice(2, 30), BOUNDARY)
    ready.brushes.take("New object")
    assert layer.selected_label == 42  # nothing was painted with it yet
    assert ready.brushes.buttons["Object"].text() == "Object 42"


def test_the_buttons_follow_what_is_chosen_in_napari(ready):
    layer, buttons = ready.labels.layer, ready.brushes.buttons
    layer.selected_label = BACKGROUND
    assert buttons["Background"].isChecked()
    layer.selected_label = 9
    assert buttons["Object"].isChecked()
    assert buttons["Object"].text() == "Object 9"
    layer.mode = "pan_zoom"
    assert not any(button.isChecked() for button in buttons.values())


def test_a_brush_that_cannot_be_had_says_why(dock, viewer):
    layer = viewer.add_labels(np.zeros((7, 64, 80), np.uint8), name="bytes", **PLACED)
    dock.labels.choose(layer)
    button = dock.brushes.buttons["Boundary"]
    assert not button.isEnabled()
    assert "8 bits" in button.toolTip()
    assert dock.brushes.buttons["New object"].isEnabled()
    dock.brushes.take("Boundary")
    assert layer.selected_label == 1
    pyramid = viewer.add_labels(
        [np.zeros((8, 64, 80), np.uint32), np.zeros((8, 32, 40), np.uint32)]
    )
    dock.reset_choices()
    dock.labels.choose(pyramid)
    assert "pyramid" in dock.brushes.buttons["New object"].toolTip()
    assert "pyramid" in dock.edits.fill.toolTip()


def test_an_annotation_that_comes_from_a_file_gets_its_colours_back(dock, viewer, qtbot, tmp_path):
    first = new_layer(dock, qtbot)
    paint(first, 1, slice(4, 20), slice(4, 20), BOUNDARY)
    path = str(tmp_path / "a.ome.zarr")
    data, attributes, _ = first.as_layer_data_tuple()
    write_labels(path, data, attributes)
    viewer.layers.remove(first)
    again = viewer.add_layer(Layer.create(*read_layers(path, "labels")[0]))
    dock.reset_choices()
    dock.labels.choose(again)
    np.testing.assert_allclose(again.get_color(BOUNDARY)[:3], (1.0, 0.37, 0.12), atol=0.01)
    assert is_painted(handover.taken(again).frame)


def test_what_is_painted_is_learnt_as_it_is_meant(ready):
    layer = ready.labels.layer
    for section in range(3):
        paint(layer, section, slice(4, 40), slice(4, 40), BACKGROUND)
        paint(layer, section, slice(10, 30), slice(10, 30), 7)
    found = drain(plan([handover.taken(layer)], train_recipe("unet", "quick")))
    assert found.zero == "background"
    assert found.voxels == np.count_nonzero(layer.data)
    assert found.zero_words.startswith("0 is not annotated")


# What is annotated


def test_shares_follow_strokes_undo_and_redo(ready, qtbot):
    layer, shares = ready.labels.layer, ready._coverage.shares

    def is_right():
        return all(shares.of(z) == np.count_nonzero(layer.data[z]) / (64 * 80) for z in range(7))

    paint(layer, 2, slice(8, 20), slice(10, 40), 5)
    assert is_right()
    assert shares.of(2) > 0
    layer.mode = "erase"
    layer.paint([2, 10, 20], 0)
    assert is_right()
    ready._viewer.dims.set_current_step(0, 5)
    for _ in range(2):
        layer.undo()
        assert is_right()
    for _ in range(2):
        layer.redo()
        assert is_right()
    assert shares.of(2) > 0
    layer.n_edit_dimensions = 3
    layer.brush_size = 5
    layer.paint([4, 30, 30], 6)
    qtbot.waitUntil(lambda: not shares.uncounted() and is_right(), timeout=SOON)
    assert shares.highest == 6


def test_other_data_are_counted_anew(ready, qtbot):
    data = np.zeros((7, 64, 80), np.uint32)
    data[3] = 2
    ready.labels.layer.data = data
    shares = counted(ready, qtbot)
    qtbot.waitUntil(lambda: ready._coverage.shares.of(3) == 1, timeout=SOON)
    assert ready._coverage.shares is not None
    assert shares is not None
    assert "1 of 7 sections annotated" in ready.words.text()


def test_the_bar_goes_to_sections_by_mouse_and_keys(ready, viewer, qtbot):
    for section in (1, 4):
        paint(ready.labels.layer, section, slice(8, 20), slice(10, 40), 5)
    bar = ready.bar
    bar.resize(70, 34)
    for x, section in ((65, 6), (5, 0)):
        where = QPointF(x, 10)
        args = Qt.MouseButton.LeftButton, Qt.MouseButton.LeftButton
        none = Qt.KeyboardModifier.NoModifier
        bar.mousePressEvent(QMouseEvent(QEvent.Type.MouseButtonPress, where, where, *args, none))
        assert viewer.dims.current_step[0] == section
    for key, section in (
        (Qt.Key.Key_Right, 1),
        (Qt.Key.Key_PageDown, 4),
        (Qt.Key.Key_End, 6),
        (Qt.Key.Key_PageUp, 4),
        (Qt.Key.Key_Left, 3),
        (Qt.Key.Key_Home, 0),
    ):
        press(bar, key)
        assert viewer.dims.current_step[0] == section
    assert bar.words_of(4).startswith("Section 4: 7")
    assert not bar.grab().isNull()


def test_what_is_not_annotated_is_hatched_below_what_is_painted(ready, viewer, qtbot):
    layer = ready.labels.layer
    ready.tint.setChecked(True)
    qtbot.waitUntil(lambda: ready.tint._tint.layer is not None, timeout=SOON)
    hatch = ready.tint._tint.layer
    assert hatch.name == TINT
    qtbot.waitUntil(lambda: viewer.layers.index(hatch) < viewer.layers.index(layer), timeout=SOON)
    assert hatch.data[0, :40, :40].any()
    paint(layer, 0, slice(0, 42), slice(0, 42), BACKGROUND)
    qtbot.waitUntil(lambda: not ready.tint._tint.layer.data[0, :40, :40].any(), timeout=SOON)
    viewer.dims.set_current_step(0, 3)
    qtbot.waitUntil(lambda: ready.tint._tint.layer.translate[0] == 200, timeout=SOON)
    assert ready.tint._tint.layer.data[0, :40, :40].any()
    assert ready.labels.layer is layer  # ours is never offered
    ready.tint.setChecked(False)
    qtbot.waitUntil(lambda: TINT not in viewer.layers, timeout=SOON)


def test_a_hatching_that_the_user_removes_is_off(ready, viewer, qtbot):
    ready.tint.setChecked(True)
    qtbot.waitUntil(lambda: TINT in viewer.layers, timeout=SOON)
    viewer.layers.remove(TINT)
    ready.reset_choices()
    assert not ready.tint.isChecked()


# Copies and sections in between


def test_a_copy_goes_on_keeps_what_is_there_and_is_undone_at_once(ready, viewer, qtbot):
    layer = ready.labels.layer
    paint(layer, 2, slice(8, 20), slice(10, 40), 5)
    paint(layer, 3, slice(8, 12), slice(10, 20), 9)
    before = layer.data.copy()
    viewer.dims.set_current_step(0, 2)
    assert ready.edits.forward.text() == "Copy to section 3"
    ready.edits.forward.click()
    filled(ready, qtbot)
    assert viewer.dims.current_step[0] == 3
    np.testing.assert_array_equal(layer.data[3] != 0, (before[2] != 0) | (before[3] != 0))
    np.testing.assert_array_equal(layer.data[3] == 9, before[3] == 9)
    assert "stay as they were" in ready.buttons.log.toPlainText()
    layer.undo()
    np.testing.assert_array_equal(layer.data, before)
    ready.edits.replace.setChecked(True)
    viewer.dims.set_current_step(0, 2)
    ready.edits.forward.click()
    filled(ready, qtbot)
    np.testing.assert_array_equal(layer.data[3][before[2] != 0], before[2][before[2] != 0])


def test_what_cannot_be_copied_says_why(ready, viewer):
    assert not ready.edits.forward.isEnabled()
    assert "Nothing is annotated" in ready.edits.forward.toolTip()
    paint(ready.labels.layer, 0, slice(8, 20), slice(10, 40), 5)
    assert ready.edits.forward.isEnabled()
    assert "no section before" in ready.edits.back.toolTip()
    assert "two sections" in ready.edits.fill.toolTip()


@pytest.mark.parametrize("on_disk", [False, True])
def test_sections_in_between_are_filled_one_undo_each(dock, viewer, qtbot, monkeypatch, on_disk):
    if on_disk:
        monkeypatch.setattr(annotation_layer, "IN_MEMORY", 1000)
    layer = new_layer(dock, qtbot)
    paint(layer, 1, slice(8, 20), slice(10, 40), 5)
    paint(layer, 5, slice(8, 40), slice(10, 70), 5)
    counted(dock, qtbot)
    viewer.dims.set_current_step(0, 3)
    assert dock.edits.fill.text() == "Fill in sections 2 to 4"
    steps = []
    layer.events.paint.connect(lambda event: steps.append(event.value))
    dock.edits.fill.click()
    filled(dock, qtbot)
    areas = [int((np.asarray(layer.data[z]) == 5).sum()) for z in range(7)]
    assert areas[0] == areas[6] == 0
    assert areas[1:6] == sorted(areas[1:6])
    assert len(set(areas[1:6])) == 5
    assert len(steps) == 3
    assert "3 sections filled in" in dock.buttons.log.toPlainText()
    for left in ([2, 3], [2], []):
        layer.undo()
        assert [z for z in (2, 3, 4) if np.asarray(layer.data[z]).any()] == left
    qtbot.waitUntil(lambda: dock._coverage.shares.annotated() == [1, 5], timeout=SOON)


def test_large_sections_are_filled_in_pieces_and_undone_as_one(ready, viewer, qtbot, monkeypatch):
    from napari_advseg.gui.docks.annotate import filling

    monkeypatch.setattr(filling, "PIECE", 100)
    layer = ready.labels.layer
    for section in (0, 2):
        paint(layer, section, slice(8, 30), slice(10, 40), 5)
    ready.edits.fill.click()
    filled(ready, qtbot)
    assert (layer.data[1] == 5).sum() == (layer.data[0] == 5).sum()
    layer.undo()
    assert not layer.data[1].any()


def test_a_filling_can_be_stopped_and_survives_its_layer(ready, viewer, qtbot):
    layer = ready.labels.layer
    for section in (0, 6):
        paint(layer, section, slice(8, 30), slice(10, 40), 5)
    ready.edits.fill.click()
    assert ready.edits.fill.text() == "Stop filling in"
    ready.edits.fill.click()
    assert not ready.edits.filling.is_busy
    qtbot.waitUntil(lambda: "filled in" in ready.buttons.log.toPlainText(), timeout=SOON)
    ready.edits.fill.click()
    viewer.layers.remove(layer)
    ready.reset_choices()
    filled(ready, qtbot)
    assert not ready.edits.fill.isEnabled()


def test_what_is_painted_while_sections_are_filled_stays(ready, qtbot):
    layer = ready.labels.layer
    for section in (0, 2):
        paint(layer, section, slice(8, 30), slice(10, 40), 5)
    ready.edits.fill.click()
    paint(layer, 1, slice(8, 30), slice(10, 40), 8)
    filled(ready, qtbot)
    assert set(np.unique(layer.data[1])) == {0, 8}


# Where to annotate next


@pytest.fixture
def searching(ready, qtbot, tmp_path):
    """A dock with a model that the fake child does not look into."""
    from napari_advseg.model_store import Card, save_card
    from napari_advseg.volume.normalise import Normaliser

    card = Card(recipe=train_recipe("unet", "quick"), normaliser=Normaliser(low=0.0, high=255.0))
    save_card(tmp_path / "model", card)
    ready._session.learnt(str(tmp_path / "model"))
    ready.more.row("window").editor.write(16)
    ready.main.row("count").editor.write(6)
    qtbot.waitUntil(ready.buttons.run.isEnabled, timeout=SOON)
    return ready


def searched(dock, qtbot):
    dock.buttons.run.click()
    qtbot.waitUntil(lambda: dock._job is not None and dock._job.is_over, timeout=SOON)


def test_without_a_model_it_says_what_to_do(ready, qtbot):
    qtbot.waitUntil(lambda: bool(ready.buttons.why.text()), timeout=SOON)
    assert not ready.buttons.run.isEnabled()
    assert "train one" in ready.buttons.why.text()


def test_places_are_listed_and_lead_to_where_they_are(searching, viewer, qtbot):
    layer = searching.labels.layer
    paint(layer, 0, slice(0, 63), slice(0, 79), 3)
    searched(searching, qtbot)
    places = searching.table.places
    assert len(places) == 6
    sections = {place.section for place in places}
    assert 0 not in sections  # it is annotated
    assert len(sections) > 2
    assert not searching.table.isHidden()
    assert searching.buttons.log.toPlainText().endswith(FOUND.format(6))
    for row in (0, 3):
        searching.table.setCurrentCell(row, 0)
        place = places[row]
        assert viewer.dims.current_step[0] == place.section
        qtbot.waitUntil(lambda: searching._mark.layer is not None, timeout=SOON)
        frame = searching._mark.layer
        assert frame.name == MARK
        assert frame.translate[0] == 80 + 40 * place.section
        assert frame.data.shape == (1, 16, 16)
        assert viewer.layers.selection.active is layer
    searching.table.step(1)
    assert viewer.dims.current_step[0] == places[4].section


def test_places_are_found_without_labels_too(searching, viewer, qtbot):
    viewer.layers.remove(searching.labels.layer)
    searching.reset_choices()
    searched(searching, qtbot)
    assert len(searching.table.places) == 6
    assert searching._job.recipe.labels is None


def test_a_search_can_fail_be_cancelled_and_run_again(searching, qtbot):
    searching.main.row("count").editor.write(FAILS)
    searched(searching, qtbot)
    assert "trained with 1" in notification_manager.records[-1].message
    searching.main.row("count").editor.write(ENDLESS)
    searching.buttons.run.click()
    qtbot.waitUntil(lambda: searching._job.done > 2, timeout=SOON)
    searching.buttons.cancel.click()
    qtbot.waitUntil(lambda: searching._job.is_over, timeout=SOON)
    assert "no places were suggested" in searching.buttons.log.toPlainText()
    searching.main.row("count").editor.write(2)
    searched(searching, qtbot)
    assert len(searching.table.places) == 2


# The dock itself


def test_every_key_is_free_and_does_what_its_button_does(ready, viewer):
    mine = {one.name: one for one in ready.shortcuts()}
    keys = [shortcuts.keys_of(name) for name in mine]
    assert all(keys)
    assert len(set(keys)) == len(keys)
    mine["paint_boundary"].do()
    assert ready.labels.layer.selected_label == BOUNDARY
    mine["hatch"].do()
    assert ready.tint.isChecked()


def test_the_tour_is_led_to_a_layer_and_then_to_a_brush(dock, qtbot):
    assert dock.tour_stop() is dock.new
    new_layer(dock, qtbot)
    assert dock.tour_stop() is dock.brushes.buttons["New object"]


@pytest.fixture
def other_viewer(stage):
    """A viewer beside the common one."""
    made = napari.Viewer(show=False)
    yield made
    child = session_of(made).process_id
    made.close()
    wait_for_the_end_of(child)


def test_a_closed_dock_lets_go_of_everything(other_viewer, qtbot):
    viewer = other_viewer
    viewer.add_image(np.zeros((3, 64, 80), np.uint8))
    ready = AnnotateDock(viewer)
    viewer.window.add_dock_widget(ready, name="Annotate")
    layer = new_layer(ready, qtbot)
    ready.tint.setChecked(True)
    qtbot.waitUntil(lambda: TINT in viewer.layers, timeout=SOON)
    viewer.window.remove_dock_widget(ready)
    qtbot.waitUntil(lambda: TINT not in viewer.layers, timeout=SOON)
    paint(layer, 2, slice(8, 20), slice(10, 40), 5)
    assert layer.data[2].any()
    assert isinstance(layer, Labels)
