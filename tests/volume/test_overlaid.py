"""An overlay is numpy in all that it is asked, and leaves its source alone."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_advseg.volume.arrays import overlaid
from napari_advseg.volume.arrays.overlaid import Overlaid

SHAPE = (3, 7, 11)


def spans(length):
    ends = st.tuples(st.integers(0, length), st.integers(0, length))
    return ends.map(lambda pair: slice(min(pair), max(pair)))


keys = st.tuples(
    *(st.one_of(st.integers(-length, length - 1), spans(length)) for length in SHAPE)
) | st.just(...)


@st.composite
def points(draw):
    count = draw(st.integers(0, 20))
    return tuple(
        np.array(draw(st.lists(st.integers(-n, n - 1), min_size=count, max_size=count)), np.intp)
        for n in SHAPE
    )


@given(st.lists(st.tuples(keys | points(), st.integers(0, 2**62)), max_size=6), keys, points())
@settings(deadline=None, max_examples=80)
def test_it_reads_as_numpy_would_after_the_same_writes(writes, key, at):
    source = np.arange(np.prod(SHAPE), dtype=np.int64).reshape(SHAPE)
    plain, over = source.copy(), Overlaid(source)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(overlaid, "TILE", 4)
        over = Overlaid(source)
    for where, value in writes:
        plain[where] = value
        over[where] = value
    np.testing.assert_array_equal(over[key], plain[key])
    np.testing.assert_array_equal(over[at], plain[at])
    np.testing.assert_array_equal(np.asarray(over), plain)
    np.testing.assert_array_equal(source.reshape(-1), np.arange(source.size))
    apart = {place for place in np.ndindex(3) if (plain[place] != source[place]).any()}
    assert apart <= over.touched_planes()


def test_arrays_are_written_where_their_places_say_the_last_one_wins():
    over = Overlaid(np.zeros((4, 5), np.int32))
    over[np.array([1, 1, 3]), np.array([2, 2, -1])] = np.array([7, 8, 9])
    assert over[1, 2] == 8
    assert over[3, 4] == 9
    over[1:3, 2] = [[5], [6]][0] * 2
    np.testing.assert_array_equal(over[1:3, 2], [5, 5])


@pytest.mark.parametrize("key", [(slice(0, 4, 2), 0), (np.array([9]), np.array([0])), (4, 0)])
def test_what_it_cannot_do_is_refused(key):
    with pytest.raises(IndexError):
        Overlaid(np.zeros((4, 5), np.int32))[key] = 1


def test_a_volume_of_any_size_takes_room_for_what_was_touched_only():
    vast = np.broadcast_to(np.zeros((), np.uint32), (10**4, 10**5, 10**5))
    over = Overlaid(vast)
    over[77, 5000:5010, 300:330] = 4
    assert over[77, 5000:5010, 300:330].sum() == 4 * 300
    assert over.touched_planes() == {(77,)}
