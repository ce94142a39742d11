"""Autosave: whatever is done to a labels layer in a real viewer lies in the project soon after."""

from __future__ import annotations

import threading

import dask.array as da
import numpy as np
import pytest
import zarr
from napari.components import ViewerModel
from napari.layers import Labels, Layer
from qtpy.QtCore import QObject
from waiting import SOON

from napari_advseg import project as projects
from napari_advseg.gui.project.autosave import Autosave
from napari_advseg.gui.viewer import results
from napari_advseg.napari_io import annotation_layer, read_layers
from napari_advseg.proofreading.store.journal import look
from napari_advseg.volume.arrays.overlaid import Overlaid
from napari_advseg.volume.formats.files import read, write
from napari_advseg.volume.frame import Frame
from napari_advseg.volume.volume import Volume

SINCE_STROKES = pytest.mark.skipif(
    not hasattr(Labels, "_begin_stroke"), reason="this napari knows no strokes, nor paints on dask"
)

SHAPE = (3, 48, 40)


class Room:
    """A list of layers that a project follows, as a window does it."""

    def __init__(self, folder, qtbot):
        self.viewer = ViewerModel()
        self.folder = folder
        self.qtbot = qtbot
        self.parent = QObject()
        self.autosave = Autosave(self.viewer, projects.create(folder), self.parent)

    def labels(self, data=None, **more):
        """A layer whose data are nowhere else."""
        data = np.zeros(SHAPE, np.int32) if data is None else data
        layer = self.viewer.add_labels(data, **{"name": "cells", **more})
        self.autosave.follow(layer, at_once=True)
        return layer

    def saved(self):
        """What was put last is done: edits written, whole volumes written, what follows from them."""
        for worker in ("_writer", "_copier") * 3:
            done = threading.Event()
            getattr(self.autosave.saver, worker).put(done.set)
            assert done.wait(60)
        self.qtbot.waitUntil(lambda: self.autosave.waiting == 0, timeout=SOON)

    def on_disk(self, name="cells"):
        """The annotation as another program would find it after a kill at this moment."""
        self.saved()
        place = next(p for p, e in projects.annotations_in(self.folder) if e.name == name)
        return np.asarray(annotation_layer(self.folder, place, [])[0])

    def end(self):
        self.autosave.finish()
        self.autosave.saver.wait()


@pytest.fixture
def room(qtbot, tmp_path):
    made = Room(tmp_path / "tissue", qtbot)
    yield made
    made.end()


def same(room, layer):
    np.testing.assert_array_equal(room.on_disk(layer.name), np.asarray(layer.data))


def test_everything_that_napari_can_do_to_labels_is_on_disk(room):
    layer = room.labels()
    layer.brush_size = 7
    layer.paint((0, 10, 10), 3)
    same(room, layer)
    layer.paint_polygon([(1, 5, 5), (1, 5, 30), (1, 30, 20)], 4)
    layer.fill((0, 10, 10), 5)
    layer.n_edit_dimensions = 3
    layer.paint((1, 20, 20), 6)
    layer.fill((2, 0, 0), 7)
    same(room, layer)
    layer.n_edit_dimensions = 2
    layer.preserve_labels = True
    layer.paint((1, 20, 24), 8)
    layer.preserve_labels = False
    layer.paint((1, 20, 24), 0)
    same(room, layer)
    with layer.block_history():
        layer.data_setitem((np.array([0, 0, 2]), np.array([1, 1, 2]), np.array([3, 4, 5])), 9)
        layer.data_setitem((np.array([0]), np.array([1]), np.array([3])), 10)
    same(room, layer)
    assert len(np.unique(layer.data)) > 6


def test_undo_and_redo_are_edits_too_by_key_as_by_button(room):
    layer = room.labels()
    layer.brush_size = 5
    states = []
    for value in range(1, 6):
        with layer.block_history():
            layer.paint((0, 10 + value, 10), value)
            layer.paint((0, 12 + value, 11), value + 1)
        states.append(layer.data.copy())
    for _ in range(3):
        layer.undo()
    same(room, layer)
    np.testing.assert_array_equal(layer.data, states[1])
    layer.redo()
    same(room, layer)
    np.testing.assert_array_equal(layer.data, states[2])
    for _ in range(9):
        layer.undo()
    same(room, layer)
    assert not layer.data.any()


def test_a_long_random_session_is_on_disk_bit_for_bit(room):
    draw = np.random.default_rng(0)
    layer = room.labels(np.zeros(SHAPE, np.uint64))
    layer.brush_size = 9
    for number in range(120):
        place = tuple(int(draw.integers(0, length)) for length in SHAPE)
        label = int(draw.integers(0, 2**63))
        match int(draw.integers(0, 6)):
            case 0:
                layer.undo()
            case 1:
                layer.redo()
            case 2:
                layer.fill(place, label)
            case _:
                layer.paint(place, label)
        if number % 40 == 39:
            same(room, layer)
    room.end()
    np.testing.assert_array_equal(
        look(room.folder / "annotations" / "cells").array()[...], layer.data
    )


@SINCE_STROKES
def test_a_stroke_of_the_mouse_is_one_edit_and_one_given_up_is_none(room):
    layer = room.labels()
    layer.brush_size = 6
    layer.paint((2, 30, 30), 1)
    layer._begin_stroke()
    for x in range(10, 30, 2):
        layer.paint((0, 20, x), 4, refresh=False)
    layer._commit_stroke()
    room.saved()
    (log,) = look(room.folder / "annotations" / "cells").logs
    assert len(log.records) == 2
    layer._begin_stroke()
    layer.paint((0, 40, 20), 5)
    layer._abort_stroke()
    same(room, layer)
    assert not (layer.data == 5).any()


def test_other_data_are_kept_also_of_another_shape_and_type(room):
    layer = room.labels()
    layer.paint((0, 10, 10), 3)
    layer.data = np.arange(np.prod(SHAPE)).reshape(SHAPE).astype(np.int32)
    layer.paint((0, 10, 10), 3)
    same(room, layer)
    layer.data = np.full((2, 30, 30), 5, np.uint8)
    layer.paint((1, 10, 10), 200)
    room.end()
    stored = look(room.folder / "annotations" / "cells").array()
    np.testing.assert_array_equal(stored[...], layer.data)
    assert stored.dtype == np.uint8


def test_what_is_written_into_the_array_behind_our_back_is_found_at_the_end(room):
    layer = room.labels()
    layer.paint((0, 10, 10), 3)
    layer.data[2, 5:9, 5:9] = 77
    layer.refresh()
    room.end()
    np.testing.assert_array_equal(
        look(room.folder / "annotations" / "cells").array()[...], layer.data
    )


@pytest.mark.parametrize(
    "kind",
    ["zarr", pytest.param("dask", marks=SINCE_STROKES), "overlaid", "view", "flat", "times"],
)
def test_labels_of_any_kind_that_can_be_painted_on_are_kept(room, kind, tmp_path):
    data = np.random.default_rng(0).integers(0, 5, SHAPE).astype(np.int32)
    made = {
        "zarr": lambda: zarr.array(data, chunks=(1, 20, 20), store=str(tmp_path / "a.zarr")),
        "dask": lambda: da.from_array(data.copy(), chunks=(1, 20, 20)),
        "overlaid": lambda: Overlaid(data),
        "view": lambda: np.asfortranarray(np.pad(data, 2))[2:-2, 2:-2, 2:-2],
        "flat": data[0].copy,
        "times": lambda: np.stack([data, data]),
    }[kind]()
    layer = room.labels(made)
    layer.brush_size = 5
    place = tuple(n // 2 for n in layer.data.shape)
    layer.paint(place, 9)
    layer.paint(tuple(min(p + 3, n - 1) for p, n in zip(place, layer.data.shape, strict=True)), 8)
    layer.undo()
    np.testing.assert_array_equal(room.on_disk(), np.asarray(layer.data))
    assert (np.asarray(layer.data) == 9).any()
    assert not (np.asarray(layer.data) == 8).any()


def test_ids_keep_their_64_bits_and_signs(room):
    layer = room.labels(np.zeros(SHAPE, np.int64))
    layer.data[0, 0, :3] = (-1, -(2**63), 2**63 - 1)
    layer.paint((1, 9, 9), 2**62 + 1)
    room.end()
    np.testing.assert_array_equal(
        look(room.folder / "annotations" / "cells").array()[...], layer.data
    )


def test_what_cannot_be_painted_on_or_is_only_shown_is_left_alone(room):
    full = np.ones(SHAPE, np.int32)
    shown = room.viewer.add_labels(full)
    results._OURS.add(shown)
    pyramid = room.viewer.add_labels([full, full[:, ::2, ::2]], multiscale=True)
    six = room.viewer.add_labels(np.ones((1,) * 6, np.int32))
    for layer in (shown, pyramid, six, room.viewer.add_image(full)):
        room.autosave.follow(layer, at_once=True)
    room.saved()
    assert projects.annotations_in(room.folder) == []


def test_a_name_and_a_place_given_later_are_kept(room):
    layer = room.labels()
    layer.paint((0, 10, 10), 3)
    layer.name = "Zellkörper / 2"
    layer.scale = (40, 4, 4)
    layer.units = ("nm",) * 3
    layer.translate = (80, 0, 8)
    room.saved()
    ((place, entry),) = projects.annotations_in(room.folder)
    assert entry.name == "Zellkörper / 2"
    again = Layer.create(*annotation_layer(room.folder, place, []))
    np.testing.assert_allclose(again.scale, (40, 4, 4))
    np.testing.assert_allclose(again.translate, (80, 0, 8))
    assert [str(unit) for unit in again.units] == ["nanometer"] * 3
    room.end()
    frame = read(look(place).base).frame
    assert (frame.scale, frame.translate) == ((40, 4, 4), (80, 0, 8))


def test_a_rotated_layer_comes_back_rotated(room):
    layer = room.labels(rotate=(0, 0, 30), shear=(0.1, 0, 0))
    layer.paint((0, 10, 10), 3)
    room.saved()
    ((place, _),) = projects.annotations_in(room.folder)
    again = Layer.create(*annotation_layer(room.folder, place, []))
    np.testing.assert_allclose(again.rotate, layer.rotate, atol=1e-12)
    np.testing.assert_allclose(again.shear, layer.shear, atol=1e-12)


def test_a_copy_of_a_layer_is_an_annotation_of_its_own(room):
    layer = room.labels()
    layer.paint((0, 10, 10), 3)
    room.saved()
    room.qtbot.waitUntil(lambda: "napari_advseg" in layer.metadata, timeout=SOON)
    data, attributes, kind = layer.as_layer_data_tuple()
    twin = room.viewer.add_layer(Layer.create(data.copy(), {**attributes, "name": "twin"}, kind))
    room.autosave.adopt(twin, room.folder / "annotations" / "cells", is_stale=False)
    twin.paint((2, 10, 10), 4)
    same(room, layer)
    same(room, twin)
    assert len(projects.annotations_in(room.folder)) == 2


def test_labels_from_a_file_become_an_annotation_when_they_are_painted_on_and_the_file_stays(
    room, tmp_path
):
    data = np.random.default_rng(0).integers(0, 2**40, SHAPE, np.int64)
    path = write(Volume(data, Frame("zyx")), tmp_path / "truth.ome.zarr", kind="labels")
    (layer,) = (Layer.create(*found) for found in read_layers(str(path)))
    room.autosave.follow(room.viewer.add_layer(layer), at_once=False)
    room.saved()
    assert projects.annotations_in(room.folder) == []
    layer.brush_size = 5
    layer.paint((1, 20, 20), 3)
    same(room, layer)
    np.testing.assert_array_equal(read(str(path)).numpy(), data)
    ((_, entry),) = projects.annotations_in(room.folder)
    assert entry.source == str(path)


def test_a_deleted_layer_is_marked_and_followed_no_longer(room):
    layer = room.labels()
    layer.paint((0, 10, 10), 3)
    painted = layer.data.copy()
    room.autosave.let_go(layer)
    room.saved()
    ((place, entry),) = projects.annotations_in(room.folder)
    assert entry.removed
    assert layer.undo.__func__ is Labels.undo
    layer.paint((1, 10, 10), 3)
    room.end()
    np.testing.assert_array_equal(look(place).array()[...], painted)


def test_a_full_disk_is_said_and_made_good_when_there_is_room(room, monkeypatch):
    layer = room.labels()
    layer.paint((0, 10, 10), 3)
    room.saved()
    with monkeypatch.context() as patch:
        patch.setattr("napari_advseg.proofreading.store.journal.sync", _full)
        layer.paint((0, 30, 10), 4)
        room.qtbot.waitUntil(lambda: bool(room.autosave.problem), timeout=SOON)
        assert "free some space" in room.autosave.problem
        assert room.autosave.waiting == 1
    room.autosave._again.timeout.emit()
    same(room, layer)
    room.qtbot.waitUntil(lambda: not room.autosave.problem, timeout=SOON)


def _full(*_):
    raise OSError(28, "No space left on device")
