"""Adapted Rand error in its three conventions, against scikit-image and by hand."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from skimage.metrics import adapted_rand_error as oracle

from napari_advseg.scoring.measures.rand import adapted_rand_error
from napari_advseg.scoring.table.contingency import Contingency, contingency

label_maps = arrays(np.uint32, (6, 8), elements=st.integers(0, 4))
CONVENTIONS = ["cremi", "snemi", "scikit-image"]


def rand(predicted, truth, convention="cremi", **more):
    return adapted_rand_error(contingency(predicted, truth, truth > 0), convention, **more)


@given(label_maps, label_maps)
@settings(deadline=None, max_examples=30)
def test_it_agrees_with_scikit_image(predicted, truth):
    truth[0, :2] = 1
    predicted[0, :2] = 1  # at least one pair, without which scikit-image divides by zero
    assert rand(predicted, truth, "scikit-image") == pytest.approx(oracle(truth, predicted)[0])


def challenge(predicted, truth, zeros):
    """The F-score of both challenges, written out over pairs of pixels.

    A pixel with predicted 0 shares its object with itself alone; `zeros` is what such pixels add
    together to the pairs that both, and the prediction alone, put into one object.
    """
    p, t = predicted[truth > 0], truth[truth > 0]
    found = p[p > 0]
    in_truth = np.sum(t[:, None] == t)
    in_prediction = np.sum(found[:, None] == found) + zeros(np.sum(p == 0), len(p))
    both = np.sum((found[:, None] == found) & (t[p > 0][:, None] == t[p > 0]))
    both = both + zeros(np.sum(p == 0), len(p))
    precision, recall = both / in_prediction, both / in_truth
    return 1 - 2 * precision * recall / (precision + recall)


@pytest.mark.parametrize(
    ("convention", "zeros"),
    [("cremi", lambda count, n: count / n), ("snemi", lambda count, n: count)],
)
@given(predicted=label_maps, truth=label_maps)
@settings(deadline=None, max_examples=30)
def test_it_agrees_with_the_challenges(convention, zeros, predicted, truth):
    truth[0, 0] = 1
    assert rand(predicted, truth, convention) == pytest.approx(
        challenge(predicted, truth, zeros), abs=1e-12
    )


@pytest.mark.parametrize("convention", CONVENTIONS)
@given(labels=label_maps)
@settings(deadline=None, max_examples=20)
def test_labels_against_themselves_are_exactly_zero(convention, labels):
    assert rand(labels, labels, convention) == 0.0


@pytest.mark.parametrize("convention", CONVENTIONS)
@given(predicted=label_maps, truth=label_maps)
@settings(deadline=None, max_examples=20)
def test_the_error_lies_in_its_range(convention, predicted, truth):
    assert 0 <= rand(predicted, truth, convention) <= 1


@given(label_maps, st.integers(1, 4))
@settings(deadline=None, max_examples=20)
def test_without_predicted_zero_cremi_and_snemi_agree(truth, label):
    predicted = np.maximum(truth[::-1], label)
    assert rand(predicted, truth, "cremi") == rand(predicted, truth, "snemi")


def test_each_convention_by_hand():
    truth = np.array([[1, 1, 1, 2, 2]])
    predicted = np.array([[1, 1, 0, 1, 0]])
    # counts 11:2, 01:1, 12:1, 02:1; truth sizes 3 and 2, predicted size 3, two zeros of five.
    by_truth = 3**2 + 2**2
    for convention, zeros in (("snemi", 2), ("cremi", 2 / 5)):
        together, by_predicted = 2**2 + 1 + zeros, 3**2 + zeros
        precision, recall = together / by_predicted, together / by_truth
        error = 1 - 2 * precision * recall / (precision + recall)
        assert rand(predicted, truth, convention) == pytest.approx(error)
    # Ordered pairs of distinct pixels; 0 is an object of two pixels.
    error = 1 - 2 * (4 + 1 + 1 + 1 - 5) / ((9 + 4 - 5) + (9 + 4 - 5))
    assert rand(predicted, truth, "scikit-image") == pytest.approx(error)


def test_background_is_an_object_where_asked():
    labels = np.array([[0, 0, 1, 1]])
    table = contingency(labels, labels)
    for convention in CONVENTIONS:
        assert adapted_rand_error(table, convention, background=True) == 0.0


def test_one_pixel_and_none_are_perfect():
    for convention in CONVENTIONS:
        assert rand(np.ones((1, 1), int), np.ones((1, 1), int), convention) == 0.0
        assert rand(np.ones((1, 1), int), np.zeros((1, 1), int), convention) == 0.0


def test_nothing_found_is_nearly_the_worst():
    truth = np.ones((20, 20), int)
    assert rand(np.zeros_like(truth), truth, "cremi") > 0.99


@pytest.mark.parametrize("convention", CONVENTIONS)
def test_objects_too_large_for_64_bit_squares(convention):
    ids, counts = np.array([1, 2], np.uint64), np.array([2**33, 2**33], np.int64)
    assert adapted_rand_error(Contingency(ids, ids, counts), convention) == 0.0
    one = np.zeros_like(ids) + ids[:1]
    assert adapted_rand_error(Contingency(one, ids, counts), convention) == pytest.approx(1 / 3)
