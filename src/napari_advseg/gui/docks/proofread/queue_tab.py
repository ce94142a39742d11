"""The queue with its proposals: each is made while the user looks at the one before."""

# mypy: disallow-subclassing-any=false
from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QCheckBox, QPushButton, QVBoxLayout, QWidget

from napari_advseg.gui.compute.session import Session
from napari_advseg.gui.docks.proofread import finding
from napari_advseg.gui.docks.proofread.open_labels import OpenLabels
from napari_advseg.gui.docks.proofread.queue_table import QueueTable
from napari_advseg.gui.kit.latest import Latest
from napari_advseg.gui.kit.panel import side_by_side
from napari_advseg.napari_io import LayerData
from napari_advseg.proofreading.finding import queue
from napari_advseg.proofreading.finding.proposals import Proposal
from napari_advseg.proofreading.finding.queue import Item
from napari_advseg.proofreading.store.steps import Step
from napari_advseg.volume.arrays.lazy import LazyArray

AHEAD = 2


class QueueTab(QWidget):
    """Emits `reached` with the place that is looked at now (None at the end), then `proposed` with what to do there."""

    reached = Signal(object)
    proposed = Signal(object, object)  # the proposal, and its picture
    missed = Signal(str)
    accepted = Signal()
    rejected = Signal()

    def __init__(self, session: Session, interior_map: Callable[[], LazyArray | None]) -> None:
        """`interior` gives the map along which splits are proposed."""
        super().__init__()
        self._interior = interior_map
        self._opened: OpenLabels | None = None
        self._ahead: dict[Item, Proposal] = {}
        self._done: list[tuple[Step, Item]] = []
        self._proposing, self._looking = (Latest(session, self) for _ in range(2))
        self.item: Item | None = None
        self.proposal: Proposal | None = None
        self.table = QueueTable()
        self.shows = QCheckBox("Show what would change")
        self.shows.setChecked(True)
        self.accept, self.reject = QPushButton("Accept"), QPushButton("Reject")
        for widget, words in (
            (self.shows, "Lines around the objects and parts as they would be"),
            (self.accept, "Do what is proposed (Enter)"),
            (self.reject, "It is right as it is: it does not come back (Backspace)"),
        ):
            widget.setToolTip(f"<p>{words}.</p>")
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 4, 0, 0)
        column.setSpacing(3)
        column.addWidget(self.table, stretch=1)
        column.addWidget(self.shows)
        column.addWidget(side_by_side(self.accept, self.reject))
        self._connect()

    def take(self, opened: OpenLabels | None) -> None:
        """Propose for these labels from now on, or for none."""
        self._opened = opened
        self._done.clear()
        self._looking.forget()
        self.show_items([])

    def show_items(self, items: Sequence[Item]) -> None:
        """Show other places, the first one reached."""
        self.let_go()
        self._ahead.clear()
        self.table.show_items(items)
        if not items and self._opened is not None:
            self.reached.emit(None)

    def let_go(self) -> None:
        """Look at none of the places for now; they stay in the list."""
        self.item = self.proposal = None
        self._proposing.forget()

    def ask_again(self) -> None:
        """Propose anew for the place that is looked at: the labels are others now."""
        if self.item is not None and self._opened is not None:
            made = self._ahead.pop(self.item, None)
            work = partial(finding.proposed, self._opened, self.item, self._interior(), made)
            self._proposing.ask(work)

    def settle(self, item: Item, step: Step | None = None) -> None:
        """An item is done by a step, or rejected: the next one comes."""
        if step is not None:
            self._done.append((step, item))
        self.let_go()
        self.table.drop(item)

    def turn_back(self, step: Step, *, is_redo: bool) -> None:
        """A step was taken back, or done again: what it did is to do again, or is done."""
        for item in [item for done, item in self._done if done is step]:
            if is_redo:
                self.table.drop(item)
            else:
                self.table.put_back(item)

    def forget_near(self, step: Step) -> None:
        """Forget proposals made ahead that a step has changed the objects of."""
        about = step.touched | set(step.ids)
        for item, one in list(self._ahead.items()):
            if about & (one.step.touched | set(one.step.ids)):
                del self._ahead[item]

    def remember_rejected(self) -> None:
        """Put on disk that the place is right as it is.

        Raises:
            Unwritable: the journal cannot be written.
        """
        if self._opened is not None and self.item is not None:
            item = self.proposal.item if self.proposal is not None else self.item
            queue.reject(self._opened.proof, item)

    def _connect(self) -> None:
        self.table.chosen.connect(self._reach)
        for signal, ours in (
            (self.table.accepted, self.accepted),
            (self.table.rejected, self.rejected),
            (self.accept.clicked, self.accepted),
            (self.reject.clicked, self.rejected),
        ):
            signal.connect(lambda *_, ours=ours: ours.emit())
        self._proposing.done.connect(self._take)
        self._proposing.failed.connect(self._miss)
        self._looking.done.connect(self._keep)

    def _reach(self, item: Item | None) -> None:
        if self._opened is None:
            return
        self.let_go()
        self.item = item
        self.reached.emit(item)
        self.ask_again()

    def _take(self, made: tuple[Item, Proposal, LayerData | None]) -> None:
        item, proposal, picture = made
        if item is self.item:
            self.proposal = proposal
            self.proposed.emit(proposal, picture)
            self._look_ahead()

    def _miss(self, text: str) -> None:
        """A place is no longer what it was: it is left out, and the next one comes."""
        if self.item is not None:
            self.missed.emit(text)
            self.settle(self.item)

    def _look_ahead(self) -> None:
        missing = [item for item in self.table.following(AHEAD) if item not in self._ahead]
        if missing and self._opened is not None:
            work = partial(finding.ahead, self._opened, missing[0], self._interior())
            self._looking.ask(work)

    def _keep(self, made: tuple[Item, Proposal]) -> None:
        item, proposal = made
        self._ahead[item] = proposal
        self._look_ahead()
