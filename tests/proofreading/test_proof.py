"""Edits, undone and redone in any order with restarts between: labels, ids and scores are those of plain arrays."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)

from napari_advseg.proofreading.editing import edits
from napari_advseg.proofreading.editing.boxes import size
from napari_advseg.proofreading.editing.proof import Proof, Stale, open_proof
from napari_advseg.proofreading.finding.followed import FollowedScore
from napari_advseg.scoring import LiveScore, scored_table
from napari_advseg.volume.frame import Frame
from napari_advseg.volume.volume import Volume

IDS = np.array([0, 1, 2, 3, 2**32 + 3, 2**63 + 3], np.uint64)
points = st.tuples(*(st.integers(0, 99) for _ in range(3)))
pick = st.integers(0, 99)


class Proofreading(RuleBasedStateMachine):
    """A proofreader beside plain arrays: one whole copy for each step."""

    @initialize(
        seed=st.integers(0, 99),
        flat=st.booleans(),
        scoring=st.fixed_dictionaries(
            {
                "boundary": st.sampled_from(["thin", "count", "ignore"]),
                "zero": st.sampled_from(["boundary", "background"]),
                "border": st.integers(0, 1),
            }
        ),
    )
    def begin(self, seed, flat, scoring):
        draw = np.random.default_rng(seed)
        shape = (9, 11) if flat else (3, 7, 8)
        coarse = draw.integers(0, len(IDS), [-(-n // 2) for n in shape])
        labels = IDS[np.kron(coarse, np.ones((2,) * len(shape), int))[tuple(map(slice, shape))]]
        self.truth = draw.integers(0, 4, shape).repeat(2, axis=-1)[..., : shape[-1]]
        self.folder = Path(tempfile.mkdtemp())
        axes = "zyx"[3 - len(shape) :]
        self.base = Volume(labels, Frame(axes, (40.0, 4.0, 6.0)[3 - len(shape) :]), kind="labels")
        self.before = labels.copy()
        self.scoring = scoring
        self.states = [(labels.copy(), frozenset(), np.zeros(shape, bool))]
        self.at = 0
        self.open()

    def open(self):
        self.proof = open_proof(self.base, self.folder / "cells.proofreading", author="Ada")
        self.score = FollowedScore(self.proof, self.truth, **self.scoring)

    @property
    def labels(self):
        return self.states[self.at][0]

    @property
    def locked(self):
        return self.states[self.at][1]

    @property
    def seen(self):
        """What lies in reviewed boxes."""
        return self.states[self.at][2]

    def point(self, drawn):
        shape = self.labels.shape
        return tuple(k % n for k, n in zip(drawn[-len(shape) :], shape, strict=True))

    def did(self, labels, locked=None, seen=None):
        del self.states[self.at + 1 :]
        locked = self.locked if locked is None else frozenset(locked)
        self.states.append((labels, locked, self.seen if seen is None else seen))
        self.at += 1

    def attempt(self, make, *arguments, **named):
        """The step where it may be done; what is refused changes nothing."""
        try:
            step = make(self.proof, *arguments, **named)
        except ValueError:
            return None
        return self.proof.do(step, "why not")

    @rule(one=points, other=points, third=points)
    def merge(self, one, other, third):
        where = [self.point(p) for p in (one, other, third)]
        ids = [int(self.labels[p]) for p in where]
        step = self.attempt(edits.merge, points=where)
        may = 0 not in ids and len(set(ids)) > 1 and not self.locked & set(ids)
        assert (step is not None) == may
        if step:
            self.did(
                np.where(
                    np.isin(self.labels, np.array(ids, np.uint64)), np.uint64(ids[0]), self.labels
                )
            )

    @rule(one=points, other=points)
    def split(self, one, other):
        where = [self.point(p) for p in (one, other)]
        step = self.attempt(edits.split, [[where[0]], [where[1]]])
        if step:
            label = self.labels[where[0]]
            found = self.proof.labels[...]
            changed = found != self.labels
            assert label == self.labels[where[1]]
            assert found[where[0]] != found[where[1]]
            assert (self.labels[changed] == label).all()
            assert set(np.unique(found[changed])) == {step.ids[1]}
            assert step.ids[1] not in self.labels
            self.did(found)

    @rule(corner=points, other=points, label=st.integers(0, 6), only_empty=st.booleans())
    def paint(self, corner, other, label, only_empty):
        ends = zip(self.point(corner), self.point(other), strict=True)
        window = tuple(slice(min(pair), max(pair) + 1) for pair in ends)
        value = int([*IDS, 77][label])
        wanted = self.labels.copy()
        part = wanted[window]
        may = ~np.isin(part, np.array(sorted(self.locked), np.uint64))
        part[may & ((part == 0) | (not only_empty))] = value
        step = self.attempt(edits.paint, window, None, value, only_empty=only_empty)
        if step:
            self.did(wanted)
        else:
            assert value in self.locked or np.array_equal(wanted, self.labels)

    @rule(one=points)
    def delete(self, one):
        where = self.point(one)
        label = int(self.labels[where])
        step = self.attempt(edits.delete, points=[where])
        assert (step is not None) == (label != 0 and label not in self.locked)
        if step:
            self.did(np.where(self.labels == label, np.uint64(0), self.labels))

    @rule(one=points, in_section=st.booleans())
    def fill(self, one, in_section):
        where = self.point(one)
        step = self.attempt(edits.fill, where, in_section=in_section)
        if step:
            found = self.proof.labels[...]
            assert (self.labels[found != self.labels] == 0).all()
            assert found[where] == step.ids[0] != 0
            self.did(found)

    @rule(one=points)
    def renew(self, one):
        where = self.point(one)
        step = self.attempt(edits.renew, where)
        if step:
            found = self.proof.labels[...]
            assert set(self.labels[found != self.labels]) == {self.labels[where]}
            self.did(found)

    @rule(one=points)
    def mark(self, one):
        label = int(self.labels[self.point(one)])
        if self.attempt(edits.mark, ids=[label]):
            self.did(self.labels, self.locked | {label})

    @rule(one=points)
    def unmark(self, one):
        label = int(self.labels[self.point(one)])
        if self.attempt(edits.unmark, ids=[label]):
            self.did(self.labels, self.locked - {label})

    @rule(corner=points, other=points, is_seen=st.booleans())
    def review(self, corner, other, is_seen):
        ends = zip(self.point(corner), self.point(other), strict=True)
        window = tuple(slice(min(pair), max(pair) + 1) for pair in ends)
        step = self.attempt(edits.review if is_seen else edits.unreview, window)
        changes = not self.seen[window].all() if is_seen else self.seen[window].any()
        assert (step is not None) == changes
        if step:
            seen = self.seen.copy()
            seen[window] = is_seen
            self.did(self.labels, seen=seen)

    @rule(times=st.integers(1, 9))
    def undo(self, times):
        for _ in range(times):
            assert (self.proof.undo() is not None) == (self.at > 0)
            self.at = max(0, self.at - 1)

    @rule(times=st.integers(1, 9))
    def redo(self, times):
        for _ in range(times):
            assert (self.proof.redo() is not None) == (self.at + 1 < len(self.states))
            self.at = min(len(self.states) - 1, self.at + 1)

    @rule()
    def restart(self):
        self.proof.close()
        self.open()

    @invariant()
    def all_is_as_in_plain_arrays(self):
        if not hasattr(self, "proof"):
            return
        np.testing.assert_array_equal(self.proof.labels[...], self.labels)
        np.testing.assert_array_equal(self.base.array, self.before)
        assert self.proof.locked == set(self.locked)
        reviewed = self.seen | np.isin(self.labels, np.array(sorted(self.locked), np.uint64))
        np.testing.assert_array_equal(self.proof.reviewed.numpy(), reviewed)
        assert size(self.proof.boxes) == self.seen.sum()
        anew = LiveScore(scored_table(self.labels, self.truth, **self.scoring), **self.scoring)
        assert self.score.problem == ""
        assert self.score.values == anew.values
        assert self.score.curve[-1].values == anew.values

    def teardown(self):
        if hasattr(self, "proof"):
            self.proof.close()
            shutil.rmtree(self.folder)


@pytest.fixture
def proof():
    """Objects 1 to 4 in a section of 2 x 3 pixels, kept nowhere."""
    labels = np.array([[1, 1, 2], [3, 4, 4]], np.uint32)
    return Proof(Volume(labels, Frame("yx", (4.0, 6.0)), kind="labels"))


def test_a_mark_that_is_taken_back_locks_nothing_and_locks_when_done_again(proof):
    proof.do(edits.mark(proof, ids=[2]))
    assert proof.locked == {2}
    proof.undo()
    assert proof.locked == set()
    proof.do(edits.merge(proof, ids=[1, 2]))
    proof.undo()
    proof.do(edits.mark(proof, ids=[2, 3]))
    proof.do(edits.unmark(proof, ids=[3]))
    proof.undo()
    assert proof.locked == {2, 3}
    proof.redo()
    assert proof.locked == {2}


@pytest.mark.parametrize(
    "prepare",
    [
        lambda proof: edits.merge(proof, ids=[1, 2]),
        lambda proof: edits.delete(proof, ids=[2]),
        lambda proof: edits.paint(proof, (slice(0, 1), slice(1, 3)), None, 1),
        lambda proof: edits.paint(proof, (slice(0, 1), slice(0, 1)), None, 2),
        lambda proof: edits.mark(proof, ids=[2]),
    ],
    ids=["merge", "delete", "paint over", "paint with", "mark"],
)
def test_an_edit_that_was_prepared_before_a_mark_is_refused_after_it(proof, prepare):
    step, before = prepare(proof), proof.labels[...]
    proof.do(edits.mark(proof, ids=[2]))
    with pytest.raises(ValueError, match="Object 2 is marked as correct"):
        proof.do(step)
    np.testing.assert_array_equal(proof.labels[...], before)
    assert [one.operation for one in proof.steps] == ["mark"]


def test_an_edit_of_voxels_that_changed_since_is_refused(proof):
    window = (slice(0, 1), slice(1, 3))
    step = edits.paint(proof, window, None, 3)
    proof.do(edits.paint(proof, (slice(0, 1), slice(2, 3)), None, 4))
    with pytest.raises(Stale, match="prepare it again"):
        proof.do(step)
    assert proof.labels[...].tolist() == [[1, 1, 4], [3, 4, 4]]


@pytest.mark.parametrize("examples", [8, pytest.param(50, marks=pytest.mark.slow)])
def test_edits_in_any_order_leave_what_plain_arrays_hold(examples):
    run_state_machine_as_test(
        Proofreading,
        settings=settings(max_examples=examples, stateful_step_count=20, deadline=None),
    )
