"""Edits of one segmentation on another: what fits is done where it belongs, what does not is listed."""

from __future__ import annotations

import numpy as np
import pytest

from napari_advseg import drain
from napari_advseg.progress import BlockDone
from napari_advseg.proofreading.afterwards.replay import describe, replay
from napari_advseg.proofreading.editing import edits
from napari_advseg.proofreading.editing.proof import Proof, open_proof
from napari_advseg.proofreading.store.kept import kept_in
from napari_advseg.volume.frame import Frame
from napari_advseg.volume.volume import Volume

FRAME = Frame("zyx", (40.0, 4.0, 6.0), ("nanometer",) * 3)
CELLS = np.repeat(np.repeat(np.arange(1, 13).reshape(1, 3, 4), 6, 1), 6, 2).repeat(2, 0)


def of(array):
    return Volume(np.ascontiguousarray(array), FRAME, kind="labels")


@pytest.fixture
def record(tmp_path):
    """Does things to labels; the journal comes out, and the labels as they were left."""

    def run(*makes, array=CELLS):
        proof = open_proof(of(array), tmp_path / "cells.proofreading", author="Ada")
        for make in makes:
            proof.do(make(proof))
        proof.close()
        return kept_in(proof.folder), proof.labels[...]

    return run


DAY = (
    lambda p: edits.merge(p, points=[(0, 1, 1), (0, 1, 8)]),
    lambda p: edits.split(p, [[(0, 7, 0)], [(0, 7, 5)]]),
    lambda p: edits.paint(p, (slice(0, 1), slice(8, 10), slice(8, 16)), None, 6),
    lambda p: edits.erase(p, (slice(1, 2), slice(0, 3), slice(20, 23))),
    lambda p: edits.delete(p, points=[(1, 16, 1)]),
    lambda p: edits.renew(p, (0, 16, 8)),
    lambda p: edits.mark(p, points=[(0, 16, 20)]),
)


def test_on_the_same_labels_all_is_as_it_was(record):
    kept, labels = record(*DAY)
    onto = Proof(of(CELLS.copy()))
    reports = []
    found = drain(replay(kept, onto), reports.append)
    np.testing.assert_array_equal(onto.labels[...], labels)
    assert (len(found.done), found.already, found.conflicts) == (len(DAY), 0, ())
    assert [one.done for one in reports if isinstance(one, BlockDone)] == list(range(1, 8))
    assert [one.time for one in onto.steps] == [one.time for one in kept.steps]
    assert {one.author for one in onto.steps} == {"Ada"}


def test_other_numbers_of_the_same_cells_change_nothing_else(record):
    kept, labels = record(*DAY)
    onto = Proof(of(100 - CELLS))
    found = drain(replay(kept, onto, CELLS))
    assert found.conflicts == ()
    assert len(found.done) == len(DAY)
    pairs = set(zip(labels.flat, onto.labels[...].flat, strict=True))
    assert len(pairs) == len(np.unique(labels)) == len(np.unique(onto.labels[...]))
    assert onto.locked == {100 - 12}


def test_what_is_right_already_is_left_alone(record):
    kept, labels = record(*DAY[:2], DAY[4])
    onto = Proof(of(labels + np.where(labels > 0, np.uint64(50), np.uint64(0))))
    found = drain(replay(kept, onto))
    assert (found.done, found.already, found.conflicts) == ((), 3, ())


def test_undone_edits_are_not_replayed(tmp_path):
    proof = open_proof(of(CELLS), tmp_path / "x.proofreading")
    proof.do(edits.delete(proof, ids=[1], points=[(0, 0, 0)]))
    proof.undo()
    proof.close()
    assert drain(replay(kept_in(proof.folder), Proof(of(CELLS + 1)))).done == ()


def conflict(kept, array, original=None, prepare=None):
    onto = Proof(of(array))
    if prepare:
        onto.do(prepare(onto))
    before = onto.labels[...]
    found = drain(replay(kept, onto, original))
    np.testing.assert_array_equal(onto.labels[...], before)
    (one,) = found.conflicts
    assert one.number == 1
    assert describe(found)[1].startswith("1 ")
    assert one.to_json()["why"] == one.why
    return one.why


def erased(z, y, x):
    other = CELLS.copy()
    other[z, y, x] = 0
    return other


def test_what_does_not_fit_is_listed_and_not_done(record):
    kept, _ = record(DAY[0])
    assert "no object at (0, 1, 8)" in conflict(
        kept, erased(slice(None), slice(0, 6), slice(6, 12))
    )
    why = conflict(kept, CELLS + 1, prepare=lambda p: edits.mark(p, ids=[3]))
    assert "marked as correct" in why


def test_a_part_that_lies_in_several_objects_is_a_conflict(record):
    kept, _ = record(DAY[1])
    other = CELLS.copy()
    other[0, 6:12, :6] = 70
    other[1, 6:12, :6] = 71
    assert "not lie in one object" in conflict(kept, other)


def test_paint_over_other_objects_is_a_conflict(record):
    kept, _ = record(lambda p: edits.erase(p, (slice(0, 1), slice(0, 6), slice(0, 6))))
    other = CELLS.copy()
    other[0, :6, :6] = np.arange(100, 106)
    assert "Other objects" in conflict(kept, other)


def test_a_larger_object_is_not_deleted_in_place_of_a_small_one(record):
    kept, _ = record(DAY[4])
    other = np.where(CELLS > 4, 5, CELLS)
    assert "lies another object" in conflict(kept, other, CELLS)
    onto = Proof(of(other))
    assert (
        len(drain(replay(kept, onto)).done) == 1
    )  # without the labels it belongs to the place decides


def test_an_object_without_a_place_is_a_conflict(record):
    kept, _ = record(lambda p: edits.delete(p, ids=[3]))
    assert "does not say where" in conflict(kept, CELLS + 1)


REVIEW = (slice(0, 1), slice(0, 12), slice(None))


def same_objects(one, other):
    return (
        len(set(zip(one.flat, other.flat, strict=True)))
        == len(np.unique(one))
        == len(np.unique(other))
    )


def test_what_was_reviewed_is_carried_over_as_it_was(record):
    kept, labels = record(DAY[0], DAY[1], lambda p: edits.review(p, REVIEW))
    worse = 200 + CELLS // 2
    worse[:, 5:7] = 300
    onto = Proof(of(worse))
    drain(replay(kept, onto, CELLS))
    assert same_objects(onto.labels[REVIEW], labels[REVIEW])
    assert onto.boxes == (((0, 1), (0, 12), (0, 24)),)
    assert onto.steps[-1].box == onto.boxes[0]
    onto.undo()
    assert onto.boxes == ()


def test_what_was_carried_over_is_carried_on(record, tmp_path):
    kept, labels = record(DAY[0], lambda p: edits.review(p, REVIEW))
    second = open_proof(of(200 + CELLS // 2), tmp_path / "second.proofreading")
    drain(replay(kept, second, CELLS))
    second.close()
    third = Proof(of(500 - CELLS // 3))
    drain(replay(kept_in(second.folder), third, 200 + CELLS // 2))
    assert same_objects(third.labels[REVIEW], labels[REVIEW])


def test_objects_keep_their_labels_where_they_are_the_same_there(record):
    kept, _ = record(lambda p: edits.review(p, REVIEW))
    onto = Proof(of(100 - CELLS))
    found = drain(replay(kept, onto, CELLS))
    np.testing.assert_array_equal(onto.labels[...], 100 - CELLS)
    assert found.done[0].patches == ()


def test_a_review_needs_the_labels_that_were_reviewed(record):
    kept, _ = record(lambda p: edits.review(p, REVIEW))
    assert "cannot be seen" in conflict(kept, CELLS + 1)


def test_a_review_that_is_there_already_and_one_taken_back(record):
    kept, _ = record(
        lambda p: edits.review(p, REVIEW),
        lambda p: edits.unreview(p, (slice(0, 1), slice(0, 2), slice(None))),
    )
    onto = Proof(of(CELLS + 1))
    onto.do(edits.review(onto, REVIEW))
    found = drain(replay(kept, onto, CELLS))
    assert (len(found.done), found.already, found.conflicts) == (1, 1, ())
    assert onto.boxes == (((0, 1), (2, 12), (0, 24)),)


@pytest.mark.parametrize(
    ("other", "why"),
    [
        (Volume(CELLS[:1], FRAME), "shape"),
        (Volume(CELLS, Frame("zyx", (30.0, 4.0, 6.0), ("nanometer",) * 3)), "voxel size"),
    ],
)
def test_another_image_is_refused(record, other, why):
    kept, _ = record(DAY[0])
    with pytest.raises(ValueError, match=f"{why}.*same image"):
        drain(replay(kept, Proof(other)))
