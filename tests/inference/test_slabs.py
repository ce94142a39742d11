"""Slabs: their weights sum to one everywhere, and a pile of equal maps is that map."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_advseg.inference.slabs import Pile, slabs


@settings(max_examples=100, deadline=None)
@given(
    before=st.integers(0, 5),
    wanted=st.integers(1, 60),
    behind=st.integers(0, 5),
    depth=st.integers(4, 40),
    halo=st.integers(0, 4),
    overlap=st.integers(0, 4),
)
def test_slabs_cut_out_of_a_stack_pile_up_to_it(before, wanted, behind, depth, halo, overlap):
    count = before + wanted + behind
    stack = np.random.default_rng(0).random((2, count, 3, 2)).astype(np.float32)
    chosen = range(before, before + wanted)
    if wanted > depth and depth - 2 * halo - overlap < max(1, overlap):
        with pytest.raises(ValueError, match=r"choose prediction\.depth of at least"):
            slabs(chosen, count, depth, halo, overlap)
        return
    plan, pile, found = slabs(chosen, count, depth, halo, overlap), Pile(), {}
    for at, slab in enumerate(plan):
        assert slab.stop - slab.begin <= max(depth, wanted + 2 * halo)
        following = plan[at + 1].first if at + 1 < len(plan) else None
        done = list(pile.add(slab, stack[:, slab.begin : slab.stop], following))
        assert not set(found) & {index for index, _ in done}
        found |= dict(done)
    assert sorted(found) == list(chosen)
    for index, section in found.items():
        np.testing.assert_allclose(section, stack[:, index], atol=1e-6)


def test_a_slab_reads_the_halo_on_both_sides_as_far_as_there_are_sections():
    plan = slabs(range(2, 14), 15, depth=10, halo=2, overlap=0)
    assert [(one.begin, one.first, one.end, one.stop) for one in plan] == [
        (0, 2, 8, 10),
        (6, 8, 14, 15),
    ]
