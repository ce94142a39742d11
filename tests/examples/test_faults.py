"""Faults of whole sections (Lee et al. 2017), and what stands for them where a crop is a section alone."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_advseg.examples.augment import NO_AUGMENTATION, rearranged, spoiled
from napari_advseg.settings.examples import AugmentationSettings

shapes = st.sampled_from([(1, 1, 40, 40), (2, 1, 24, 40), (1, 6, 32, 24)])
seeds = st.integers(0, 10_000)


def grey(shape):
    return np.random.default_rng(1).random(shape, np.float32)


def spoilt(shape, seed, **chances):
    image = grey(shape)
    inside = np.ones(shape[1:], np.float32)
    chosen = NO_AUGMENTATION.changed(**chances)
    return spoiled(image.copy(), inside, chosen, np.random.default_rng(seed)), image


@settings(max_examples=40, deadline=None)
@given(seed=seeds)
def test_of_a_section_alone_a_corner_is_missing_and_never_all(seed):
    made, image = spoilt((2, 1, 24, 40), seed, missing_section=1.0)
    gone = (made != image).all(axis=(0, 1))
    assert 0 < gone.sum() < gone.size
    assert np.unique(made[:, :, gone]).size == 1
    rows, columns = np.flatnonzero(gone.any(1)), np.flatnonzero(gone.any(0))
    assert gone.sum() == len(rows) * len(columns)  # a rectangle ...
    assert {rows[0] == 0, rows[-1] == 23} == {True, False}  # ... in a corner
    assert {columns[0] == 0, columns[-1] == 39} == {True, False}


@settings(max_examples=30, deadline=None)
@given(shape=shapes, seed=seeds)
def test_out_of_focus_blurs_one_or_two_neighbours_and_nothing_else(shape, seed):
    made, image = spoilt(shape, seed, out_of_focus=1.0)
    changed = (made != image).any(axis=(0, 2, 3))
    assert changed.sum() in (1, 2)
    first = int(changed.argmax())
    assert changed[first : first + int(changed.sum())].all()
    assert np.isfinite(made).all()
    assert made[:, changed].std() < image[:, changed].std()


def test_what_is_out_of_focus_is_blurred_by_2_to_5_pixels():
    """A point becomes a Gaussian, cut off at two deviations, with 1 / (2 pi sigma^2) at its middle."""
    points = np.zeros((1, 6, 31, 41), np.float32)
    points[..., 15, 20] = 1
    peaks = []
    for seed in range(30):
        chosen = NO_AUGMENTATION.changed(out_of_focus=1.0)
        made = spoiled(points.copy(), points[0], chosen, np.random.default_rng(seed))
        peaks += [peak for peak in made[0, :, 15, 20] if peak < 1]
    sigmas = np.sqrt(1 / (2 * np.pi * np.array(peaks)))
    assert 1.8 < sigmas.min() < 2.5
    assert 4 < sigmas.max() < 5.1


def test_a_constant_out_of_focus_is_the_constant():
    image = np.full((1, 3, 20, 20), 0.4, np.float32)
    chosen = NO_AUGMENTATION.changed(out_of_focus=1.0)
    made = spoiled(image.copy(), image[0], chosen, np.random.default_rng(0))
    np.testing.assert_allclose(made, image, atol=1e-6)


@pytest.mark.parametrize("shape", [(1, 1, 32, 32), (1, 5, 32, 32)])
def test_faults_that_are_not_asked_for_draw_nothing(shape):
    """Crops of settings from before there were these faults stay what they were."""
    chosen = AugmentationSettings()
    one, other = np.random.default_rng(3), np.random.default_rng(3)
    made = spoiled(grey(shape), np.ones(shape[1:]), chosen, one)
    again = spoiled(grey(shape), np.ones(shape[1:]), chosen.changed(missing_kept=False), other)
    if shape[1] == 1:
        np.testing.assert_array_equal(made, again)
        assert one.random() == other.random()


def test_faults_leave_the_labels_of_a_section_alone_in_place():
    labels = np.arange(32 * 32).reshape(1, 32, 32)
    chosen = NO_AUGMENTATION.changed(missing_section=1.0, out_of_focus=1.0)
    _, moved = rearranged(grey((1, 1, 32, 32)), labels, chosen, np.random.default_rng(0))
    np.testing.assert_array_equal(moved, labels)
