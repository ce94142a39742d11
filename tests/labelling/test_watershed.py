"""Flooding a section or a stack agrees with scikit-image and keeps its promises."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.ndimage import gaussian_filter
from scipy.ndimage import label as pieces
from skimage.segmentation import watershed
from straightforward import flooded

from napari_advseg.labelling.section import watershed as our_watershed
from napari_advseg.labelling.section.neighbours import index_dtype
from napari_advseg.labelling.section.watershed import evidence_of, flood, grow

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


def test_evidence_is_one_minus_p_and_255_where_there_is_no_data():
    interior_map = np.array([[0.0, 1.0, 0.5, np.nan]], np.float32)
    np.testing.assert_array_equal(evidence_of(interior_map), [[255, 0, 128, 255]])


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


def stack_of(seed, steps, shape=(5, 9, 8)):
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
    levels, markers = stack_of(seed, 200)
    rng = np.random.default_rng(seed)
    levels = levels.astype(np.uint16) + 100
    levels[markers > 0] = rng.permutation(np.count_nonzero(markers))
    np.testing.assert_array_equal(flood(levels, markers), watershed(levels, markers))


@given(st.integers(0, 2**31), st.integers(1, 255))
@settings(deadline=None, max_examples=25)
def test_every_voxel_that_can_be_reached_is_and_markers_stay(seed, steps):
    levels, markers = stack_of(seed, steps)
    mask = np.random.default_rng(seed).random(levels.shape) < 0.7
    found = flood(levels, markers, mask)
    expected = watershed(levels, markers, mask=mask | (markers > 0))
    np.testing.assert_array_equal(found > 0, expected > 0)
    np.testing.assert_array_equal(found[markers > 0], markers[markers > 0])


def test_two_markers_share_a_plain_half_and_half():
    markers = np.zeros((1, 21, 21), np.int32)
    markers[0, 10, 3], markers[0, 10, 17] = 1, 2
    found = flood(np.zeros(markers.shape, np.uint8), markers)
    assert (found[..., :10] == 1).all()
    assert (found[..., 11:] == 2).all()


def test_water_that_falls_does_not_overtake():
    levels = np.array([[[0, 9, 0, 0, 0, 5, 0]]], np.uint8)
    markers = np.array([[[1, 0, 0, 0, 0, 0, 2]]], np.int32)
    np.testing.assert_array_equal(flood(levels, markers), [[[1, 1, 2, 2, 2, 2, 2]]])


@pytest.mark.parametrize("shape", [(0, 4, 4), (1, 1, 1), (3, 1, 1)])
def test_odd_shapes_go_through(shape):
    markers = np.ones(shape, np.int32)
    np.testing.assert_array_equal(flood(np.zeros(shape, np.uint8), markers), markers)


def test_without_markers_nothing_is_flooded():
    assert not flood(np.zeros((2, 3, 4), np.uint8), np.zeros((2, 3, 4), np.int32)).any()


def test_more_than_two_billion_voxels_are_counted_in_64_bits(monkeypatch):
    assert index_dtype(2**31 - 1) == np.int32
    assert index_dtype(2**31) == np.int64
    levels, markers = stack_of(0, 50)
    expected = flood(levels, markers)
    monkeypatch.setattr(our_watershed, "index_dtype", lambda _: np.dtype(np.int64))
    np.testing.assert_array_equal(flood(levels, markers), expected)


@given(st.integers(0, 2**31))
@settings(deadline=None, max_examples=25)
def test_a_stack_is_flooded_alike_along_each_of_its_axes(seed):
    """Where each level and each marker stands once, no order decides."""
    relief, seeds = stack_of(seed, 200, (3, 6, 5))
    relief = np.random.default_rng(seed).permutation(relief.size).reshape(relief.shape)
    relief = relief.astype(np.uint16)
    turned = flood(relief.transpose(2, 0, 1), seeds.transpose(2, 0, 1)).transpose(1, 2, 0)
    np.testing.assert_array_equal(flood(relief, seeds), turned)


@given(levels, markers, arrays(np.bool_, (9, 11)))
@settings(deadline=None, max_examples=25)
def test_a_stack_of_one_section_is_flooded_like_the_section(relief, seeds, mask):
    stack = flood(relief[None], seeds[None], mask[None])
    np.testing.assert_array_equal(stack[0], flood(relief, seeds, mask))
