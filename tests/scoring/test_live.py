"""Scores that follow edits are, to the last bit, those of labels scored anew."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from napari_advseg import score
from napari_advseg.scoring.measures.instances import scored_table
from napari_advseg.scoring.measures.live import LiveScore, Values
from napari_advseg.scoring.table.contingency import Contingency, contingency, tabulate

SHAPE = (2, 5, 6)
# The last three are equal modulo 2^32.
IDS = np.array([0, 1, 2, 3, 2**32 + 3, 2**63 + 3], np.uint64)
labels_ = arrays(np.intp, SHAPE, elements=st.integers(0, len(IDS) - 1)).map(IDS.__getitem__)
objects = st.sampled_from([int(k) for k in IDS[1:]])
boxes = st.tuples(*(st.tuples(st.integers(0, n - 1), st.integers(1, n)) for n in SHAPE)).map(
    lambda box: tuple(slice(min(ends), max(*ends, min(ends) + 1)) for ends in box)
)


def pairs(table):
    return list(
        zip(table.predicted.tolist(), table.truth.tolist(), table.counts.tolist(), strict=True)
    )


class Editing(RuleBasedStateMachine):
    """A user who merges, splits, paints and takes back, beside arrays that are scored anew."""

    @initialize(
        labels=labels_,
        truth=labels_,
        boundary=st.sampled_from(["count", "ignore"]),
        zero=st.sampled_from(["boundary", "background"]),
        rand=st.sampled_from(["cremi", "snemi", "scikit-image"]),
    )
    def begin(self, labels, truth, **chosen):
        self.labels, self.truth = labels, truth
        self.chosen = {**chosen, "border": 0, "by": "volume"}
        self.live = LiveScore(tabulate(labels, truth), **self.chosen)
        self.done = []

    def edited(self, labels, change):
        self.done.append((self.labels, change))
        self.labels = labels

    @rule(a=objects, b=objects)
    def merge(self, a, b):
        gain, before = self.live.gain_of_merge(a, b), self.live.values.voi
        change = self.live.merge(a, b)
        assert gain == before - self.live.values.voi
        self.edited(np.where(self.labels == b, np.uint64(a), self.labels), change)

    @rule(label=objects, new=objects, box=boxes)
    def split(self, label, new, box):
        inside = np.zeros(SHAPE, bool)
        inside[box] = True
        inside &= self.labels == label
        change = self.live.split(label, new, self.truth[inside])
        self.edited(np.where(inside, np.uint64(new), self.labels), change)

    @rule(box=boxes, paint=labels_)
    def repaint(self, box, paint):
        after = self.labels.copy()
        after[box] = paint[box]
        change = self.live.repaint(self.labels[box], after[box], self.truth[box])
        self.edited(after, change)

    @precondition(lambda self: self.done)
    @rule()
    def undo(self):
        self.labels, change = self.done.pop()
        self.live.undo(change)

    @precondition(lambda self: self.done)
    @rule()
    def paint_back(self):
        """The way back by pixels, without the change."""
        before, _ = self.done.pop()
        self.live.repaint(self.labels, before, self.truth)
        self.labels = before

    @invariant()
    def equal_to_recomputing(self):
        if not hasattr(self, "live"):
            return
        anew = LiveScore(contingency(self.labels, self.truth), **self.chosen)
        assert pairs(self.live.table) == pairs(anew.table)
        assert self.live.values == anew.values
        for convention in ("cremi", "snemi", "scikit-image"):
            assert self.live.adapted_rand_error(convention) == anew.adapted_rand_error(convention)
        measured = score(self.labels, self.truth, **self.chosen)
        assert self.live.values == of_score(measured)


def of_score(measured):
    return Values(**{name: getattr(measured, name) for name in Values.__dataclass_fields__})


def test_any_edits_leave_what_recomputing_gives():
    run_state_machine_as_test(
        Editing, settings=settings(max_examples=30, stateful_step_count=20, deadline=None)
    )


def test_a_thousand_merges_and_splits_undone_leave_the_same_bits():
    rng = np.random.default_rng(0)
    labels, truth = rng.integers(1, 60, (2, 40, 40)).astype(np.uint64)
    live = LiveScore(contingency(labels, truth))
    before, table = live.values, pairs(live.table)
    changes = []
    for _ in range(500):
        changes.append(live.merge(*rng.integers(1, 60, 2)))
        rows = live.table
        k = int(rng.integers(len(rows.counts)))
        part = np.full(int(rng.integers(1, rows.counts[k] + 1)), rows.truth[k])
        changes.append(live.split(int(rows.predicted[k]), int(rng.integers(1, 60)), part))
    assert live.values != before
    for change in reversed(changes):
        live.undo(change)
    assert live.values == before
    assert pairs(live.table) == table


@given(labels_, labels_, st.sampled_from(["thin", "ignore", "count"]), st.integers(0, 1))
@settings(deadline=None, max_examples=25)
def test_a_new_one_shows_the_score_of_the_volume(labels, truth, boundary, border):
    chosen = {"boundary": boundary, "border": border, "by": "volume"}
    live = LiveScore(scored_table(labels, truth, **chosen), **chosen)
    assert live.values == of_score(score(labels, truth, **chosen))


@given(labels_, labels_, objects, objects)
@settings(deadline=None, max_examples=20)
def test_a_merge_is_the_same_before_and_after_growing(labels, truth, a, b):
    live = LiveScore(scored_table(labels, truth, border=0))
    live.merge(a, b)
    joined = np.where(labels == b, np.uint64(a), labels)
    assert live.values == of_score(score(joined, truth, by="volume", border=0))


def test_two_halves_of_an_object_gain_their_bit():
    truth = np.ones((2, 8), int)
    labels = np.repeat([[1], [2]], 8, axis=1)
    live = LiveScore(contingency(labels, truth))
    assert live.gain_of_merge(1, 2) == 1.0
    live.merge(1, 2)
    assert live.values == Values(0.0, 0.0, 0.0, 0.0, 0.0, 16)
    assert live.gain_of_merge(1, 2) == 0.0


def test_joining_two_objects_loses():
    truth = np.repeat([[1], [2]], 8, axis=1)
    assert LiveScore(contingency(truth, truth)).gain_of_merge(2, 1) == -1.0


def test_pixels_that_are_not_scored_change_nothing():
    truth = np.array([[1, 1, 0, 2]])
    labels = np.array([[5, 5, 5, 6]])
    live = LiveScore(contingency(labels, truth))
    before = live.values
    live.repaint(labels[:, 2:3], np.array([[9]]), truth[:, 2:3])
    live.repaint(labels[:, 3:], np.array([[9]]), truth[:, 3:], keep=np.array([[False]]))
    assert live.values == before
    assert before.scored == 3


def test_a_label_without_scored_pixels_may_be_merged():
    live = LiveScore(contingency(np.array([1, 2]), np.array([1, 1])))
    before = live.values
    for change in (live.merge(1, 7), live.merge(8, 8), live.merge(9, 10)):
        assert change.removed.total == change.added.total == 0
    assert live.values == before
    live.merge(7, 1)
    assert pairs(live.table) == [(2, 1, 1), (7, 1, 1)]


@pytest.mark.parametrize("edit", ["merge", "gain_of_merge"])
class TestNoObject:
    def test_the_boundary_is_not_merged(self, edit):
        live = LiveScore(contingency(np.array([0, 2]), np.array([1, 1])))
        with pytest.raises(ValueError, match=r"Label 0 .* repaint"):
            getattr(live, edit)(0, 2)

    @pytest.mark.parametrize("wrong", [-1, 2**64])
    def test_what_is_no_id_is_refused(self, edit, wrong):
        live = LiveScore(contingency(np.array([1, 2]), np.array([1, 1])))
        before = live.values
        with pytest.raises(ValueError, match="is no id"):
            getattr(live, edit)(wrong, 2)
        assert live.values == before


def test_background_is_merged_where_it_is_an_object():
    live = LiveScore(contingency(np.array([0, 2]), np.array([0, 0])), zero="background")
    live.merge(0, 2)
    assert (live.values.voi, live.values.scored) == (0.0, 2)


class TestStale:
    def live(self):
        return LiveScore(contingency(np.array([1, 1, 2]), np.array([1, 1, 1])))

    def test_pixels_that_are_not_there_are_refused_and_nothing_changes(self):
        live = self.live()
        table, before = pairs(live.table), live.values
        with pytest.raises(ValueError, match=r"3 pixels of label 2 .* knows 1; make it anew"):
            live.repaint(np.array([2, 2, 2]), np.array([1, 3, 3]), np.array([1, 1, 1]))
        assert (pairs(live.table), live.values) == (table, before)

    def test_an_unknown_label_is_refused(self):
        with pytest.raises(ValueError, match="label 9 over true label 1"):
            self.live().split(9, 1, np.array([1]))

    def test_shapes_that_differ_are_refused(self):
        with pytest.raises(ValueError, match=r"\(2,\).*\(1,\)"):
            self.live().repaint(np.array([1, 1]), np.array([2, 2]), np.array([1]))

    def test_fractions_are_refused(self):
        with pytest.raises(ValueError, match="no id"):
            self.live().repaint(np.array([1.5]), np.array([2.0]), np.array([1]))


def test_no_pixels_at_all():
    live = LiveScore(Contingency.empty())
    assert live.values == Values(0.0, 0.0, 0.0, 0.0, 0.0, 0)
    change = live.repaint(np.zeros(0, int), np.zeros(0, int), np.zeros(0, int))
    live.undo(change)
    assert live.values.scored == 0


def test_an_unknown_setting_is_named():
    with pytest.raises(ValueError, match="no setting bordr"):
        LiveScore(Contingency.empty(), bordr=1)
