"""Edits: what they do to an array, taking them back, and their bytes."""

from __future__ import annotations

import contextlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as stn

from napari_advseg.proofreading.store import records
from napari_advseg.proofreading.store.records import Damaged, Edit, Grid, differing, masked, pointed
from napari_advseg.volume.arrays.overlaid import Overlaid

DTYPES = [np.uint8, np.int8, np.int32, np.uint32, np.int64, np.uint64]


def labels_of(dtype):
    info = np.iinfo(dtype)
    return st.one_of(st.integers(0, 3), st.integers(int(info.min), int(info.max)))


@st.composite
def painting(draw):
    """An array and a window with a mask inside it."""
    shape = tuple(draw(st.lists(st.integers(1, 6), min_size=2, max_size=4)))
    dtype = draw(st.sampled_from(DTYPES))
    array = draw(stn.arrays(dtype, shape, elements=labels_of(dtype)))
    window = []
    for length in shape:
        start = draw(st.integers(0, length - 1))
        window.append(slice(start, draw(st.integers(start + 1, length))))
    mask = draw(stn.arrays(bool, array[tuple(window)].shape))
    return array, tuple(window), mask, draw(labels_of(dtype))


def painted(array, window, mask, value):
    """The patch, and the array as numpy paints it."""
    grid = Grid(array.shape, array.dtype)
    patch = masked(grid, window, mask, array[window][mask], value)
    after = array.copy()
    after[window][mask] = value
    return Edit((patch,)), after, grid


@given(painting())
@settings(deadline=None, max_examples=80)
def test_a_mask_does_what_numpy_does_and_is_taken_back(case):
    array, *rest = case
    edit, after, _ = painted(array, *rest)
    work = array.copy()
    edit.apply(work)
    np.testing.assert_array_equal(work, after)
    edit.reverted().apply(work)
    np.testing.assert_array_equal(work, array)
    assert edit.voxels == rest[1].sum()


@given(painting())
@settings(deadline=None, max_examples=80)
def test_bytes_are_the_same_edit(case):
    array, *rest = case
    edit, after, grid = painted(array, *rest)
    again = Edit.from_bytes(edit.to_bytes(), grid)
    work = Overlaid(array)
    again.apply(work)
    np.testing.assert_array_equal(work[...], after)
    again.reverted().apply(work)
    np.testing.assert_array_equal(work[...], array)


@given(painting(), st.data())
@settings(deadline=None, max_examples=60)
def test_single_places_do_what_numpy_does_also_where_one_is_named_twice(case, data):
    array, *_, value = case
    count = data.draw(st.integers(0, 12))
    places = tuple(
        np.array(
            data.draw(st.lists(st.integers(-n, n - 1), min_size=count, max_size=count)), np.int64
        )
        for n in array.shape
    )
    values = np.array([(value + k) % 100 for k in range(count)], array.dtype)
    grid = Grid(array.shape, array.dtype)
    edit = Edit((pointed(grid, places, array[places], values),))
    after, work = array.copy(), array.copy()
    after[places] = values
    Edit.from_bytes(edit.to_bytes(), grid).apply(work)
    np.testing.assert_array_equal(work, after)
    edit.reverted().apply(work)
    np.testing.assert_array_equal(work, array)


@given(stn.arrays(np.uint16, (3, 4, 5)), stn.arrays(np.uint16, (4, 5)))
@settings(deadline=None, max_examples=40)
def test_the_difference_of_two_planes_turns_one_into_the_other(array, other):
    edit = Edit((differing(Grid(array.shape, array.dtype), 1, array[1], other),))
    edit.apply(array)
    np.testing.assert_array_equal(array[1], other)


@given(st.binary(max_size=200) | st.just(b""), st.integers(0, 150), st.integers(0, 255))
@settings(deadline=None, max_examples=150)
def test_other_bytes_are_refused_and_never_reach_outside(noise, at, value):
    array = np.zeros((3, 20, 20), np.uint16)
    grid = Grid(array.shape, array.dtype)
    good = Edit((masked(grid, (slice(0, 2), slice(2, 9), slice(4, 16)), None, 0, 7),)).to_bytes()
    spoilt = bytearray(good)
    spoilt[at % len(good)] = value
    for content in (noise, bytes(spoilt), good[: at % len(good)]):
        with contextlib.suppress(Damaged):
            Edit.from_bytes(content, grid).apply(array)


def test_a_stroke_takes_a_few_bytes_a_row_and_a_fill_of_a_volume_few_more():
    grid = Grid((1000, 4096, 4096), np.dtype(np.uint64))
    yy, xx = np.mgrid[:20, :20]
    disc = ((yy - 10) ** 2 + (xx - 10) ** 2 < 81)[None]
    window = (slice(999, 1000), slice(4000, 4020), slice(4000, 4020))
    assert len(Edit((masked(grid, window, disc, 0, 2**63),)).to_bytes()) < 300
    whole = Grid((64, 256, 256), np.dtype(np.uint32))
    everything = tuple(slice(0, n) for n in whole.shape)
    fill = Edit((masked(whole, everything, None, np.zeros(whole.shape, np.uint32), 9),))
    assert len(fill.to_bytes()) < 2000


def test_a_large_edit_is_applied_in_pieces(monkeypatch):
    monkeypatch.setattr(records, "AT_ONCE", 10)
    array = np.zeros((4, 6, 6), np.int32)
    grid = Grid(array.shape, array.dtype)
    mask = np.random.default_rng(0).random(array.shape) > 0.4
    window = tuple(slice(0, n) for n in array.shape)
    Edit((masked(grid, window, mask, 0, 5),)).apply(array)
    np.testing.assert_array_equal(array, np.where(mask, 5, 0))


def test_an_array_that_is_no_block_of_memory_is_edited_too():
    array = np.zeros((6, 8, 4), np.int32).transpose(2, 0, 1)
    grid = Grid(array.shape, array.dtype)
    Edit((masked(grid, (slice(1, 2), slice(0, 6), slice(3, 5)), None, 0, 3),)).apply(array)
    assert (array[1, :, 3:5] == 3).all()
    assert array.sum() == 3 * 12


def test_nothing_painted_is_an_edit_without_voxels():
    grid = Grid((3, 4), np.dtype(np.uint8))
    empty = masked(grid, (slice(1, 1), slice(0, 4)), None, [], 3)
    assert Edit.from_bytes(Edit((empty,)).to_bytes(), grid).voxels == 0


@pytest.mark.parametrize("label", [2**64 - 1, 2**63, 2**32])
def test_ids_keep_their_64_bits(label):
    array = np.zeros((2, 3), np.uint64)
    grid = Grid(array.shape, array.dtype)
    edit = Edit((masked(grid, (slice(0, 2), slice(0, 3)), None, array, np.uint64(label)),))
    Edit.from_bytes(edit.to_bytes(), grid).apply(array)
    assert (array == np.uint64(label)).all()
