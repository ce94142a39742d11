"""Sections: decoded once, kept within bounds, and divided by blocks."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_advseg.examples.sections import Sections, describe_split, spatial, split_sections
from napari_advseg.volume.frame import Frame
from napari_advseg.volume.volume import Volume


class Slow:
    """A stack on disk that counts how often and how much it is read."""

    def __init__(self, array):
        self.array = array
        self.reads = []

    @property
    def shape(self):
        return self.array.shape

    @property
    def dtype(self):
        return self.array.dtype

    def __getitem__(self, key):
        window = self.array[key]
        self.reads.append(window.nbytes)
        return window


def stack(count=6, dtype=np.uint8):
    return np.random.default_rng(0).integers(0, 255, (count, 20, 30)).astype(dtype)


def test_windows_are_those_of_the_array():
    array = stack()
    for source in (array, Slow(array)):
        sections = Sections([Volume(source, Frame("zyx"))])
        window = sections.window(0, 3, slice(2, 9), slice(5, 30))
        assert np.array_equal(window, array[3, 2:9, 5:30])


def test_channels_come_first_and_a_single_time_point_is_none():
    array = stack().reshape(1, 2, 3, 20, 30)
    for source in (array, Slow(array)):
        sections = Sections([Volume(source, Frame("tczyx"))])
        window = sections.window(0, 2, slice(0, 4), slice(0, 5))
        assert np.array_equal(window, array[0, :, 2, :4, :5])


def test_a_section_is_decoded_once_while_there_is_room():
    slow = Slow(stack())
    sections = Sections([Volume(slow, Frame("zyx"))])
    for _ in range(5):
        for index in range(6):
            sections.window(0, index, slice(0, 5), slice(0, 5))
    assert slow.reads == [600] * 6


def test_no_more_is_kept_than_allowed():
    slow = Slow(stack())
    sections = Sections([Volume(slow, Frame("zyx"))], memory=2400)
    for index in (0, 1, 2, 3, 0, 4, 0, 1):
        sections.window(0, index, slice(0, 5), slice(0, 5))
    assert len(slow.reads) == 6, "0 was used and stayed, 1 had gone"
    assert sections._kept.nbytes <= 2400


def test_a_section_too_large_to_keep_is_read_by_windows():
    slow = Slow(stack())
    sections = Sections([Volume(slow, Frame("zyx"))], memory=2000)
    sections.window(0, 0, slice(0, 5), slice(0, 5))
    assert slow.reads == [25]


def test_ids_are_kept_in_the_smallest_type():
    array = stack(dtype=np.uint64)
    sections = Sections([Volume(Slow(array), Frame("zyx"))])
    window = sections.window(0, 1, slice(0, 20), slice(0, 30))
    assert window.dtype == np.uint8
    assert np.array_equal(window, array[1])


def test_a_volume_needs_sections_of_one_time_point():
    with pytest.raises(ValueError, match="2 time points"):
        spatial(Volume(np.zeros((2, 3, 4)), Frame("tyx", name="film")))
    with pytest.raises(ValueError, match="axes 'zx'"):
        spatial(Volume(np.zeros((2, 3)), Frame("zx")))


@settings(max_examples=60, deadline=None)
@given(annotated=st.sets(st.integers(0, 60), min_size=1))
def test_all_sections_are_divided_into_two_blocks(annotated):
    train, validation = split_sections(annotated)
    assert train + validation == sorted(annotated)
    assert train
    assert bool(validation) == (len(annotated) >= 3)
    assert len(validation) <= 0.15 * len(annotated) + 1


def test_about_fifteen_per_cent_validate():
    train, validation = split_sections(range(20))
    assert validation == [17, 18, 19]
    assert train == list(range(17))


def test_the_rest_trains_where_the_validation_is_named():
    assert split_sections(range(17), range(15, 17)) == (list(range(15)), [15, 16])
    assert split_sections([2, 5, 9], range(4, 7)) == ([2, 9], [5])


def test_a_side_without_sections_is_refused():
    with pytest.raises(ValueError, match="None of the sections 7:9 to validate on is annotated"):
        split_sections([2, 5], range(7, 9))
    with pytest.raises(ValueError, match="none is left to train on"):
        split_sections([2, 5], range(9))
    with pytest.raises(ValueError, match="No section is annotated"):
        split_sections([])


def test_it_is_said_in_words():
    assert describe_split(range(17), range(3), 412_000) == (
        "17 sections train, 3 validate; 412,000 annotated voxels"
    )
    assert describe_split([0], [], 5).startswith("1 section trains, none validates")
    assert "1 validates" in describe_split(range(5), [5], 5)
