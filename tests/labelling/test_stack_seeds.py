"""Seeds of a stack: as in a section, and as scikit-image finds them."""

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from skimage.measure import label as components
from skimage.morphology import h_maxima

from napari_advseg.labelling.section.seeds import find_seeds
from napari_advseg.labelling.stack import stack_seeds
from napari_advseg.labelling.stack.stack_seeds import find_stack_seeds, stack_maxima
from napari_advseg.settings.labelling import LabellingSettings

HEIGHTS = arrays(np.uint16, (4, 6, 5), elements=st.integers(0, 400))


@given(arrays(np.uint16, (9, 8), elements=st.integers(0, 60)), st.integers(1, 4))
@settings(deadline=None, max_examples=30)
def test_a_stack_of_one_section_has_the_seeds_of_the_section(heights, depth):
    for chosen in (
        LabellingSettings(depth=depth),
        LabellingSettings(minima="number", number=depth),
        LabellingSettings(minima="distance", distance=depth),
    ):
        np.testing.assert_array_equal(
            find_stack_seeds(heights[None], chosen)[0], find_seeds(heights, chosen)
        )


@given(HEIGHTS, st.integers(1, 300))
@settings(deadline=None, max_examples=30)
def test_depths_are_those_of_scikit_images_h_maxima(heights, depth):
    """Of equal maxima scikit-image counts all, and measures the highest from the lowest, not from 0."""
    heights -= heights.min()
    places, depths = stack_maxima(heights)
    assume(len(set(heights.reshape(-1)[places])) == len(places))
    expected = components(h_maxima(heights.astype(np.int64), depth), connectivity=3)
    if heights.max() < depth:
        expected[:] = 0
    found = places[depths >= depth]
    assert len(found) == expected.max()
    assert (expected.reshape(-1)[found] > 0).all()


def test_of_equal_maxima_the_first_counts_as_the_higher():
    heights = np.array([[[5, 3, 5, 1, 4]]], np.uint16)
    places, depths = stack_maxima(heights)
    assert dict(zip(places.tolist(), depths.tolist(), strict=True)) == {0: 5, 2: 2, 4: 3}


def test_a_section_distance_counts_in_pixels():
    heights = np.zeros((3, 1, 8), np.uint16)
    heights[0, 0, 1], heights[2, 0, 1], heights[0, 0, 6] = 30, 20, 10
    near = LabellingSettings(minima="distance", distance=4.0)
    assert np.flatnonzero(find_stack_seeds(heights, near)).tolist() == [1, 6]
    assert np.flatnonzero(find_stack_seeds(heights, near, 3.0)).tolist() == [1, 6, 17]


@pytest.mark.parametrize("minima", ["depth", "distance", "number"])
def test_where_nothing_is_high_there_is_no_seed(minima):
    heights = np.zeros((2, 3, 4), np.uint16)
    assert not find_stack_seeds(heights, LabellingSettings(minima=minima)).any()
    heights[1, 1, 1] = 80
    assert find_stack_seeds(heights, LabellingSettings(minima=minima)).sum() == 1


def test_more_than_two_billion_voxels_are_counted_in_64_bits(monkeypatch):
    heights = np.random.default_rng(0).integers(0, 50, (4, 9, 9)).astype(np.uint16)
    expected = stack_maxima(heights)
    monkeypatch.setattr(stack_seeds, "index_dtype", lambda _: np.dtype(np.int64))
    for found, same in zip(stack_maxima(heights), expected, strict=True):
        np.testing.assert_array_equal(found, same)
