"""Scores that follow a proofreader: after each step those of the labels as they are, and the curve since the start."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import Any

import numpy as np

from napari_advseg.proofreading.editing.boxes import box_of, inside, widened
from napari_advseg.proofreading.editing.proof import Proof
from napari_advseg.proofreading.store.identity import identity
from napari_advseg.proofreading.store.overlay import IDS, Edited
from napari_advseg.proofreading.store.steps import Step
from napari_advseg.scoring.measures.instances import scored_table
from napari_advseg.scoring.measures.live import Change, LiveScore, Values
from napari_advseg.scoring.table.boundary import near_change
from napari_advseg.scoring.table.compared import compared
from napari_advseg.scoring.table.contingency import as_ids
from napari_advseg.scoring.table.pair import as_label_volume, check_alike
from napari_advseg.settings.override import override
from napari_advseg.settings.scoring import ScoringSettings
from napari_advseg.volume.arrays.lazy import Array, Window
from napari_advseg.volume.synthetic_voxels import blanked
from napari_advseg.volume.volume import Volume

REPLACED = (
    "The truth has changed since the score was begun; begin it anew to score against the new one."
)


@dataclasses.dataclass(frozen=True)
class Reached:
    """The score after a number of edits.

    Attributes:
        edits: how many count now; fewer than before after an undo.
        time: of the step that led here, as in the journal; "" at the start.
    """

    edits: int
    values: Values
    time: str = ""


class FollowedScore:
    """The score of labels under proofreading against the truth, by the volume as one.

    The labels are read once when it begins; after that a merge reads nothing, any other step the sections in its box.

    Attributes:
        curve: what was reached after each step, oldest first; it begins at the labels as they were first opened.
        problem: why the values are no longer those of the labels; "" where they are.
    """

    def __init__(
        self,
        proof: Proof,
        truth: Volume | Array,
        settings: ScoringSettings | None = None,
        **fields: Any,
    ) -> None:
        """Begin with the labels as they were before the first step, and follow all steps up to now.

        Raises:
            ValueError: shapes or voxel sizes differ, or the settings score the edge alone.
        """
        chosen = override(ScoringSettings, settings, fields)
        if chosen.edge:
            raise ValueError("The score of an edge band does not follow edits; set edge to 0.")
        self.settings = chosen.changed(by="volume")
        given = as_label_volume(truth, "Truth")
        check_alike(proof.base, given)
        self._given = given
        labels, self._truth = blanked(proof.base, given)
        self._identity = identity(given.array) if isinstance(given.array, np.ndarray) else None
        self._live = LiveScore(scored_table(labels, self._truth, self.settings), self.settings)
        self._changes: list[list[Change]] = []
        self.problem = ""
        self.curve = [Reached(0, self._live.values)]
        self._catch_up(proof)
        proof.followers.append(self)

    @property
    def values(self) -> Values:
        """The scores of the labels as they are."""
        return self._live.values

    @property
    def live(self) -> LiveScore:
        """The table behind the scores, to ask what an edit would gain; it must not be changed."""
        return self._live

    def truth_in(self, window: Window) -> Array:
        """True ids in a window."""
        return np.asarray(self._truth.array[window])

    def kept_in(self, window: Window) -> Array:
        """Where the score counts voxels of a window, whatever their labels; True or False."""
        reach = self.settings.border + 1
        wider = widened(window, (0, reach, reach)[-len(window) :], self._truth.shape)
        truth = as_ids(self.truth_in(wider), "Truth")
        planes = truth.reshape(-1, *truth.shape[-2:])
        keep = np.stack([~near_change(plane, self.settings.border) for plane in planes]).reshape(
            truth.shape
        )
        if self.settings.zero == "boundary":
            keep &= truth != 0
        return keep[inside(box_of(window), wider)]

    @property
    def start(self) -> Values:
        """The scores before the first step."""
        return self.curve[0].values

    def is_true(self) -> bool:
        """Whether the values are those of the labels and of this truth; where not, `problem` says why.

        Of a truth on disk it is not looked whether it is still the same.
        """
        if self._identity is not None and identity(self._given.array) != self._identity:
            self.problem = self.problem or REPLACED
        return not self.problem

    def forward(self, step: Step, labels: Edited) -> None:
        """Follow a step that `labels` do not have yet."""
        if not self.is_true():
            return
        done: list[Change] = []
        try:
            for change in self._changed(step, labels):
                done.append(change)  # noqa: PERF402 - those before a refusal are taken back
        except ValueError as fault:
            for change in reversed(done):
                self._live.undo(change)
            self.problem = str(fault)
            return
        self._changes.append(done)
        self.curve.append(Reached(len(self._changes), self.values, step.time))

    def back(self, step: Step) -> None:
        """Follow the undoing of the last step."""
        if self.problem:
            return
        for change in reversed(self._changes.pop()):
            self._live.undo(change)
        self.curve.append(Reached(len(self._changes), self.values, step.time))

    def _catch_up(self, proof: Proof) -> None:
        labels = Edited(proof.base.array)
        for step in proof.steps:
            self.forward(step, labels)
            labels.do(step.renames, step.patches)

    def _changed(self, step: Step, labels: Edited) -> Iterator[Change]:
        """The changes of the table, each of which is made before the next is looked for."""
        for old, new in step.renames:
            if new:
                yield self._live.merge(new, old)
        deleted = [old for old, new in step.renames if not new]
        if deleted or step.patches:
            for window in self._sections(step, labels, everywhere=bool(deleted)):
                yield from self._repainted(step, labels, window, deleted)

    def _sections(self, step: Step, labels: Edited, *, everywhere: bool) -> Iterator[Window]:
        """The sections that a step changes."""
        shape = labels.shape
        plane = tuple(slice(0, length) for length in shape[-2:])
        span = range(shape[0]) if len(shape) == 3 else range(1)
        if step.box is not None and not everywhere and len(shape) == 3:
            span = range(*step.box[0])
        for z in span:
            yield (slice(z, z + 1), *plane) if len(shape) == 3 else plane

    def _repainted(
        self, step: Step, labels: Edited, window: Window, deleted: list[int]
    ) -> Iterator[Change]:
        before = np.asarray(labels[window]).reshape([one.stop - one.start for one in window[-2:]])
        for old, new in step.renames:
            if new:
                before[before == old] = new
        after = before.copy()
        after[np.isin(after, np.array(deleted, IDS))] = 0
        _paint(step, after, labels.shape, window)
        if np.array_equal(before, after):
            return
        truth = np.asarray(self._truth.array[window]).reshape(after.shape)
        one, other = (compared(ids, truth, self.settings) for ids in (before, after))
        # Where predicted 0 is ignored, each of the two leaves its own out, and the score drops them itself.
        apart = (one.counted != other.counted) & (one.keep | other.keep)
        yield self._live.repaint(one.counted[apart], other.counted[apart], one.truth[apart])


def _paint(step: Step, section: Array, shape: tuple[int, ...], window: Window) -> None:
    """Paint what a step paints in one section, in place."""
    first = window[0].start * section.size if len(shape) == 3 else 0
    for patch in step.patches:
        flat, labels = patch.between(first, first + section.size)
        section.reshape(-1)[flat - first] = labels.astype(IDS)
