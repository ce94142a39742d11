"""Strokes: whatever napari itself does to a labels layer is told, so that others can do the same."""

from __future__ import annotations

import numpy as np
import pytest
import zarr
from napari.components import ViewerModel
from napari.layers import Labels

from napari_advseg.gui.viewer import strokes
from napari_advseg.proofreading.store.records import Grid

SHAPE = (3, 24, 20)
SINCE_STROKES = pytest.mark.skipif(
    not hasattr(Labels, "_begin_stroke"), reason="this napari knows no strokes"
)


class Listener:
    """Does to a copy what it is told, and counts each section as it goes."""

    def __init__(self, layer):
        self.layer = layer
        self.copy = np.array(layer.data)
        self.counts = self.counted()
        self.told = []
        self.leave = strokes.follow(layer, self.take)

    def counted(self):
        return [np.count_nonzero(one) for one in self.copy.reshape(-1, *self.copy.shape[-2:])]

    def take(self, stroke):
        self.told.append(stroke.how)
        edit = stroke.edit(Grid(self.copy.shape, self.copy.dtype))
        if edit is not None:
            edit.apply(self.copy)
        for section, before, after in stroke.sections(self.copy.ndim):
            if before is None:
                self.counts[section] = None
            elif self.counts[section] is not None:
                self.counts[section] += np.count_nonzero(after) - np.count_nonzero(before)

    def agrees(self):
        np.testing.assert_array_equal(self.copy, np.asarray(self.layer.data))
        known = zip(self.counts, self.counted(), strict=True)
        assert all(count in (None, true) for count, true in known)
        self.counts = self.counted()


def labels(kind, ndim, tmp_path):
    data = np.random.default_rng(0).integers(0, 4, SHAPE[-ndim:]).astype(np.int32)
    if kind == "zarr":
        data = zarr.array(data, chunks=(8,) * ndim, store=str(tmp_path / "a.zarr"))
    layer = ViewerModel().add_labels(data)
    layer.brush_size = 7
    return layer


def paint(layer, place, label):
    layer.paint(place, label)


def erase(layer, place, _label):
    layer.mode = "erase"
    layer.paint(place, 0)


def fill(layer, place, label):
    layer.fill(place, label)


def polygon(layer, place, label):
    y, x = place[-2:]
    corners = [(y, x), (y, x + 6), (y + 7, x + 2)]
    if layer.n_edit_dimensions == 2:
        layer.paint_polygon([(*place[:-2], *corner) for corner in corners], label)


def write_points(layer, place, label):
    others = [
        tuple((k + by) % n for k, n in zip(place, layer.data.shape, strict=True)) for by in (3, 5)
    ]
    layer.data_setitem(tuple(np.array(one) for one in zip(place, *others, strict=True)), label)


def undo(layer, _place, _label):
    layer.undo()


def redo(layer, _place, _label):
    layer.redo()


def two_at_once(layer, place, label):
    with layer.block_history():
        layer.paint(place, label)
        layer.paint(tuple(max(0, k - 2) for k in place), label + 1)


DEEDS = (paint, erase, fill, polygon, write_points, undo, redo, two_at_once, undo)


@pytest.mark.parametrize("kind", ["numpy", "zarr"])
@pytest.mark.parametrize(("ndim", "brush_ndim"), [(2, 2), (3, 2), (3, 3)])
def test_who_does_what_is_told_has_the_labels_of_the_layer(kind, ndim, brush_ndim, tmp_path):
    layer = labels(kind, ndim, tmp_path)
    layer.n_edit_dimensions = brush_ndim
    listener = Listener(layer)
    draw = np.random.default_rng(ndim + brush_ndim)
    for number in range(60):
        deed = DEEDS[number % len(DEEDS)] if number < 18 else DEEDS[draw.integers(len(DEEDS))]
        deed(
            layer, tuple(int(draw.integers(0, n)) for n in SHAPE[-ndim:]), int(draw.integers(1, 9))
        )
        listener.agrees()
    assert {"done", "undone"} <= set(listener.told)


@SINCE_STROKES
def test_a_stroke_of_the_mouse_is_told_when_it_is_over_and_one_given_up_as_taken_back(tmp_path):
    layer = labels("numpy", 3, tmp_path)
    listener = Listener(layer)
    layer._begin_stroke()
    for x in range(4, 16, 3):
        layer.paint((1, 9, x), 7, refresh=False)
    assert not listener.told
    layer._commit_stroke()
    assert listener.told == ["done"]
    listener.agrees()
    layer._begin_stroke()
    layer.paint((2, 9, 9), 8)
    layer._abort_stroke()
    assert listener.told == ["done", "given up"]
    listener.agrees()


def test_all_who_listen_are_told_until_they_leave_and_the_layer_is_as_it_was(tmp_path):
    layer = labels("numpy", 3, tmp_path)
    first, second = Listener(layer), Listener(layer)
    layer.paint((0, 9, 9), 5)
    first.leave()
    first.leave()
    layer.undo()
    assert (first.told, second.told) == (["done"], ["done", "undone"])
    second.leave()
    layer.redo()
    assert second.told == ["done", "undone"]
    assert layer.undo.__func__ is Labels.undo


def test_other_data_are_told_apart_from_strokes(tmp_path):
    layer = labels("numpy", 3, tmp_path)
    replaced, told = [], []
    strokes.follow(layer, told.append, lambda: replaced.append(layer.data.shape))
    layer.data = np.zeros((2, 5, 5), np.int32)
    assert replaced == [(2, 5, 5)]
    assert not told


def test_a_pyramid_takes_no_stroke_and_tells_of_none():
    full = np.ones(SHAPE, np.int32)
    layer = ViewerModel().add_labels([full, full[:, ::2, ::2]], multiscale=True)
    told = []
    strokes.follow(layer, told.append)
    assert not layer.editable
    layer.undo()
    layer.redo()
    assert not told
