"""Growing and masking at boundaries, against plain distance maps."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.ndimage import distance_transform_edt

from napari_advseg.scoring.table.boundary import grow_nearest, near_change

label_maps = arrays(np.uint32, (12, 15), elements=st.integers(0, 2), fill=st.just(1))


@pytest.mark.parametrize(("distance", "wide"), [(0, 0), (1, 4), (2, 6), (6, 14)])
def test_a_straight_border_is_masked_this_wide(distance, wide):
    labels = np.ones((20, 40), int)
    labels[:, 20:] = 2
    masked = near_change(labels, distance)
    assert (masked.sum(axis=1) == wide).all()
    if wide:
        assert masked[0, 20 - wide // 2 : 20 + wide // 2].all()


@given(label_maps, st.integers(1, 6))
@settings(deadline=None, max_examples=40)
def test_the_mask_is_the_distance_to_border_pixels(labels, distance):
    padded = np.pad(labels, 1, mode="edge")
    border = np.zeros(labels.shape, bool)
    for dy, dx in ((0, 1), (2, 1), (1, 0), (1, 2)):
        border |= padded[dy : dy + 12, dx : dx + 15] != labels
    expected = distance_transform_edt(~border) <= distance if border.any() else border
    np.testing.assert_array_equal(near_change(labels, distance), expected)


def test_one_label_has_no_border():
    assert not near_change(np.ones((5, 5), int), 9).any()


@given(label_maps)
@settings(deadline=None, max_examples=30)
def test_growing_gives_each_zero_a_nearest_label(labels):
    grown = grow_nearest(labels)
    np.testing.assert_array_equal(grown[labels > 0], labels[labels > 0])
    if not labels.any():
        assert not grown.any()
        return
    assert (grown > 0).all()
    nearest = distance_transform_edt(labels == 0)
    for label in np.unique(labels[labels > 0]):
        np.testing.assert_allclose(
            distance_transform_edt(labels != label)[grown == label], nearest[grown == label]
        )


@pytest.mark.parametrize("share", [0.3, 0.02])
def test_ties_are_broken_as_by_scipy(share):
    rng = np.random.default_rng(0)
    labels = rng.integers(1, 99, (70, 90), dtype=np.uint32) * (rng.random((70, 90)) < share)
    y, x = distance_transform_edt(labels == 0, return_distances=False, return_indices=True)
    np.testing.assert_array_equal(grow_nearest(labels), labels[y, x])


def test_zero_is_grown_everywhere_not_only_on_walls():
    labels = np.zeros((30, 30), np.uint8)
    labels[3, 3] = 7
    assert (grow_nearest(labels) == 7).all()
