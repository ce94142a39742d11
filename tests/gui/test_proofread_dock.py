"""The Proofread dock in a real viewer: clicks and keys become edits that are kept, scored and taken back."""

from __future__ import annotations

import dataclasses
import threading
from pathlib import Path

import numpy as np
import pytest
import zarr
from napari.layers import Layer
from napari.utils.notifications import notification_manager
from qtpy.QtCore import QPoint, Qt
from qtpy.QtWidgets import QFileDialog
from waiting import LATER, SOON

import napari_advseg as advseg
from napari_advseg.gui.docks.proofread import dock as proofread_dock
from napari_advseg.gui.docks.proofread import finding as proof_finding
from napari_advseg.gui.docks.proofread.mode_bar import BRUSHES, LOOK
from napari_advseg.gui.viewer import window
from napari_advseg.napari_io import volume_to_layer
from napari_advseg.progress import drain
from napari_advseg.proofreading.editing import edits
from napari_advseg.proofreading.editing.proof import open_proof
from napari_advseg.proofreading.store.kept import kept_in
from napari_advseg.recipes import train_recipe
from napari_advseg.samples import neuropil
from napari_advseg.scoring import score
from napari_advseg.volume.formats.files import levels, read, write
from napari_advseg.volume.formats.zarr_store import Chunked
from napari_advseg.volume.frame import Frame
from napari_advseg.volume.volume import Volume

FRAME = Frame("zyx", (40.0, 4.0, 4.0), ("nanometer",) * 3, (80.0, 12.0, 8.0), "cells")
SHAPE = (4, 96, 96)


def cut_in_two(truth, count=4):
    """The largest objects cut where x is in their middle, as new labels."""
    labels = truth.astype(np.uint32)
    sizes = np.bincount(labels.ravel())
    sizes[0] = 0
    for one in np.argsort(sizes)[::-1][:count]:
        here = labels == one
        middle = np.median(np.nonzero(here)[2])
        labels[here & (np.arange(labels.shape[2]) > middle)] = labels.max() + 1
    return labels


@pytest.fixture
def truth():
    return neuropil(SHAPE)[1].numpy().astype(np.uint32)


@pytest.fixture
def interior_map(truth):
    """Sure of the inside, and of walls two pixels wide."""
    found = np.full(truth.shape, 0.9, np.float32)
    found[:, :, 1:][truth[:, :, 1:] != truth[:, :, :-1]] = 0.1
    found[:, 1:][truth[:, 1:] != truth[:, :-1]] = 0.1
    return found


def layer_of(array, name, kind="labels", path=None):
    volume = Volume(array, dataclasses.replace(FRAME, name=name), kind=kind)
    if path is not None:
        volume = read(write(volume, path))
    data, attributes, kind = volume_to_layer(volume, kind)
    return Layer.create(data, {**attributes, "name": name}, kind)


@pytest.fixture
def viewer(make_napari_viewer, home, fake_child, truth, interior_map):
    made = make_napari_viewer(show=True)
    made.add_layer(layer_of(interior_map, "map", "image"))
    made.add_layer(layer_of(truth, "truth"))
    return made


@pytest.fixture
def dock(viewer, truth, tmp_path):
    """The dock on labels of a file, in which four objects are cut."""
    viewer.add_layer(layer_of(cut_in_two(truth), "cells", path=tmp_path / "cells.ome.zarr"))
    return docked(viewer)


def docked(viewer):
    made = proofread_dock.ProofreadDock(viewer)
    viewer.window.add_dock_widget(made, name="Proofread", area="right")
    made.labels.choose(viewer.layers[-1])
    return made


def begin(dock, qtbot, truth=None):
    if truth is not None:
        dock.truth.choose(truth)
    qtbot.waitUntil(dock.buttons.run.isEnabled, timeout=SOON)
    dock.buttons.run.click()
    qtbot.waitUntil(lambda: dock.opened is not None and not dock._is_running, timeout=SOON)
    if truth is not None:
        qtbot.waitUntil(lambda: dock.score.cells["Now", "voi"].text() != "–", timeout=SOON)
    return dock.layer


def find(dock, qtbot, order):
    dock.order.setCurrentIndex(dock.order.findData(order))
    qtbot.waitUntil(dock.buttons.run.isEnabled, timeout=SOON)
    dock.buttons.run.click()
    qtbot.waitUntil(lambda: not dock._is_running, timeout=SOON)


def prepared(dock, qtbot):
    qtbot.waitUntil(lambda: dock.state.pending is not None, timeout=SOON)


def merge(dock, qtbot, *places):
    """Click these objects and join them."""
    dock.modes.turn("merge")
    for place in places:
        dock.click_tool.click(place)
    prepared(dock, qtbot)
    dock.accept()


def cut_objects(labels, truth):
    """The two largest pieces of each true object that was cut, and a voxel of each in one section."""
    found = []
    for one in np.unique(truth)[1:]:
        pieces, sizes = np.unique(labels[truth == one], return_counts=True)
        pieces = pieces[np.argsort(-sizes)]
        if len(pieces) > 1:
            for z in range(len(labels)):
                places = [
                    np.argwhere((labels[z] == piece) & (truth[z] == one)) for piece in pieces[:2]
                ]
                if all(map(len, places)):
                    found.append([(z, *map(int, place[len(place) // 2])) for place in places])
                    break
    return found


def now(dock):
    return np.asarray(dock.opened.proof.labels[...])


def click_canvas(viewer, qtbot, layer, point):
    """Press the mouse where a voxel is drawn."""
    qtbot.waitUntil(lambda: layer.visible, timeout=SOON)
    viewer.dims.set_point(0, layer.data_to_world(point)[0])
    qtbot.wait(100)  # until docks and canvas have their sizes
    native = viewer.window._qt_viewer.canvas.native
    camera = window.camera(viewer)
    offset = np.array(layer.data_to_world(point))[-2:] - np.array(camera.center[-2:])
    down, right = offset * camera.zoom
    place = QPoint(round(native.width() / 2 + right), round(native.height() / 2 + down))
    qtbot.mouseClick(native, Qt.MouseButton.LeftButton, pos=place)


def test_two_clicks_on_the_canvas_and_enter_join_two_objects(dock, viewer, qtbot, truth, tmp_path):
    before = read(tmp_path / "cells.ome.zarr").numpy()
    layer = begin(dock, qtbot)
    (one, other), *_ = cut_objects(before, truth)
    dock.modes.turn("merge")
    assert dock.click_tool.banner.isVisibleTo(dock.click_tool.banner.parent())
    assert "MERGE" in dock.click_tool.banner.text()
    click_canvas(viewer, qtbot, layer, one)
    click_canvas(viewer, qtbot, layer, other)
    assert [click.point for click in dock.state.clicks] == [one, other]
    prepared(dock, qtbot)
    np.testing.assert_array_equal(now(dock), before)  # a preview changes nothing
    assert set(np.unique(dock._mark.layer.data)) == {0, 1, 2}
    native = viewer.window._qt_viewer.canvas.native
    qtbot.keyClick(native, Qt.Key.Key_Return)
    after = now(dock)
    assert after[one] == after[other] == before[one]
    assert (after != before).sum() == (before == before[other]).sum()
    np.testing.assert_array_equal(np.asarray(layer.data[one[0]]), after[one[0]])
    np.testing.assert_array_equal(layer._slice.image.raw, after[one[0]])
    np.testing.assert_array_equal(read(tmp_path / "cells.ome.zarr").numpy(), before)
    assert not viewer.layers["cells"].visible
    assert [step.operation for step in dock.opened.proof.steps] == ["merge"]


def test_a_split_is_drawn_before_it_is_made_and_only_its_box_is_drawn_again(
    dock, viewer, qtbot, truth, monkeypatch
):
    layer = begin(dock, qtbot)
    dock.interior_map.choose(viewer.layers["map"])
    before = now(dock)
    (z, y, x) = cut_objects(before, truth)[0][0]
    places = np.argwhere(before[z] == before[z, y, x])
    ends = [(z, *map(int, places[k])) for k in (0, -1)]
    viewer.dims.set_current_step(0, z)
    dock.modes.turn("split")
    dock.click_tool.click(ends[0])
    assert "another part" in dock.click_tool.banner.text()
    dock.click_tool.click(ends[1], is_next=True)
    prepared(dock, qtbot)
    dock.drop()
    np.testing.assert_array_equal(now(dock), before)
    for k, end in enumerate(ends):
        dock.click_tool.click(end, is_next=bool(k))
    prepared(dock, qtbot)
    drawn = []
    layer.events.labels_update.connect(lambda event: drawn.append(event.data.shape))
    dock.accept()
    after = now(dock)
    assert after[ends[0]] != after[ends[1]]
    assert (after != before)[before != before[z, y, x]].sum() == 0
    rows, columns = (stop - start for start, stop in dock.opened.proof.steps[-1].box[1:])
    assert drawn == [(rows, columns)]
    assert rows * columns < before[z].size
    np.testing.assert_array_equal(layer._slice.image.raw, after[z])


def test_of_lines_asked_for_one_after_the_other_the_last_are_shown(dock, qtbot):
    begin(dock, qtbot)
    begun, may_end = threading.Event(), threading.Event()

    def picture(number):
        data = np.full((1, 2, 2), number, np.uint8)
        return data, dock.opened.side.placed((0, 0, 0)), "labels"

    def slow():
        begun.set()
        may_end.wait(SOON / 1000)
        return picture(1)

    dock._mark.ask(slow)
    assert begun.wait(SOON / 1000)
    dock._mark.ask(lambda: picture(2))
    may_end.set()
    qtbot.waitUntil(
        lambda: dock._mark.layer is not None and (dock._mark.layer.data == 2).all(), timeout=SOON
    )
    qtbot.waitUntil(lambda: dock._mark.layer.visible, timeout=SOON)
    dock._mark.ask(lambda: picture(3))
    dock._mark.blank()
    qtbot.wait(200)
    assert not dock._mark.layer.visible


def test_enter_before_the_preview_is_ready_counts_when_it_is(dock, qtbot, truth):
    begin(dock, qtbot)
    (one, other), *_ = cut_objects(now(dock), truth)
    dock.modes.turn("merge")
    dock.click_tool.click(one)
    dock.click_tool.click(other)
    dock.accept()
    qtbot.waitUntil(lambda: len(dock.opened.proof.steps) == 1, timeout=SOON)


def test_every_stroke_of_naparis_brush_is_one_edit_that_can_be_taken_back(dock, qtbot):
    layer = begin(dock, qtbot)
    before = now(dock)
    dock.modes.turn("paint")
    assert str(layer.mode) == "paint"
    layer.selected_label, layer.brush_size = 777, 9
    with layer.block_history():
        layer.paint((1, 40, 40), 777)
        layer.paint((1, 40, 48), 777)
    layer.fill((2, 10, 10), 778)
    qtbot.waitUntil(lambda: len(dock.opened.proof.steps) == 2, timeout=SOON)
    after = now(dock)
    assert after[1, 40, 44] == 777
    assert after[2, 10, 10] == 778
    np.testing.assert_array_equal(np.asarray(layer.data[1]), after[1])
    assert not window.history(layer)[0]
    native = dock._viewer.window._qt_viewer.canvas.native
    for _ in range(2):
        qtbot.keyClick(native, Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    np.testing.assert_array_equal(now(dock), before)
    dock.redo()
    assert now(dock)[1, 40, 44] == 777


def test_what_is_marked_as_correct_is_left_alone_by_edits_and_brushes(dock, qtbot, truth):
    layer = begin(dock, qtbot)
    (one, other), *_ = cut_objects(now(dock), truth)
    dock.modes.turn("correct")
    dock.click_tool.click(one)
    prepared(dock, qtbot)
    dock.accept()
    before = now(dock)
    dock.modes.turn("merge")
    dock.click_tool.click(other)
    dock.click_tool.click(one)
    qtbot.waitUntil(lambda: "marked as correct" in dock.words.text(), timeout=SOON)
    assert not dock.state.clicks
    with layer.block_history():
        layer.paint(one, 999)
    qtbot.wait(50)
    same = before == before[one]
    assert (now(dock)[same] == before[one]).all()
    np.testing.assert_array_equal(np.asarray(layer.data[one[0]]), now(dock)[one[0]])


@pytest.mark.parametrize("mode", ["new", "fill", "delete"])
def test_modes_of_a_single_click(dock, qtbot, mode):
    begin(dock, qtbot)
    if mode == "fill":  # a hole first
        proof = dock.opened.proof
        inside = np.argwhere(
            now(dock) == np.bincount(now(dock).ravel().astype(int))[1:].argmax() + 1
        )
        place = tuple(map(int, inside[len(inside) // 2]))
        layer = dock.layer
        layer.paint(place, 0)
        qtbot.waitUntil(lambda: len(proof.steps) == 1, timeout=SOON)
    else:
        place = tuple(map(int, np.argwhere(now(dock) != 0)[500]))
    before = now(dock)
    dock.modes.turn(mode)
    dock.click_tool.click(place)
    prepared(dock, qtbot)
    dock.accept()
    after = now(dock)
    assert (after[place] == 0) == (mode == "delete")
    assert after[place] != before[place]


def test_the_queue_with_a_truth_lowers_the_score_with_every_enter(dock, viewer, qtbot, truth):
    begin(dock, qtbot, viewer.layers["truth"])
    find(dock, qtbot, "truth")
    worths = [item.worth for item in dock.queue.table.queue.items]
    assert len(worths) >= 4
    assert worths == sorted(worths, reverse=True)
    prepared(dock, qtbot)
    assert "VOI falls by" in dock.words.text()
    left = len(worths)
    qtbot.waitUntil(lambda: dock._mark.layer is not None and dock._mark.layer.visible, timeout=SOON)
    dock.queue.shows.click()
    assert not dock._mark.layer.visible
    for press in (
        lambda: qtbot.keyClick(dock.queue.table, Qt.Key.Key_Return),
        dock.queue.accept.click,
    ):
        prepared(dock, qtbot)
        press()
        left -= 1
        assert len(dock.queue.table.queue.items) == left
    expected = score(
        Volume(now(dock), FRAME, kind="labels"), Volume(truth, FRAME, kind="labels"), by="volume"
    )
    qtbot.waitUntil(
        lambda: dock.score.cells["Now", "voi"].text() == f"{expected.voi:.4f}", timeout=SOON
    )
    assert float(dock.score.cells["Change", "voi"].text()) < 0
    dock.undo_button.click()
    assert len(dock.queue.table.queue.items) == left + 1
    dock.redo_button.click()
    assert len(dock.queue.table.queue.items) == left
    assert not dock.redo_button.isEnabled()
    assert any(row.what == "truth" for row in dock.errors.errors.rows)
    dock.errors.step(1)
    qtbot.waitUntil(
        lambda: dock._mark.layer is not None and dock._mark.layer.data.any(), timeout=SOON
    )


def test_a_split_reads_nothing_from_the_disk_after_its_first_seed(
    dock, viewer, qtbot, truth, interior_map, tmp_path, monkeypatch
):
    viewer.add_layer(layer_of(interior_map, "map on disk", "image", path=tmp_path / "map.ome.zarr"))
    begin(dock, qtbot)
    dock.interior_map.choose(viewer.layers["map on disk"])
    z, y, x = cut_objects(cut_in_two(truth), truth)[0][0]
    label = dock.opened.proof.labels.at((z, y, x))
    places = np.argwhere(np.asarray(dock.opened.proof.labels[z]) == label)
    ends = [(z, *map(int, places[k])) for k in (0, -1)]
    reads = []
    read = Chunked.read
    monkeypatch.setattr(Chunked, "read", lambda *given: reads.append(given[0]) or read(*given))
    dock.modes.turn("split")
    dock.click_tool.click(ends[0])
    qtbot.waitUntil(lambda: bool(reads) and not dock._preparing.reading._is_busy, timeout=SOON)
    assert any(one.path.parent.name == "map.ome.zarr" for one in reads)
    reads.clear()
    dock.click_tool.click(ends[1], is_next=True)
    prepared(dock, qtbot)
    assert not reads


def test_places_in_a_section_found_right_are_passed_over(dock, viewer, qtbot):
    begin(dock, qtbot)
    dock.interior_map.choose(viewer.layers["map"])
    find(dock, qtbot, "evidence")
    prepared(dock, qtbot)
    first = dock.state.item
    sections = {point[0] for point in first.points}
    for z in sections:
        viewer.dims.set_current_step(0, z)
        dock.review.section.click()
    qtbot.waitUntil(lambda: dock.state.item is not first, timeout=SOON)
    assert first not in dock.queue.table.queue.items
    find(dock, qtbot, "evidence")
    listed = [{point[0] for point in item.points} for item in dock.queue.table.queue.items]
    assert listed
    assert not any(places <= sections for places in listed)


def test_what_is_rejected_does_not_come_back_also_after_a_restart(dock, viewer, qtbot):
    layer = begin(dock, qtbot)
    dock.interior_map.choose(viewer.layers["map"])
    find(dock, qtbot, "evidence")
    every = len(dock.queue.table.queue.items)
    prepared(dock, qtbot)
    assert "evidence" in dock.words.text()
    first = dock.queue.table.item
    sections = {point[0] for point in first.points}
    qtbot.waitUntil(lambda: dock._layer.section in sections, timeout=SOON)
    native = viewer.window._qt_viewer.canvas.native
    viewer.layers.selection.active = layer
    qtbot.keyClick(native, Qt.Key.Key_Down)
    assert dock.queue.table.item != first
    qtbot.keyClick(native, Qt.Key.Key_Up)
    assert dock.queue.table.item == first
    qtbot.keyClick(native, Qt.Key.Key_Backspace)
    assert first not in dock.queue.table.queue.items
    prepared(dock, qtbot)
    second = dock.queue.table.item
    dock.queue.reject.click()
    assert second not in dock.queue.table.queue.items
    dock.end()
    assert dock.opened is None
    begin(dock, qtbot)
    find(dock, qtbot, "evidence")
    assert len(dock.queue.table.queue.items) == every - 2
    assert {first, second}.isdisjoint(dock.queue.table.queue.items)


def test_edits_of_before_are_there_after_a_restart_and_can_be_taken_back(
    dock, viewer, qtbot, truth
):
    begin(dock, qtbot)
    before = now(dock)
    for one, other in cut_objects(before, truth)[:2]:
        merge(dock, qtbot, one, other)
    after = now(dock)
    dock.end_button.click()
    names = ["map", "truth", "cells"]
    qtbot.waitUntil(lambda: [layer.name for layer in viewer.layers] == names, timeout=SOON)
    assert viewer.layers["cells"].visible
    begin(dock, qtbot)
    assert "after 2 edits of before" in dock.buttons.log.toPlainText()
    np.testing.assert_array_equal(now(dock), after)
    dock.undo()
    dock.undo()
    np.testing.assert_array_equal(now(dock), before)
    assert not dock.undo_button.isEnabled()


def test_a_truth_that_changes_meanwhile_is_told_and_no_wrong_score_is_shown(
    dock, viewer, qtbot, truth
):
    begin(dock, qtbot, viewer.layers["truth"])
    viewer.layers["truth"].data[:, 10:20, 10:20] = 3
    (one, other), *_ = cut_objects(now(dock), truth)
    merge(dock, qtbot, one, other)
    qtbot.waitUntil(lambda: "truth has changed" in dock.score.words.text(), timeout=SOON)


def test_a_truth_of_another_shape_is_refused_and_proofreading_goes_on(dock, viewer, qtbot, truth):
    begin(dock, qtbot)
    other = viewer.add_layer(layer_of(truth[:, :50], "small"))
    dock.truth.choose(other)
    qtbot.waitUntil(lambda: "50" in dock.score.words.text(), timeout=SOON)
    assert dock.opened is not None
    dock.interior_map.choose(
        viewer.add_layer(layer_of(np.zeros((4, 5, 5), np.float32), "tiny", "image"))
    )
    dock.modes.turn("split")
    dock.click_tool.click((0, 5, 5))
    assert "choose the interior map" in dock.words.text()


def test_a_folder_that_cannot_be_written_gets_its_journal_elsewhere(
    viewer, qtbot, truth, tmp_path, monkeypatch
):
    folder = tmp_path / "archive"
    folder.mkdir()
    viewer.add_layer(layer_of(cut_in_two(truth), "cells", path=folder / "cells.ome.zarr"))
    (folder / "cells.proofreading").write_text("in the way")
    dock = docked(viewer)
    begin(dock, qtbot)
    assert "The journal is kept in" in dock.buttons.log.toPlainText()
    assert dock.opened.proof.folder.parent.name == "proofreading"


def test_the_journal_of_other_labels_is_refused_and_nothing_is_changed(
    viewer, qtbot, truth, tmp_path
):
    labels = cut_in_two(truth)
    with_edits = open_proof(
        Volume(labels[::-1].copy(), FRAME, kind="labels"), tmp_path / "cells.proofreading"
    )
    with_edits.do(edits.delete(with_edits, ids=[int(labels.max())]))
    with_edits.close()
    viewer.add_layer(layer_of(labels, "cells", path=tmp_path / "cells.ome.zarr"))
    dock = docked(viewer)
    dock.buttons.run.click()
    qtbot.waitUntil(lambda: not dock._is_running, timeout=SOON)
    assert dock.opened is None
    assert "other labels" in dock.buttons.log.toPlainText() or any(
        "labels" in record.message for record in notification_manager.records
    )
    assert len(viewer.layers) == 3


def test_labels_in_memory_are_copied_to_a_file_once_and_found_again(viewer, qtbot, truth, home):
    viewer.add_layer(layer_of(cut_in_two(truth), "cells"))
    dock = docked(viewer)
    begin(dock, qtbot)
    (one, other), *_ = cut_objects(now(dock), truth)
    merge(dock, qtbot, one, other)
    folder = dock.opened.proof.folder
    assert Path(dock.opened.proof.base.source).is_dir()
    assert home in folder.parents
    dock.end()
    begin(dock, qtbot)
    assert dock.opened.proof.folder == folder
    assert len(dock.opened.proof.steps) == 1


def test_removing_the_layer_ends_proofreading_and_loses_nothing(dock, viewer, qtbot, truth):
    layer = begin(dock, qtbot)
    (one, other), *_ = cut_objects(now(dock), truth)
    merge(dock, qtbot, one, other)
    folder = dock.opened.proof.folder
    viewer.layers.remove(layer)
    qtbot.waitUntil(lambda: dock.opened is None, timeout=SOON)
    assert len(kept_in(folder).records) == 1
    assert not dock.click_tool.banner.isVisible()


def test_closing_the_dock_gives_the_journal_back(dock, viewer, qtbot, tmp_path):
    begin(dock, qtbot)
    viewer.window.remove_dock_widget(dock)
    open_proof(tmp_path / "cells.ome.zarr").close()
    qtbot.waitUntil(lambda: len(viewer.layers) == 3, timeout=SOON)


def test_closing_the_window_gives_the_journal_back(dock, viewer, qtbot, tmp_path):
    begin(dock, qtbot)
    viewer.close()
    open_proof(tmp_path / "cells.ome.zarr").close()


def test_a_pyramid_takes_every_mode_but_the_brushes(viewer, qtbot, truth, tmp_path):
    labels = np.kron(cut_in_two(truth), np.ones((1, 6, 6), np.uint32))
    path = write(Volume(labels, FRAME, kind="labels"), tmp_path / "large.ome.zarr")
    pyramid = levels(path)
    assert len(pyramid) > 1
    _, attributes, _ = volume_to_layer(pyramid[0], "labels")
    viewer.add_layer(
        Layer.create([one.array for one in pyramid], {**attributes, "multiscale": True}, "labels")
    )
    dock = docked(viewer)
    layer = begin(dock, qtbot)
    assert layer.multiscale
    assert all(not dock.modes.buttons[name].isEnabled() for name in BRUSHES)
    (one, other), *_ = cut_objects(labels, np.kron(truth, np.ones((1, 6, 6), np.uint32)))
    merge(dock, qtbot, one, other)
    for level in layer.data:
        assert labels[other] not in np.asarray(level[...])


def test_a_store_of_a_billion_voxels_is_proofread_without_reading_it(
    make_napari_viewer, home, fake_child, qtbot, tmp_path, monkeypatch
):
    path = tmp_path / "huge.zarr"
    array = zarr.create_array(path, shape=(1000, 1000, 1000), chunks=(10, 100, 100), dtype="u4")
    array[500:510, 400:500, 400:500] = 7
    array[500:510, 400:500, 500:600] = 8
    voxels = []
    once = Chunked.read

    def counted(self, window):
        voxels.append(np.prod([one.stop - one.start for one in window]))
        return once(self, window)

    monkeypatch.setattr(Chunked, "read", counted)
    viewer = make_napari_viewer(show=True)
    data, attributes, kind = volume_to_layer(read(path, missing="fill"), "labels")
    viewer.add_layer(Layer.create(data, attributes, kind))
    viewer.dims.set_current_step(0, 505)
    dock = docked(viewer)
    layer = begin(dock, qtbot)
    here, there = (505, 450, 450), (505, 450, 550)
    merge(dock, qtbot, here, there)
    assert int(layer.data[there]) == 7
    dock.modes.turn("split")
    for k, place in enumerate((here, there)):
        dock.click_tool.click(place, is_next=bool(k))
    prepared(dock, qtbot)
    dock.accept()
    assert int(layer.data[there]) != int(layer.data[here])
    viewer.dims.set_current_step(0, 250)
    assert sum(voxels) < array.size / 10


def test_labels_of_one_section(viewer, qtbot, truth, tmp_path):
    labels = cut_in_two(truth)[1]
    frame = Frame("yx", FRAME.scale[1:], FRAME.units[1:], FRAME.translate[1:], "section")
    data, attributes, kind = volume_to_layer(Volume(labels, frame, kind="labels"))
    viewer.layers.clear()
    viewer.add_layer(Layer.create(data, attributes, kind))
    dock = docked(viewer)
    begin(dock, qtbot)
    largest = np.bincount(labels.ravel())[1:].argmax() + 1
    places = np.argwhere(labels == largest)
    dock.modes.turn("split")
    dock.click_tool.click(tuple(map(int, places[0])))
    dock.click_tool.click(tuple(map(int, places[-1])), is_next=True)
    prepared(dock, qtbot)
    dock.accept()
    assert now(dock)[tuple(places[0])] != now(dock)[tuple(places[-1])]


def test_in_three_dimensions_the_first_object_under_the_mouse_is_clicked(dock, viewer, qtbot):
    layer = begin(dock, qtbot)
    viewer.dims.ndisplay = 3

    class Event:
        position = tuple(layer.data_to_world((-5, 40, 40)))
        view_direction = np.array([1.0, 0.0, 0.0])
        dims_displayed = [0, 1, 2]

    point = dock._layer.point_under(Event())
    column = now(dock)[:, 40, 40]
    assert point == (int(np.flatnonzero(column)[0]), 40, 40)


def test_saved_labels_are_those_on_screen_and_the_original_is_not_offered_for_it(
    dock, qtbot, truth, tmp_path, monkeypatch
):
    begin(dock, qtbot)
    (one, other), *_ = cut_objects(now(dock), truth)
    merge(dock, qtbot, one, other)
    target = tmp_path / "right.ome.zarr"
    monkeypatch.setattr(proofread_dock, "browse_new", lambda *_: str(target))
    dock.save.click()
    qtbot.waitUntil(lambda: not dock._is_running, timeout=SOON)
    saved = read(target)
    np.testing.assert_array_equal(saved.numpy(), now(dock))
    assert saved.numpy().dtype == np.uint64
    monkeypatch.setattr(proofread_dock, "browse_new", lambda *_: str(tmp_path / "cells.ome.zarr"))
    dock.save.click()
    qtbot.waitUntil(lambda: not dock._is_running, timeout=SOON)
    assert "choose another name" in dock.buttons.log.toPlainText()


def test_clicks_beside_objects_and_in_look_change_nothing(dock, qtbot):
    begin(dock, qtbot)
    dock.click_tool.click((0, 5, 5))
    assert not dock.state.clicks
    assert dock.modes.mode == LOOK
    dock.layer.paint((0, 5, 5), 0)
    qtbot.waitUntil(lambda: len(dock.opened.proof.steps) == 1, timeout=SOON)
    dock.modes.turn("merge")
    dock.click_tool.click((0, 5, 5))
    qtbot.waitUntil(lambda: "click into one" in dock.words.text(), timeout=SOON)


def test_it_is_said_when_another_layer_is_selected(dock, viewer, qtbot):
    begin(dock, qtbot)
    dock.modes.turn("delete")
    viewer.layers.selection.active = viewer.layers["truth"]
    assert "select the layer" in dock.click_tool.banner.text()


def test_what_cannot_be_proofread_is_said_before(viewer, qtbot):
    viewer.add_labels(np.zeros((2, 3, 8, 8), np.int32), name="four")
    dock = docked(viewer)
    assert not dock.buttons.run.isEnabled()
    assert "axes" in proof_finding.why_not_open(viewer.layers["four"])


def test_the_critic_sorts_the_queue_from_the_child(
    make_napari_viewer, home, truth, interior_map, qtbot, tmp_path
):
    image = neuropil(SHAPE)[0]
    changes = {
        "training": {"steps": 2},
        "examples": {"crop": 32, "batch": 1},
        "model": {"widths": [4, 8], "critic": {"widths": [4, 8]}, "quiet_steps": 0},
        "out": str(tmp_path / "judge"),
    }
    running = advseg.fit(
        image,
        Volume(truth, image.frame, kind="labels"),
        train_recipe("adversarial_unet", "quick", changes),
    )
    drain(running)
    viewer = make_napari_viewer(show=True)
    viewer.add_layer(layer_of(image.numpy(), "image", "image"))
    viewer.add_layer(layer_of(interior_map, "map", "image"))
    viewer.add_layer(layer_of(cut_in_two(truth), "cells"))
    dock = docked(viewer)
    begin(dock, qtbot)
    dock.interior_map.choose(viewer.layers["map"])
    dock.order.setCurrentIndex(dock.order.findData("critic"))
    assert not dock.buttons.run.isEnabled()
    dock.image.choose(viewer.layers["image"])
    dock.model.set(str(tmp_path / "judge"))
    find(dock, qtbot, "critic")
    assert {item.source for item in dock.queue.table.queue.items} == {"critic"}
    for order in ("uncertainty", "mix"):
        find(dock, qtbot, order)
        assert {item.source for item in dock.queue.table.queue.items} == {order}


def test_labels_of_a_file_are_not_copied_unless_they_were_painted_on(
    viewer, qtbot, truth, tmp_path
):
    path = write(Volume(cut_in_two(truth), FRAME, kind="labels"), tmp_path / "cells.tif")
    (layer,) = viewer.open(str(path), plugin="napari-advseg", layer_type="labels")
    dock = docked(viewer)
    begin(dock, qtbot)
    assert dock.opened.proof.base.source == str(path)
    assert dock.opened.proof.folder == tmp_path / "cells.proofreading"
    dock.end()
    layer.data[0, :9, :9] = 12345
    begin(dock, qtbot)
    assert dock.opened.proof.base.source != str(path)
    assert now(dock)[0, 0, 0] == 12345
    np.testing.assert_array_equal(read(path).numpy(), cut_in_two(truth))


def test_what_is_reviewed_is_learnt_from_and_the_new_labels_are_opened(
    make_napari_viewer, home, truth, qtbot, tmp_path, monkeypatch
):
    image = neuropil(SHAPE)[0]
    changes = {
        "training": {"steps": 2},
        "examples": {"crop": 32, "batch": 1},
        "model": {"widths": [4, 8]},
        "out": str(tmp_path / "old"),
    }
    labels = Volume(truth, image.frame, kind="labels")
    drain(advseg.fit(image, labels, train_recipe("unet", "quick", changes)))
    viewer = make_napari_viewer(show=True)
    viewer.add_layer(layer_of(image.numpy(), "image", "image"))
    viewer.add_layer(layer_of(truth, "cells", path=tmp_path / "cells.ome.zarr"))
    dock = docked(viewer)
    begin(dock, qtbot)
    dock.image.choose(viewer.layers["image"])
    dock.model.set(str(tmp_path / "old"))
    assert not dock.review.retrain.run.isEnabled()
    for section in range(3):
        viewer.dims.set_current_step(0, section)
        dock.review.section.click()
    dock.review.section.click()  # the last one not, after all
    viewer.dims.set_current_step(0, 3)
    dock.review.section.click()
    assert len(dock.opened.proof.boxes) >= 2
    assert "75 %" in dock.review.words.text()
    qtbot.waitUntil(dock.review.retrain.run.isEnabled, timeout=SOON)
    dock.review.retrain.run.click()
    qtbot.waitUntil(lambda: dock.review._job.is_over, timeout=LATER)
    said = dock.review.retrain.log.toPlainText()
    if "is not taken" in said:  # two steps more need not be better
        assert len(viewer.layers) == 3
    else:
        qtbot.waitUntil(lambda: "What changed" in viewer.layers, timeout=SOON)
    folder = tmp_path / "report"
    folder.mkdir()
    monkeypatch.setattr(QFileDialog, "getExistingDirectory", lambda *_: str(folder))
    dock.review.report.click()
    qtbot.waitUntil((folder / "review.csv").exists, timeout=SOON)
    assert "| review | 4 |" in (folder / "review.md").read_text()
