"""What is asked in proofreading, prepared on threads: steps that clicks stand for, proposals before their turn."""

# mypy: disallow-subclassing-any=false
from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from qtpy.QtCore import QObject, QTimer, Signal

from napari_advseg.gui.compute.session import Session
from napari_advseg.gui.docks.proofread import finding
from napari_advseg.gui.docks.proofread.finding import Answer
from napari_advseg.gui.docks.proofread.open_labels import OpenLabels
from napari_advseg.gui.kit.latest import Latest
from napari_advseg.gui.viewer import turns
from napari_advseg.proofreading.finding.queue import Item
from napari_advseg.proofreading.state import Done, Question
from napari_advseg.volume.arrays.lazy import LazyArray

AHEAD = 2


class Preparing(QObject):
    """Emits `answered` with the `Answer` to what was asked last, and `failed` where there is none."""

    answered = Signal(object)
    failed = Signal(str)

    def __init__(self, session: Session, parent: QObject) -> None:
        super().__init__(parent)
        self._opened: OpenLabels | None = None
        self._ahead: dict[Item, Answer] = {}
        self._coming: list[Item] = []
        self._interior_map: LazyArray | None = None
        self._asking, self._looking = (Latest(session, self) for _ in range(2))
        self.reading = Latest(session, self)
        self._asking.done.connect(self.answered)
        self._asking.failed.connect(self.failed)
        self._looking.done.connect(self._keep)
        self._known: Answer | None = None
        # In a turn of its own, after that of the camera: drawing both takes twice as long.
        self._soon = QTimer(self)
        self._soon.setSingleShot(True)
        self._soon.setInterval(2 * turns.BETWEEN_MS)
        self._soon.timeout.connect(self._hand_out)

    def take(self, opened: OpenLabels | None) -> None:
        """Prepare for these labels from now on, or for none."""
        self._opened = opened
        self.forget()
        self.forget_ahead()

    def ask(
        self, question: Question | None, interior_map: LazyArray | None, problem: str, section: int
    ) -> None:
        """Prepare this in place of what was asked before; `section` is the one on screen.

        Clicks come to nothing where there is a `problem` with the interior map; places of the queue do without it.
        """
        self.forget()
        if self._opened is None or question is None:
            return
        if problem and question.clicks:
            self.answered.emit(Answer(question, problem=problem))
            return
        known = self._ahead.pop(question.item, None) if question.item is not None else None
        if known is not None:
            self._known = known.to(question)
            self._soon.start()
            return
        work = partial(finding.answered, self._opened, question, interior_map, section)
        self._asking.ask(work)
        if question.mode == "split" and len(question.clicks) == 1:
            (first,) = question.clicks
            copy = self._opened.working_copy
            self.reading.ask(partial(copy.look_around, first.point, interior_map))

    def look_ahead(self, items: Sequence[Item], interior_map: LazyArray | None) -> None:
        """Propose for the first of these places, which come next."""
        self._coming, self._interior_map = list(items[:AHEAD]), interior_map
        missing = [item for item in self._coming if item not in self._ahead]
        if missing and self._opened is not None:
            question = Question(item=missing[0])
            self._looking.ask(partial(finding.answered, self._opened, question, interior_map, 0))

    def forget(self) -> None:
        """Nothing is asked any more."""
        self._soon.stop()
        self._asking.forget()

    def forget_ahead(self, done: Done | None = None) -> None:
        """Forget what was proposed ahead for objects that a step has changed; without one, all."""
        self._looking.forget()
        if done is None or done.step.operation in ("review", "unreview"):
            self._ahead.clear()
            return
        about = done.step.touched | set(done.step.ids)
        self._ahead = {
            item: answer for item, answer in self._ahead.items() if about.isdisjoint(answer.about)
        }

    def _hand_out(self) -> None:
        if self._known is not None:
            self.answered.emit(self._known)

    def _keep(self, answer: Answer) -> None:
        item = answer.question.item
        if item is not None and not answer.problem:
            self._ahead[item] = answer
            self.look_ahead(self._coming, self._interior_map)
