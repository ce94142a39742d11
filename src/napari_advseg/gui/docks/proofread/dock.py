"""The Proofread dock: labels put right in the order that matters, every edit on disk and open to be taken back."""

# mypy: disallow-subclassing-any=false
from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import napari
from qtpy.QtWidgets import QPushButton, QTabWidget, QVBoxLayout, QWidget

from napari_advseg.gui.compute import handover
from napari_advseg.gui.docks.job_dock import JobDock
from napari_advseg.gui.docks.proofread import finding
from napari_advseg.gui.docks.proofread.choices import Choices
from napari_advseg.gui.docks.proofread.click_tool import ClickTool, said_of
from napari_advseg.gui.docks.proofread.finding import Answer
from napari_advseg.gui.docks.proofread.mark import ProofMark
from napari_advseg.gui.docks.proofread.mode_bar import WORDS, ModeBar
from napari_advseg.gui.docks.proofread.objects_tab import ObjectsTab
from napari_advseg.gui.docks.proofread.open_labels import OpenLabels
from napari_advseg.gui.docks.proofread.preparing import AHEAD, Preparing
from napari_advseg.gui.docks.proofread.queue_tab import QueueTab
from napari_advseg.gui.docks.proofread.review_tab import ReviewTab
from napari_advseg.gui.docks.proofread.score_tab import ProofScore
from napari_advseg.gui.help.shortcuts import Shortcut
from napari_advseg.gui.kit.comparison import Side
from napari_advseg.gui.kit.panel import Toned, browse_new, in_scroll_area, note, side_by_side
from napari_advseg.gui.viewer import window
from napari_advseg.gui.viewer.proof_layer import ProofLayer
from napari_advseg.proofreading.finding.proposals import Proposal
from napari_advseg.proofreading.finding.queue import Item
from napari_advseg.proofreading.state import (
    Done,
    How,
    Missed,
    Outcome,
    Proofreading,
    Question,
    Refused,
    Rejected,
    Unsaved,
)
from napari_advseg.proofreading.store.records import Edit

BEGIN, FIND = "Begin", "Find places"
BEGIN_ABOUT = (
    "Open the labels in a new layer that takes edits; they themselves are never written to"
)
FIND_ABOUT = "List what is probably wrong, the most rewarding first, each with a proposal"
LEFT = "Proofreading has ended; every edit is in the journal, and Begin goes on with them."
EMPTY = "Nothing is left to look at in this order."
SAID: dict[How, str] = {
    "done": "{}.",
    "taken back": "Taken back: {}.",
    "done again": "Done again: {}.",
}


class ProofreadDock(JobDock):
    """Labels -> the same labels put right, with a journal beside them.

    What is decided is decided in `state`; the dock hands on what the user does, and shows what comes of it.

    Attributes:
        opened: what is being proofread; None where nothing is.
        state: what is being decided about it.
    """

    kind = "proofread"
    run_words = BEGIN
    run_about = BEGIN_ABOUT
    shows_device = False
    log_px = 44

    def __init__(self, napari_viewer: napari.viewer.Viewer) -> None:
        super().__init__(napari_viewer)
        self.opened: OpenLabels | None = None
        self.state: Proofreading | None = None
        self._layer: ProofLayer | None = None
        self._asked: Question | None = None
        self.choices = Choices(self._viewer, self._session, self.kind)
        self.labels, self.interior_map = self.choices.labels, self.choices.interior_map
        self.truth, self.image = self.choices.truth, self.choices.image
        self.model, self.order = self.choices.model, self.choices.order
        self.modes, self.words = ModeBar(), note()
        self.click_tool = ClickTool(self._viewer, self.modes, self)
        self.click_tool.take(None, None)
        self._preparing = Preparing(self._session, self)
        self._mark = ProofMark(self._session, self._viewer, self)
        self.queue, self.errors = QueueTab(), ObjectsTab(self._viewer, self._mark)
        self.score = ProofScore(self._session, self._viewer, self.truth)
        self.review = ReviewTab(self._session, self._viewer, self.image, self.model, self.truth)
        self.undo_button, self.redo_button = QPushButton("Undo"), QPushButton("Redo")
        self.save, self.end_button = QPushButton("Save as …"), QPushButton("End")
        self._connect()
        self._open(self.choices, _lower(self))

    @property
    def layer(self) -> Any:
        """The layer that is edited; None where there is none."""
        return self._layer.layer if self._layer is not None else None

    def shortcuts(self) -> Iterator[Shortcut]:  # type: ignore[override]
        """A key for every mode."""
        for name, words in WORDS.items():
            turn = partial(self.modes.turn, name)
            yield Shortcut(f"proofread_{name}", f"Proofread: {words.title}", words.keys, turn)

    def start(self) -> None:
        """Open the labels, or look for places in them; what is in the way is said."""
        self._look_at_layers()
        if self._problem():
            return
        try:
            opened = self.opened
            self._follow(self.choices.begin() if opened is None else self.choices.find(opened))
        except ValueError as error:
            self._fail(str(error))

    def accept(self) -> None:
        """Do what is prepared; where it is being prepared still, as soon as it is."""
        if self.state is not None:
            self._show(self.state.accept())

    def reject(self) -> None:
        """Remember that the chosen place is right as it is, and go on."""
        if self.state is not None:
            self._show(self.state.reject())

    def drop(self) -> None:
        """Forget what was clicked."""
        if self.state is not None:
            self._show(self.state.drop())

    def undo(self) -> None:
        """Take the last edit back, also one of yesterday."""
        if self.state is not None:
            self._show(self.state.undo())

    def redo(self) -> None:
        """Do again what was taken back."""
        if self.state is not None:
            self._show(self.state.redo())

    def end(self) -> None:
        """Close the journal and remove the layer; the labels themselves are shown again."""
        opened, layer = self.opened, self._layer
        if opened is None or layer is None:
            return
        self.opened = self.state = self._layer = self._asked = None
        self._show_opened()
        opened.proof.close()
        self.errors.take(None)
        layer.take_away()
        self._mark.remove()
        self.buttons.tell(LEFT)

    def _connect(self) -> None:
        for signal, do in (
            (self.choices.changed, self._look_at_layers),
            (self.click_tool.changed, self._look),
            (self._preparing.answered, self._take),
            (self._preparing.failed, partial(_say, self.words, is_problem=True)),
            (self._mark.failed, partial(_say, self.words, is_problem=True)),
            (self.queue.reached, self._reach),
            (self.queue.accepted, self.accept),
            (self.queue.rejected, self.reject),
            (self.queue.shows.toggled, self._mark.switch),
            (self.review.section_toggled, self._turn_review),
            (self.undo_button.clicked, self.undo),
            (self.redo_button.clicked, self.redo),
            (self.save.clicked, self._save),
            (self.end_button.clicked, self.end),
        ):
            signal.connect(do)

    def _problem(self) -> str:
        is_begun = self.opened is not None
        return self.choices.why_not_find() if is_begun else self.choices.why_not_begin()

    def _judge_more(self) -> None:
        state, is_on = self.state, self.state is not None
        can = {
            self.labels.native: not is_on,
            self.undo_button: state is not None and bool(state.proof.steps),
            self.redo_button: state is not None and bool(state.proof.can_redo),
            self.save: is_on and not self._is_running,
            self.end_button: is_on,
            self.queue.accept: state is not None and state.item is not None,
            self.queue.reject: state is not None and state.item is not None,
        }
        for widget, is_possible in can.items():
            widget.setEnabled(is_possible)

    def _finished(self, result: dict[str, Any]) -> None:
        match result:
            case {"opened": opened}:
                self._sit_down(opened)
            case {"items": rows} if self.opened is not None:
                if "comparison" in result:
                    self.errors.take(result["comparison"])
                self._preparing.forget_ahead()
                items = [one if isinstance(one, Item) else Item.from_json(one) for one in rows]
                self.queue.table.show_items(items)
                self.buttons.tell(f"{len(items):,} places, the most rewarding first.")
            case {"baked": path}:
                self.buttons.tell(f"Saved with all edits: {path}")

    def _sit_down(self, opened: OpenLabels) -> None:
        """Begin, unless the layer has gone meanwhile."""
        source, proof = self.labels.layer, opened.proof
        if source is None or not window.is_open(self._viewer) or self.opened is not None:
            proof.close()
            return
        window.main_window(self._viewer).destroyed.connect(proof.close)
        coarser = [proof.level(one) for one in opened.coarser]
        self._layer = ProofLayer(self._viewer, proof.labels, coarser, source)
        self._layer.painted.connect(self._paint)
        self._layer.removed.connect(self.end)
        self.opened, self.state = opened, Proofreading(proof)
        keys: dict[str, Callable[[], None]] = {
            "Enter": self.accept,
            "Backspace": self.reject,
            "Escape": self.drop,
            "Down": partial(self.queue.table.step, 1),
            "Up": partial(self.queue.table.step, -1),
            "Control-Z": self.undo,
            "Control-Shift-Z": self.redo,
        }
        window.bind_keys(self.layer, keys)
        self._show_opened()
        self._reveal()
        went_on = f"Goes on after {len(proof.steps):,} edits of before." if proof.steps else ""
        self.buttons.tell(
            " ".join(filter(None, (went_on, opened.remark, proof.warning))),
            is_warning=bool(opened.remark or proof.warning),
        )

    def _tidy_up(self) -> None:
        self.end()
        self.click_tool.leave()

    def _show_opened(self) -> None:
        """Begin becomes Find places and back, and every part is about what is open now."""
        is_on = self.opened is not None
        self.buttons.run.setText(FIND if is_on else BEGIN)
        self.buttons.run_about = FIND_ABOUT if is_on else BEGIN_ABOUT
        for part in (self._preparing, self.review, self.score):
            part.take(self.opened)
        self.click_tool.take(self.state, self._layer)
        self.queue.table.show_items([])
        self._judge()

    def _reach(self, item: Item | None) -> None:
        """Look at a place of the queue; its proposal follows."""
        if self.state is None or self._layer is None:
            return
        self.state.reach(item)
        _say(self.words, "…" if item is not None else EMPTY)
        self._layer.go_to(item.points if item is not None else ())
        self._look()

    def _look(self) -> None:
        """Show what is being decided; what is asked anew is prepared."""
        state, layer = self.state, self._layer
        if state is None or layer is None:
            return
        if state.question is not self._asked:
            self._asked = state.question
            if not state.clicks:
                self._mark.blank()
            self._preparing.ask(state.question, *self.choices.interior(state.proof), layer.section)
        self.click_tool.say()
        self._judge_more()

    def _take(self, answer: Answer) -> None:
        """What was asked comes to this."""
        state, layer, opened = self.state, self._layer, self.opened
        if state is None or layer is None or opened is None or answer.question is not self._asked:
            return
        if answer.problem:
            self._show(state.miss(answer.question, answer.problem))
            return
        draw = partial(opened.working_copy.picture, answer.step, opened.side)
        self._mark.show(answer.picture, lambda: partial(draw, layer.section))
        if isinstance(answer.made, Proposal):
            _say(self.words, finding.expected(answer.made))
            following = self.queue.table.following(AHEAD)
            self._preparing.look_ahead(following, self.choices.interior(state.proof)[0])
        self._show(state.take(answer.question, answer.made))

    def _show(self, outcome: Outcome) -> None:
        """Show what was decided."""
        match outcome:
            case Done():
                self._show_done(outcome)
            case Rejected(item):
                self.queue.table.drop(item)
            case Missed(item, why):
                _say(self.words, why)
                self.queue.table.drop(item)
            case Refused(why):
                _say(self.words, why, is_problem=True)
            case Unsaved(why):
                self._fail(why)
        self._look()

    def _show_done(self, done: Done) -> None:
        """Show that the labels have changed, and let threads know."""
        opened, layer = self.opened, self._layer
        if opened is None or layer is None:
            return
        opened.working_copy.say(done.record, opened.proof.fresh() - 1)
        layer.redraw(done.step)
        self._mark.blank()
        self._preparing.forget_ahead(done)
        self.score.follow()
        self.review.judge()
        _say(self.words, SAID[done.how].format(said_of(done.step)))
        move = self.queue.table.put_back if done.how == "taken back" else self.queue.table.drop
        for item in done.settled:
            move(item)

    def _turn_review(self) -> None:
        """The section on screen is right as it is, or no longer."""
        if self.state is not None and self._layer is not None:
            self._show(self.state.review(self._layer.window))

    def _paint(self, edit: Edit) -> None:
        """napari's brush has painted: that is an edit like others."""
        for outcome in self.state.paint(edit) if self.state is not None else ():
            self._show(outcome)

    def _save(self) -> None:
        opened = self.opened
        path = browse_new(self, str(_beside(opened.side))) if opened is not None else ""
        if opened is not None and path:
            work = partial(finding.baked, opened, path)
            self._follow(self._session.work(self.kind, "Saving the labels", work))


def _lower(dock: ProofreadDock) -> QWidget:
    """The modes, what is said, undo and redo, the tabs, and how it ends."""
    tips = {
        dock.undo_button: "Take the last edit back, as often as you like (Ctrl-Z)",
        dock.redo_button: "Do it again (Ctrl-Shift-Z)",
        dock.save: "Write the labels with all edits to a new file",
        dock.end_button: "Close the journal; nothing is lost, and Begin goes on where you were",
    }
    for widget, words in tips.items():
        widget.setToolTip(f"<p>{words}.</p>")
    tabs = QTabWidget()
    tabs.setDocumentMode(True)
    tabs.addTab(dock.queue, "Queue")
    tabs.addTab(dock.score, "Score")
    tabs.addTab(dock.errors, "Objects")
    tabs.addTab(in_scroll_area(dock.review), "Review")
    whole = QWidget()
    column = QVBoxLayout(whole)
    column.setContentsMargins(0, 4, 0, 0)
    column.setSpacing(4)
    column.addWidget(dock.modes)
    column.addWidget(dock.words)
    column.addWidget(side_by_side(dock.undo_button, dock.redo_button))
    column.addWidget(tabs, stretch=1)
    column.addWidget(side_by_side(dock.save, dock.end_button))
    return whole


def _say(words: Toned, text: str, *, is_problem: bool = False) -> None:
    words.set_tone("problem" if is_problem else "plain")
    words.setText(text)


def _beside(side: Side) -> Path:
    source = Path(side.volume.source or "labels")
    return source.with_name(f"{handover.plain(source.name.split('.')[0])}-proofread.ome.zarr")
