"""The project in the status bar: its name and when it was last saved, or the offer to make one."""

# mypy: disallow-subclassing-any=false
from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Sequence

from qtpy.QtCore import Qt, QTimer, Signal
from qtpy.QtWidgets import QHBoxLayout, QMenu, QPushButton, QWidget

from napari_advseg.gui.compute.job import duration
from napari_advseg.gui.kit.panel import WARNING_COLOUR

TICK_MS = 1000
LONGEST_NAME = 28
MAKE = "Make a project…"
OPEN = "Open one…"
WITHOUT = (
    "What you paint is only in memory until you save it. In a project every stroke is saved at once, and images, "
    "annotations, models and results stay together in one folder."
)


@dataclasses.dataclass(frozen=True)
class State:
    """What the sign says.

    Attributes:
        name: of the project; empty where none is open.
        folder: where it lies.
        waiting: edits that are not on disk.
        problem: why not.
        saved_at: when all was on disk, as time.monotonic() says it.
    """

    name: str = ""
    folder: str = ""
    waiting: int = 0
    problem: str = ""
    saved_at: float = 0.0

    def words(self, now: float) -> str:
        """For example "Project tissue: saved 3 s ago"."""
        name = self.name
        if len(name) > LONGEST_NAME:
            name = f"{name[: LONGEST_NAME - 1]}…"
        if self.problem:
            return f"Project {name}: not saved"
        if self.waiting:
            return f"Project {name}: saving"
        past = now - self.saved_at
        return f"Project {name}: saved {duration(past) + ' ago' if past >= 1 else 'now'}"

    @property
    def explanation(self) -> str:
        """What the mouse is told that rests on it."""
        if self.problem:
            edits = f"{self.waiting} edit{'s' if self.waiting != 1 else ''}"
            waits = f" {edits} wait and are tried again every few seconds." if self.waiting else ""
            return f"Project {self.folder}. Not saved: {self.problem}{waits}"
        return f"Project {self.folder}. Every stroke is saved as you paint."


class ProjectSign(QWidget):
    """Buttons in the status bar: to make or open a project, or with its name and a menu."""

    make = Signal()
    open = Signal()

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.state = State()
        self._entries: Callable[[], Sequence[Entry]] = tuple
        self.menu = QMenu(self)
        self.menu.setToolTipsVisible(True)
        self.menu.aboutToShow.connect(self._fill)
        self.make_button = _button(MAKE, WITHOUT)
        self.make_button.clicked.connect(self.make)
        self.open_button = _button(OPEN, "Go on with a project that is there already.")
        self.open_button.clicked.connect(self.open)
        self.name_button = _button("", "")
        self.name_button.setMenu(self.menu)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 4, 0)
        row.setSpacing(4)
        for button in (self.make_button, self.open_button, self.name_button):
            row.addWidget(button)
        self._timer = QTimer(self)
        self._timer.timeout.connect(self._tick)
        self._timer.start(TICK_MS)
        self._turn()

    def offer(self, entries: Callable[[], Sequence[Entry]]) -> None:
        """What the menu has, asked whenever it opens."""
        self._entries = entries

    def show_state(self, state: State) -> None:
        """Say how things stand; called after every stroke, so only what is new is drawn."""
        before, self.state = self.state, state
        if bool(before.name) != bool(state.name):
            self._turn()
        if before.problem != state.problem or before.name != state.name:
            colour = f"color: {WARNING_COLOUR};" if state.problem else ""
            self.name_button.setStyleSheet(f"padding-right: 20px; {colour}")  # room for the arrow
        if before.explanation != state.explanation:
            self.name_button.setToolTip(state.explanation)
        self._tick()

    def _turn(self) -> None:
        has_one = bool(self.state.name)
        self.make_button.setVisible(not has_one)
        self.open_button.setVisible(not has_one)
        self.name_button.setVisible(has_one)

    def _tick(self) -> None:
        words = self.state.words(time.monotonic())
        if words != self.name_button.text():
            self.name_button.setText(words)

    def _fill(self) -> None:
        self.menu.clear()
        menus: dict[str, QMenu] = {"": self.menu}
        for entry in self._entries():
            if entry.under not in menus:
                menus[entry.under] = self.menu.addMenu(entry.under)
            action = menus[entry.under].addAction(entry.words)
            action.setToolTip(entry.explanation)
            action.triggered.connect(entry.do)


def _button(words: str, explanation: str) -> QPushButton:
    button = QPushButton(words)
    button.setToolTip(explanation)
    button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
    return button


@dataclasses.dataclass(frozen=True)
class Entry:
    """A line of the menu."""

    words: str
    do: Callable[..., object]
    explanation: str = ""
    under: str = ""
