"""A patch is found again wherever it was cut and however it was turned."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.ndimage import gaussian_filter

from napari_advseg.scoring.measures.nearest import nearest_patches, turned


def smooth(shape, seed):
    rng = np.random.default_rng(seed)
    return gaussian_filter(rng.standard_normal(shape), 3).astype(np.float32)


SECTIONS = [smooth((150, 140), seed) for seed in range(3)]


@settings(max_examples=15, deadline=None)
@given(
    st.sampled_from([16, 48, 64]), st.integers(0, 2), st.integers(0, 7), st.floats(0, 1), st.floats(0, 1),
    st.floats(0.2, 5), st.floats(-3, 3),
)  # fmt: skip
def test_a_copied_patch_is_found_to_the_pixel(side, section, turn, down, right, gain, offset):
    plane = SECTIONS[section]
    row, column = (int(f * (n - side)) for f, n in zip((down, right), plane.shape, strict=True))
    patch = gain * plane[row : row + side, column : column + side] + offset
    crop = next(
        patch_ for patch_ in (turned(patch, k) for k in range(8))
        if np.array_equal(turned(patch_, turn), patch)
    )  # fmt: skip
    found = nearest_patches([crop], SECTIONS)[0]
    assert (found.section, found.row, found.column, found.turn) == (section, row, column, turn)
    assert found.likeness == pytest.approx(1, abs=1e-3)


def test_other_tissue_is_less_alike():
    others = [smooth((64, 64), seed) for seed in (10, 11)]
    assert max(one.likeness for one in nearest_patches(others, SECTIONS)) < 0.8


def test_flat_crops_and_small_sections_give_no_alarm():
    assert nearest_patches([np.zeros((64, 64), np.float32)], SECTIONS)[0].likeness <= 0.01
    assert nearest_patches([SECTIONS[0][:64, :64]], [SECTIONS[0][:50, :50]])[0].likeness == -1
