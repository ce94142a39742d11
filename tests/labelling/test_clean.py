"""Small labels go, the rest is numbered without holes."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from napari_advseg.labelling.section.clean import remove_small


@given(arrays(np.int32, (6, 7), elements=st.integers(0, 9)), st.integers(0, 10))
@settings(deadline=None, max_examples=40)
def test_what_is_large_enough_stays_and_is_numbered(labels, minimum):
    tidy = remove_small(labels, minimum)
    sizes = np.bincount(labels.ravel(), minlength=10)
    large = [k for k in range(1, 10) if sizes[k] >= max(minimum, 1)]
    expected = np.zeros_like(labels)
    for number, k in enumerate(large, 1):
        expected[labels == k] = number
    np.testing.assert_array_equal(tidy, expected)
    assert tidy.dtype == np.int32
