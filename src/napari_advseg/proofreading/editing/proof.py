"""Labels under proofreading: steps are done, taken back and done again without end, and each is on disk at once."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from napari_advseg.disk import lock
from napari_advseg.proofreading.editing.boxes import Boxes, window_of
from napari_advseg.proofreading.editing.reviewed import Reviewed, after, check_free
from napari_advseg.proofreading.store.identity import identity
from napari_advseg.proofreading.store.journal import Journal
from napari_advseg.proofreading.store.kept import Kept, beside, heading, kept_in
from napari_advseg.proofreading.store.overlay import Edited, Overpainted, Renamed
from napari_advseg.proofreading.store.records import Record
from napari_advseg.proofreading.store.steps import Note, Step, Turn, now
from napari_advseg.volume.arrays.lazy import Windowed
from napari_advseg.volume.formats.files import Source, as_labels, read
from napari_advseg.volume.refusals import denied
from napari_advseg.volume.volume import Volume

NAME = "proofreading.lock"
SCANNED = 1 << 27
HIGH = 1 << 62
"""First new label of labels too large to look for the largest one."""

Write = Callable[[Sequence[Record]], object]


class Stale(ValueError):
    """A step was made for labels that have changed since."""


class Follower(Protocol):
    """Something that is kept up with the labels, as their score."""

    def forward(self, step: Step, labels: Edited) -> object:
        """A step is about to be done to the labels, which do not have it yet."""

    def back(self, step: Step) -> object:
        """The last step was taken back."""


@dataclasses.dataclass(frozen=True, eq=False)
class Done:
    """A step that was done, and what takes it back; `boxes` are those that were reviewed before it."""

    step: Step
    traces: tuple[Renamed | Overpainted, ...]
    boxes: Boxes


class Proof:
    """Labels with all steps since they were first opened.

    Attributes:
        base: the labels as they were, which are never written to.
        labels: as they are now, lazy.
        locked: labels of objects that are marked as correct.
        boxes: what is reviewed besides, as boxes that do not overlap.
        followers: told of every step.
        notes: what else was to be remembered, oldest first.
        warning: what of the journal was lost; "" where nothing was.
    """

    def __init__(self, base: Volume, *, author: str = "", write: Write = lambda _: None) -> None:
        """`write` puts records on disk; they count as done once it returns."""
        if base.axes not in ("yx", "zyx"):
            raise ValueError(
                f"Labels of axes '{base.axes}' cannot be proofread; choose labels of axes 'yx' or 'zyx'."
            )
        self.base = as_labels(base)
        self.labels = Edited(self.base.array)
        self.frame = base.frame
        self.author = author
        self.locked: set[int] = set()
        self.boxes: Boxes = ()
        self.followers: list[Follower] = []
        self.notes: list[Note] = []
        self.warning = ""
        self._write = write
        self._done: list[Done] = []
        self._undone: list[Step] = []
        self._records = 0
        self._largest: int | None = None
        self._highest = 0

    @property
    def steps(self) -> list[Step]:
        """The steps that count, oldest first."""
        return [done.step for done in self._done]

    @property
    def can_redo(self) -> int:
        """How many steps may be done again."""
        return len(self._undone)

    @property
    def records(self) -> int:
        """How many steps, undos and redos there were."""
        return self._records

    @property
    def volume(self) -> Volume:
        """The labels as they are now, at their place, lazy."""
        return Volume(self.labels, self.frame, kind="labels")

    @property
    def reviewed(self) -> Volume:
        """1 where a voxel is reviewed, in an object marked as correct or in a reviewed box; as it is when read."""
        return Volume(Reviewed(self), self.frame, kind="labels")

    def level(self, coarser: Volume) -> Windowed:
        """The labels as they are now on a coarser level of the base, lazy."""
        return self.labels.level(as_labels(coarser).array)

    def fresh(self) -> int:
        """The smallest label above all that there are and were; far above where the labels are too many to look."""
        if self._largest is None:
            self._largest = _largest(self.base)
        return max(self._largest, self._highest) + 1

    def reserve(self, label: int) -> None:
        """Make no new label up to this one: it is in use elsewhere."""
        self._highest = max(self._highest, label)

    def do(self, step: Step, reason: str = "") -> Step:
        """Do a step, and forget those that were taken back; the step as it stands in the journal comes back.

        Raises:
            ValueError: an object that it changes is locked, or the labels have changed since it was made.
            Unwritable: it cannot be put on disk; nothing has changed.
        """
        self._check(step)
        signed = step.signed(self.author, reason)
        self._write([signed])
        self._records += 1
        self._undone.clear()
        self._forward(signed)
        return signed

    def undo(self) -> Step | None:
        """Take the last step back; None where there is none.

        Raises:
            Unwritable: as `do`.
        """
        if not self._done:
            return None
        self._write([Turn(again=False, time=now(), author=self.author)])
        self._records += 1
        return self._back()

    def redo(self) -> Step | None:
        """Do the step again that was taken back last; None where there is none.

        Raises:
            Unwritable: as `do`.
        """
        if not self._undone:
            return None
        self._write([Turn(again=True, time=now(), author=self.author)])
        self._records += 1
        step = self._undone.pop()
        self._forward(step)
        return step

    def note(self, about: str, content: dict[str, Any]) -> None:
        """Remember something that changes no label, as plain JSON.

        Raises:
            Unwritable: as `do`.
        """
        made = Note(about, content, now(), self.author)
        self._write([made])
        self.notes.append(made)

    def restore(self, records: Sequence[Step | Turn], notes: Sequence[Note] = ()) -> None:
        """Do again what a journal says; nothing is written."""
        self.notes += notes
        for record in records:
            if isinstance(record, Step):
                self._undone.clear()
                self._forward(record)
            elif record.again and self._undone:
                self._forward(self._undone.pop())
            elif not record.again and self._done:
                self._back()
        self._records += len(records)

    def _check(self, step: Step) -> None:
        if step.operation not in ("unmark", "review"):
            marked = step.ids if step.operation == "mark" else ()
            check_free(step.touched.union(marked), self.locked)
        if not step.patches or step.box is None:
            return
        window = window_of(step.box)
        labels = np.asarray(self.labels[window])
        for patch in step.patches:
            places = patch.places(self.labels.shape)
            here = tuple(at - one.start for at, one in zip(places, window, strict=True))
            if not np.array_equal(labels[here], patch.old):
                raise Stale(
                    "The labels have changed since this edit was prepared; prepare it again."
                )

    def _forward(self, step: Step) -> None:
        for follower in self.followers:
            follower.forward(step, self.labels)
        traces = self.labels.do(step.renames, step.patches)
        self._done.append(Done(step, traces, self.boxes))
        self.boxes = after(step, self.locked, self.boxes)
        self._highest = max((self._highest, *step.labels, *step.ids))

    def _back(self) -> Step:
        done = self._done.pop()
        for trace in reversed(done.traces):
            self.labels.put_back(trace)
        if done.step.operation == "mark":
            self.locked.difference_update(done.step.ids)
        elif done.step.operation == "unmark":
            self.locked.update(done.step.ids)
        self.boxes = done.boxes
        self._undone.append(done.step)
        for follower in self.followers:
            follower.back(done.step)
        return done.step


class OpenProof(Proof):
    """Labels with their journal in a folder, which this process holds until `close`."""

    def __init__(self, base: Volume, folder: Path, *, author: str = "") -> None:
        """Go on where the journal in `folder` ends, or begin one.

        Raises:
            OtherLabels: the journal belongs to other labels.
            Held: another window has it open.
            Unwritable: the folder cannot be written to.
            Unreadable: the folder holds something else.
        """
        super().__init__(base, author=author)
        self.folder = folder
        self._identity = identity(self.base.array)
        self._lock = _taken(folder)
        try:
            self._begin(kept_in(folder))
        except BaseException:
            self._lock.release()
            raise

    def close(self) -> None:
        """Give the journal back; all of it is on disk already."""
        self._lock.release()

    def _begin(self, kept: Kept | None) -> None:
        if kept is not None:
            kept.check(self._identity)
            self.restore(kept.records, kept.notes)
            self.warning = kept.warning
        source = self.base.source or ""
        journal = Journal(
            self.folder,
            self.labels.grid,
            self._lock.holder.session,
            lambda: heading(self._identity, source, self.frame, self._records),
        )
        self._write = journal.append


def open_proof(
    labels: Source, folder: str | os.PathLike[str] | None = None, *, author: str = ""
) -> OpenProof:
    """Labels ready to be proofread, with all that was done to them before.

    Args:
        labels: a file, an array or a Volume; it is only read.
        folder: of the journal; beside the file, with the ending ".proofreading", if None.
        author: who is named in the journal.

    Raises:
        ValueError: see `OpenProof`; or the labels are in no file and no folder is named.
    """
    base = read(labels)
    if folder is None and not base.source:
        raise ValueError("These labels are in no file; say in which folder their journal is kept.")
    place = Path(folder) if folder is not None else beside(Path(base.source or ""))
    return OpenProof(base, place, author=author)


def reopened(kept: Kept, labels: Source) -> Proof:
    """Labels with all that their journal says, to be looked at; nothing that is done to them is kept.

    Raises:
        OtherLabels: the journal belongs to other labels.
    """
    proof = Proof(read(labels))
    kept.check(identity(proof.base.array))
    proof.restore(kept.records, kept.notes)
    return proof


def find_journal(where: str | os.PathLike[str]) -> Kept:
    """The journal in a folder, or beside labels.

    Raises:
        ValueError: there is none.
    """
    path = Path(where)
    kept = kept_in(path) or kept_in(beside(path))
    if kept is None:
        raise ValueError(
            f"'{where}' holds no journal, and there is none in '{beside(path)}'; name the folder that ends in "
            ".proofreading."
        )
    return kept


def path_of_labels(kept: Kept, labels: str | None = None) -> str:
    """Where the labels that a journal belongs to are: where somebody says, or where they were.

    Raises:
        ValueError: they were in no file.
    """
    path = labels or kept.source
    if not path:
        raise ValueError("The labels of this journal were in no file; name them with --labels.")
    return path


def _taken(folder: Path) -> lock.Lock:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        held, _ = lock.take(folder, f"The journal '{folder}'", name=NAME)
    except OSError as fault:
        raise denied(fault, folder) from fault
    return held


def _largest(base: Volume) -> int:
    """The largest label; far above all where looking for it would take long."""
    if not isinstance(base.array, np.ndarray) and int(np.prod(base.shape, dtype=object)) > SCANNED:
        return HIGH - 1
    return max((int(section.max()) for section in base.sections() if section.size), default=0)
