"""What is decided in proofreading, without a window: in any order of clicks, answers and keys the labels are those
of a plain array, and an answer that comes late decides nothing.
"""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from napari_advseg.proofreading.editing import edits
from napari_advseg.proofreading.editing.modes import ON_CLICK, step_of
from napari_advseg.proofreading.editing.proof import Proof
from napari_advseg.proofreading.finding.proposals import propose
from napari_advseg.proofreading.finding.queue import Item, waiting
from napari_advseg.proofreading.state import (
    LOOK,
    Done,
    Missed,
    Overtaken,
    Proofreading,
    Refused,
    Rejected,
    Unchanged,
    Unsaved,
)
from napari_advseg.proofreading.store.overlay import IDS
from napari_advseg.proofreading.store.records import Edit, Grid, masked
from napari_advseg.volume.frame import Frame
from napari_advseg.volume.refusals import Unwritable
from napari_advseg.volume.volume import Volume

SHAPE = (2, 6, 8)
FULL = "The disk is full; free some space."
places = st.tuples(*(st.integers(0, length - 1) for length in SHAPE))
pick = st.integers(0, 99)


def proof_of(seed, write=lambda _: None):
    """Objects of 2 x 2 pixels and more, some of them 0."""
    coarse = np.random.default_rng(seed).integers(0, 5, (2, 3, 4))
    labels = np.kron(coarse, np.ones((1, 2, 2), np.uint32)).astype(np.uint32)
    return Proof(Volume(labels, Frame("zyx", (40.0, 4.0, 6.0)), kind="labels"), write=write)


class Deciding(RuleBasedStateMachine):
    """A proofreader beside a list of plain arrays, and threads whose answers come in any order."""

    @initialize(seed=st.integers(0, 99))
    def begin(self, seed):
        self.proof = proof_of(seed)
        self.state = Proofreading(self.proof)
        self.arrays, self.at = [np.asarray(self.proof.labels[...])], 0
        self.looks_at = None  # a list of places, or an item
        self.answers, self.settled = [], {}

    def expect_done(self, outcome, item=None):
        """A step was done: the labels are those that it makes of a plain array."""
        assert isinstance(outcome, Done)
        assert outcome.how == "done"
        assert outcome.settled == (() if item is None else (item,))
        after = self.arrays[self.at].copy()
        outcome.step.apply(after)
        self.settled[outcome.step.time, len(self.proof.steps)] = item
        del self.arrays[self.at + 1 :]
        self.arrays.append(after)
        self.at += 1

    def expect_decided(self, outcome, item):
        if isinstance(outcome, Done):
            self.expect_done(outcome, item)
        else:
            assert isinstance(outcome, Refused)
        self.looks_at = None

    @rule(mode=st.sampled_from([LOOK, "paint", *ON_CLICK]))
    def turn(self, mode):
        self.state.turn(mode)
        self.looks_at = None

    @rule(place=places, is_next=st.booleans())
    def click(self, place, is_next):
        may = self.state.mode in ON_CLICK
        assert self.state.click(place, is_next=is_next) == may
        if may:
            is_more = isinstance(self.looks_at, list) and not ON_CLICK[self.state.mode].is_single
            self.looks_at = [*(self.looks_at if is_more else []), place]
            assert not self.state.is_wanted

    @rule(one=places, other=places)
    def reach(self, one, other):
        labels = [int(self.arrays[self.at][place]) for place in (one, other)]
        action = "merge" if labels[0] != labels[1] else "split"
        self.looks_at = Item(action, tuple(dict.fromkeys(labels)), (one, other), 0.5)
        self.state.reach(self.looks_at)

    @rule()
    def reach_the_end(self):
        self.state.reach(None)
        self.looks_at = None

    @precondition(lambda self: self.state.question is not None)
    @rule()
    def prepare(self):
        """A thread works on what is asked now; what it finds is told later."""
        question = self.state.question
        try:
            if question.item is not None:
                made = propose(self.proof, question.item)
            elif ON_CLICK[question.mode].is_enough(question.clicks):
                made = step_of(question.mode, self.proof, question.clicks)
            else:
                made = None
            self.answers.append((question, made, ""))
        except ValueError as why:
            self.answers.append((question, None, str(why)))

    @precondition(lambda self: self.answers)
    @rule(which=pick)
    def tell(self, which):
        question, made, why = self.answers[which % len(self.answers)]
        is_asked, item = question is self.state.question, self.state.item
        is_wanted = self.state.is_wanted
        before = self.state.pending
        outcome = self.state.miss(question, why) if why else self.state.take(question, made)
        if not is_asked:
            assert isinstance(outcome, Unchanged)
            assert self.state.pending is before
        elif why:
            assert outcome == (Refused(why) if item is None else Missed(item, why))
            self.looks_at = None
        elif is_wanted and made is not None:
            self.expect_decided(outcome, item)
        else:
            assert isinstance(outcome, Unchanged)
            assert (self.state.pending is None) == (made is None)

    @rule()
    def accept(self):
        pending, item = self.state.pending, self.state.item
        outcome = self.state.accept()
        if pending is None:
            assert isinstance(outcome, Unchanged)
            assert self.state.is_wanted == (self.looks_at is not None)
        else:
            self.expect_decided(outcome, item)

    @rule()
    def reject(self):
        item = self.state.item
        outcome = self.state.reject()
        if item is None:
            assert isinstance(outcome, Unchanged)
        else:
            assert outcome == Rejected(item)
            assert waiting(self.proof, [item]) == []
            self.looks_at = None

    @rule()
    def drop(self):
        self.state.drop()
        self.looks_at = None

    @rule(is_redo=st.booleans())
    def turn_back(self, is_redo):
        to = self.at + (1 if is_redo else -1)
        outcome = self.state.redo() if is_redo else self.state.undo()
        self.looks_at = None
        if not 0 <= to < len(self.arrays):
            assert isinstance(outcome, Unchanged)
            return
        item = self.settled[outcome.step.time, max(self.at, to)]
        assert outcome.how == ("done again" if is_redo else "taken back")
        assert outcome.settled == (() if item is None else (item,))
        self.at = to

    @rule(corner=places, label=st.integers(0, 6), size=st.integers(1, 3))
    def paint(self, corner, label, size):
        """A brush paints while something else is looked at."""
        window = tuple(slice(k, min(n, k + size)) for k, n in zip(corner, SHAPE, strict=True))
        old = self.arrays[self.at][window]
        asked = self.state.question
        edit = Edit((masked(Grid(SHAPE, IDS), window, None, old, label),))
        for outcome in self.state.paint(edit):
            if isinstance(outcome, Done):
                self.expect_done(outcome)
                assert self.state.question is not asked or asked is None
                assert self.state.pending is None
            else:
                assert isinstance(outcome, Refused)
                self.looks_at = None

    @rule(section=st.integers(0, SHAPE[0] - 1))
    def review(self, section):
        window = (slice(section, section + 1), slice(0, SHAPE[1]), slice(0, SHAPE[2]))
        was_reviewed = bool(np.asarray(self.proof.reviewed.array[window]).all())
        outcome = self.state.review(window)
        self.expect_done(outcome)
        if not was_reviewed:
            assert np.asarray(self.proof.reviewed.array[window]).all()

    @rule()
    def end_and_begin(self):
        """After a restart the steps are there; what was looked at is forgotten."""
        again = Proof(self.proof.base)
        again.restore(self.proof.steps, self.proof.notes)
        self.proof, self.state = again, Proofreading(again)
        self.looks_at = None
        self.settled = dict.fromkeys(self.settled)
        del self.arrays[self.at + 1 :]

    @invariant()
    def labels_are_those_of_the_array(self):
        np.testing.assert_array_equal(self.proof.labels[...], self.arrays[self.at])

    @invariant()
    def one_thing_is_looked_at(self):
        state = self.state
        assert state.item is (self.looks_at if isinstance(self.looks_at, Item) else None)
        clicked = self.looks_at if isinstance(self.looks_at, list) else []
        assert [click.point for click in state.clicks] == clicked
        assert not state.clicks or state.question.mode == state.mode

    @invariant()
    def what_is_pending_belongs_to_it(self):
        state = self.state
        assert state.pending is None or state.question is not None
        assert state.proposal is None or state.pending is state.proposal.step
        assert not state.is_wanted or (state.question is not None and state.pending is None)


@pytest.mark.parametrize("examples", [30, pytest.param(400, marks=pytest.mark.slow)])
def test_in_any_order_the_labels_are_those_of_an_array_and_one_thing_is_decided(examples):
    run_state_machine_as_test(
        Deciding, settings=settings(max_examples=examples, stateful_step_count=40, deadline=None)
    )


@pytest.fixture
def clicked():
    """Two objects clicked, and the step that joins them."""
    state = Proofreading(proof_of(1))
    labels = np.asarray(state.proof.labels[0])
    one = tuple(map(int, np.argwhere(labels != 0)[0]))
    other = tuple(map(int, np.argwhere((labels != 0) & (labels != labels[one]))[0]))
    state.turn("merge")
    for place in (one, other):
        state.click((0, *place))
    return state


def ready(state):
    state.take(state.question, step_of(state.mode, state.proof, state.clicks))
    return state


def test_labels_changed_by_others_overtake_what_is_pending_and_it_is_asked_anew():
    state = Proofreading(proof_of(1))
    place = tuple(map(int, np.argwhere(np.asarray(state.proof.labels[...]))[0]))
    state.turn("new")
    state.click(place)
    asked = ready(state).question
    window = tuple(slice(k, k + 1) for k in place)
    state.proof.do(edits.paint(state.proof, window, None, 99))
    assert isinstance(state.accept(), Overtaken)
    assert state.question is not asked
    assert state.clicks == asked.clicks
    assert isinstance(ready(state).accept(), Done)


@pytest.mark.parametrize("deed", ["accept", "undo", "reject"])
def test_what_cannot_be_put_on_disk_changes_nothing(deed, clicked):
    ready(clicked).accept()
    before = np.asarray(clicked.proof.labels[...])

    def full(_records):
        raise Unwritable(FULL)

    clicked.proof._write = full
    item = Item("merge", (1, 2), ((0, 0, 0), (0, 5, 7)), 1.0)
    clicked.reach(item)
    clicked.take(clicked.question, edits.delete(clicked.proof, ids=[int(before.max())]))
    assert getattr(clicked, deed)() == Unsaved(FULL)
    np.testing.assert_array_equal(clicked.proof.labels[...], before)
    assert len(clicked.proof.steps) == 1
