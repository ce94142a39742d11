"""Sections in between: equal where both agree, without order, monotone, and of ids of any size."""

from __future__ import annotations

from itertools import pairwise

import edt
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from napari_advseg.annotation.between import Between, heights

HEIGHTS = (0.1, 0.25, 0.5, 0.75, 0.9)
shapes = st.tuples(st.integers(1, 14), st.integers(1, 14))


def sections():
    ids = st.integers(0, 4)
    return shapes.flatmap(lambda s: st.tuples(*[arrays(np.uint32, s, elements=ids)] * 2))


def disc(radius, centre=(20, 20), side=41, value=1):
    y, x = np.ogrid[:side, :side]
    return (np.hypot(y - centre[0], x - centre[1]) <= radius) * np.uint32(value)


@settings(max_examples=60, deadline=None)
@given(pair=sections(), height=st.floats(0, 1))
def test_nothing_is_put_where_neither_section_has_it(pair, height):
    found = Between.of(*pair).at(height)
    assert ((found == pair[0]) | (found == pair[1])).all()
    assert found.dtype == pair[0].dtype


@settings(max_examples=30, deadline=None)
@given(pair=sections(), height=st.floats(0, 1))
def test_between_equal_sections_it_is_equal(pair, height):
    np.testing.assert_array_equal(Between.of(pair[0], pair[0]).at(height), pair[0])


@settings(max_examples=30, deadline=None)
@given(pair=sections())
def test_the_ends_are_the_sections_themselves(pair):
    between = Between.of(*pair)
    np.testing.assert_array_equal(between.at(0), pair[0])
    np.testing.assert_array_equal(between.at(1), pair[1])


@settings(max_examples=60, deadline=None)
@given(pair=sections(), order=st.permutations(range(5)), far=st.booleans())
def test_the_order_of_ids_means_nothing_and_64_bits_are_kept(pair, order, far):
    names = np.array(order, np.uint64) + np.uint64(2**63 if far else 0)
    plain = Between.of(*pair)
    renamed = Between.of(*(names[part] for part in pair))
    for height in HEIGHTS:
        np.testing.assert_array_equal(renamed.at(height), names[plain.at(height)])


@settings(max_examples=60, deadline=None)
@given(pair=sections(), height=st.floats(0.01, 0.49))
def test_turned_upside_down_it_is_the_same(pair, height):
    up, down = Between.of(*pair), Between.of(*pair[::-1])
    clear = ~np.isclose(up.turns, height) & ~np.isclose(down.turns, 1 - height)
    np.testing.assert_array_equal(up.at(height)[clear], down.at(1 - height)[clear])


@settings(max_examples=60, deadline=None)
@given(pair=sections())
def test_a_pixel_turns_once(pair):
    between = Between.of(*pair)
    turned = [between.at(height) == pair[1] for height in HEIGHTS]
    for lower, higher in pairwise(turned):
        assert not (lower & ~higher).any()


@settings(max_examples=40, deadline=None)
@given(small=arrays(bool, (12, 12)), more=arrays(bool, (12, 12)))
def test_nested_shapes_grow_and_never_shrink(small, more):
    between = Between.of(small.astype(np.uint32), (small | more).astype(np.uint32))
    grown = [between.at(height).astype(bool) for height in (0, *HEIGHTS, 1)]
    for lower, higher in pairwise(grown):
        assert not (lower & ~higher).any()


@pytest.mark.parametrize("height", HEIGHTS)
def test_one_object_is_interpolated_by_its_shape(height):
    below, above = disc(4), disc(14)
    signed = [_signed(shape > 0) for shape in (below, above)]
    depth = (1 - height) * signed[0] + height * signed[1]
    found = Between.of(below, above).at(height) > 0
    clear = abs(depth) > 1e-5
    np.testing.assert_array_equal(found[clear], depth[clear] > 0)
    radius = np.sqrt(found.sum() / np.pi)
    assert radius == pytest.approx(4 + 10 * height, abs=0.6)


@pytest.mark.parametrize("other", [0, 7])
def test_an_object_that_begins_grows_from_its_middle(other):
    below, above = np.full((41, 41), other, np.uint32), disc(10)
    above[above == 0] = other
    areas = [(Between.of(below, above).at(height) == 1).sum() for height in HEIGHTS]
    assert areas == sorted(areas)
    assert areas[0] == 0
    assert 0 < areas[-1] < (above == 1).sum()
    found = Between.of(below, above).at(0.75) == 1
    assert found[20, 20]
    ends = [(Between.of(above, below).at(height) == 1).sum() for height in HEIGHTS]
    assert ends == sorted(ends, reverse=True)


def test_an_object_that_ends_between_neighbours_leaves_no_hole():
    below = np.repeat(np.array([1, 2, 3], np.uint32), 10)[None].repeat(20, 0)
    above = np.where(below == 2, np.where(np.arange(30) < 15, 1, 3), below).astype(np.uint32)
    between = Between.of(below, above)
    widths = [(between.at(height)[0] == 2).sum() for height in (0, *HEIGHTS, 1)]
    assert widths == sorted(widths, reverse=True)
    assert all((between.at(height) > 0).all() for height in HEIGHTS)


def test_what_nobody_annotated_stays_so():
    below, above = disc(6, (12, 12)), disc(6, (14, 12))
    for height in HEIGHTS:
        assert not Between.of(below, above).at(height)[(below == 0) & (above == 0)].any()


def test_pixels_that_are_not_square_count_by_their_size():
    below, above = disc(5), disc(12)
    wide = Between.of(below, above, (1.0, 4.0)).at(0.5)
    assert (wide != Between.of(below, above).at(0.5)).any()


def test_a_pixel_that_turns_at_a_height_shows_the_section_above_from_the_middle_on():
    low, high = np.array([[1, 1, 1, 1]]), np.array([[2, 2, 2, 2]])
    made = Between(low, high, np.array([[0, 0.25, 0.5, 1]], np.float32))
    shown = {height: made.at(height).tolist() for height in (0, 0.25, 0.5, 1)}
    assert shown == {
        0: [[1, 1, 1, 1]],
        0.25: [[2, 1, 1, 1]],
        0.5: [[2, 2, 2, 1]],
        1: [[2, 2, 2, 2]],
    }


def test_heights_lie_evenly_between_two_sections():
    assert heights(3, 7) == {4: 0.25, 5: 0.5, 6: 0.75} == heights(7, 3)
    assert heights(3, 4) == heights(3, 3) == {}


def test_sections_that_do_not_belong_together_are_refused():
    with pytest.raises(ValueError, match="two sections of one layer"):
        Between.of(np.zeros((3, 4), np.uint8), np.zeros((4, 3), np.uint8))
    with pytest.raises(ValueError, match="two sections"):
        Between.of(np.zeros((3, 4), np.uint8), np.zeros((3, 4), np.uint16))


def _signed(mask):
    inside, outside = (
        edt.edt(part.astype(np.uint8), black_border=False) - 0.5 for part in (mask, ~mask)
    )
    return np.where(mask, inside, -outside)
