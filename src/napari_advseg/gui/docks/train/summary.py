"""What a training would learn from, said before Start: counted on a thread, anew whenever something is painted."""

# mypy: disallow-subclassing-any=false
from __future__ import annotations

import dataclasses
import threading
from functools import partial
from typing import Any

from qtpy.QtCore import QTimer, Signal
from qtpy.QtWidgets import QPushButton, QVBoxLayout, QWidget

from napari_advseg.gui.compute import checks, handover
from napari_advseg.gui.compute.session import Session
from napari_advseg.gui.kit.latest import Latest
from napari_advseg.gui.kit.panel import note
from napari_advseg.recipes import Train
from napari_advseg.training.outlook import Outlook, outlook

SETTLED_MS = 400
COUNTING = "Counting the annotated voxels …"


@dataclasses.dataclass(frozen=True)
class Wish:
    """What is to be learnt from labels: the recipe as far as it matters, and `cells`, the kind of target to go back to.

    `cells` is empty for a family that only learns classes.
    """

    recipe: Train
    pairing: checks.Pairing
    cells: str = ""

    @classmethod
    def of(cls, recipe: Train, pairing: checks.Pairing, base: Train) -> Wish:
        """Without what changes nothing in what is counted."""
        kept = {name: getattr(recipe, name) for name in ("sections", "validation", "zero")}
        examples = base.examples.changed(targets=recipe.examples.targets)
        cells = base.examples.targets.kind
        bare = base.changed(examples=examples, **kept)
        return cls(bare, pairing, "" if cells == "classes" else cells)

    @property
    def other_kind(self) -> str:
        """The kind of target to go back to from classes; empty where cells are learnt already."""
        return self.cells if self.recipe.examples.targets.kind == "classes" else ""


class TrainingSummary(QWidget):
    """Sections and voxels in words; labels that look like classes can be declared so with one click."""

    seen = Signal()
    kind_chosen = Signal(str)  # the kind of target that the user wants

    def __init__(self, session: Session) -> None:
        super().__init__()
        self.outlook = Outlook("")
        self._labels: Any = None
        self._wish: Wish | None = None
        self._overtaken = threading.Event()
        self._counting = Latest(session, self, is_long=True)
        self._counting.done.connect(self._show)
        self._timer = QTimer(session)  # a dock that was closed outlives its session
        self._timer.setSingleShot(True)
        self._timer.setInterval(SETTLED_MS)
        self._timer.timeout.connect(self._count)
        self.pairing, self.words, self.offer = note(), note(), note()
        self.choose = QPushButton()
        self.choose.clicked.connect(self._choose)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(2)
        for part in (self.pairing, self.words, self.offer, self.choose):
            column.addWidget(part)
        self._show(self.outlook)

    def look(self, labels: Any, wish: Wish | None) -> None:
        """Count these labels (a layer, None for none), unless that is what was counted last."""
        pairing = wish.pairing if wish is not None else checks.Pairing()
        _show_if_any(self.pairing, "" if pairing.problem else pairing.words)
        wish = None if pairing.problem else wish
        is_same = labels is self._labels and wish == self._wish
        if labels is not self._labels:
            self._follow(labels)
        self._wish = wish
        if not is_same:
            self.count_anew()

    def count_anew(self, *_: object) -> None:
        """The labels may have changed."""
        self._overtaken.set()
        self._counting.forget()
        if self._labels is None or self._wish is None:
            self._timer.stop()
            self._show(Outlook(""))
            return
        if not self.words.text():
            _show_if_any(self.words, COUNTING)
        self._timer.start()

    def _follow(self, labels: Any) -> None:
        """Watch what is painted in another layer from now on."""
        for layer, turn in ((self._labels, "disconnect"), (labels, "connect")):
            for name in ("paint", "data"):
                if layer is not None:
                    getattr(layer.events[name], turn)(self.count_anew)
        self._labels = labels

    def _count(self) -> None:
        if self._labels is None or self._wish is None:
            return
        self._overtaken = threading.Event()
        labels, wish = handover.taken(self._labels), self._wish
        count = partial(outlook, labels, wish.recipe, self._overtaken.is_set)
        self._counting.ask(partial(count, is_pair=wish.pairing.is_pair))

    def _show(self, found: Outlook) -> None:
        self.outlook = found
        _show_if_any(self.words, found.words)
        self.words.setToolTip(f"<p>{found.details}</p>" if found.details else "")
        self.words.set_tone("warning" if found.is_problem else "plain")
        self._offer(found.classes)
        self.seen.emit()

    def _offer(self, classes: tuple[int, ...]) -> None:
        """Offer to learn classes where the labels look so, and cells again where that was accepted."""
        values = ", ".join(map(str, classes))
        _show_if_any(
            self.offer, f"These look like classes ({values}), not like cells." if classes else ""
        )
        back = self._wish.other_kind if self._wish is not None else ""
        self.choose.setText("Learn them as classes" if classes else "They are cells, not classes")
        self.choose.setVisible(bool(classes or back))

    def _choose(self) -> None:
        if self._wish is not None:
            self.kind_chosen.emit(self._wish.other_kind or "classes")


def _show_if_any(label: Any, words: str) -> None:
    label.setText(words)
    label.setVisible(bool(words))
