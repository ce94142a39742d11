"""Flooding agrees with scikit-image and keeps its promises."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.ndimage import gaussian_filter
from scipy.ndimage import label as pieces
from skimage.segmentation import watershed
from straightforward import flooded

from napari_advseg.labelling.section.watershed import flood, grow

levels = arrays(np.uint8, (9, 11), elements=st.integers(0, 6))
markers = arrays(np.int32, (9, 11), elements=st.integers(0, 3), fill=st.just(0))


def landscape(seed, size=200, count=60):
    rng = np.random.default_rng(seed)
    smooth = gaussian_filter(rng.random((size, size)), 4)
    heights = np.ptp(smooth)
    relief = ((smooth - smooth.min()) / heights * 255).astype(np.uint8)
    seeds = np.zeros(relief.shape, np.int32)
    seeds.flat[rng.choice(relief.size, count, replace=False)] = np.arange(1, count + 1)
    return relief, seeds


@pytest.mark.parametrize("seed", range(3))
def test_without_equal_levels_every_pixel_agrees_with_scikit_image(seed):
    _, seeds = landscape(seed)
    relief = np.random.default_rng(seed).permutation(seeds.size).reshape(seeds.shape)
    relief = relief.astype(np.uint16)
    np.testing.assert_array_equal(flood(relief, seeds), watershed(relief, seeds, connectivity=1))


@pytest.mark.parametrize("seed", range(3))
def test_with_equal_levels_too(seed):
    relief, seeds = landscape(seed)
    order = np.random.default_rng(seed).permutation(relief.size)
    # One marker a level: scikit-image leaves open which of two comes first.
    _, first = np.unique(relief.flat[order], return_index=True)
    seeds = np.zeros_like(seeds)
    seeds.flat[order[first]] = 1 + np.arange(len(first))
    np.testing.assert_array_equal(flood(relief, seeds), watershed(relief, seeds, connectivity=1))


@given(levels, markers, arrays(np.bool_, (9, 11)))
@settings(deadline=None, max_examples=60)
def test_from_markers_of_any_shape_and_inside_any_mask(relief, seeds, mask):
    np.testing.assert_array_equal(flood(relief, seeds, mask), flooded(relief, seeds, mask))


def test_sixteen_bits_flood_like_eight():
    relief, seeds = landscape(0)
    np.testing.assert_array_equal(flood(relief, seeds), flood(relief.astype(np.uint16) * 16, seeds))


@given(levels, markers)
@settings(deadline=None, max_examples=40)
def test_everything_is_flooded_and_no_marker_moves(relief, seeds):
    flooded = flood(relief, seeds)
    np.testing.assert_array_equal(flooded[seeds > 0], seeds[seeds > 0])
    assert (flooded > 0).all() or not seeds.any()
    assert set(np.unique(flooded)) - {0} == set(np.unique(seeds)) - {0}


@given(levels, markers, arrays(np.bool_, (9, 11)))
@settings(deadline=None, max_examples=40)
def test_nothing_is_flooded_outside_the_mask(relief, seeds, mask):
    flooded = flood(relief, seeds, mask)
    np.testing.assert_array_equal(flooded[~mask], seeds[~mask])


@given(levels, st.integers(1, 8))
@settings(deadline=None, max_examples=30)
def test_a_label_from_one_marker_stays_in_one_piece(relief, count):
    seeds = np.zeros(relief.shape, np.int32)
    seeds.flat[: count * 7 : 7] = np.arange(1, count + 1)
    flooded = flood(relief, seeds)
    assert all(pieces(flooded == k)[1] == 1 for k in range(1, count + 1))


def test_walls_are_met_in_the_middle_of_the_evidence():
    probability = np.ones((5, 11), np.float32)
    probability[:, 3:8] = 0.5
    probability[:, 6] = 0.1
    labels = np.zeros(probability.shape, np.int32)
    labels[:, 0], labels[:, -1] = 1, 2
    grown = grow(labels, probability)
    assert (grown[:, :6] == 1).all()
    assert (grown[:, 7:] == 2).all()


def test_without_a_label_nothing_grows():
    assert not grow(np.zeros((4, 4), np.int32), np.ones((4, 4), np.float32)).any()


def test_input_stays_as_it_was():
    relief, seeds = landscape(1, 40, 5)
    before = relief.copy(), seeds.copy()
    flood(relief, seeds)
    np.testing.assert_array_equal(relief, before[0])
    np.testing.assert_array_equal(seeds, before[1])


def test_arrays_in_any_order():
    relief, seeds = landscape(2, 50, 6)
    np.testing.assert_array_equal(
        flood(np.asfortranarray(relief), np.asfortranarray(seeds)), flood(relief, seeds)
    )
