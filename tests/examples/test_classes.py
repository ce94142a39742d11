"""Classes in labels: which values are classes, which are left out, and what is refused."""

from __future__ import annotations

import numpy as np
import pytest

from napari_advseg.examples.classes import decide_classes, unseen_classes
from napari_advseg.examples.sections import as_volume
from napari_advseg.examples.targets import targets
from napari_advseg.progress import drain
from napari_advseg.settings.examples import TargetSettings


def decided(values, named=(), zero="background"):
    labels = as_volume(np.resize(np.array(values), (2, 8, 8)))
    return drain(decide_classes([labels], [[0, 1]], named, zero))


def test_the_values_found_are_the_classes():
    assert decided([0, 127, 255]).values == (0, 127, 255)
    assert decided([0, 255]).values == (0, 255)
    assert decided([3, 7, -1]).values == (3, 7)


def test_255_is_left_out_of_a_palette():
    found = decided([0, 1, 2, 255])
    assert found.values == (0, 1, 2)
    assert "255 is left out" in found.sentence


def test_an_unannotated_0_is_no_class():
    assert decided([0, 1, 2], zero="unannotated").values == (1, 2)


def test_named_classes_keep_their_order_and_others_are_left_out_with_a_warning():
    found = decided([0, 1, 2, 9], named=(2, 0, 5))
    assert found.values == (2, 0, 5)
    assert "class 5" in found.warning
    assert "1, 9" in found.warning


@pytest.mark.parametrize(
    ("values", "named", "words"),
    [
        ([4], (), "one class only"),
        (range(100), (), "100 values"),
        ([0, 1], (7, 8), "they hold the values 0, 1"),
    ],
)
def test_what_is_no_class_map_is_refused(values, named, words):
    with pytest.raises(ValueError, match=words):
        decided(list(values), named)


def test_the_target_of_classes_is_one_hot_and_leaves_other_values_out():
    ids = np.array([[0, 1, 2], [9, -1, 2]])
    made = targets(ids, TargetSettings(kind="classes", classes=(0, 2, 1)), "background")
    assert made.interior.shape == made.weight.shape == (3, 2, 3)
    np.testing.assert_array_equal(made.interior.argmax(0)[0], [0, 2, 1])
    np.testing.assert_array_equal(made.weight[1], [[1, 1, 1], [0, 0, 1]])
    unknown = targets(ids, TargetSettings(kind="classes", classes=(1, 2)), "unannotated")
    np.testing.assert_array_equal(unknown.weight[0], [[0, 1, 1], [0, 0, 1]])


def warned(labels):
    return drain(decide_classes([as_volume(labels)], [[0]], (), "background")).warning


def test_many_values_in_one_piece_each_are_warned_of_as_cells():
    rows, columns = np.mgrid[:40, :40]
    cells = (rows // 10 * 4 + columns // 10).astype(np.uint8)
    assert "look like cells" in warned(cells)
    stripes = np.repeat(columns // 4 + 1, 4, axis=0).astype(np.uint8)
    assert not warned(np.where(np.arange(160)[:, None] % 20 < 10, stripes, 0))


def test_classes_that_sections_lack_are_found():
    labels = [np.array([[[0, 1]], [[2, 0]]], np.uint8), np.array([[[3, 3]]], np.uint8)]
    volumes = [as_volume(one) for one in labels]
    assert drain(unseen_classes(volumes, [[0], [0]], (0, 1, 2, 3, 9))) == (2, 9)
    assert drain(unseen_classes(volumes, [[0, 1], []], (0, 1))) == ()
