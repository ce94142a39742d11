"""The watershed of a stack is scikit-image's, and shares flat stretches evenly."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from skimage.segmentation import watershed

from napari_advseg.labelling.stack import stack_watershed
from napari_advseg.labelling.stack.stack_watershed import flood_stack, index_dtype


def landscape(seed, steps, shape=(5, 9, 8)):
    """Levels, and a marker in raster order on one tenth of the voxels."""
    rng = np.random.default_rng(seed)
    levels = rng.integers(0, steps, shape).astype(np.uint8)
    markers = np.zeros(shape, np.int32)
    places = np.sort(rng.choice(levels.size, levels.size // 10, replace=False))
    markers.reshape(-1)[places] = np.arange(1, len(places) + 1)
    return levels, markers


@given(st.integers(0, 2**31))
@settings(deadline=None, max_examples=25)
def test_it_is_the_watershed_of_scikit_image_where_markers_stand_at_levels_of_their_own(seed):
    levels, markers = landscape(seed, 200)
    rng = np.random.default_rng(seed)
    levels = levels.astype(np.uint16) + 100
    levels[markers > 0] = rng.permutation(np.count_nonzero(markers))
    np.testing.assert_array_equal(flood_stack(levels, markers), watershed(levels, markers))


@given(st.integers(0, 2**31), st.integers(1, 255))
@settings(deadline=None, max_examples=25)
def test_every_voxel_that_can_be_reached_is_and_markers_stay(seed, steps):
    levels, markers = landscape(seed, steps)
    mask = np.random.default_rng(seed).random(levels.shape) < 0.7
    found = flood_stack(levels, markers, mask)
    expected = watershed(levels, markers, mask=mask | (markers > 0))
    np.testing.assert_array_equal(found > 0, expected > 0)
    np.testing.assert_array_equal(found[markers > 0], markers[markers > 0])


def test_two_markers_share_a_plain_half_and_half():
    markers = np.zeros((1, 21, 21), np.int32)
    markers[0, 10, 3], markers[0, 10, 17] = 1, 2
    found = flood_stack(np.zeros(markers.shape, np.uint8), markers)
    assert (found[..., :10] == 1).all()
    assert (found[..., 11:] == 2).all()


def test_water_that_falls_does_not_overtake():
    levels = np.array([[[0, 9, 0, 0, 0, 5, 0]]], np.uint8)
    markers = np.array([[[1, 0, 0, 0, 0, 0, 2]]], np.int32)
    np.testing.assert_array_equal(flood_stack(levels, markers), [[[1, 1, 2, 2, 2, 2, 2]]])


@pytest.mark.parametrize("shape", [(0, 4, 4), (1, 1, 1), (3, 1, 1)])
def test_odd_shapes_go_through(shape):
    markers = np.ones(shape, np.int32)
    np.testing.assert_array_equal(flood_stack(np.zeros(shape, np.uint8), markers), markers)


def test_without_markers_nothing_is_flooded():
    assert not flood_stack(np.zeros((2, 3, 4), np.uint8), np.zeros((2, 3, 4), np.int32)).any()


def test_more_than_two_billion_voxels_are_counted_in_64_bits(monkeypatch):
    assert index_dtype(2**31 - 1) == np.int32
    assert index_dtype(2**31) == np.int64
    levels, markers = landscape(0, 50)
    expected = flood_stack(levels, markers)
    monkeypatch.setattr(stack_watershed, "index_dtype", lambda _: np.dtype(np.int64))
    np.testing.assert_array_equal(flood_stack(levels, markers), expected)
