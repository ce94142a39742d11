"""Lazy arrays answer like numpy and read only what was asked for."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_advseg.volume import refusals as errors
from napari_advseg.volume.arrays.lazy import Arranged, Cut, Level, Windowed
from napari_advseg.volume.formats.files import Unreadable, read


class Counting(Windowed):
    """An array that remembers every window that was read."""

    def __init__(self, array):
        self.array = array
        self.windows = []

    @property
    def shape(self):
        return self.array.shape

    @property
    def dtype(self):
        return self.array.dtype

    def read(self, window):
        self.windows.append(window)
        return self.array[window]


def keys(length):
    whole = st.integers(-length, length - 1)
    bound = st.none() | st.integers(-length - 2, length + 2)
    step = st.none() | st.sampled_from([-3, -2, -1, 1, 2, 3])
    return st.one_of(whole, st.builds(slice, bound, bound, step))


@given(st.tuples(keys(5), keys(4), keys(6)), st.integers(0, 3))
@settings(max_examples=150, deadline=None)
def test_any_key_gives_what_numpy_gives(key, used):
    array = np.arange(5 * 4 * 6).reshape(5, 4, 6)
    found = Counting(array)[key[:used]]
    np.testing.assert_array_equal(found, array[key[:used]])


@pytest.mark.parametrize("key", [..., (..., 1), (0, ..., 2), ([3, 1],), (slice(None), [0, 2])])
def test_ellipsis_and_lists_give_what_numpy_gives(key):
    array = np.arange(5 * 4 * 6).reshape(5, 4, 6)
    np.testing.assert_array_equal(Counting(array)[key], array[key])


def test_a_mask_chooses_sections():
    array = np.arange(60).reshape(5, 4, 3)
    mask = np.array([True, False, False, True, False])
    np.testing.assert_array_equal(Counting(array)[mask], array[mask])


@pytest.mark.parametrize("key", [5, (0, 0, 0, 0), None, "a", (..., ...)])
def test_a_key_that_does_not_fit_is_an_index_error(key):
    with pytest.raises(IndexError):
        Counting(np.zeros((5, 4, 3)))[key]


def test_reading_one_section_touches_only_that_section():
    array = Counting(np.zeros((9, 8, 7), ">i2"))
    volume = read(array).cut(2, 8)
    volume.section(1)
    assert array.windows == [(slice(3, 4), slice(0, 8), slice(0, 7))]


def test_every_third_section_leaves_the_others_alone():
    array = Counting(np.zeros((9, 8, 7), np.uint8))
    read(array).array[::3, 2:4]
    assert [window[0].start for window in array.windows] == [0, 3, 6]


def test_a_volume_of_a_million_million_voxels_opens_and_shows_a_section():
    whole = np.broadcast_to(np.uint8(7), (10_000, 10_000, 10_000))
    volume = read(whole)
    assert volume.section(5_000)[3, 4] == 7


def test_reading_more_than_memory_is_refused_before_it_is_allocated():
    volume = Counting(np.broadcast_to(np.float64(0), (10_000, 10_000, 10_000)))
    with pytest.raises(Unreadable, match=r"8 TB of memory .* section by section"):
        volume[...]


def test_a_cut_of_a_cut_moves_twice():
    array = np.arange(10)
    cut = Cut.along(Cut.along(array, 0, 2, 9), 0, 1, 4)
    np.testing.assert_array_equal(cut, array[3:6])


@pytest.mark.parametrize("dtype", [">u2", "<u2", ">f4", "bool"])
def test_the_answer_has_the_byte_order_of_this_machine(dtype):
    array = np.asfortranarray(np.arange(24).reshape(2, 3, 4).astype(dtype))
    volume = read(array[:, ::-1])
    assert volume.dtype.isnative
    assert volume.numpy().dtype == volume.dtype
    assert volume.dtype != bool
    np.testing.assert_array_equal(volume.numpy(), array[:, ::-1].astype(volume.dtype))


def test_axes_are_put_in_order_without_reading():
    array = Counting(np.arange(2 * 3 * 4 * 5).reshape(2, 3, 4, 5))
    volume = read(array, axes="yxcz")
    assert (volume.axes, volume.shape) == ("czyx", (4, 5, 2, 3))
    assert array.windows == []
    np.testing.assert_array_equal(volume.numpy(), array.array.transpose(2, 3, 0, 1))


def test_a_new_axis_has_length_one():
    array = Arranged(np.arange(6).reshape(2, 3), (None, 0, 1))
    np.testing.assert_array_equal(array[...], np.arange(6).reshape(1, 2, 3))


def test_amounts_are_spelled_for_people():
    assert [errors.amount(n) for n in (12, 4.4e12, 5e15)] == ["12 bytes", "4.4 TB", "5e+03 TB"]


def test_a_level_reads_only_the_section_that_is_taken_of_a_view():
    array = np.arange(5 * 8 * 9).reshape(5, 8, 9)
    reads = []

    class Seen(Windowed):
        shape, dtype = array.shape, array.dtype

        def read(self, window):
            reads.append(tuple(one.stop - one.start for one in window))
            return array[window]

    level = Level(Seen())
    view = level[:, 2:7, 1:]
    assert not reads
    np.testing.assert_array_equal(view[3, :, :], array[3, 2:7, 1:])
    np.testing.assert_array_equal(np.asarray(view[1:3, 1:2, :]), array[1:3, 3:4, 1:])
    assert reads == [(1, 5, 8), (2, 1, 8)]
    np.testing.assert_array_equal(np.asarray(level), array)
    np.testing.assert_array_equal(level[-1], array[-1])
