"""A part of every section: what is read of it, where it lies, and what a camera shows."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_advseg.volume.arrays.lazy import Windowed
from napari_advseg.volume.frame import Frame
from napari_advseg.volume.part import Part, in_view
from napari_advseg.volume.volume import Volume

STACK = Volume(
    np.arange(3 * 20 * 30, dtype=np.int32).reshape(3, 20, 30),
    Frame("zyx", (40.0, 4.0, 2.0), ("nanometer",) * 3, (80.0, 8.0, 6.0)),
)


@st.composite
def parts(draw):
    (top, bottom), (left, right) = (
        sorted(draw(st.lists(st.integers(0, n), min_size=2, max_size=2, unique=True)))
        for n in (20, 30)
    )
    return Part(top, bottom, left, right)


@settings(max_examples=40, deadline=None)
@given(parts())
def test_a_part_is_the_window_of_every_section_at_its_place(part):
    cut = part.of(STACK)
    window = STACK.numpy()[:, part.top : part.bottom, part.left : part.right]
    np.testing.assert_array_equal(cut.numpy(), window)
    np.testing.assert_array_equal(np.stack(list(cut.sections())), window)
    assert cut.frame.translate == (80.0, 8.0 + 4 * part.top, 6.0 + 2 * part.left)
    assert cut.frame.scale == STACK.frame.scale


@settings(max_examples=40, deadline=None)
@given(parts(), st.integers(0, 9), st.integers(1, 8))
def test_a_grown_part_holds_the_part_and_begins_on_the_grid(part, by, step):
    grown = part.grown(by, (20, 30), step)
    assert grown.holds(part)
    assert grown.top % step == grown.left % step == 0
    section = STACK.section(1)
    rows, columns = part.inside(grown)
    seen = section[grown.top : grown.bottom, grown.left : grown.right]
    np.testing.assert_array_equal(
        seen[rows, columns], section[part.top : part.bottom, part.left : part.right]
    )
    assert grown.top <= max(0, part.top - by)
    assert grown.bottom >= min(20, part.bottom + by)


def test_nothing_else_of_a_lazy_array_is_read():
    class Lazy(Windowed):
        shape, dtype = (10**4, 10**6, 10**6), np.dtype(np.uint8)
        seen: list[tuple[slice, ...]] = []

        def read(self, window):
            self.seen.append(window)
            return np.zeros([one.stop - one.start for one in window], np.uint8)

    array = Lazy()
    part = Part(500_000, 500_064, 3, 35).of(Volume(array, Frame("zyx")).cut(7, 9))
    assert part.section(1).shape == (64, 32)
    assert array.seen == [(slice(8, 9), slice(500_000, 500_064), slice(3, 35))]


@pytest.mark.parametrize("box", [(0, 0, 0, 5), (5, 3, 0, 5), (0, 21, 0, 5), (0, 5, -1, 5)])
def test_a_part_that_is_none_is_refused_with_the_size_of_the_sections(box):
    with pytest.raises(ValueError, match="no part of sections of 20 x 30"):
        Part(*box).of(STACK)


def test_a_part_of_an_image_without_sections_and_with_channels():
    colours = Volume(np.arange(3 * 8 * 9).reshape(3, 8, 9), Frame("cyx"))
    np.testing.assert_array_equal(Part(2, 4, 1, 9).of(colours).numpy(), colours.numpy()[:, 2:4, 1:])
    assert Part(0, 8, 0, 9).of(colours) is colours


@settings(max_examples=60, deadline=None)
@given(
    st.integers(1, 500),
    st.floats(-600, 600),
    st.floats(0.1, 900),
    st.integers(1, 300),
)
def test_what_is_in_view_is_never_empty_too_large_or_outside(length, low, span, most):
    part, whole = in_view((length, 7), (low, -10), (low + span, 10), most)
    assert 0 <= part.top < part.bottom <= length
    assert part.bottom - part.top <= most
    assert whole == (part == in_view((length, 7), (low, -10), (low + span, 10), 10**6)[0])


def test_the_middle_of_what_is_in_view_is_taken():
    assert in_view((1000, 1000), (-50, -50), (1050, 1050), 4000) == (Part(0, 1000, 0, 1000), True)
    assert in_view((1000, 1000), (-50, 99.5), (1050, 199.4), 200) == (
        Part(400, 600, 100, 200),
        False,
    )
    assert in_view((100, 100), (500, -90), (600, -80), 50)[0] == Part(99, 100, 0, 1)
