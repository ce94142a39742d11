"""Labels opened for proofreading, and a second copy of their edits that threads work on while the viewer goes on."""

from __future__ import annotations

import dataclasses
import getpass
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from napari_advseg.gui.compute.handover import GivenUp, Stopped, holds, named, plain
from napari_advseg.gui.kit.comparison import Side, outlines
from napari_advseg.gui.viewer.results import made_of
from napari_advseg.napari_io import LayerData
from napari_advseg.progress import Phase, Report
from napari_advseg.proofreading.editing.modes import Click, step_of
from napari_advseg.proofreading.editing.proof import OpenProof, Proof, open_proof
from napari_advseg.proofreading.editing.regions import connected
from napari_advseg.proofreading.finding import proposals
from napari_advseg.proofreading.finding.followed import FollowedScore
from napari_advseg.proofreading.finding.proposals import Proposal
from napari_advseg.proofreading.finding.queue import Item, still
from napari_advseg.proofreading.store.kept import beside
from napari_advseg.proofreading.store.overlay import Edited
from napari_advseg.proofreading.store.steps import Point, Step, Turn
from napari_advseg.volume.arrays.lazy import Array, LazyArray, Level
from napari_advseg.volume.arrays.recent import Recent
from napari_advseg.volume.formats.files import levels
from napari_advseg.volume.refusals import Unwritable
from napari_advseg.volume.volume import Volume

COPY = ".ome.zarr"


@dataclasses.dataclass(frozen=True)
class Wanted:
    """What is to be proofread.

    Attributes:
        side: the labels and their place in the viewer.
        name: of the layer.
        file: that the layer was opened from; "" where it is from none.
        folder: where a copy goes if the labels are in no file, or were painted on since.
        journals: where the journal goes if it cannot lie beside the labels.
    """

    side: Side
    name: str
    file: str
    folder: Path
    journals: Path


@dataclasses.dataclass(frozen=True, eq=False)
class OpenLabels:
    """Labels opened for proofreading.

    Attributes:
        side: the labels as they were, at their place in the viewer.
        coarser: the other levels of their pyramid.
        remark: what to know of where the journal lies; "" where it lies beside the labels.
    """

    proof: OpenProof
    working_copy: WorkingCopy
    side: Side
    coarser: tuple[Volume, ...]
    remark: str = ""

    @property
    def now(self) -> Side:
        """The labels as they are now, for comparisons."""
        return dataclasses.replace(self.side, volume=self.proof.volume)


def open_desk(
    wanted: Wanted, stopped: Stopped, tell: Callable[[Report], object]
) -> dict[str, OpenLabels]:
    """The labels with their journal, under the name "opened"; labels in no file are copied to one first.

    Raises:
        ValueError: as `open_proof`, or it was stopped.
    """
    tell(Phase("opening", 0))
    volume = wanted.side.volume
    copy = wanted.folder / f"{plain(wanted.name)}{COPY}"
    files = (wanted.file, str(copy)) if volume.source is None else ()
    twins = (path for path in files if Path(path).exists() and holds(path, volume, stopped))
    path = next(twins, None) or named(volume, copy, stopped)
    # What is in memory already is read from there: the file holds the same.
    base = dataclasses.replace(volume, array=remembering(volume.array), source=path)
    proof, remark = _opened(base, wanted.journals)
    if stopped():
        proof.close()
        raise GivenUp("Stopped.")
    proof.fresh()
    _warm_up()
    side = dataclasses.replace(wanted.side, volume=base)
    is_lazy = not isinstance(base.array, np.ndarray)
    found = levels(path)[1:] if is_lazy else ()
    coarser = tuple(one.like(remembering(one.array)) for one in found)
    return {"opened": OpenLabels(proof, WorkingCopy(proof), side, coarser, remark)}


def _opened(base: Volume, journals: Path) -> tuple[OpenProof, str]:
    """The labels with the journal beside them, or in another folder where nothing can be written beside them."""
    place = beside(Path(base.source or ""))
    try:
        return open_proof(base, place, author=_author()), ""
    except Unwritable as fault:
        other = journals / place.name
        return open_proof(base, other, author=_author()), f"{fault} The journal is kept in {other}."


def remembering(array: LazyArray) -> LazyArray:
    """An array that is not in memory, with what was read last of it."""
    return array if isinstance(array, np.ndarray) else Recent(array)


def _warm_up() -> None:
    """Have ready what is compiled when labels are drawn and objects joined; else the viewer waits for it."""
    edited = Edited(np.ones((1, 2, 2), np.uint32))
    edited.rename(1, 2)
    made_of((edited, {}, "labels"))


def _author() -> str:
    """Who sits here."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # nobody that the system knows
        return ""


class WorkingCopy:
    """The same labels for work on threads, one piece of work at a time; they follow the log of the proof.

    The proof itself is changed on the Qt thread alone.
    """

    def __init__(self, proof: Proof) -> None:
        self._log: list[Step | Turn] = list(proof.steps)
        self._seen = 0
        self._proof = Proof(proof.base)
        self._proof.notes = proof.notes
        self._taken = proof.fresh() - 1
        self._lock = threading.Lock()
        self._score: FollowedScore | None = None

    def say(self, record: Step | Turn, taken: int) -> None:
        """The proof has done or taken back a step; labels up to `taken` are in use."""
        self._taken = taken
        self._log.append(record)

    def begin_score(self, truth: Volume) -> FollowedScore:
        """A score that follows the labels from now on, with the curve since they were first opened.

        Raises:
            ValueError: as `FollowedScore`.
        """
        with self._followed():
            if self._score is not None:
                self._proof.followers.remove(self._score)
            self._score = None
            self._score = FollowedScore(self._proof, truth)
            return self._score

    def end_score(self) -> None:
        """No score any more."""
        with self._lock:
            self._proof.followers.clear()
            self._score = None

    def score(self) -> FollowedScore | None:
        """The score of the labels as they are now; None where there is no truth."""
        with self._followed():
            return self._score

    def replica(self) -> Proof:
        """The labels as they are now, for long work of its own."""
        with self._followed():
            made = Proof(self._proof.base)
            made.restore(self._proof.steps, self._proof.notes)
            return made

    def step(self, mode: str, clicks: Sequence[Click], interior_map: LazyArray | None) -> Step:
        """What clicks in a mode stand for, not yet done.

        Raises:
            ValueError: see `step_of`.
        """
        with self._followed():
            return step_of(mode, self._proof, clicks, interior_map)

    def look_around(self, point: Point, interior_map: LazyArray | None) -> None:
        """Read what a split of the object at a place is going to read, so that it need not wait for the disk.

        Raises:
            ValueError: as `connected`.
        """
        with self._followed():
            region = connected(self._proof.labels, [point])
        if interior_map is not None:
            interior_map[region.window]

    def label_at(self, point: Point) -> int:
        """The label of a voxel."""
        with self._followed():
            return self._proof.labels.at(point)

    def proposal(self, item: Item, interior_map: LazyArray | None) -> Proposal:
        """What puts an item right, of the objects that are at its places now, not yet done.

        Raises:
            ValueError: other edits have done it, or as `propose`.
        """
        with self._followed():
            now = still(self._proof, item)
            if now is None:
                raise ValueError("Other edits have settled this place.")
            return proposals.propose(self._proof, now, interior_map, self._score)

    def picture(self, step: Step, side: Side, section: int) -> LayerData | None:
        """Outlines of what a step is about in one section, numbered from 1; None where it is elsewhere."""
        with self._followed():
            found = np.asarray(self._section(section))
        mask = outlines(drawn(step, found, self._proof.labels.shape, section))
        rows, columns = (np.flatnonzero(mask.any(axis)) for axis in (1, 0))
        if not rows.size:
            return None
        box = tuple(slice(int(one[0]), int(one[-1]) + 1) for one in (rows, columns))
        is_flat = self._proof.labels.ndim == 2
        start = (box[0].start, box[1].start) if is_flat else (section, box[0].start, box[1].start)
        cut = np.ascontiguousarray(mask[box])
        return cut if is_flat else cut[None], side.placed(start), "labels"

    def _section(self, section: int) -> Array:
        labels = self._proof.labels
        found: Array = labels[...] if labels.ndim == 2 else labels[section]
        return found

    @contextmanager
    def _followed(self) -> Iterator[None]:
        """Nobody else works on the labels, which have caught up with the log."""
        with self._lock:
            while self._seen < len(self._log):
                record = self._log[self._seen]
                self._seen += 1
                self._proof.restore([record])
            self._proof.reserve(self._taken)
            yield


def drawn(step: Step, labels: Array, shape: tuple[int, ...], section: int) -> Array:
    """Where a step changes a section and what it is about, as numbers from 1; uint8, 0 elsewhere.

    The objects of a merge have a number each; so have the parts of a split, the one that keeps its label too.
    """
    mask: Array = np.zeros(labels.shape, np.uint8)
    for number, one in enumerate(dict.fromkeys(step.ids), 1):
        mask[labels == np.array(one, labels.dtype)] = min(number, 255)
    numbers = {one: min(k, 255) for k, one in enumerate(dict.fromkeys(step.ids), 1)}
    first = section * labels.size if len(shape) > 2 else 0
    for patch in step.patches:
        flat, new = patch.between(first, first + labels.size)
        for one in np.unique(new).tolist():
            number = numbers.setdefault(int(one), min(len(numbers) + 1, 255))
            mask.reshape(-1)[flat[new == one] - first] = number
    return mask


class InteriorMap:
    """The interior map of a layer, with what was read last of it."""

    def __init__(self) -> None:
        self._data: Any = None
        self._map: LazyArray | None = None

    def of(self, layer: Any, shape: tuple[int, ...]) -> LazyArray:
        """The map of a layer, on labels of `shape`.

        Raises:
            ValueError: it has another shape.
        """
        data = layer.data[0] if layer.multiscale else layer.data
        data = data.array if isinstance(data, Level) else data
        if tuple(data.shape) != shape:
            raise ValueError(
                f"The map '{layer.name}' has the shape {tuple(data.shape)} and the labels {shape}; choose the "
                "interior map that the labels were made from."
            )
        if self._map is None or data is not self._data:
            self._data, self._map = data, remembering(data)
        return self._map
