"""Distances to walls are Euclidean, and infinite where there is no wall."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from scipy.ndimage import distance_transform_edt

from napari_advseg.labelling.section.distance import distance_to_walls


@given(
    arrays(np.bool_, array_shapes(min_dims=2, max_dims=2, max_side=24), fill=st.just(True)),
    st.booleans(),
)
@settings(deadline=None, max_examples=80)
def test_every_distance_is_that_of_scipy(interior, turned):
    interior = interior.T if turned else interior
    expected = np.full(interior.shape, np.inf)
    if not interior.all():
        expected = distance_transform_edt(interior).astype(np.float32)
    np.testing.assert_array_equal(distance_to_walls(interior), expected)


@pytest.mark.parametrize("place", [(0, 0), (150, 399), (299, 0)])
def test_one_wall_is_seen_from_afar(place):
    interior = np.ones((300, 400), bool)
    interior[place] = False
    expected = distance_transform_edt(interior).astype(np.float32)
    np.testing.assert_array_equal(distance_to_walls(interior), expected)
