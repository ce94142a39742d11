"""Seeds sit on maxima of a section or a stack, and their depth is the dynamics of the maximum."""

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.ndimage import label as pieces
from skimage.measure import label as components
from skimage.morphology import h_maxima, local_maxima, reconstruction
from straightforward import seeds_of

from napari_advseg.labelling.section.seeds import HIGHEST, find_seeds, maxima, quantise
from napari_advseg.settings.labelling import LabellingSettings

EVERY = np.ones((3, 3))
heights = arrays(np.uint16, (8, 9), elements=st.integers(0, 40))
stacks = arrays(np.uint16, (4, 6, 5), elements=st.integers(0, 400))


@given(heights, st.integers(1, 30))
@settings(deadline=None, max_examples=40)
def test_seeds_by_depth_are_the_h_maxima(hills, depth):
    # A frame of 0 makes the lowest level the same for both.
    hills = np.pad(hills, 1).astype(np.int32)
    seeds = find_seeds(hills.astype(np.uint16), LabellingSettings(depth=depth / 8))
    lowered = reconstruction(np.maximum(hills - (depth - 1), 0), hills, footprint=EVERY)
    expected, count = pieces(local_maxima(lowered) & (lowered > 0), EVERY)
    assert seeds.max() == count
    assert sorted(expected[seeds > 0]) == list(range(1, count + 1))


@given(
    heights,
    st.sampled_from(["depth", "distance", "number"]),
    st.sampled_from([0.0, 0.5, 1.3]),
    st.floats(1, 6),
    st.integers(0, 9),
)
@settings(deadline=None, max_examples=80)
def test_seeds_are_those_found_level_by_level(hills, minima, depth, distance, number):
    chosen = LabellingSettings(minima=minima, depth=depth, distance=distance, number=number)
    np.testing.assert_array_equal(find_seeds(hills, chosen), seeds_of(hills.astype(int), chosen))


def hills():
    """Three hills of height 40, 24 and 16 on a plain at 8."""
    ground = np.full((9, 30), 8, np.uint16)
    ground[4, 4], ground[4, 14], ground[4, 20] = 40, 24, 16
    return ground


@pytest.mark.parametrize(("number", "places"), [(0, [4, 14, 20]), (1, [4]), (2, [4, 14])])
def test_by_number_the_deepest_come_first(number, places):
    seeds = find_seeds(hills(), LabellingSettings(minima="number", number=number))
    assert list(np.flatnonzero(seeds[4])) == places


@pytest.mark.parametrize(("distance", "places"), [(6, [4, 14, 20]), (7, [4, 14]), (11, [4, 20])])
def test_by_distance_the_higher_of_two_neighbours_stays(distance, places):
    seeds = find_seeds(hills(), LabellingSettings(minima="distance", distance=distance))
    assert list(np.flatnonzero(seeds[4])) == places


def test_a_plateau_gets_one_seed():
    assert find_seeds(np.full((5, 5), 80, np.uint16), LabellingSettings()).max() == 1


def test_a_plain_of_zero_gets_none():
    assert not find_seeds(np.zeros((5, 5), np.uint16), LabellingSettings()).any()


@given(arrays(np.float32, 20, elements=st.floats(0, 1000, width=32)))
@settings(deadline=None, max_examples=30)
def test_quantised_distances_keep_order_and_sign(distance):
    steps = quantise(distance)
    order = np.argsort(distance)
    assert (np.diff(steps[order].astype(int)) >= 0).all()
    np.testing.assert_array_equal(steps > 0, distance > 0)


def test_a_distance_without_end_is_the_highest():
    assert quantise(np.array([np.inf], np.float32)) == HIGHEST


@given(arrays(np.uint16, (9, 8), elements=st.integers(0, 60)), st.integers(1, 4))
@settings(deadline=None, max_examples=30)
def test_a_stack_of_one_section_has_the_seeds_of_the_section(heights, depth):
    for chosen in (
        LabellingSettings(depth=depth),
        LabellingSettings(minima="number", number=depth),
        LabellingSettings(minima="distance", distance=depth),
    ):
        np.testing.assert_array_equal(
            find_seeds(heights[None], chosen)[0], find_seeds(heights, chosen)
        )


@given(stacks, st.integers(1, 300))
@settings(deadline=None, max_examples=30)
def test_depths_are_those_of_scikit_images_h_maxima(heights, depth):
    """Of equal maxima scikit-image counts all, and measures the highest from the lowest, not from 0."""
    heights -= heights.min()
    places, depths = maxima(heights)
    assume(len(set(heights.reshape(-1)[places])) == len(places))
    expected = components(h_maxima(heights.astype(np.int64), depth), connectivity=3)
    if heights.max() < depth:
        expected[:] = 0
    found = places[depths >= depth]
    assert len(found) == expected.max()
    assert (expected.reshape(-1)[found] > 0).all()


def test_of_equal_maxima_the_first_counts_as_the_higher():
    heights = np.array([[[5, 3, 5, 1, 4]]], np.uint16)
    places, depths = maxima(heights)
    assert dict(zip(places.tolist(), depths.tolist(), strict=True)) == {0: 5, 2: 2, 4: 3}


def test_a_section_distance_counts_in_pixels():
    heights = np.zeros((3, 1, 8), np.uint16)
    heights[0, 0, 1], heights[2, 0, 1], heights[0, 0, 6] = 30, 20, 10
    near = LabellingSettings(minima="distance", distance=4.0)
    assert np.flatnonzero(find_seeds(heights, near)).tolist() == [1, 6]
    assert np.flatnonzero(find_seeds(heights, near, 3.0)).tolist() == [1, 6, 17]


@pytest.mark.parametrize("minima", ["depth", "distance", "number"])
def test_where_nothing_is_high_there_is_no_seed(minima):
    heights = np.zeros((2, 3, 4), np.uint16)
    assert not find_seeds(heights, LabellingSettings(minima=minima)).any()
    heights[1, 1, 1] = 80
    assert find_seeds(heights, LabellingSettings(minima=minima)).sum() == 1
