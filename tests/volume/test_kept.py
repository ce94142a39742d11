"""What is kept is what was asked for last, and never more than allowed."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from napari_advseg.volume.arrays.kept import Kept

calls = st.lists(st.tuples(st.booleans(), st.integers(0, 5), st.integers(0, 9)), max_size=30)


@given(calls, st.integers(0, 20))
def test_no_more_is_kept_than_allowed_and_the_last_ones_stay(calls, most):
    kept: Kept[int] = Kept(most)
    order: dict[int, int] = {}
    for adds, key, size in calls:
        if adds:
            kept.add(key, np.zeros(size, np.uint8))
            order.pop(key, None)
            order[key] = size
            while sum(order.values()) > most:
                order.pop(next(iter(order)))
        else:
            found = kept.get(key)
            assert (found is None) == (key not in order)
            if found is not None:
                assert found.nbytes == order[key]
                order[key] = order.pop(key)
        assert kept.nbytes == sum(order.values()) <= most
