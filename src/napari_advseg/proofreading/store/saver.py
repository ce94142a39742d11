"""Puts the edits of several volumes on disk while somebody works on them, on threads of its own and in order."""

from __future__ import annotations

import atexit
import dataclasses
import os
import queue
import sys
import threading
from collections.abc import Callable, Hashable
from pathlib import Path
from types import TracebackType

import numpy as np

from napari_advseg.proofreading.store.journal import Journal, differences, look
from napari_advseg.proofreading.store.records import Grid, Record
from napari_advseg.volume.arrays.lazy import LazyArray, native
from napari_advseg.volume.frame import Frame

NICENESS = 10
AT_MOST = 16
"""Edits that wait for the disk together, however fast they come."""

Make = Callable[[Grid], Record | None]
Task = Callable[[], object]


@dataclasses.dataclass(frozen=True)
class Written:
    """All edits up to now are on disk, but `waiting` that came meanwhile."""

    waiting: int


@dataclasses.dataclass(frozen=True)
class Unwritten:
    """Something cannot be written; edits wait until it can."""

    why: str
    waiting: int


@dataclasses.dataclass(frozen=True)
class TakenOver:
    """Another window holds the project now; nothing is written any more."""


Outcome = Written | Unwritten | TakenOver


@dataclasses.dataclass(frozen=True)
class Source:
    """A volume that somebody works on; everything is asked on the saver's threads.

    Attributes:
        folder: where it is kept; asked once.
        live: the array as it is now.
        frame: where it lies now.
        beneath: what it began as, where that is in a file.
    """

    folder: Callable[[], Path]
    live: Callable[[], LazyArray]
    frame: Callable[[], Frame]
    beneath: Callable[[], LazyArray | None] = lambda: None

    @property
    def grid(self) -> Grid:
        """Shape and type of the array as it is now."""
        return grid_of(self.live())


class Saver:
    """One thread writes edits, another, that steps back, writes whole volumes."""

    def __init__(
        self,
        session: str,
        tell: Callable[[Outcome], object],
        is_ours: Callable[[], bool],
        afterwards: Task = lambda: None,
    ) -> None:
        self._session = session
        self._tell = tell
        self._is_ours = is_ours
        self._counting = threading.Lock()
        self._waiting = 0
        self._kept: dict[Hashable, _Kept] = {}
        self._is_ending = False
        self._has_ended = threading.Event()
        self._afterwards = afterwards
        self._writer = _Worker("napari-advseg journal", self._say, self._write_all)
        self._copier = _Worker("napari-advseg copy", self._say, is_patient=True)
        atexit.register(self._at_exit)

    @property
    def waiting(self) -> int:
        """Edits that are not on disk yet."""
        return self._waiting

    def keep(self, key: Hashable, source: Source, *, is_new: bool, is_stale: bool = False) -> None:
        """Keep a volume from now on.

        Args:
            is_new: nothing of it is kept yet: all of it is written.
            is_stale: it was worked on before this call: what differs from what is kept is found.
        """
        kept = self._kept[key] = _Kept(source, is_new, is_stale)
        self._writer.put(lambda: self._begin(kept))

    def edit(self, key: Hashable, make: Make) -> None:
        """Put an edit on disk soon; `make` makes it, on the saver's thread; None says that it changes nothing."""
        kept = self._kept[key]
        with self._counting:
            self._waiting += 1
        self._writer.put(lambda: kept.take(make))

    def replace(self, key: Hashable) -> None:
        """The volume has got other data, perhaps of another shape: write all of it."""
        kept = self._kept[key]
        kept.stop.set()
        grid = kept.source.grid
        self._writer.put(lambda: self._copy(kept, grid))

    def do(self, work: Task) -> None:
        """Do something else in its turn, after all edits before it; with no work, try again what failed."""
        self._writer.put(work)

    def stop_keeping(self, key: Hashable) -> None:
        """Keep a volume no longer; what is on disk is put in order."""
        kept = self._kept.pop(key)
        self._writer.put(lambda: self._copier.put(lambda: self._put_in_order(kept)))

    def finish(self, *_: object) -> None:
        """Write all, put all volumes in order, do what comes afterwards. Returns at once; the interpreter waits."""
        if not self._is_ending:
            self._is_ending = True
            threading.Thread(target=self._end, name="napari-advseg save").start()

    def wait(self) -> None:
        """Return once everything is finished."""
        self._has_ended.wait()

    def _at_exit(self) -> None:
        """Nobody said that it ends."""
        if not self._is_ending:
            self._is_ending = True
            self._end()

    def _end(self) -> None:
        self._writer.finish()
        self._copier.finish()
        for kept in self._kept.values():
            with _Reporting(self._say):
                self._put_in_order(kept)
        with _Reporting(self._say):
            self._afterwards()
        self._has_ended.set()
        atexit.unregister(self._at_exit)

    def _say(self, why: str) -> None:
        self._tell(Unwritten(why, self._waiting))

    def _write_all(self) -> None:
        if not self._is_ours():
            self._tell(TakenOver())
            return
        problems: list[str] = []
        for kept in list(self._kept.values()):
            with _Reporting(problems.append):
                if kept.journal is None:
                    self._begin(kept)
                self._write(kept)
        why = problems[0] if problems else ""
        self._tell(Unwritten(why, self._waiting) if why else Written(self._waiting))

    def _begin(self, kept: _Kept) -> None:
        """Open the journal of a volume; raises where that fails, and is tried again at the next edit."""
        if not self._is_ours():
            return
        kept.place = kept.place or kept.source.folder()
        kept.journal = Journal(kept.place, kept.grid, self._session)
        if kept.is_new:
            self._copy(kept, kept.grid)
        elif kept.is_stale:
            self._compare(kept)

    def _write(self, kept: _Kept) -> None:
        """Put the edits of a volume on disk; where that fails they wait."""
        if kept.journal is None:
            return
        kept.journal.append(kept.records)
        kept.records = []
        self._count_off(kept)

    def _count_off(self, kept: _Kept) -> None:
        with self._counting:
            self._waiting -= kept.count
        kept.count = 0

    def _copy(self, kept: _Kept, grid: Grid) -> None:
        """Begin to write a base; edits from here on lie on top of it."""
        if grid.shape != kept.grid.shape:
            kept.records = []  # of what is no more
        kept.grid = grid
        if kept.journal is None:
            kept.is_new = True
            return
        self._write(kept)
        kept.stop = threading.Event()
        number = kept.journal.turn(grid)
        stop, journal = kept.stop, kept.journal
        self._copier.put(lambda: self._write_base(kept, journal, number, stop))

    def _write_base(
        self, kept: _Kept, journal: Journal, number: int, stop: threading.Event
    ) -> None:
        array = kept.source.live()
        is_it = grid_of(array).shape == journal.grid.shape

        def stopped() -> bool:
            return stop.is_set() or not self._is_ours()

        if is_it and journal.write_base(number, array, kept.source.frame(), stopped):
            self._writer.put(journal.settle)

    def _compare(self, kept: _Kept) -> None:
        """Find what was changed without an edit."""
        stored = look(kept.place) if kept.place is not None else None
        live = kept.source.live()
        if stored is None or stored.grid != grid_of(live):
            self._copy(kept, grid_of(live))
            return
        labels = stored.array(None if stored.base else kept.source.beneath())
        edit = differences(labels, live)
        if edit is not None:
            kept.records.append(edit)

    def _put_in_order(self, kept: _Kept) -> None:
        """The last look at a volume: what nobody said is found, and the journals go into a new base."""
        if kept.journal is None or kept.place is None or not self._is_ours():
            return
        journal, live, frame = kept.journal, kept.source.live(), kept.source.frame()
        self._write(kept)
        stored = look(kept.place)
        if stored is None or stored.grid != grid_of(live):
            journal.write_base(journal.turn(grid_of(live)), live, frame)
        elif isinstance(live, np.ndarray):
            self._compare(kept)
            self._write(kept)
        journal.fold(frame, kept.source.beneath())


def grid_of(array: LazyArray) -> Grid:
    """Shape and type of an array."""
    return Grid(tuple(map(int, array.shape)), native(array.dtype))


class _Kept:
    """A volume that is kept, with its edits that are not on disk yet."""

    def __init__(self, source: Source, is_new: bool, is_stale: bool) -> None:  # noqa: FBT001 - as told
        self.source = source
        self.is_new = is_new
        self.is_stale = is_stale
        self.grid = source.grid
        self.place: Path | None = None
        self.journal: Journal | None = None
        self.records: list[Record] = []
        self.count = 0
        self.stop = threading.Event()

    def take(self, make: Make) -> None:
        """Make an edit and let it wait."""
        self.count += 1
        record = make(self.grid)
        if record is not None:
            self.records.append(record)


class _Worker:
    """A thread that does one thing after the other, and `then` whenever it has caught up."""

    def __init__(
        self,
        name: str,
        say: Callable[[str], None],
        then: Task = lambda: None,
        *,
        is_patient: bool = False,
    ) -> None:
        self._tasks: queue.SimpleQueue[Task | None] = queue.SimpleQueue()
        self._say = say
        self._then = then
        self._is_patient = is_patient
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    def put(self, task: Task) -> None:
        """Do this after all that was put before."""
        self._tasks.put(task)

    def finish(self) -> None:
        """Do all that was put, and return when it is done."""
        self._tasks.put(None)
        self._thread.join()

    def _run(self) -> None:
        if self._is_patient and sys.platform == "linux":
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), NICENESS)
        since = 0
        while (task := self._tasks.get()) is not None:
            with _Reporting(self._say):
                task()
            since += 1
            if since >= AT_MOST or self._tasks.empty():
                since = 0
                with _Reporting(self._say):
                    self._then()
        if since:  # the last things were followed by the end at once
            with _Reporting(self._say):
                self._then()


class _Reporting:
    """What goes wrong inside is said, and the thread goes on: later work must not be lost with it."""

    def __init__(self, say: Callable[[str], None]) -> None:
        self._say = say

    def __enter__(self) -> None:
        pass

    def __exit__(
        self,
        kind: type[BaseException] | None,
        fault: BaseException | None,
        trace: TracebackType | None,
    ) -> bool:
        if not isinstance(fault, Exception):
            return False
        self._say(
            str(fault) if isinstance(fault, ValueError) else f"{type(fault).__name__}: {fault}"
        )
        return True
