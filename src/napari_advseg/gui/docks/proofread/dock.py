"""The Proofread dock: labels put right in the order that matters, every edit on disk and open to be taken back."""

# mypy: disallow-subclassing-any=false
from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import napari
import numpy as np
from napari.layers import Image, Labels
from qtpy.QtCore import QTimer
from qtpy.QtWidgets import QPushButton, QTabWidget, QVBoxLayout, QWidget

from napari_advseg.gui.compute import handover
from napari_advseg.gui.docks.job_dock import JobDock
from napari_advseg.gui.docks.proofread import finding, open_labels
from napari_advseg.gui.docks.proofread.click_tool import ClickTool, said_of
from napari_advseg.gui.docks.proofread.mark import ProofMark
from napari_advseg.gui.docks.proofread.mode_bar import WORDS, ModeBar
from napari_advseg.gui.docks.proofread.open_labels import OpenLabels, Wanted
from napari_advseg.gui.docks.proofread.queue_tab import QueueTab
from napari_advseg.gui.docks.proofread.review_tab import ReviewTab
from napari_advseg.gui.docks.proofread.score_tab import ProofScore
from napari_advseg.gui.help.shortcuts import Shortcut
from napari_advseg.gui.kit import comparison
from napari_advseg.gui.kit.comparison import Comparison, Row, Side
from napari_advseg.gui.kit.editors import PatientComboBox
from napari_advseg.gui.kit.error_table import ErrorTable
from napari_advseg.gui.kit.form import rows_of
from napari_advseg.gui.kit.latest import Latest
from napari_advseg.gui.kit.model_choice import ModelChoice
from napari_advseg.gui.kit.panel import LayerChoice, browse_new, in_scroll_area, note, side_by_side
from napari_advseg.gui.viewer import camera, turns, window
from napari_advseg.gui.viewer.proof_layer import ProofLayer, painted_steps
from napari_advseg.napari_io import LayerData
from napari_advseg.proofreading.editing import edits
from napari_advseg.proofreading.editing.proof import Stale
from napari_advseg.proofreading.finding.followed import FollowedScore
from napari_advseg.proofreading.finding.proposals import Proposal
from napari_advseg.proofreading.finding.queue import Item
from napari_advseg.proofreading.store.records import Edit
from napari_advseg.proofreading.store.steps import Step, Turn
from napari_advseg.recipes import Judge
from napari_advseg.volume.arrays.lazy import LazyArray

BEGIN, FIND = "Begin", "Find places"
BEGIN_ABOUT = (
    "Open the labels in a new layer that takes edits; they themselves are never written to"
)
FIND_ABOUT = "List what is probably wrong, the most rewarding first, each with a proposal"
NO_MAP, NO_TRUTH = "none: cut where an object is thinnest", "none"
REACH = 96
LEFT = "Proofreading has ended; every edit is in the journal, and Begin goes on with them."
EMPTY = "Nothing is left to look at in this order."


class ProofreadDock(JobDock):
    """Labels -> the same labels put right, with a journal beside them."""

    kind = "proofread"
    run_words = BEGIN
    run_about = BEGIN_ABOUT
    shows_device = False
    log_px = 44

    def __init__(self, napari_viewer: napari.viewer.Viewer) -> None:
        super().__init__(napari_viewer)
        self._opened: OpenLabels | None = None
        self._layer: ProofLayer | None = None
        self._pending: Step | None = None
        self._is_wanted = False
        self._found: Comparison | None = None
        self._interior_map = open_labels.InteriorMap()
        self._preparing, self._reading, self._scoring = (
            Latest(self._session, self) for _ in range(3)
        )
        # The camera moves in a turn of its own: drawing another place takes as long as drawing what was done here.
        self._jumping = QTimer(self)
        self._jumping.setSingleShot(True)
        self._jumping.setInterval(turns.BETWEEN_MS)
        self._jumping.timeout.connect(self._jump)
        self._mark = ProofMark(self._session, self._viewer, self)
        self._make_rows()
        self.tabs = self._tabs()
        self._connect()
        self._open(self._content(), self.tabs)
        self._turn_begun()

    @property
    def opened(self) -> OpenLabels | None:
        """What is being proofread; None where nothing is."""
        return self._opened

    @property
    def proposal(self) -> Proposal | None:
        """What is proposed for the chosen place and can be accepted; None where nothing is."""
        return self.queue.proposal if self._pending is not None else None

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
        if self._opened is None:
            self._begin()
        else:
            self._find(self._opened)

    def accept(self) -> None:
        """Do what is prepared; where it is being prepared still, as soon as it is."""
        item = self.queue.item
        if self._pending is None:
            self._is_wanted = bool(self.click_tool.clicks) or item is not None
            return
        step, self._pending = self._pending, None
        done = self._do(step, item)
        if done is not None:
            self._forget_clicks()
            if item is not None:
                self.queue.settle(item, done)
        else:
            self.queue.ask_again()

    def reject(self) -> None:
        """Remember that the chosen place is right as it is, and go on."""
        item = self.queue.item
        if item is None:
            return
        try:
            self.queue.remember_rejected()
        except ValueError as error:
            self._fail(str(error))
            return
        self._forget_clicks()
        self.queue.settle(item)

    def drop(self) -> None:
        """Forget what was clicked."""
        self._forget_clicks()

    def undo(self) -> None:
        """Take the last edit back, also one of yesterday."""
        self._turn_back(is_redo=False)

    def redo(self) -> None:
        """Do again what was taken back."""
        self._turn_back(is_redo=True)

    def end(self) -> None:
        """Close the journal and remove the layer; the labels themselves are shown again."""
        if self._leave():
            self.buttons.tell(LEFT)

    def go_to_error(self, row: Row) -> None:
        """Show a wrong object: the camera at its box, its outlines on it."""
        if self._found is not None:
            camera.jump(self._viewer, *comparison.place(self._found, row))
            self._mark.ask(partial(comparison.highlight, self._found, row))

    def _make_rows(self) -> None:
        self.labels = LayerChoice(self._viewer, Labels)
        self.interior_map = LayerChoice(self._viewer, Image, NO_MAP)
        self.truth = LayerChoice(self._viewer, Labels, NO_TRUTH)
        self.image = LayerChoice(self._viewer, Image)
        self.model = ModelChoice(self._session)
        self.order = PatientComboBox()
        for name, words in finding.ORDERS.items():
            self.order.addItem(words, name)
        self.modes = ModeBar()
        self.click_tool = ClickTool(self._viewer, self.modes, self)
        self.click_tool.take(None, None)
        self.queue = QueueTab(self._session, self._map)
        self.score = ProofScore()
        self.errors = ErrorTable()
        self.review = ReviewTab(self._session, self._viewer, self.image, self.model, self.truth)
        self.words = note()
        self.undo_button, self.redo_button = QPushButton("Undo"), QPushButton("Redo")
        self.save, self.end_button = QPushButton("Save as …"), QPushButton("End")
        tips = {
            self.order: "What decides which place comes first",
            self.undo_button: "Take the last edit back, as often as you like (Ctrl-Z)",
            self.redo_button: "Do it again (Ctrl-Shift-Z)",
            self.save: "Write the labels with all edits to a new file",
            self.end_button: "Close the journal; nothing is lost, and Begin goes on where you were",
        }
        for widget, words in tips.items():
            widget.setToolTip(f"<p>{words}.</p>")

    def _content(self) -> QWidget:
        content = QWidget()
        column = QVBoxLayout(content)
        column.setContentsMargins(0, 0, 6, 0)
        column.addLayout(
            rows_of(
                ("Labels", self.labels, "The labels to put right; they are only read."),
                (
                    "Interior map",
                    self.interior_map,
                    "Along its walls objects are cut, and compared.",
                ),
                ("Truth", self.truth, "Where there is one: what the score is counted against."),
                ("Order", self.order),
                ("Image", self.image, "What the labels are of: for the critic, and to learn from."),
                ("Model", self.model, "Whose critic is asked, or which goes on learning."),
            )
        )
        column.addStretch(1)
        return content

    def _tabs(self) -> QWidget:
        tabs = QTabWidget()
        tabs.setDocumentMode(True)
        tabs.addTab(self.queue, "Queue")
        tabs.addTab(self.score, "Score")
        tabs.addTab(self.errors, "Objects")
        tabs.addTab(in_scroll_area(self.review), "Review")
        whole = QWidget()
        column = QVBoxLayout(whole)
        column.setContentsMargins(0, 4, 0, 0)
        column.setSpacing(4)
        column.addWidget(self.modes)
        column.addWidget(self.words)
        column.addWidget(side_by_side(self.undo_button, self.redo_button))
        column.addWidget(tabs, stretch=1)
        column.addWidget(side_by_side(self.save, self.end_button))
        return whole

    def _connect(self) -> None:
        for choice in (self.labels, self.interior_map, self.image, self.order):
            choice.currentIndexChanged.connect(self._look_at_layers)
        self.model.seen.connect(self._judge)
        self.truth.currentIndexChanged.connect(self._take_truth)
        self.click_tool.turned.connect(self._forget_clicks)
        self.click_tool.clicked.connect(self._prepare)
        self.queue.reached.connect(self._reach)
        self.queue.proposed.connect(self._take_proposal)
        self.queue.missed.connect(self._say)
        self.errors.chosen.connect(self.go_to_error)
        self.errors.errors.filter(lambda row: row.what != "site")
        self.queue.shows.toggled.connect(self._mark.switch)
        self.review.section_toggled.connect(self._turn_review)
        for signal, do in (
            (self.queue.accepted, self.accept),
            (self.queue.rejected, self.reject),
            (self.undo_button.clicked, self.undo),
            (self.redo_button.clicked, self.redo),
            (self.save.clicked, self._save),
            (self.end_button.clicked, self.end),
        ):
            signal.connect(do)
        for latest, done, failed in (
            (self._preparing, self._take_step, self._refuse),
            (self._scoring, self._show_score, self.score.forget),
        ):
            latest.done.connect(done)
            latest.failed.connect(failed)
        self._mark.failed.connect(self._refuse)
        self._viewer.dims.events.current_step.connect(self._turn_section)

    def _problem(self) -> str:
        if self._opened is None:
            if self.labels.layer is None:
                return "Open the labels that you want to put right first."
            return finding.why_not_open(self.labels.layer)
        order = self.order.currentData()
        if order == "truth" and self.truth.layer is None:
            return "Choose the truth, or another order."
        if order != "truth" and self.interior_map.layer is None:
            return "Choose the interior map that the labels were made from, or another order."
        return self._why_no_critic() if order == "critic" else ""

    def _why_no_critic(self) -> str:
        card = self.model.found.card
        if self.image.layer is None:
            return "Choose the image that the labels are of."
        if card is None:
            return self.model.problem
        if not finding.can_judge(card):
            return f"A {card.recipe.family} has no critic of segmentations; choose an adversarial_unet or a cgan."
        return ""

    def _judge_more(self) -> None:
        is_on = self._opened is not None
        for widget in (self.undo_button, self.redo_button, self.save, self.end_button):
            widget.setEnabled(is_on)
        self.save.setEnabled(is_on and not self._is_running)
        self.labels.setEnabled(not is_on)
        if self._opened is not None:
            self.undo_button.setEnabled(bool(self._opened.proof.steps))
            self.redo_button.setEnabled(bool(self._opened.proof.can_redo))
        for button in (self.queue.accept, self.queue.reject):
            button.setEnabled(self.queue.item is not None)

    def _begin(self) -> None:
        layer = self.labels.layer
        wanted = Wanted(
            comparison.side_of(layer),
            layer.name,
            str(layer.metadata.get("path") or ""),
            handover.folder_for(layer, self._session.project),
            handover.folder_for(None, self._session.project) / "proofreading",
        )
        title = f"Opening {layer.name}"
        self._follow(self._session.work(self.kind, title, partial(open_labels.open_desk, wanted)))

    def _find(self, opened: OpenLabels) -> None:
        order, title = self.order.currentData(), "Looking for places"
        if order == "truth":
            work = partial(finding.by_truth, opened, comparison.side_of(self.truth.layer))
            self._follow(self._session.work(self.kind, title, work))
        elif order == "critic" or (order == "mix" and not self._why_no_critic()):
            recipe = Judge(image="", labels="", interior_map="", model=self.model.path, order=order)
            given = {
                "image": handover.taken(self.image.layer),
                "interior": handover.taken(self.interior_map.layer),
            }
            prepare = partial(finding.judged, opened, given, recipe, self._session.folder)
            self._follow(self._session.run(self.kind, title, prepare))
        else:
            interior_map = self._interior()
            if interior_map is None:
                return
            work = partial(finding.by_map, opened, interior_map, order)
            self._follow(self._session.work(self.kind, title, work))

    def _finished(self, result: dict[str, Any]) -> None:
        if "opened" in result:
            self._sit_down(result["opened"])
        elif "items" in result and self._opened is not None:
            items = [
                one if isinstance(one, Item) else Item.from_json(one) for one in result["items"]
            ]
            self._show_found(items, result.get("comparison"))
        elif "baked" in result:
            self.buttons.tell(f"Saved with all edits: {result['baked']}")

    def _sit_down(self, opened: OpenLabels) -> None:
        """Begin, unless the layer has gone meanwhile."""
        source = self.labels.layer
        if source is None or not window.is_open(self._viewer) or self._opened is not None:
            opened.proof.close()
            return
        self._opened = opened
        self.queue.take(opened)
        self.review.take(opened)
        window.main_window(self._viewer).destroyed.connect(opened.proof.close)
        coarser = [opened.proof.level(one) for one in opened.coarser]
        self._layer = ProofLayer(self._viewer, opened.proof.labels, coarser, source)
        self._layer.painted.connect(self._take_stroke)
        self._layer.removed.connect(self.end)
        source.visible, self._source = False, source
        self._was_editable, source.editable = source.editable, False
        self._viewer.layers.selection.active = self.layer
        self._bind_keys()
        self.click_tool.take(opened, self._layer)
        self._turn_begun()
        self._reveal()
        self._take_truth()
        steps = len(opened.proof.steps)
        went_on = f"Goes on after {steps:,} edits of before." if steps else ""
        self.buttons.tell(
            " ".join(filter(None, (went_on, opened.remark, opened.proof.warning))),
            is_warning=bool(opened.remark or opened.proof.warning),
        )

    def _leave(self) -> bool:
        """Give back what proofreading holds; whether there was any."""
        opened, layer = self._opened, self._layer
        if opened is None or layer is None:
            return False
        self._opened = self._layer = self._found = None
        self.queue.take(None)
        self.review.take(None)
        opened.proof.close()
        self._forget_clicks()
        self._scoring.forget()
        self.errors.errors.show_rows(())
        self.score.forget()
        self.click_tool.take(None, None)
        layer.take_away()
        self._mark.remove()
        if self._source in self._viewer.layers:
            self._source.editable = self._was_editable
            self._source.visible = True
        self._turn_begun()
        self._judge()
        return True

    def _tidy_up(self) -> None:
        self._leave()
        self.click_tool.leave()

    def _turn_begun(self) -> None:
        """Begin becomes Find places and back."""
        is_on = self._opened is not None
        self.buttons.run.setText(FIND if is_on else BEGIN)
        self.buttons.run_about = FIND_ABOUT if is_on else BEGIN_ABOUT
        self._judge()

    def _bind_keys(self) -> None:
        """Keys of the layer itself, which come before those of napari and only while it is selected."""
        keys: dict[str, Callable[[], None]] = {
            "Enter": self.accept,
            "Backspace": self.reject,
            "Escape": self.drop,
            "Down": partial(self.queue.table.step, 1),
            "Up": partial(self.queue.table.step, -1),
            "Control-Z": self.undo,
            "Control-Shift-Z": self.redo,
        }
        for key, do in keys.items():
            self.layer.bind_key(key, _keyed(key, do), overwrite=True)

    def _prepare(self) -> None:
        """Ask for what the clicks stand for; a place of the queue is left for them."""
        opened, layer = self._opened, self._layer
        if opened is None or layer is None:
            return
        self.queue.let_go()
        self._pending, self._is_wanted = None, False
        try:
            interior_map = self._interior()
        except ValueError as error:
            self._refuse(str(error))
            return
        clicks = tuple(self.click_tool.clicks)
        work = partial(
            finding.prepared, opened, self.modes.mode, clicks, interior_map, layer.section
        )
        self._preparing.ask(work)
        self._judge_more()

    def _take_step(self, made: tuple[Step | None, LayerData | None]) -> None:
        self._pending, picture = made
        self._mark.show(picture)
        self.click_tool.show_step(self._pending)
        self._go_on_if_wanted()
        if (
            self._opened is not None
            and self.modes.mode == "split"
            and len(self.click_tool.clicks) == 1
        ):
            (first,) = self.click_tool.clicks
            working_copy = self._opened.working_copy
            self._reading.ask(partial(working_copy.look_around, first.point, self._map()))

    def _refuse(self, text: str) -> None:
        """An edit cannot be made: it is said, and what was clicked is forgotten."""
        self._forget_clicks()
        self._say(text, is_problem=True)

    def _say(self, text: str, *, is_problem: bool = False) -> None:
        self.words.set_tone("problem" if is_problem else "plain")
        self.words.setText(text)

    def _reach(self, item: Item | None) -> None:
        """Look at a place of the queue; its proposal follows."""
        self._forget_clicks(keeps_item=True)
        self._say("…" if item is not None else EMPTY)
        self._jumping.start()
        self._judge_more()

    def _jump(self) -> None:
        """Show the place of the queue that is looked at now."""
        item = self.queue.item
        if self._opened is None or item is None or not item.points:
            return
        points = np.array(item.points, float)
        low, high = points.min(0), points.max(0)
        low[-2:] -= REACH
        high[-2:] += REACH
        world = self._opened.side.world
        camera.jump(self._viewer, *(world(tuple(one)) for one in (low, high, points[0])))

    def _take_proposal(self, proposal: Proposal, picture: LayerData | None) -> None:
        self._pending = proposal.step
        self._mark.show(picture)
        self._say(finding.expected(proposal))
        self._go_on_if_wanted()

    def _go_on_if_wanted(self) -> None:
        if self._is_wanted and self._pending is not None:
            self._is_wanted = False
            self.accept()

    def _do(self, step: Step, item: Item | None = None) -> Step | None:
        """Do a step, of an item of the queue or not, and show it; None where that was not possible."""
        opened, layer = self._opened, self._layer
        if opened is None or layer is None:
            return None
        try:
            done = opened.proof.do(step, f"queue: {item.source}" if item is not None else "")
        except Stale:
            return None
        except ValueError as error:
            self._refuse(str(error))
            return None
        self._show_done(opened, layer, done, done)
        self._say(f"{said_of(done)}.")
        return done

    def _turn_back(self, *, is_redo: bool) -> None:
        opened, layer = self._opened, self._layer
        if opened is None or layer is None:
            return
        self._forget_clicks()
        try:
            step = opened.proof.redo() if is_redo else opened.proof.undo()
        except ValueError as error:
            self._fail(str(error))
            return
        if step is not None:
            record = step if is_redo else Turn(False)  # noqa: FBT003 - its one field
            self._show_done(opened, layer, step, record)
            self._say(f"{'Done again' if is_redo else 'Taken back'}: {said_of(step)}.")
            self.queue.turn_back(step, is_redo=is_redo)

    def _show_done(
        self, opened: OpenLabels, layer: ProofLayer, step: Step, record: Step | Turn
    ) -> None:
        """Show that a step was done or taken back, and let threads know."""
        opened.working_copy.say(record, opened.proof.fresh() - 1)
        layer.redraw(step)
        self._mark.blank()
        self.queue.forget_near(step)
        if self.truth.layer is not None:
            self._scoring.ask(opened.working_copy.score)
        self.review.judge()
        if self._pending is not None:
            self.queue.ask_again()
        self._judge_more()

    def _turn_review(self) -> None:
        """The section on screen is right as it is, or no longer."""
        opened, layer = self._opened, self._layer
        if opened is None or layer is None:
            return
        here = [slice(0, length) for length in opened.proof.labels.shape]
        here[: layer.layer.ndim - 2] = [slice(layer.section, layer.section + 1)] * (
            layer.layer.ndim - 2
        )
        try:
            step = edits.review(opened.proof, tuple(here))
        except ValueError:  # it is reviewed already
            step = edits.unreview(opened.proof, tuple(here))
        self._do(step)

    def _take_stroke(self, edit: Edit) -> None:
        """napari's brush has painted: that is an edit like others."""
        if self._opened is None:
            return
        try:
            for step in painted_steps(self._opened.proof, edit):
                self._do(step)
        except ValueError as error:
            self._refuse(str(error))

    def _take_truth(self, *_: object) -> None:
        opened, truth = self._opened, self.truth.layer
        self._scoring.forget()
        if opened is not None and truth is None:
            opened.working_copy.end_score()
            self.score.forget()
        elif opened is not None:
            work = partial(finding.scored, opened, comparison.side_of(truth))
            self._scoring.ask(work)
        self._look_at_layers()

    def _show_score(self, score: FollowedScore | None) -> None:
        if score is not None and self._opened is not None:
            self.score.curve.paint(*window.colours(self._viewer))
            self.score.show_curve(list(score.curve), score.problem)

    def _show_found(self, items: list[Item], found: Comparison | None) -> None:
        if found is not None:
            self._found = found
            self.errors.errors.show_rows(found.rows)
        self.queue.show_items(items)
        self.buttons.tell(f"{len(items):,} places, the most rewarding first.")
        self._judge()

    def _turn_section(self, *_: object) -> None:
        """Another section is on screen: what would change is shown there."""
        opened, layer, step = self._opened, self._layer, self._pending
        if opened is not None and layer is not None and step is not None:
            self._mark.ask(partial(opened.working_copy.picture, step, opened.side, layer.section))

    def _forget_clicks(self, *, keeps_item: bool = False) -> None:
        self._pending, self._is_wanted = None, False
        self.click_tool.drop()
        if not keeps_item:
            self.queue.let_go()
        self._preparing.forget()
        self._mark.blank()
        self._judge_more()

    def _interior(self) -> LazyArray | None:
        """The interior map; None where none is chosen.

        Raises:
            ValueError: it does not lie on the labels.
        """
        if self.interior_map.layer is None or self._opened is None:
            return None
        return self._interior_map.of(self.interior_map.layer, self._opened.proof.labels.shape)

    def _map(self) -> LazyArray | None:
        try:
            return self._interior()
        except ValueError:  # it is said where places are looked for
            return None

    def _save(self) -> None:
        opened = self._opened
        if opened is None:
            return
        path = browse_new(self, str(_beside(opened.side)))
        if path:
            work = partial(finding.baked, opened, path)
            self._follow(self._session.work(self.kind, "Saving the labels", work))


def _beside(side: Side) -> Path:
    source = Path(side.volume.source or "labels")
    return source.with_name(f"{handover.plain(source.name.split('.')[0])}-proofread.ome.zarr")


def _keyed(key: str, do: Callable[[], None]) -> Callable[[Any], None]:
    """What napari calls for a key; one that ends a polygon still does."""

    def act(layer: Any) -> None:
        theirs = type(layer).class_keymap
        if key in ("Enter", "Escape", "Backspace") and window.polygon_is_drawn(layer):
            found = next((do for bound, do in theirs.items() if str(bound) == key), None)
            if found is not None:
                found(layer)
            return
        do()

    return act
