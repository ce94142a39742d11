"""The table counts every pair of ids exactly, whatever the arrays are made of."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from napari_advseg.scoring.contingency import as_ids, contingency, merged

label_maps = arrays(np.uint32, (7, 9), elements=st.integers(0, 5))


def counted(table):
    return dict(
        zip(
            zip(table.predicted.tolist(), table.truth.tolist(), strict=True),
            table.counts,
            strict=True,
        )
    )


def by_hand(predicted, truth):
    pairs = {}
    for pair in zip(predicted.ravel().tolist(), truth.ravel().tolist(), strict=True):
        pairs[pair] = pairs.get(pair, 0) + 1
    return pairs


@given(label_maps, label_maps)
@settings(deadline=None, max_examples=30)
def test_every_pair_is_counted(predicted, truth):
    assert counted(contingency(predicted, truth)) == by_hand(predicted, truth)


@given(label_maps, label_maps, arrays(np.bool_, (7, 9)))
@settings(deadline=None, max_examples=30)
def test_only_kept_pixels_are_counted(predicted, truth, keep):
    assert counted(contingency(predicted, truth, keep)) == by_hand(predicted[keep], truth[keep])


@given(label_maps, label_maps)
@settings(deadline=None, max_examples=20)
def test_tables_of_the_parts_make_the_table_of_the_whole(predicted, truth):
    parts = [contingency(predicted[:3], truth[:3]), contingency(predicted[3:], truth[3:])]
    assert counted(merged(parts)) == by_hand(predicted, truth)


def test_no_table_makes_an_empty_table():
    assert merged([]).total == 0


def test_more_pairs_than_the_first_table_holds():
    rng = np.random.default_rng(0)
    predicted, truth = rng.integers(0, 2000, (2, 300, 300), dtype=np.uint32)
    assert counted(contingency(predicted, truth)) == by_hand(predicted, truth)


def test_ids_use_all_64_bits():
    ids = np.array([0, 1, 2**33, 2**63 + 5, 2**64 - 1], np.uint64)
    assert counted(contingency(ids, ids[::-1])) == by_hand(ids, ids[::-1])


@pytest.mark.parametrize(
    "odd",
    [
        lambda ids: ids.astype(np.int8),
        lambda ids: ids.astype(np.int64),
        lambda ids: ids.astype(">u4"),
        lambda ids: ids.astype(">i8"),
        lambda ids: ids.astype(np.float32),
        np.asfortranarray,
        lambda ids: np.repeat(ids, 2, axis=1)[:, ::2],
        lambda ids: ids[::-1, ::-1].copy()[::-1, ::-1],
    ],
)
def test_type_order_and_stride_do_not_matter(odd):
    rng = np.random.default_rng(1)
    predicted, truth = rng.integers(0, 9, (2, 8, 6), dtype=np.uint32)
    assert counted(contingency(odd(predicted), truth)) == by_hand(predicted, truth)


def test_a_mask_counts_as_ids_0_and_1():
    mask = np.array([[True, False], [True, True]])
    assert counted(contingency(mask, mask)) == {(1, 1): 3, (0, 0): 1}


@pytest.mark.parametrize("wrong", [-1, 0.5, np.nan, np.inf, -2.0, 1e30])
def test_what_is_no_id_is_named(wrong):
    with pytest.raises(ValueError, match=r"Labels .*hold .*; .*0 or positive"):
        as_ids(np.array([1, wrong]), "Labels")


def test_colours_are_refused():
    with pytest.raises(ValueError, match="hold no ids"):
        as_ids(np.array([1j]), "Labels")


def test_both_shapes_are_named():
    with pytest.raises(ValueError, match=r"\(2, 3\).*\(3, 2\)"):
        contingency(np.zeros((2, 3), int), np.zeros((3, 2), int))
