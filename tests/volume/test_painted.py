"""Painted labels: what the marks mean, and that a file keeps it."""

from __future__ import annotations

import numpy as np
import pytest

from napari_advseg.volume.formats.files import read, write
from napari_advseg.volume.frame import Frame
from napari_advseg.volume.painted import (
    BACKGROUND,
    BOUNDARY,
    classes_of,
    is_painted,
    painted_frame,
    with_gaps,
    without_marks,
)
from napari_advseg.volume.volume import Volume

NAMES = {1: "background", 2: "axon", 7: "myelin sheath"}


@pytest.mark.parametrize("suffix", [".ome.zarr", ".tif"])
def test_a_file_keeps_that_it_was_painted_and_the_names_of_its_classes(suffix, tmp_path):
    frame = painted_frame(Frame("zyx", history=("cut",)), NAMES)
    path = tmp_path / f"a{suffix}"
    write(Volume(np.ones((2, 8, 9), np.uint8), frame, kind="labels"), path)
    found = read(path).frame
    assert is_painted(found)
    assert classes_of(found) == NAMES
    assert found.history[0] == "cut"


def test_names_are_replaced_and_not_added():
    frame = painted_frame(painted_frame(Frame("yx"), NAMES), {1: "a, b = c\n"})
    assert classes_of(frame) == {1: "a b c"}
    assert len(frame.history) == 2
    assert not classes_of(painted_frame(frame))
    assert not is_painted(Frame("yx"))


@pytest.mark.parametrize("dtype", [np.uint32, np.int64, np.uint64])
def test_marks_are_0_and_what_is_not_annotated_is_a_gap(dtype):
    ids = np.array([[0, BOUNDARY, 5], [BACKGROUND, 2**31 - 1, 0]], dtype)
    volume = Volume(ids, Frame("yx"), kind="labels")
    assert with_gaps(volume).numpy().tolist() == [[-1, 0, 5], [0, 2**31 - 1, -1]]
    plain = without_marks(volume)
    assert plain.numpy().tolist() == [[0, 0, 5], [0, 2**31 - 1, 0]]
    assert plain.dtype == dtype
    assert ids[0, 1] == BOUNDARY


def test_ids_of_64_bit_are_kept():
    ids = np.array([[2**62 + 1, 2**63 + 5]], np.uint64)
    volume = Volume(ids, Frame("yx"))
    np.testing.assert_array_equal(without_marks(volume).numpy(), ids)
    assert with_gaps(volume).numpy()[0, 0] == 2**62 + 1
    assert with_gaps(volume).numpy()[0, 1] < 0  # "no data" of CREMI is not annotated
