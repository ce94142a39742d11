"""Several images: rows side by side, what they come to, and how often an IoU is high."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_advseg.scoring.measures.instances import score
from napari_advseg.scoring.measures.objects import object_score
from napari_advseg.scoring.measures.semantic import class_values, semantic_score
from napari_advseg.scoring.measures.several import (
    ABOVE,
    class_row,
    columns_of,
    instance_row,
    object_row,
    summary,
)

numbers = st.none() | st.floats(0, 1)


@given(rows=st.lists(st.fixed_dictionaries({"voi": numbers, "iou_1": numbers}), min_size=1))
@settings(max_examples=60, deadline=None)
def test_a_column_comes_to_what_its_numbers_come_to(rows):
    found = summary(rows)
    for name in ("voi", "iou_1"):
        values = [row[name] for row in rows if row[name] is not None]
        if not values:
            assert {found[what][name] for what in ("mean", "median", "min", "max")} == {None}
            continue
        assert found["mean"][name] == pytest.approx(np.mean(values))
        assert found["median"][name] == pytest.approx(np.median(values))
        assert (found["min"][name], found["max"][name]) == (min(values), max(values))


def test_the_share_of_images_with_a_high_iou_is_told_class_by_class():
    rows = [{"mean_iou": 0.99, "iou_0": 0.99, "iou_1": iou} for iou in (0.98, 0.97, 0.5)]
    found = summary([*rows, {"mean_iou": 1.0, "iou_0": 0.1}])
    assert found[ABOVE] == {"iou_0": 3 / 4, "iou_1": 1 / 3}
    assert ABOVE not in summary([{"voi": 0.1}])


def test_classes_stand_in_order_also_those_that_only_a_later_image_has():
    assert columns_of([{"iou_2": 1.0, "mean_iou": 1.0}, {"iou_10": 1.0, "iou_1": 1.0}]) == [
        "mean_iou",
        "iou_1",
        "iou_2",
        "iou_10",
    ]


def test_rows_hold_what_the_scores_say():
    truth = np.kron([[1, 2], [3, 4]], np.ones((8, 8), int))
    labels = np.where(truth == 4, 3, truth)
    one = score(labels, truth)
    assert instance_row(one)["voi_merge"] == one.voi_merge
    found = object_score(labels, truth)
    assert object_row(found)["recall"] == found.at[0].recall
    assert object_row(found)["count_error"] == 1
    kinds = semantic_score(labels, truth)
    assert class_row(kinds)["iou_3"] == kinds.iou[3] == pytest.approx(1 / 2)


def test_an_image_without_anything_scored_has_no_numbers():
    nothing = np.zeros((8, 8), int)
    assert set(instance_row(score(nothing, nothing)).values()) == {None}
    assert set(class_row(semantic_score(nothing, nothing, ignore=0)).values()) == {None}


def test_values_are_classes_only_where_they_are_few():
    truth = np.array([[[0, 1], [2, 255]]], np.uint8)
    assert class_values(truth) == (0, 1, 2, 255)
    assert class_values(truth, np.full((4, 4), -1)) == (-1, 0, 1, 2, 255)
    assert class_values(truth, np.arange(100).reshape(1, 10, 10)) is None
