"""A canvas is an array on disk: what numpy would hold is what it holds, also after it was opened again."""

from __future__ import annotations

import shutil

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_advseg.volume.formats.canvas import Canvas
from napari_advseg.volume.formats.files import Unreadable, Unwritable, missing_chunks, read
from napari_advseg.volume.frame import Frame
from napari_advseg.volume.painted import painted_frame

FRAME = painted_frame(Frame("zyx", (40.0, 4.0, 6.0), ("nanometer",) * 3, name="cells"))
SHAPE = (3, 300, 280)


@pytest.fixture
def canvas(tmp_path):
    return Canvas.create(tmp_path / "a.ome.zarr", SHAPE, np.uint32, FRAME)


def test_an_empty_canvas_takes_no_room_and_reads_as_zeros(canvas):
    assert not canvas[...].any()
    assert not list((canvas.path / "0").glob("c/**/*"))
    assert canvas.is_blank((slice(0, 3), slice(0, 300), slice(0, 280)))


spans = st.tuples(st.integers(0, 2), st.integers(0, 290), st.integers(0, 270), st.integers(1, 40))


@settings(max_examples=15, deadline=None)
@given(strokes=st.lists(st.tuples(spans, st.integers(0, 2**32 - 1)), min_size=1, max_size=6))
def test_it_holds_what_an_array_would(tmp_path_factory, strokes):
    canvas = Canvas.create(tmp_path_factory.mktemp("c") / "a.ome.zarr", SHAPE, np.uint32, FRAME)
    array = np.zeros(SHAPE, np.uint32)
    for (z, y, x, size), value in strokes:
        for target in (canvas, array):
            target[z, y : y + size, x : x + size] = value
    np.testing.assert_array_equal(canvas[...], array)
    np.testing.assert_array_equal(Canvas.open(canvas.path)[...], array)
    np.testing.assert_array_equal(read(canvas.path).numpy(), array)


def test_single_places_are_read_and_written_as_numpy_does(canvas):
    rng = np.random.default_rng(0)
    array = np.zeros(SHAPE, np.uint32)
    for _ in range(3):
        places = tuple(rng.integers(0, length, 500) for length in SHAPE)
        values = rng.integers(1, 2**32, 500, dtype=np.uint32)
        for target in (canvas, array):
            target[places] = values
        np.testing.assert_array_equal(canvas[places], array[places])
    canvas[places] = array[places] = 7
    np.testing.assert_array_equal(canvas[...], array)


@pytest.mark.parametrize("key", [np.s_[1], np.s_[:, 5], np.s_[0, :, 3], np.s_[-1, 2:9, -4:]])
def test_numbers_and_slices_write_what_numpy_writes(canvas, key):
    array = np.zeros(SHAPE, np.uint32)
    part = np.arange(array[key].size, dtype=np.uint32).reshape(array[key].shape)
    for target in (canvas, array):
        target[key] = part
    np.testing.assert_array_equal(canvas[...], array)


def test_it_is_read_with_its_place_and_no_chunk_is_missed(canvas):
    canvas[1, 2:5, 2:5] = 9
    volume = read(canvas.path)
    assert volume.frame.scale == FRAME.scale
    assert volume.frame.history == FRAME.history
    assert volume.kind == "labels"
    assert volume.numpy().sum() == 81
    assert missing_chunks(canvas.path) == []


def test_a_section_is_enough(tmp_path):
    canvas = Canvas.create(tmp_path / "b.ome.zarr", (50, 60), np.uint8, Frame("yx"))
    canvas[4:6, 5] = 3
    canvas[np.array([1, 2]), np.array([3, 4])] = 5
    assert canvas[...].sum() == 16


def test_what_is_there_is_never_replaced(canvas):
    with pytest.raises(Unwritable, match="exists already"):
        Canvas.create(canvas.path, SHAPE, np.uint32, FRAME)


def test_a_step_is_refused_and_a_folder_that_is_none_is_named(canvas, tmp_path):
    with pytest.raises(IndexError, match="window"):
        canvas[0, ::2] = 1
    with pytest.raises(Unreadable, match="not there"):
        Canvas.open(tmp_path / "nothing.zarr")


def test_a_full_disk_is_said(canvas, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(type(canvas._array), "__setitem__", full)
    with pytest.raises(Unwritable, match="free some space"):
        canvas[0, 0, 0] = 1
    shutil.rmtree(canvas.path)
