"""What differs between two segmentations, by the voxels that objects share and not by their ids."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from napari_advseg.scoring.finding.changes import CHANGES, changes
from napari_advseg.volume.frame import Frame
from napari_advseg.volume.volume import Volume

CELLS = np.repeat(np.repeat(np.arange(1, 7).reshape(2, 3), 10, 0), 10, 1)[None].repeat(2, 0)
IDS = np.array([0, 1, 2, 2**32 + 3, 2**63 + 3], np.uint64)
small = arrays.arrays(np.uint64, (2, 5, 6), elements=st.sampled_from(IDS.tolist()))


def found(before, after):
    one = changes(before, after)
    return {kind: count for kind, count in one.objects.items() if count}, one.layer.numpy()


@settings(max_examples=30, deadline=None)
@given(small, st.permutations(range(4)))
def test_other_ids_are_no_change(labels, order):
    renamed = labels.copy()
    for old, new in zip(IDS[1:], IDS[1:][list(order)], strict=True):
        renamed[labels == old] = new
    assert found(labels, renamed)[0] == {}
    assert not found(labels, renamed)[1].any()


@settings(max_examples=50, deadline=None)
@given(small, small)
def test_there_and_back_merged_is_split_and_gone_is_new(before, after):
    there, back = changes(before, after), changes(after, before)
    assert there.objects == {
        "merged": back.objects["split"],
        "split": back.objects["merged"],
        "gone": back.objects["new"],
        "new": back.objects["gone"],
    }


@settings(max_examples=30, deadline=None)
@given(small, small, st.data())
def test_the_layer_is_the_same_window_by_window_and_agrees_with_the_counts(before, after, data):
    one = changes(before, after)
    layer = one.layer.numpy()
    counted = {kind: int((layer == number).sum()) for kind, number in CHANGES.items()}
    assert counted == one.voxels
    z, y = data.draw(st.integers(0, 1)), data.draw(st.integers(0, 4))
    np.testing.assert_array_equal(one.layer.array[z, y:, 2:5], layer[z, y:, 2:5])


def test_the_smaller_part_of_a_merge_is_shown():
    after = np.where(CELLS == 2, 1, CELLS)
    after[:, :, :3] = np.where(after[:, :, :3] == 1, 99, after[:, :, :3])  # and a part cut off
    objects, layer = found(CELLS, after)
    assert objects == {"merged": 1, "split": 1}
    assert set(layer[CELLS == 2]) == {0}  # the larger of the two that are one now
    assert set(layer[:, :10, 3:10].flat) == {CHANGES["merged"]}
    assert set(layer[:, :10, :3].flat) == {CHANGES["split"]}
    assert not layer[:, 10:].any()


def test_a_wall_that_moves_is_no_change():
    before = CELLS.repeat(2, 1).repeat(2, 2)
    after = before.copy()
    after[:, :20, 20] = 1
    objects, layer = found(before, after)
    assert objects == {}
    assert not layer.any()


def test_what_is_lost_and_what_is_found():
    after = np.where(CELLS == 5, 0, CELLS)
    before = np.where(CELLS == 3, 0, CELLS)
    objects, layer = found(before, after)
    assert objects == {"gone": 1, "new": 1}
    assert set(layer[CELLS == 5]) == {CHANGES["gone"]}
    assert set(layer[CELLS == 3]) == {CHANGES["new"]}


def test_words_and_place():
    one = changes(
        Volume(CELLS, Frame("zyx", (40.0, 4.0, 6.0))),
        Volume(CELLS * 0 + 1, Frame("zyx", (40.0, 4.0, 6.0))),
    )
    assert one.words == "1 merged, 0 split, 0 gone, 0 new"
    assert one.layer.frame.scale == (40.0, 4.0, 6.0)
    assert one.layer.kind == "labels"


def test_labels_of_another_shape_are_refused():
    with pytest.raises(ValueError, match="differ"):
        changes(CELLS, CELLS[:1])
