"""Scores that follow a proofreader: refusals, the curve, and truths that change meanwhile."""

from __future__ import annotations

import numpy as np
import pytest

from napari_advseg import score
from napari_advseg.proofreading.editing import edits
from napari_advseg.proofreading.editing.proof import Proof
from napari_advseg.proofreading.finding.followed import FollowedScore
from napari_advseg.volume.frame import Frame
from napari_advseg.volume.volume import Volume

FRAME = Frame("zyx", (40.0, 4.0, 6.0), ("nanometer",) * 3)


@pytest.fixture
def truth():
    return np.repeat(np.repeat(np.arange(1, 5).reshape(1, 2, 2), 8, 1), 8, 2).repeat(3, 0)


@pytest.fixture
def proof(truth):
    labels = truth.copy()
    labels[:, :4, :8] = 9
    labels[labels == 4] = 3
    labels[1, 3:5] = 0
    return Proof(Volume(labels, FRAME, kind="labels"))


def test_the_curve_falls_as_errors_are_put_right_and_undo_goes_back(proof, truth):
    followed = FollowedScore(proof, Volume(truth, FRAME), border=0)
    start = followed.values
    proof.do(edits.merge(proof, ids=[1, 9]))
    merged = followed.values
    proof.do(edits.split(proof, [[(0, 10, 1)], [(0, 10, 14)]], np.ones(truth.shape, np.float32)))
    assert start.voi > merged.voi > followed.values.voi
    for _ in range(2):
        proof.undo()
    assert followed.values == followed.start == start
    assert [one.edits for one in followed.curve] == [0, 1, 2, 1, 0]
    assert [one.values.voi for one in followed.curve] == [
        start.voi,
        merged.voi,
        followed.curve[2].values.voi,
        merged.voi,
        start.voi,
    ]
    assert all(one.time for one in followed.curve[1:])
    proof.redo()
    proof.redo()
    late = FollowedScore(proof, Volume(truth, FRAME), border=0)
    assert [one.values for one in late.curve] == [one.values for one in followed.curve[:3]]
    expected = score(proof.volume, Volume(truth, FRAME), border=0, by="volume")
    assert late.values.voi == expected.voi
    assert late.values.adapted_rand_error == expected.adapted_rand_error


def test_marks_change_no_score(proof, truth):
    followed = FollowedScore(proof, truth)
    proof.do(edits.mark(proof, ids=[2]))
    assert followed.values == followed.start
    proof.undo()
    assert len(followed.curve) == 3


def test_a_truth_that_was_replaced_is_told_and_no_wrong_score_is_shown(proof, truth):
    followed = FollowedScore(proof, truth)
    before = followed.values
    truth[truth == 2] = 1
    proof.do(edits.merge(proof, ids=[1, 9]))
    assert "begin it anew" in followed.problem
    assert followed.values == before
    proof.undo()
    anew = FollowedScore(proof, truth)
    proof.redo()
    assert anew.problem == ""
    assert anew.values.voi < anew.start.voi


@pytest.mark.parametrize(
    ("frame", "cut", "why"),
    [
        (FRAME, slice(0, 2), "shape"),
        (Frame("zyx", (40.0, 8.0, 12.0), ("nanometer",) * 3), slice(None), "voxel size"),
    ],
)
def test_a_truth_on_other_voxels_is_refused(proof, truth, frame, cut, why):
    with pytest.raises(ValueError, match=why):
        FollowedScore(proof, Volume(truth[cut], frame))


def test_the_score_of_an_edge_does_not_follow(proof, truth):
    with pytest.raises(ValueError, match="set edge to 0"):
        FollowedScore(proof, truth, edge=3)
