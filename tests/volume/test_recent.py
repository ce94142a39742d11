"""What was read last is remembered, and nothing more than asked for is kept."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_advseg.volume.lazy import Windowed
from napari_advseg.volume.recent import Recent


class Counted(Windowed):
    """An array that counts how often it is read."""

    def __init__(self, array):
        self.array = array
        self.reads = 0

    @property
    def shape(self):
        return self.array.shape

    @property
    def dtype(self):
        return self.array.dtype

    def read(self, window):
        self.reads += 1
        return self.array[window]


@given(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 5), st.integers(1, 4)), max_size=12))
def test_it_reads_like_its_source(places):
    array = np.arange(5 * 9 * 9, dtype=np.uint16).reshape(5, 9, 9)
    recent = Recent(array, most=200)
    for z, y, side in places:
        np.testing.assert_array_equal(recent[z, y : y + side], array[z, y : y + side])


def test_the_same_window_is_read_once_until_others_push_it_out():
    source = Counted(np.zeros((4, 10, 10), np.uint8))
    recent = Recent(source, most=250)
    for z in (0, 0, 1, 0):
        recent[z]
    assert source.reads == 2
    recent[2]  # the third does not fit beside them: section 1 goes
    recent[0]
    assert source.reads == 3
    recent[1]
    assert source.reads == 4


def test_what_is_kept_cannot_be_written_into():
    recent = Recent(np.zeros((2, 3, 3), np.uint8))
    with pytest.raises(ValueError, match="read-only"):
        recent.read((slice(0, 1), slice(0, 3), slice(0, 3)))[:] = 1
