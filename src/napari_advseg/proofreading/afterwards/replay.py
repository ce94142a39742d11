"""Edits of one segmentation done again on another of the same image, with a list of what did not fit there."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from napari_advseg.progress import BlockDone, Phase, Reports
from napari_advseg.proofreading.afterwards.carried import as_reviewed
from napari_advseg.proofreading.editing import edits
from napari_advseg.proofreading.editing.boxes import box_of, inside, shared, size, window_of, within
from napari_advseg.proofreading.editing.edits import split_off
from napari_advseg.proofreading.editing.proof import Proof
from napari_advseg.proofreading.editing.regions import Region, connected, marked
from napari_advseg.proofreading.store.identity import identity
from napari_advseg.proofreading.store.kept import Kept
from napari_advseg.proofreading.store.overlay import IDS, Edited
from napari_advseg.proofreading.store.records import Patch
from napari_advseg.proofreading.store.steps import Point, Step
from napari_advseg.volume.arrays.lazy import Array, LazyArray
from napari_advseg.volume.frame import Frame

AGREE = 0.8
"""Voxels of an edit that must lie in one object there as they did here."""
ALIKE = 0.5
"""Overlap over union from which an object there is the one that was meant."""


@dataclasses.dataclass(frozen=True, eq=False)
class Conflict:
    """A step that was not done.

    Attributes:
        number: which one of the steps that count, from 1.
        why: what is otherwise there.
    """

    number: int
    step: Step
    why: str

    def to_json(self) -> dict[str, Any]:
        """The conflict as plain JSON."""
        return {"number": self.number, "why": self.why, **self.step.to_json()}


@dataclasses.dataclass(frozen=True, eq=False)
class Replayed:
    """What became of steps on other labels.

    Attributes:
        done: the steps as they were done there.
        already: how many had nothing to do, as those labels are right there.
        conflicts: those that were not done.
    """

    done: tuple[Step, ...]
    already: int
    conflicts: tuple[Conflict, ...]

    def to_json(self) -> dict[str, Any]:
        """What became of them as plain JSON."""
        return {
            "done": len(self.done),
            "already": self.already,
            "conflicts": [one.to_json() for one in self.conflicts],
        }


class _Unfit(Exception):
    """A step does not fit; its text says why."""


class _Already(Exception):
    """A step has nothing to do."""


def replay(kept: Kept, onto: Proof, original: LazyArray | None = None) -> Reports[Replayed]:
    """Do the steps of a journal again on other labels of the same image; reports each step.

    Objects are found by the voxels that the steps name, voxels that were cut off or painted by where they lie; new
    labels are given anew; what was reviewed is carried over as it was. On the labels that the journal belongs to all
    is done exactly as it was.

    Args:
        original: the labels that the journal belongs to. With them, objects that were deleted or marked as correct are
            compared with those there; without them the place alone decides, and what was reviewed is a conflict.

    Raises:
        ValueError: the labels do not lie on the same voxels.
    """
    check_places(kept, onto)
    steps = kept.steps
    yield Phase("replay", len(steps))
    is_same = identity(onto.base.array) == kept.identity and not onto.steps
    before = Edited(original) if original is not None and not is_same else None
    replaying = _Replaying(onto, before)
    done: list[Step] = []
    conflicts: list[Conflict] = []
    for number, step in enumerate(steps, 1):
        try:
            there = step if is_same else replaying.translated(step)
            done.append(onto.do(there))
        except _Already:
            pass
        except (_Unfit, ValueError) as why:
            conflicts.append(Conflict(number, step, str(why)))
        replaying.passed(step)
        yield BlockDone("replay", number, len(steps))
    return Replayed(tuple(done), len(steps) - len(done) - len(conflicts), tuple(conflicts))


def check_places(kept: Kept, onto: Proof) -> None:
    """Nothing, where labels lie on the voxels that a journal belongs to.

    Raises:
        ValueError: shapes or voxel sizes differ; both are named.
    """
    if onto.labels.shape != kept.identity.shape:
        raise ValueError(
            f"The journal belongs to labels of shape {kept.identity.shape} and these have {onto.labels.shape}; choose "
            "a segmentation of the same image."
        )
    if not _alike(kept.frame, onto.frame):
        raise ValueError(
            f"The journal belongs to labels of voxel size {kept.frame.scale} {kept.frame.units} and these have "
            f"{onto.frame.scale} {onto.frame.units}; choose a segmentation of the same image, or correct its scale."
        )


class _Replaying:
    """Steps translated to other labels, one after the other."""

    def __init__(self, onto: Proof, before: Edited | None) -> None:
        self._onto = onto
        self._before = before
        self._known: dict[int, int] = {}
        self._translations: dict[str, Callable[[Step], Step]] = {
            "merge": self._merge,
            "delete": self._delete,
            "split": self._split,
            "new": self._split,
            "mark": self._mark,
            "unmark": self._mark,
            "review": self._review,
            "unreview": self._unreview,
        }

    def translated(self, step: Step) -> Step:
        """The step that does there what was done here; raises _Already or _Unfit."""
        made = self._translations.get(step.operation, self._paint)(step)
        return dataclasses.replace(made, time=step.time, author=step.author, reason=step.reason)

    def passed(self, step: Step) -> None:
        """The labels that the journal belongs to go on by a step."""
        if self._before is not None:
            self._before.do(step.renames, step.patches)

    def _merge(self, step: Step) -> Step:
        objects = self._objects(step)
        self._known[step.ids[0]] = objects[0][0]
        where = dict(objects)
        if len(where) < 2:
            raise _Already
        return edits.merge(self._onto, ids=list(where), points=list(where.values()))

    def _delete(self, step: Step) -> Step:
        objects = [(one, point) for one, point in self._objects(step, may_be_empty=True) if one]
        if not objects:
            raise _Already
        self._check_alike(step)
        where = dict(objects)
        return edits.delete(self._onto, ids=list(where), points=list(where.values()))

    def _mark(self, step: Step) -> Step:
        where = dict(self._objects(step))
        is_mark = step.operation == "mark"
        chosen = [one for one in where if (one in self._onto.locked) != is_mark]
        if not chosen:
            raise _Already
        if is_mark:
            self._check_alike(step)
        make = edits.mark if is_mark else edits.unmark
        return make(self._onto, ids=chosen, points=[where[one] for one in chosen])

    def _review(self, step: Step) -> Step:
        """What was reviewed is what lies there from now on."""
        if self._before is None or step.box is None:
            raise _Unfit("Which labels were reviewed cannot be seen without those of the journal.")
        self.passed(step)  # what it has painted was reviewed; painting it again changes nothing
        made = as_reviewed(self._onto, self._before, step.box)
        if not made.patches and size(within(self._onto.boxes, step.box)) == size([step.box]):
            raise _Already
        return made

    def _unreview(self, step: Step) -> Step:
        if step.box is None or not within(self._onto.boxes, step.box):
            raise _Already
        return edits.unreview(self._onto, window_of(step.box))

    def _split(self, step: Step) -> Step:
        """Each part that was cut off is cut off the object in which most of it lies."""
        kept_in = self._onto.labels.at(step.points[0]) if step.operation == "split" else None
        fresh = self._onto.fresh()
        cut: list[tuple[Patch, Array, int, int]] = []
        for patch in step.patches:
            labels = self._under(patch)
            label, share = _most(labels)
            if share < AGREE or label == 0:
                raise _Unfit("The part that was cut off does not lie in one object there.")
            new = label
            if kept_in is None or label == kept_in:
                new = fresh + len(cut)
                cut.append((patch, labels == np.array(label, IDS), label, new))
            self._known[int(patch.new[0])] = new
        if not cut:
            raise _Already
        return split_off(self._onto, step, cut)

    def _paint(self, step: Step) -> Step:
        (patch,) = step.patches
        labels = self._under(patch)
        if _agreement(patch.old, labels) < AGREE:
            raise _Unfit("Other objects lie there than where it was painted.")
        window, mask = marked(patch.places(self._onto.labels.shape), step.box)
        label = self._painted_label(step)
        points = [point for point in step.points if self._onto.labels.at(point) == label]
        made = edits.paint(self._onto, window, mask, label, points=points)
        return dataclasses.replace(made, operation=step.operation)

    def _painted_label(self, step: Step) -> int:
        label = step.ids[0]
        if label == 0:
            return 0
        if label not in self._known:
            there = self._onto.labels.at(step.points[0]) if step.points else self._onto.fresh()
            if there == 0:
                raise _Unfit(f"The object that was painted on is not at {step.points[0]} there.")
            self._known[label] = there
        return self._known[label]

    def _objects(self, step: Step, *, may_be_empty: bool = False) -> list[tuple[int, Point]]:
        """The objects there, with their places, in the order of those here."""
        if len(step.points) != len(step.ids):
            raise _Unfit("The journal does not say where its objects lie.")
        found = [(self._onto.labels.at(point), point) for point in step.points]
        empty = [point for one, point in found if one == 0]
        if empty and not may_be_empty:
            raise _Unfit(f"There is no object at {empty[0]} there.")
        return found

    def _check_alike(self, step: Step) -> None:
        for point in step.points if self._before is not None else ():
            here = connected(self._before, [point])  # type: ignore[arg-type] # there are none without it
            share = _overlap(here, connected(self._onto.labels, [point]))
            if share < ALIKE:
                raise _Unfit(f"At {point} lies another object there (overlap {share:.2f}).")

    def _under(self, patch: Patch) -> Array:
        """The labels there of the voxels of a patch."""
        window, mask = marked(patch.places(self._onto.labels.shape))
        return np.asarray(self._onto.labels[window])[mask]


def _most(labels: Array) -> tuple[int, float]:
    """The label that most voxels have, and the share of them."""
    ids, counts = np.unique(labels, return_counts=True)
    best = int(np.argmax(counts))
    return int(ids[best]), float(counts[best] / labels.size)


def _agreement(here: Array, there: Array) -> float:
    """The share of voxels that lie there in the object that stands for theirs here; 0 stands for 0."""
    agreeing = 0
    for label in np.unique(here):
        under = there[here == label]
        agreeing += int((under == 0).sum()) if label == 0 else int(_most(under)[1] * under.size)
    return agreeing / here.size


def _overlap(one: Region, other: Region) -> float:
    """Intersection over union of two regions of one array."""
    common = shared(box_of(one.window), box_of(other.window))
    if common is None:
        return 0.0
    parts = [region.mask[inside(common, region.window)] for region in (one, other)]
    both = int(np.count_nonzero(parts[0] & parts[1]))
    return both / (int(one.mask.sum()) + int(other.mask.sum()) - both)


def _alike(one: Frame, other: Frame) -> bool:
    return one.axes == other.axes and all(
        math.isclose(a, b, rel_tol=1e-3) for a, b in zip(one.scale, other.scale, strict=True)
    )


def describe(replayed: Replayed) -> Sequence[str]:
    """What became of the steps, one line, and a line for each conflict."""
    head = f"{len(replayed.done)} edits done, {replayed.already} not needed there, {len(replayed.conflicts)} conflicts."
    return [head, *(f"{one.number} {one.step.operation}: {one.why}" for one in replayed.conflicts)]
