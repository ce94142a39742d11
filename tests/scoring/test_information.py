"""Variation of information against scikit-image and by hand."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from skimage.metrics import variation_of_information as oracle

from napari_advseg.scoring.measures.information import PLACES, n_log2_n, variation_of_information
from napari_advseg.scoring.table.contingency import contingency

label_maps = arrays(np.uint32, (6, 8), elements=st.integers(0, 4))


def voi(predicted, truth):
    return variation_of_information(contingency(predicted, truth))


@given(label_maps, label_maps)
@settings(deadline=None, max_examples=30)
def test_it_agrees_with_scikit_image(predicted, truth):
    split, merge = oracle(truth, predicted)
    assert voi(predicted, truth) == pytest.approx((split, merge), abs=1e-12)


def entropy(*ids):
    """Bits of the joint distribution of some arrays."""
    counts = np.unique(np.stack([one.ravel() for one in ids]), axis=1, return_counts=True)[1]
    shares = counts / ids[0].size
    return -np.sum(shares * np.log2(shares))


@given(label_maps, label_maps)
@settings(deadline=None, max_examples=30)
def test_it_is_the_difference_of_entropies(predicted, truth):
    split, merge = voi(predicted, truth)
    both = entropy(predicted, truth)
    assert split == pytest.approx(both - entropy(truth), abs=1e-12)
    assert merge == pytest.approx(both - entropy(predicted), abs=1e-12)


@given(st.lists(st.integers(1, 2**40), min_size=1, max_size=20), st.randoms())
@settings(deadline=None, max_examples=30)
def test_the_sum_does_not_depend_on_the_order_nor_on_what_came_and_went(counts, random):
    whole = n_log2_n(np.array(counts))
    shuffled = random.sample(counts, len(counts))
    assert n_log2_n(np.array(shuffled)) == whole
    assert sum(n_log2_n(np.array([n])) for n in counts) == whole
    assert whole / 2**PLACES == pytest.approx(sum(n * math.log2(n) for n in counts), rel=1e-12)


@given(label_maps, label_maps)
@settings(deadline=None, max_examples=20)
def test_swapping_the_two_swaps_split_and_merge(predicted, truth):
    assert voi(truth, predicted) == pytest.approx(voi(predicted, truth)[::-1], abs=1e-12)


@given(label_maps)
@settings(deadline=None, max_examples=20)
def test_labels_against_themselves_are_exactly_zero(labels):
    assert voi(labels, labels) == (0.0, 0.0)


def test_two_objects_joined_cost_one_bit():
    truth = np.array([[1, 1], [2, 2]])
    assert voi(np.ones((2, 2), int), truth) == (0.0, 1.0)
    assert voi(truth, np.ones((2, 2), int)) == (1.0, 0.0)


def test_one_label_everywhere_loses_the_entropy_of_the_truth():
    truth = np.array([[1, 1, 1, 2]])
    entropy = -(0.75 * np.log2(0.75) + 0.25 * np.log2(0.25))
    assert voi(np.full((1, 4), 9), truth) == pytest.approx((0, entropy))


def test_single_pixels_merge_nothing():
    split, merge = voi(np.arange(1, 5).reshape(2, 2), np.array([[1, 1], [2, 2]]))
    assert (split, merge) == (1.0, 0.0)


def test_two_by_two_by_hand():
    # p = (1, 1, 2, 2), t = (1, 1, 1, 2): counts 11:2, 21:1, 22:1.
    split, merge = voi(np.array([[1, 1], [2, 2]]), np.array([[1, 1], [1, 2]]))
    assert split == pytest.approx((2 * np.log2(3 / 2) + np.log2(3)) / 4)
    assert merge == pytest.approx(2 * np.log2(2) / 4)
