"""The saver: strokes in order, snapshots beside them, and what happens when the disk says no."""

from __future__ import annotations

import threading

import numpy as np
import pytest

from napari_advseg.proofreading.store import journal as journals
from napari_advseg.proofreading.store.journal import look
from napari_advseg.proofreading.store.records import Edit, masked
from napari_advseg.proofreading.store.saver import Saver, Source, TakenOver, Unwritten, Written
from napari_advseg.volume.frame import Frame

FRAME = Frame("zyx", (40.0, 4.0, 6.0), ("nanometer",) * 3)


class Desk:
    """Somebody who works on one volume."""

    def __init__(self, folder, shape=(3, 20, 20)):
        self.array = np.zeros(shape, np.int32)
        self.folder = folder
        self.news = []
        self.heard = threading.Condition()
        self.is_ours = True
        self.closed = threading.Event()
        self.saver = Saver("one", self.hear, lambda: self.is_ours, self.closed.set)

    def source(self, beneath=lambda: None):
        return Source(lambda: self.folder, lambda: self.array, lambda: FRAME, beneath)

    def keep(self, **how):
        self.saver.keep("a", self.source(), **{"is_new": True, **how})

    def hear(self, news):
        with self.heard:
            self.news.append(news)
            self.heard.notify_all()

    def stroke(self, value):
        z, y = value % 3, value % 17
        window = (slice(z, z + 1), slice(y, y + 3), slice(2, 9))
        old = self.array[window].copy()
        self.array[window] = value
        self.saver.edit("a", lambda grid: Edit((masked(grid, window, None, old, value),)))

    def until(self, says):
        with self.heard:
            assert self.heard.wait_for(lambda: any(map(says, self.news)), timeout=60)

    def all_written(self):
        self.until(lambda one: one == Written(0) and self.saver.waiting == 0)

    def end(self):
        self.saver.finish()
        self.saver.wait()
        assert self.closed.is_set()

    @property
    def kept(self):
        return look(self.folder).array()[...]


@pytest.fixture
def desk(tmp_path):
    made = Desk(tmp_path / "cells")
    yield made
    made.end()


def test_strokes_are_on_disk_before_the_volume_is_closed_and_in_one_piece_after(desk):
    desk.keep()
    for value in range(1, 60):
        desk.stroke(value)
    desk.all_written()
    np.testing.assert_array_equal(desk.kept, desk.array)
    desk.end()
    stored = look(desk.folder)
    assert stored.logs == ()
    np.testing.assert_array_equal(desk.kept, desk.array)


def test_never_more_than_a_score_of_edits_wait_for_the_disk(desk, monkeypatch):
    """However fast they come, the writer turns to the disk after sixteen of them."""
    written = []
    append = journals.Journal.append
    monkeypatch.setattr(
        journals.Journal, "append", lambda self, r: (written.append(len(r)), append(self, r))
    )
    desk.keep()
    gate = threading.Event()
    desk.saver.do(gate.wait)
    for value in range(1, 101):
        desk.stroke(value)
    gate.set()
    desk.end()
    assert sum(written) == 100
    assert max(written) <= 16


def test_data_in_place_of_all_labels_and_of_another_shape_are_kept(desk):
    desk.keep()
    desk.stroke(5)
    desk.array = np.arange(2 * 30 * 30, dtype=np.uint16).reshape(2, 30, 30)
    desk.saver.replace("a")
    window = (slice(1, 2), slice(20, 25), slice(20, 25))
    old = desk.array[window].copy()
    desk.array[window] = 9
    desk.saver.edit("a", lambda grid: Edit((masked(grid, window, None, old, 9),)))
    desk.end()
    assert desk.kept.dtype == np.uint16
    np.testing.assert_array_equal(desk.kept, desk.array)


def test_many_replacements_leave_one_base(desk):
    desk.keep()
    for value in range(12):
        desk.array = np.full((3, 20, 20), value, np.int32)
        desk.saver.replace("a")
        desk.stroke(value + 1)
    desk.end()
    np.testing.assert_array_equal(desk.kept, desk.array)
    assert len(list(desk.folder.glob("labels-*"))) == 1


def test_what_nobody_said_is_found_at_the_end(desk):
    desk.keep()
    desk.stroke(1)
    desk.all_written()
    desk.array[2, 10:, 10:] = 77  # as a plugin does that writes into the array
    desk.end()
    np.testing.assert_array_equal(desk.kept, desk.array)


def test_what_was_changed_before_it_was_kept_is_found(tmp_path):
    first = Desk(tmp_path / "cells")
    first.keep()
    first.stroke(3)
    first.end()
    second = Desk(tmp_path / "cells")
    second.array = first.array.copy()
    second.array[0, 0, 0] = 8
    second.keep(is_new=False, is_stale=True)
    second.all_written()
    np.testing.assert_array_equal(second.kept, second.array)
    second.end()


def test_a_volume_that_is_no_longer_kept_is_put_in_order(desk):
    desk.keep()
    desk.stroke(4)
    desk.saver.stop_keeping("a")
    desk.end()
    assert look(desk.folder).logs == ()
    np.testing.assert_array_equal(desk.kept, desk.array)


def test_edits_wait_while_the_disk_is_full_and_are_written_when_there_is_room(desk, monkeypatch):
    desk.keep()
    desk.stroke(1)
    desk.all_written()
    with monkeypatch.context() as patch:
        patch.setattr(journals, "sync", _full)
        desk.stroke(2)
        desk.stroke(3)
        desk.until(lambda one: isinstance(one, Unwritten))
        assert "free some space" in next(n.why for n in desk.news if isinstance(n, Unwritten))
        assert desk.saver.waiting == 2
    desk.news.clear()
    desk.saver.do(lambda: None)
    desk.all_written()
    np.testing.assert_array_equal(desk.kept, desk.array)


def test_a_folder_that_cannot_be_made_is_tried_again(desk, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(journals.Path, "mkdir", _full)
        desk.keep()
        desk.stroke(1)
        desk.until(lambda one: isinstance(one, Unwritten))
    desk.stroke(2)
    desk.end()
    np.testing.assert_array_equal(desk.kept, desk.array)


def test_an_edit_that_cannot_be_made_is_said_and_the_next_one_is_written(desk):
    desk.keep()
    desk.saver.edit("a", lambda _grid: 1 / 0)
    desk.until(lambda one: isinstance(one, Unwritten) and "ZeroDivision" in one.why)
    desk.stroke(2)
    desk.end()
    np.testing.assert_array_equal(desk.kept, desk.array)


def test_nothing_is_written_after_somebody_took_the_project_over(desk):
    desk.keep()
    desk.stroke(1)
    desk.all_written()
    before = desk.kept
    desk.is_ours = False
    desk.stroke(2)
    desk.until(lambda one: isinstance(one, TakenOver))
    desk.end()
    np.testing.assert_array_equal(desk.kept, before)


def test_labels_that_came_from_a_file_lie_on_it_until_their_own_base_is_there(tmp_path):
    file = np.random.default_rng(0).integers(0, 9, (3, 20, 20)).astype(np.int32)
    desk = Desk(tmp_path / "cells")
    desk.array = file.copy()
    desk.saver.keep("a", desk.source(lambda: file), is_new=False)
    desk.stroke(6)
    desk.all_written()
    np.testing.assert_array_equal(look(desk.folder).array(file)[...], desk.array)
    desk.end()
    np.testing.assert_array_equal(desk.kept, desk.array)


def _full(*_args, **_more):
    raise OSError(28, "No space left on device")
