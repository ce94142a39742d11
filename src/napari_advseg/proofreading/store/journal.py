"""A labels volume that survives a kill at any moment: a base that is never written into, and journals of edits.

One folder holds one volume. `labels-000003.ome.zarr` is what all journals with smaller numbers led to; every
`edits-000004.journal` with a larger number is replayed on top of it, in order. A journal is only ever appended to, by
the session that began it. A base appears under its name when it is complete; until then the one before counts, so
nothing has to be put right after a kill. Journals that a base has taken in stay, as the history of the volume.
"""

from __future__ import annotations

import dataclasses
import os
import re
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import chain, groupby
from pathlib import Path
from typing import Any

import numpy as np
import zarr
from zarr.storage import LocalStore

from napari_advseg.disk.atomic import sync, sync_folder, sync_tree
from napari_advseg.proofreading.store.log import LOG, Log, framed, heading_of, logs_in, numbered
from napari_advseg.proofreading.store.records import Edit, Grid, Record, differing, write
from napari_advseg.volume.arrays.lazy import LazyArray
from napari_advseg.volume.arrays.overlaid import Overlaid
from napari_advseg.volume.formats.ome_zarr import multiscale_attributes
from napari_advseg.volume.formats.pyramid import new_array
from napari_advseg.volume.formats.unfinished import Plan
from napari_advseg.volume.formats.zarr_store import Chunked, node_at
from napari_advseg.volume.frame import Frame
from napari_advseg.volume.refusals import Unreadable, denied

BASE = re.compile(r"labels-(\d{6,})\.ome\.zarr")
PARTIAL = ".partial"
LEFT_OUT = "left-out"
OURS = "napari_advseg"

Stopped = Callable[[], bool]
About = Callable[[], dict[str, Any]]


@dataclasses.dataclass(frozen=True, eq=False)
class Stored:
    """A volume as it lies in its folder.

    Attributes:
        base: the newest base; None where none was ever completed.
        logs: journals that are replayed on it.
    """

    folder: Path
    grid: Grid
    base: Path | None
    logs: tuple[Log, ...]

    @property
    def damaged(self) -> int:
        """Edits that are there but cannot be read."""
        return sum(log.damaged for log in self.logs)

    @property
    def strange(self) -> int:
        """Edits of an array of another shape, whose base was never completed."""
        apart = (log for log in self.logs if log.grid.shape != self.grid.shape)
        return sum(len(log.records) for log in apart)

    def edits_of(self, session: str) -> int:
        """How many edits of a session are replayed."""
        return sum(len(log.records) for log in self.logs if log.session == session)

    def array(self, beneath: LazyArray | None = None) -> Overlaid:
        """The labels as they are after the last edit, lazy.

        Where there is no base, the edits lie on `beneath`, or on zeros.

        Raises:
            Unreadable: the base is damaged.
        """
        labels = Overlaid(self._source(beneath), self.grid.dtype)
        fitting = (log.records for log in self.logs if log.grid.shape == labels.shape)
        for is_painted, records in groupby(chain(*fitting), lambda one: isinstance(one, Edit)):
            if is_painted:
                write(chain(*(edit.patches for edit in records if isinstance(edit, Edit))), labels)
            else:
                for record in records:
                    record.apply(labels)
        return labels

    def _source(self, beneath: LazyArray | None) -> LazyArray:
        if self.base is not None:
            return opened(self.base)
        if beneath is not None and tuple(beneath.shape) == self.grid.shape:
            return beneath
        return np.broadcast_to(np.zeros((), self.grid.dtype), self.grid.shape)


def look(folder: Path) -> Stored | None:
    """What lies in a folder; None where there is neither a base nor a journal.

    Raises:
        Unreadable: a journal comes from a newer version, or a base is damaged.
    """
    while True:
        bases = numbered(folder, BASE)
        try:
            return _found(folder, bases)
        except Unreadable:
            if numbered(folder, BASE) == bases:
                raise  # else a newer base has taken its place while we looked


def _found(folder: Path, bases: dict[int, Path]) -> Stored | None:
    """What lies in a folder with these bases."""
    newest = max(bases, default=0)
    found = logs_in(folder)
    counted = tuple(log for log in found if log.number > newest)
    base = bases.get(newest)
    if base is None and not found:
        return None
    grid = _grid(opened(base)) if base is not None else found[-1].grid
    for log in counted:
        if log.grid.shape == grid.shape:
            grid = Grid(grid.shape, _holding(grid.dtype, log.grid.dtype))
    return Stored(folder, grid, base, counted)


def opened(base: Path) -> Chunked:
    """The array of a base.

    Raises:
        Unreadable: it is damaged.
    """
    node = node_at(base / "0")
    if node is None:
        raise Unreadable(f"'{base}' is damaged: its array is missing. Restore it from a copy.")
    return Chunked(node)


def differences(stored: Overlaid, live: LazyArray, stopped: Stopped = lambda: False) -> Edit | None:
    """The edit that turns stored labels into those of an array of the same shape; None where they are equal."""
    grid = Grid(stored.shape, stored.dtype)
    patches = []
    for index, place in enumerate(np.ndindex(*grid.shape[:-2])):
        if stopped():
            return None
        before, after = np.asarray(stored[place]), np.asarray(live[place]).astype(grid.dtype)
        if not np.array_equal(before, after):
            patches.append(differing(grid, index, before, after))
    return Edit(tuple(patches)) if patches else None


def leave_out(folder: Path, session: str) -> Path:
    """Set what a session wrote aside, into a folder of its own whose path comes back; nothing is deleted.

    Newest first, so that a kill leaves the labels as they were after some edit.
    """
    aside = folder / LEFT_OUT / session
    aside.mkdir(parents=True, exist_ok=True)
    theirs = {log.number: log.path for log in logs_in(folder) if log.session == session}
    theirs |= {
        n: path for n, path in numbered(folder, BASE).items() if _session_of(path) == session
    }
    for number in sorted(theirs, reverse=True):
        theirs[number].rename(aside / theirs[number].name)
    sync_folder(folder)
    return aside


class Journal:
    """Takes edits of one volume and puts them on disk. One process at a time may have one of a folder.

    Raises, where it writes:
        Unwritable: with path, cause and remedy; what was written before is untouched.
    """

    def __init__(
        self, folder: Path, grid: Grid, session: str, about: About = dict[str, Any]
    ) -> None:
        """`about`: asked when a file is begun for what its heading says besides."""
        self.folder = folder
        self._about = about
        self.grid = grid
        self.session = session
        self._log: Path | None = None
        try:
            folder.mkdir(parents=True, exist_ok=True)
            for partial in folder.glob(f"*{PARTIAL}"):
                shutil.rmtree(partial, ignore_errors=True)
        except OSError as fault:
            raise denied(fault, folder) from fault
        numbers = {*numbered(folder, BASE), *numbered(folder, LOG)}
        self._number = max(numbers, default=0)

    def append(self, records: Sequence[Record]) -> None:
        """Put records on disk; they are there when this returns."""
        if not records:
            return
        content = b"".join(framed(record) for record in records)
        try:
            if self._log is None:
                self._log = self._begin_log()
            with self._log.open("ab") as file:
                file.write(content)
                file.flush()
                sync(file.fileno())
        except OSError as fault:
            # A part of a record may be there: what comes next must not stand behind it.
            self._log = None
            raise denied(fault, self.folder) from fault

    def turn(self, grid: Grid | None = None) -> int:
        """The number of a base that is about to be written; edits from now on lie on top of it.

        `grid` is that of the new base, where it is another.
        """
        self._number += 1
        self._log = None
        self.grid = grid or self.grid
        return self._number

    def write_base(
        self, number: int, array: LazyArray, frame: Frame, stopped: Stopped = lambda: False
    ) -> Path | None:
        """Write a base from an array, one plane at a time; None where it was stopped.

        The array may be painted on meanwhile: the edits that are appended since `turn` say how every voxel ended.
        """
        plan = Plan(tuple(array.shape), np.dtype(array.dtype), frame, "labels", "0.5")
        with self._becoming(number) as (partial, target):
            partial.mkdir()
            stored = new_array(partial, 0, plan, plan.shape)
            for place in np.ndindex(*plan.shape[:-2]):
                if stopped():
                    break
                stored[place] = np.asarray(array[place])
            if stopped():
                shutil.rmtree(partial, ignore_errors=True)
                return None
            attributes = self._attributes(frame)
            zarr.create_group(LocalStore(partial), zarr_format=3, attributes=attributes)
        return target

    def settle(self) -> None:
        """Remove bases of this session that a newer one has replaced; what was there before it stays."""
        bases = numbered(self.folder, BASE)
        for number in sorted(bases)[:-1]:
            if _session_of(bases[number]) == self.session:
                shutil.rmtree(bases[number], ignore_errors=True)

    def fold(self, frame: Frame, beneath: LazyArray | None = None) -> None:
        """Take all journals into a new base and remove the older ones: the session ends well.

        The journals stay as history.
        """
        stored = look(self.folder)
        if stored is None:
            return
        if stored.base is None:
            self.write_base(self.turn(stored.grid), stored.array(beneath), frame)
        elif stored.logs:
            labels = stored.array()
            if labels.dtype == opened(stored.base).dtype:
                self._fold_into_copy(stored.base, labels, frame)
            else:
                self.write_base(self.turn(stored.grid), labels, frame)
        bases = numbered(self.folder, BASE)
        for number in sorted(bases)[:-1]:
            shutil.rmtree(bases[number], ignore_errors=True)

    def _fold_into_copy(self, base: Path, labels: Overlaid, frame: Frame) -> None:
        """A copy of a base in which only the planes that were edited are written anew."""
        with self._becoming(self.turn()) as (partial, _):
            shutil.copytree(base, partial)
            array: Any = zarr.open_array(LocalStore(partial / "0"), mode="r+")
            # A plane that has become empty is written too: a chunk that is missing counts as lost.
            array = array.with_config({"write_empty_chunks": True})
            for place in sorted(labels.touched_planes()):
                array[place] = labels[place]
            group = zarr.open_group(LocalStore(partial), mode="r+")
            group.attrs.put(self._attributes(frame))

    @contextmanager
    def _becoming(self, number: int) -> Iterator[tuple[Path, Path]]:
        """A folder to fill, which becomes the base of this number unless it is removed; where it goes."""
        target = self.folder / f"labels-{number:06d}.ome.zarr"
        partial = target.with_name(target.name + PARTIAL)
        try:
            yield partial, target
            if partial.exists():
                sync_tree(partial)
                os.rename(partial, target)  # noqa: PTH104 - a folder, which must not be there
                sync_folder(target.parent)
        except OSError as fault:
            shutil.rmtree(partial, ignore_errors=True)
            raise denied(fault, target) from fault

    def _attributes(self, frame: Frame) -> dict[str, Any]:
        ours = {"name": frame.name, "history": list(frame.history), "session": self.session}
        return multiscale_attributes(frame, [frame], "labels", "0.5", ours)

    def _begin_log(self) -> Path:
        self._number += 1
        path = self.folder / f"edits-{self._number:06d}.journal"
        with path.open("xb") as file:
            file.write(heading_of(self.grid, self.session, self._about()))
            file.flush()
            sync(file.fileno())
        sync_folder(self.folder)
        return path


def _grid(array: LazyArray) -> Grid:
    return Grid(tuple(array.shape), np.dtype(array.dtype))


def _holding(one: np.dtype[Any], other: np.dtype[Any]) -> np.dtype[Any]:
    """A type that holds the labels of both; the later one where there is none."""
    both = np.promote_types(one, other)
    return both if both.kind in "iu" else other


def _session_of(base: Path) -> str:
    node = node_at(base)
    ours = node.attributes.get(OURS) if node is not None else None
    return str(ours.get("session", "")) if isinstance(ours, dict) else ""
