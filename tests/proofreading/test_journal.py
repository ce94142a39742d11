"""Journals: what is replayed is what was painted, wherever it was cut off."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from napari_advseg.proofreading.store import journal as journals
from napari_advseg.proofreading.store import log as log_file
from napari_advseg.proofreading.store.journal import Journal, differences, leave_out, look
from napari_advseg.proofreading.store.log import logs_in, read_log
from napari_advseg.proofreading.store.records import KINDS, Edit, Grid, masked
from napari_advseg.volume.formats.files import read
from napari_advseg.volume.frame import Frame
from napari_advseg.volume.refusals import Unreadable, Unwritable

SHAPE = (2, 5, 6)
FRAME = Frame("zyx", (40.0, 4.0, 6.0), ("nanometer",) * 3, name="cells", history=("painted",))


def stroke(array, z=0, y=slice(1, 3), x=slice(2, 5), value=7):
    """Paint into the array, and the edit that says so."""
    grid = Grid(array.shape, array.dtype)
    window = (slice(z, z + 1), y, x)
    edit = Edit((masked(grid, window, None, array[window].copy(), value),))
    edit.apply(array)
    return edit


def begun(folder, array, session="one"):
    journal = Journal(folder, Grid(array.shape, array.dtype), session)
    journal.write_base(journal.turn(), array, FRAME)
    return journal


class Life(RuleBasedStateMachine):
    """Sessions of painting, undoing, replacing, folding and dying, beside a plain array."""

    @initialize(dtype=st.sampled_from([np.uint8, np.int32, np.uint64]))
    def begin(self, dtype):
        self.folder = Path(tempfile.mkdtemp()) / "cells"
        self.array = np.zeros(SHAPE, dtype)
        self.sessions = 1
        self.done: list[Edit] = []
        self.journal = Journal(self.folder, Grid(SHAPE, self.array.dtype), "1")

    @rule(
        z=st.integers(0, 1),
        y=st.tuples(st.integers(0, 3), st.integers(1, 2)),
        x=st.tuples(st.integers(0, 3), st.integers(1, 3)),
        value=st.integers(0, 255),
    )
    def paint(self, z, y, x, value):
        window = slice(y[0], sum(y)), slice(x[0], sum(x))
        self.done.append(stroke(self.array, z, *window, value))
        self.journal.append([self.done[-1]])

    @precondition(lambda self: self.done)
    @rule()
    def undo(self):
        back = self.done.pop().reverted()
        back.apply(self.array)
        self.journal.append([back])

    @rule(value=st.integers(1, 200), is_finished=st.booleans())
    def replace_all(self, value, is_finished):
        """The layer gets other data; where the kill comes first, the strokes since lie on the old ones."""
        number = self.journal.turn()
        if is_finished:
            self.array[...] = np.arange(self.array.size).reshape(SHAPE) % 3 + value
            self.journal.write_base(number, self.array, FRAME)
            self.done.clear()

    @rule()
    def settle(self):
        self.journal.settle()

    @rule()
    def end_well(self):
        self.journal.fold(FRAME)
        self._again()

    @rule(noise=st.binary(max_size=30), cut=st.booleans())
    def die(self, noise, cut):
        """A kill in the middle of the next record, or of a base."""
        logs = sorted(self.folder.glob("edits-*.journal"))
        edit = log_file.framed(stroke(self.array.copy()))
        if logs and self.journal._log == logs[-1]:
            with logs[-1].open("ab") as file:
                file.write(edit[: len(edit) // 2] if cut else noise)
        partial = self.folder / "labels-000099.ome.zarr.partial"
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir()
        self._again()

    @invariant()
    def replay_is_the_state(self):
        if not hasattr(self, "folder"):
            return
        stored = look(self.folder)
        if stored is None:
            assert not self.array.any()
            return
        np.testing.assert_array_equal(stored.array()[...], self.array)
        assert stored.array().dtype == self.array.dtype
        assert not stored.damaged

    def _again(self):
        self.sessions += 1
        grid = Grid(SHAPE, self.array.dtype)
        self.journal = Journal(self.folder, grid, str(self.sessions))

    def teardown(self):
        if hasattr(self, "folder"):
            shutil.rmtree(self.folder.parent)


TestLife = Life.TestCase
TestLife.settings = settings(deadline=None, max_examples=12, stateful_step_count=12)


@pytest.fixture
def array():
    return np.random.default_rng(0).integers(0, 9, SHAPE).astype(np.int32)


def test_a_record_cut_anywhere_is_dropped_and_those_before_it_stay(tmp_path, array):
    journal = begun(tmp_path, array)
    first = stroke(array)
    journal.append([first])
    kept = array.copy()
    (log,) = tmp_path.glob("*.journal")
    whole = log.stat().st_size
    journal.append([stroke(array, value=99)])
    content = log.read_bytes()
    for end in range(whole, len(content)):
        log.write_bytes(content[:end])
        stored = look(tmp_path)
        np.testing.assert_array_equal(stored.array()[...], kept)
        assert (stored.logs[0].is_torn, stored.damaged) == (end > whole, 0)


def test_a_journal_cut_in_its_heading_counts_for_nothing(tmp_path, array):
    journal = begun(tmp_path, array)
    before = array.copy()
    journal.append([stroke(array)])
    (log,) = tmp_path.glob("*.journal")
    for end in (0, 3, 20):
        log.write_bytes(log.read_bytes()[:end])
        np.testing.assert_array_equal(look(tmp_path).array()[...], before)


def test_damage_in_the_middle_costs_only_the_edit_it_hit_and_is_told(tmp_path, array):
    journal = begun(tmp_path, array)
    for value in (20, 30, 40):
        journal.append([stroke(array, z=value == 40, value=value)])
    (log,) = tmp_path.glob("*.journal")
    content = bytearray(log.read_bytes())
    starts = [k for k in range(len(content)) if content.startswith(log_file.MARK, k)]
    for at in (starts[1], starts[1] + 6, starts[1] + 15, starts[2] - 1):
        spoilt = content.copy()
        spoilt[at] ^= 0xFF
        log.write_bytes(spoilt)
        stored = look(tmp_path)
        assert (stored.damaged, len(stored.logs[0].records)) == (1, 2)
        found = stored.array()
        assert (found[0, 1:3, 2:5] == 20).all()
        assert (found[1, 1:3, 2:5] == 40).all()


def test_a_base_is_written_while_the_array_is_painted_on(tmp_path):
    """The snapshot sees some strokes and not others; the journal says how every voxel ended."""
    array = np.zeros((6, 5, 6), np.int32)
    journal = Journal(tmp_path, Grid(array.shape, array.dtype), "one")

    class Painting:
        shape, dtype = array.shape, array.dtype

        def __getitem__(self, place):
            journal.append([stroke(array, z=z, value=place[0] + 1) for z in (0, 3, 5)])
            return array[place]

    journal.write_base(journal.turn(), Painting(), FRAME)
    assert array.any()
    np.testing.assert_array_equal(look(tmp_path).array()[...], array)


def test_a_base_that_was_stopped_leaves_the_one_before(tmp_path, array):
    journal = begun(tmp_path, array)
    assert journal.write_base(journal.turn(), array + 1, FRAME, stopped=lambda: True) is None
    np.testing.assert_array_equal(look(tmp_path).array()[...], array)
    assert not list(tmp_path.glob("*.partial"))


def history(folder):
    """All records that are kept, oldest first, those that a base has taken in too."""
    return [record for log in logs_in(folder) for record in log.records]


def test_a_fold_keeps_labels_scale_and_history_and_any_program_can_read_it(tmp_path, array):
    journal = begun(tmp_path, array)
    edits = [stroke(array, value=value) for value in (11, 12, 13)]
    journal.append(edits[:2])
    journal.append(edits[2:])
    journal.fold(FRAME)
    stored = look(tmp_path)
    assert stored.logs == ()
    assert [edit.voxels for edit in history(tmp_path)] == [6, 6, 6]
    assert len(list(tmp_path.glob("labels-*"))) == 1
    volume = read(stored.base)
    np.testing.assert_array_equal(volume.numpy(), array)
    assert (volume.frame.scale, volume.frame.units) == (FRAME.scale, FRAME.units)
    assert volume.frame.history == FRAME.history
    assert volume.kind == "labels"
    before = stored.base.stat().st_mtime_ns
    Journal(tmp_path, stored.grid, "two").fold(FRAME)
    assert look(tmp_path).base.stat().st_mtime_ns == before


def test_a_plane_from_which_everything_was_erased_is_there_after_a_fold(tmp_path, array):
    journal = begun(tmp_path, array)
    window = (slice(1, 2), *(slice(0, side) for side in SHAPE[1:]))
    old = array[window].copy()
    array[window] = 0
    journal.append([Edit((masked(journal.grid, window, None, old, 0),))])
    journal.fold(FRAME)
    np.testing.assert_array_equal(read(look(tmp_path).base).numpy(), array)


def test_the_history_can_be_walked_back_to_the_start_over_sessions(tmp_path):
    array = np.zeros(SHAPE, np.int32)
    journal = begun(tmp_path, array)
    for session in range(3):
        journal.append([stroke(array, value=session + 1), stroke(array, z=1, value=session + 5)])
        journal.fold(FRAME)
        journal = Journal(tmp_path, Grid(SHAPE, array.dtype), f"session {session}")
    for edit in reversed(list(history(tmp_path))):
        edit.reverted().apply(array)
    assert not array.any()


def test_a_session_is_left_out_and_nothing_of_it_is_deleted(tmp_path, array):
    journal = begun(tmp_path, array)
    journal.append([stroke(array)])
    before = array.copy()
    later = Journal(tmp_path, Grid(SHAPE, array.dtype), "two")
    later.append([stroke(array, value=50)])
    later.write_base(later.turn(), array + 1, FRAME)
    later.append([stroke(array, value=51)])
    later.settle()
    assert look(tmp_path).edits_of("two") == 1
    files = sorted(path.name for path in tmp_path.iterdir())
    aside = leave_out(tmp_path, "two")
    np.testing.assert_array_equal(look(tmp_path).array()[...], before)
    kept = [p.name for p in tmp_path.iterdir() if p.name != "left-out"]
    assert sorted([*kept, *(path.name for path in aside.iterdir())]) == files


def test_data_of_another_shape_that_was_never_complete_is_told_and_not_mixed_in(tmp_path, array):
    journal = begun(tmp_path, array)
    wider = np.zeros((2, 8, 8), np.int32)
    journal.turn(Grid(wider.shape, wider.dtype))
    journal.append([stroke(wider)])
    stored = look(tmp_path)
    assert stored.strange == 1
    np.testing.assert_array_equal(stored.array()[...], array)


def test_labels_that_became_wider_while_a_base_was_written_keep_their_ids(tmp_path):
    array = np.zeros(SHAPE, np.uint8)
    journal = begun(tmp_path, array)
    wide = array.astype(np.int32)
    journal.turn(Grid(SHAPE, wide.dtype))
    journal.append([stroke(wide, value=70_000)])
    journal.fold(FRAME)
    np.testing.assert_array_equal(look(tmp_path).array()[...], wide)


def test_without_any_base_the_edits_lie_on_what_is_beneath(tmp_path, array):
    journal = Journal(tmp_path, Grid(SHAPE, array.dtype), "one")
    beneath = array.copy()
    journal.append([stroke(array)])
    np.testing.assert_array_equal(look(tmp_path).array(beneath)[...], array)
    assert look(tmp_path).array()[...].sum() == 7 * 6


def test_what_changed_outside_the_journal_is_found(tmp_path, array):
    journal = begun(tmp_path, array)
    assert differences(look(tmp_path).array(), array) is None
    array[1, 4] = 77
    array[0, 0, 0] = 78
    edit = differences(look(tmp_path).array(), array)
    assert edit.voxels == 7
    journal.append([edit])
    np.testing.assert_array_equal(look(tmp_path).array()[...], array)


def test_a_full_disk_loses_nothing_that_was_there_and_the_next_try_starts_clean(
    tmp_path, array, monkeypatch
):
    journal = begun(tmp_path, array)
    journal.append([stroke(array)])
    edit = stroke(array, value=60)
    with monkeypatch.context() as patch:
        patch.setattr(journals, "sync", _full)
        with pytest.raises(Unwritable, match="free some space"):
            journal.append([edit])
    with next(iter(tmp_path.glob("*.journal"))).open("r+b") as file:
        file.truncate(file.seek(0, 2) - 3)  # the half that fitted
    journal.append([edit])
    np.testing.assert_array_equal(look(tmp_path).array()[...], array)
    assert len(list(tmp_path.glob("*.journal"))) == 2


def test_a_base_that_does_not_fit_leaves_the_one_before(tmp_path, array, monkeypatch):
    journal = begun(tmp_path, array)
    before = array.copy()
    monkeypatch.setattr(journals, "sync_tree", _full)
    with pytest.raises(Unwritable, match="No space"):
        journal.write_base(journal.turn(), array + 1, FRAME)
    np.testing.assert_array_equal(look(tmp_path).array()[...], before)
    journal.append([stroke(array)])
    with pytest.raises(Unwritable, match="No space"):
        journal.fold(FRAME)
    np.testing.assert_array_equal(look(tmp_path).array()[...], array)


def test_records_of_a_newer_version_are_refused_and_its_notes_passed_over(tmp_path, array):
    class Note:
        kind: ClassVar[int] = 200

        def to_bytes(self):
            return b"looked at by Ada"

    class Newer(Note):
        kind: ClassVar[int] = 90

    journal = begun(tmp_path, array)
    journal.append([Note(), stroke(array)])
    np.testing.assert_array_equal(look(tmp_path).array()[...], array)
    journal.append([Newer()])
    with pytest.raises(Unreadable, match="newer one"):
        look(tmp_path)


def test_another_room_may_add_a_kind_of_its_own(tmp_path, array, monkeypatch):
    class Joined:
        """Two cells made one, over the whole volume."""

        kind: ClassVar[int] = 2

        def __init__(self, one, other):
            self.pair = one, other

        def to_bytes(self):
            return np.array(self.pair, "<u8").tobytes()

        @classmethod
        def from_bytes(cls, payload, grid):
            return cls(*map(int, np.frombuffer(payload, "<u8")))

        def apply(self, labels):
            for place in np.ndindex(*labels.shape[:-2]):
                plane = labels[place]
                labels[place] = np.where(plane == self.pair[1], self.pair[0], plane)

    monkeypatch.setitem(KINDS, Joined.kind, Joined)
    journal = begun(tmp_path, array)
    journal.append([Joined(2, 3)])
    np.testing.assert_array_equal(look(tmp_path).array()[...], np.where(array == 3, 2, array))


def test_a_format_of_a_newer_version_is_refused(tmp_path, array, monkeypatch):
    journal = begun(tmp_path, array)
    monkeypatch.setattr(log_file, "FORMAT", 2)
    journal.append([stroke(array)])
    monkeypatch.undo()
    (log,) = tmp_path.glob("*.journal")
    with pytest.raises(Unreadable, match="install a newer one"):
        read_log(log)


def test_a_damaged_base_is_named(tmp_path, array):
    begun(tmp_path, array)
    shutil.rmtree(look(tmp_path).base / "0")
    with pytest.raises(Unreadable, match=r"labels-000001.*Restore it"):
        look(tmp_path)


@pytest.mark.parametrize("shape", [(7, 9), (2, 3, 4, 5)])
def test_labels_of_two_and_four_axes_are_kept(tmp_path, shape):
    array = np.random.default_rng(1).integers(-5, 9, shape).astype(np.int16)
    frame = Frame("tczyx"[-len(shape) :] if len(shape) < 4 else "tzyx")
    journal = Journal(tmp_path, Grid(shape, array.dtype), "one")
    journal.write_base(journal.turn(), array, frame)
    edit = Edit(
        (masked(Grid(shape, array.dtype), tuple(slice(0, 2) for _ in shape), None, -1, -3),)
    )
    edit.apply(array)
    journal.append([edit])
    journal.fold(frame)
    np.testing.assert_array_equal(look(tmp_path).array()[...], array)


def _full(*_):
    raise OSError(28, "No space left on device")


def test_a_base_that_is_replaced_while_one_looks_is_no_damage(tmp_path, monkeypatch):
    array = np.zeros(SHAPE, np.uint8)
    journal = begun(tmp_path, array)
    (old,) = log_file.numbered(tmp_path, journals.BASE).values()
    array += 1
    opened = journals.opened

    def meanwhile(base):
        if base == old and old.exists():
            journal.write_base(journal.turn(), array, FRAME)
            shutil.rmtree(old, ignore_errors=True)
        return opened(base)

    monkeypatch.setattr(journals, "opened", meanwhile)
    np.testing.assert_array_equal(look(tmp_path).array()[...], array)


def test_a_base_that_is_damaged_is_still_said_so(tmp_path):
    begun(tmp_path, np.zeros(SHAPE, np.uint8))
    (base,) = log_file.numbered(tmp_path, journals.BASE).values()
    shutil.rmtree(base / "0")
    with pytest.raises(Unreadable, match="damaged"):
        look(tmp_path)
