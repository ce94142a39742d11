"""What is being decided in proofreading, without a window: what is looked at, what it comes to, what was done.

Clicks and places of the queue are questions: somebody else prepares the step that each comes to, and says so. A
question is told apart by which one it is, not by what it says: where the labels have changed it is asked anew, and an
answer to the one before is no longer taken.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import Literal

from napari_advseg.proofreading.editing import edits
from napari_advseg.proofreading.editing.modes import ON_CLICK, Click, steps_of
from napari_advseg.proofreading.editing.proof import Proof, Stale
from napari_advseg.proofreading.finding import queue
from napari_advseg.proofreading.finding.proposals import Proposal
from napari_advseg.proofreading.finding.queue import Item
from napari_advseg.proofreading.store.records import Edit
from napari_advseg.proofreading.store.steps import Point, Step, Turn
from napari_advseg.volume.arrays.lazy import Window
from napari_advseg.volume.refusals import Unwritable

LOOK = "look"
How = Literal["done", "taken back", "done again"]


@dataclasses.dataclass(frozen=True, eq=False)
class Question:
    """Clicks in a mode, or a place of the queue, that a step is to be prepared for."""

    mode: str = LOOK
    clicks: tuple[Click, ...] = ()
    item: Item | None = None


@dataclasses.dataclass(frozen=True, eq=False)
class Done:
    """The labels have changed.

    Attributes:
        step: that was done, taken back or done again.
        settled: the places of the queue that it is about: they are done, or open again where it was taken back.
    """

    step: Step
    how: How = "done"
    settled: tuple[Item, ...] = ()

    @property
    def record(self) -> Step | Turn:
        """What was done, as a log takes it."""
        return Turn(again=False) if self.how == "taken back" else self.step


@dataclasses.dataclass(frozen=True)
class Rejected:
    """A place was found right as it is."""

    item: Item


@dataclasses.dataclass(frozen=True)
class Missed:
    """A place is no longer what it was, so it is left out."""

    item: Item
    why: str


@dataclasses.dataclass(frozen=True)
class Refused:
    """An edit cannot be made, and what was clicked is forgotten."""

    why: str


@dataclasses.dataclass(frozen=True)
class Unsaved:
    """Nothing can be put on disk, so nothing has changed."""

    why: str


@dataclasses.dataclass(frozen=True)
class Overtaken:
    """The labels have changed since the step was prepared; it is asked for anew."""


@dataclasses.dataclass(frozen=True)
class Unchanged:
    """Nothing was decided: there is nothing to decide, or it is still being prepared."""


Outcome = Done | Rejected | Missed | Refused | Unsaved | Overtaken | Unchanged


class Proofreading:
    """What is being decided about labels.

    Attributes:
        mode: what clicks are taken for.
        question: what a step is to be prepared for; None where nothing is looked at.
        pending: the step that it comes to; None where it is not prepared, or needs more clicks.
        proposal: the same for a place of the queue, and what it gains.
        is_wanted: whether it was accepted before it was prepared.
    """

    def __init__(self, proof: Proof) -> None:
        self.proof = proof
        self.mode = LOOK
        self.question: Question | None = None
        self.pending: Step | None = None
        self.proposal: Proposal | None = None
        self.is_wanted = False
        self._settled: list[tuple[Step, Item]] = []

    @property
    def clicks(self) -> tuple[Click, ...]:
        """What was clicked and is not decided."""
        return self.question.clicks if self.question is not None else ()

    @property
    def item(self) -> Item | None:
        """The place of the queue that is looked at."""
        return self.question.item if self.question is not None else None

    def turn(self, mode: str) -> None:
        """Take clicks for something else from now on; those before are forgotten."""
        self.mode = mode
        self._ask(None)

    def click(self, point: Point, *, is_next: bool = False) -> bool:
        """Take a place, unless clicks mean nothing in this mode; `is_next` begins the seeds of another part.

        A place of the queue is left for it. Where one click is an edit, the newest counts.
        """
        if self.mode not in ON_CLICK:
            return False
        before = () if ON_CLICK[self.mode].is_single else self.clicks
        colour = before[-1].colour if before else 0
        click = Click(point, colour + (is_next and bool(before)))
        self._ask(Question(self.mode, (*before, click)))
        return True

    def reach(self, item: Item | None) -> None:
        """Look at a place of the queue, or at none; what was clicked is forgotten."""
        self._ask(None if item is None else Question(item=item))

    def drop(self) -> Outcome:
        """Forget what was clicked, and what is looked at."""
        self._ask(None)
        return Unchanged()

    def take(self, question: Question, made: Step | Proposal | None) -> Outcome:
        """A question comes to this; None asks for more clicks. Where it was accepted already it is done now."""
        if question is not self.question:
            return Unchanged()
        self.proposal = made if isinstance(made, Proposal) else None
        self.pending = made.step if isinstance(made, Proposal) else made
        if not self.is_wanted or self.pending is None:
            return Unchanged()
        return self.accept()

    def miss(self, question: Question, why: str) -> Outcome:
        """A question comes to nothing."""
        if question is not self.question:
            return Unchanged()
        item = self.item
        self._ask(None)
        return Refused(why) if item is None else Missed(item, why)

    def accept(self) -> Outcome:
        """Do what is pending; where it is being prepared still, as soon as it is."""
        step, item = self.pending, self.item
        if step is None:
            self.is_wanted = self.question is not None
            return Unchanged()
        outcome = self._tried(step, f"queue: {item.source}" if item is not None else "")
        match outcome:
            case Overtaken():
                self._ask_anew()
            case Done(done) if item is not None:
                self._ask(None)
                self._settled.append((done, item))
                return dataclasses.replace(outcome, settled=(item,))
            case _:
                self._ask(None)
        return outcome

    def reject(self) -> Outcome:
        """Remember that the place that is looked at is right as it is."""
        item = self.item
        if item is None:
            return Unchanged()
        try:
            queue.reject(self.proof, self.proposal.item if self.proposal is not None else item)
        except Unwritable as fault:
            return Unsaved(str(fault))
        self._ask(None)
        return Rejected(item)

    def undo(self) -> Outcome:
        """Take the last step back, also one of yesterday."""
        return self._turned(is_redo=False)

    def redo(self) -> Outcome:
        """Do again what was taken back."""
        return self._turned(is_redo=True)

    def paint(self, edit: Edit) -> Iterator[Outcome]:
        """Do what a brush has painted, a step for each label."""
        try:
            for step in steps_of(self.proof, edit):
                yield self._besides(step)
        except ValueError as why:
            yield self._refused(str(why))

    def review(self, window: Window) -> Outcome:
        """All in a box is right as it is; where that was said already, it is no longer."""
        try:
            step = edits.review(self.proof, window)
        except ValueError:
            step = edits.unreview(self.proof, window)
        return self._besides(step)

    def _besides(self, step: Step) -> Outcome:
        """Do a step while something else is looked at, which is asked anew: it may come to something else now."""
        outcome = self._tried(step)
        if isinstance(outcome, Done):
            self._ask_anew()
        return outcome

    def _tried(self, step: Step, reason: str = "") -> Outcome:
        try:
            done = self.proof.do(step, reason)
        except Stale:
            return Overtaken()
        except Unwritable as fault:
            return Unsaved(str(fault))
        except ValueError as why:
            return self._refused(str(why))
        return Done(done)

    def _turned(self, *, is_redo: bool) -> Outcome:
        self._ask(None)
        try:
            step = self.proof.redo() if is_redo else self.proof.undo()
        except Unwritable as fault:
            return Unsaved(str(fault))
        if step is None:
            return Unchanged()
        settled = tuple(item for done, item in self._settled if done is step)
        return Done(step, "done again" if is_redo else "taken back", settled)

    def _refused(self, why: str) -> Outcome:
        self._ask(None)
        return Refused(why)

    def _ask(self, question: Question | None) -> None:
        """Look at something else."""
        self.question, self.pending, self.proposal, self.is_wanted = question, None, None, False

    def _ask_anew(self) -> None:
        """Look at the same, as if for the first time; an Enter that waits for it still does."""
        is_wanted = self.is_wanted
        self._ask(None if self.question is None else dataclasses.replace(self.question))
        self.is_wanted = is_wanted
