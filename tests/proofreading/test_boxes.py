"""Boxes that are added and taken out, beside plain masks."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_advseg.proofreading.editing.boxes import (
    added,
    holds,
    shared,
    size,
    window_of,
    within,
    without,
)

SHAPE = (4, 6, 7)


@st.composite
def box(draw):
    ends = [sorted(draw(st.lists(st.integers(0, n), min_size=2, max_size=2))) for n in SHAPE]
    return tuple(
        (low, max(high, low + 1)) if low < n else (n - 1, n)
        for (low, high), n in zip(ends, SHAPE, strict=True)
    )


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(box(), st.booleans()), max_size=8), box())
def test_they_cover_what_a_mask_would_and_never_overlap(changes, limits):
    boxes, mask = (), np.zeros(SHAPE, bool)
    for one, is_added in changes:
        boxes = (added if is_added else without)(boxes, one)
        mask[window_of(one)] = is_added
    assert all(holds(boxes, point) == mask[point] for point in np.ndindex(SHAPE))
    covered = np.zeros(SHAPE, int)
    for one in boxes:
        covered[window_of(one)] += 1
    np.testing.assert_array_equal(covered, mask)
    assert size(boxes) == mask.sum()
    assert size(within(boxes, limits)) == mask[window_of(limits)].sum()


def test_what_only_touches_shares_nothing():
    assert shared(((0, 2), (0, 3)), ((2, 4), (0, 3))) is None
    assert shared(((0, 2), (0, 3)), ((1, 4), (2, 9))) == ((1, 2), (2, 3))
