"""The queue: what is wrong comes first, with a truth and without, and following it puts it right."""

from __future__ import annotations

import numpy as np
import pytest

from napari_advseg import drain, locate
from napari_advseg.progress import BlockDone
from napari_advseg.proofreading.editing import edits
from napari_advseg.proofreading.editing.proof import Proof, open_proof
from napari_advseg.proofreading.finding.followed import FollowedScore
from napari_advseg.proofreading.finding.proposals import propose
from napari_advseg.proofreading.finding.queue import by_evidence, by_truth, reject, still
from napari_advseg.volume.frame import Frame
from napari_advseg.volume.volume import Volume

FRAME = Frame("zyx", (40.0, 4.0, 6.0), ("nanometer",) * 3)
SIDE = 16


def tissue(sections=3, rows=3, columns=4):
    """Truth of square cells, and a map with a wall of two pixels between them."""
    ids = np.arange(1, rows * columns + 1).reshape(1, rows, columns)
    truth = ids.repeat(SIDE, 1).repeat(SIDE, 2).repeat(sections, 0)
    interior_map = np.full(truth.shape, 0.95, np.float32)
    for axis in (1, 2):
        at = np.arange(truth.shape[axis]) % SIDE
        wall = np.isin(at, (0, SIDE - 1))
        interior_map[(slice(None),) * axis + (wall,)] = 0.1
    return truth, interior_map


def wrong(truth, *, gaps=False):
    """Cell 1 cut in two, cells 6 and 7 joined, and perhaps lines of 0 between all."""
    labels = truth.copy()
    labels[:, : SIDE // 2, :SIDE] = 90
    labels[labels == 7] = 6
    if gaps:
        labels[:, ::SIDE] = 0
        labels[:, SIDE // 2, :SIDE] = 0
        labels[:, :, ::SIDE] = np.where(labels[:, :, ::SIDE] == 6, 6, 0)
    return labels


def proof_of(labels):
    return Proof(Volume(labels, FRAME, kind="labels"))


@pytest.mark.parametrize("gaps", [False, True])
def test_without_a_truth_the_weak_wall_and_the_divided_object_come_first(gaps):
    truth, interior_map = tissue()
    proof = proof_of(wrong(truth, gaps=gaps))
    reports = []
    found = drain(by_evidence(proof, interior_map), reports.append)
    assert [one.done for one in reports if isinstance(one, BlockDone)] == [1, 2, 3]
    first = {one.action: one for one in reversed(found)}
    assert {(one.action, one.labels) for one in found[:2]} == {("merge", (1, 90)), ("split", (6,))}
    assert found[1].worth > 2 * max(one.worth for one in found[2:])
    for item in first.values():
        proof.do(propose(proof, item, interior_map).step)
    labels = proof.labels[...]
    assert labels[0, 2, 2] == labels[2, 14, 2]
    assert labels[1, 20, 24] != labels[1, 20, 40]


def test_with_a_truth_following_the_queue_ends_at_nothing_wrong():
    truth, _ = tissue()
    proof = proof_of(wrong(truth))
    followed = FollowedScore(proof, Volume(truth, FRAME), border=0)
    for _ in range(9):
        sites = locate(proof.volume, Volume(truth, FRAME), by="volume", border=0).sites
        items = by_truth(proof, sites)
        if not items:
            break
        before = followed.values.voi
        proposal = propose(proof, items[0], followed=followed)
        assert followed.values.voi == before
        proof.do(proposal.step)
        assert proposal.gain == pytest.approx(before - followed.values.voi)
        assert items[0].worth == pytest.approx(proposal.gain)
    assert followed.values.voi == 0.0
    assert len(proof.steps) == 2


def test_what_was_rejected_or_locked_does_not_come_back(tmp_path):
    truth, interior_map = tissue()
    base = Volume(wrong(truth), FRAME, kind="labels")
    proof = open_proof(base, tmp_path / "cells.proofreading")
    first = drain(by_evidence(proof, interior_map))[0]
    reject(proof, first)
    proof.do(edits.mark(proof, ids=[6]))
    proof.close()
    again = open_proof(base, tmp_path / "cells.proofreading")
    left = drain(by_evidence(again, interior_map))
    assert first not in left
    assert not [one for one in left if 6 in one.labels]
    again.close()


def test_what_lies_in_reviewed_boxes_is_not_listed():
    truth, interior_map = tissue()
    proof = proof_of(wrong(truth))
    found = drain(by_evidence(proof, interior_map))
    merge, split = (next(one for one in found if one.action == what) for what in ("merge", "split"))
    proof.do(edits.review(proof, np.s_[:, : SIDE // 2, :]))
    assert still(proof, merge) == merge  # one of its places lies outside
    proof.do(edits.review(proof, np.s_[:, :SIDE, :SIDE]))
    assert still(proof, merge) is None
    assert still(proof, split) == split
    left = drain(by_evidence(proof, interior_map))
    assert split in left
    assert merge not in left
    proof.do(edits.review(proof, np.s_[:, :, :]))
    assert not drain(by_evidence(proof, interior_map))
    proof.undo()
    proof.undo()
    assert merge in drain(by_evidence(proof, interior_map))


def test_an_item_that_is_no_more_is_refused():
    truth, interior_map = tissue()
    proof = proof_of(wrong(truth))
    items = drain(by_evidence(proof, interior_map))
    merge = next(one for one in items if one.labels == (1, 90))
    proof.do(edits.delete(proof, ids=[90]))
    with pytest.raises(ValueError, match="ask for the queue again"):
        propose(proof, merge)


def test_a_map_of_another_shape_is_refused():
    truth, interior_map = tissue()
    with pytest.raises(ValueError, match="does not lie on labels"):
        drain(by_evidence(proof_of(truth), interior_map[:2]))


def test_a_single_section_has_a_queue():
    truth, interior_map = tissue(sections=1)
    proof = Proof(Volume(wrong(truth)[0], Frame("yx"), kind="labels"))
    found = drain(by_evidence(proof, interior_map[0]))
    assert {(one.action, one.labels) for one in found[:2]} == {("merge", (1, 90)), ("split", (6,))}
    assert len(found[0].points[0]) == 2
    proof.do(propose(proof, found[0], interior_map[0]).step)


def test_nothing_wrong_is_an_empty_queue_with_a_truth():
    truth, _ = tissue()
    assert by_truth(proof_of(truth), locate(truth, truth, by="volume").sites) == []
