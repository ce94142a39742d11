"""Class maps by hand."""

import numpy as np
import pytest

from napari_advseg.scoring.semantic import semantic_score

TRUTH = np.array([[0, 0], [1, 1]])
FOUND = np.array([[0, 1], [1, 1]])


def test_two_by_two_by_hand():
    measured = semantic_score(FOUND, TRUTH)
    assert measured.pixel_accuracy == 0.75
    assert measured.class_accuracy == 0.75  # (1/2 + 2/2) / 2
    assert measured.iou == {0: 1 / 2, 1: 2 / 3}
    assert measured.mean_iou == pytest.approx(7 / 12)
    assert measured.dice == {0: pytest.approx(2 / 3), 1: pytest.approx(4 / 5)}
    assert measured.scored == 4


def test_a_map_of_itself_is_perfect():
    measured = semantic_score(TRUTH, TRUTH)
    assert (measured.pixel_accuracy, measured.class_accuracy, measured.mean_iou) == (1, 1, 1)


def test_the_ignored_class_is_left_out():
    measured = semantic_score(FOUND, TRUTH, ignore=0)
    assert measured.scored == 2
    assert measured.pixel_accuracy == 1


def test_a_class_the_truth_lacks_counts_only_where_asked():
    found = np.array([[0, 5], [1, 1]])
    assert semantic_score(found, TRUTH).mean_iou == pytest.approx((1 / 2 + 1) / 2)
    assert semantic_score(found, TRUTH, mean_over="either").mean_iou == pytest.approx(1.5 / 3)


def test_a_rare_class_shows_in_class_accuracy_only():
    truth = np.zeros((10, 10), int)
    truth[0, 0] = 1
    measured = semantic_score(np.zeros_like(truth), truth)
    assert measured.pixel_accuracy == 0.99
    assert measured.class_accuracy == 0.5


def test_nothing_scored_is_zero_everywhere():
    measured = semantic_score(TRUTH, np.full_like(TRUTH, 7), ignore=7)
    assert measured.to_json() == {
        "pixel_accuracy": 0.0,
        "class_accuracy": 0.0,
        "mean_iou": 0.0,
        "iou": {},
        "dice": {},
        "scored": 0,
    }


def test_json_keys_are_text():
    assert semantic_score(FOUND, TRUTH).to_json()["iou"] == {"0": 1 / 2, "1": 2 / 3}
