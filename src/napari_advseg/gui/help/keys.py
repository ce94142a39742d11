"""The keys as a list in a dock, and as a table in the help window where they are changed."""

# mypy: disallow-subclassing-any=false
from __future__ import annotations

import html
from collections.abc import Callable, Sequence
from typing import Any

from app_model.backends.qt import QKeyBindingSequence, qkeysequence2modelkeybinding
from napari.utils.key_bindings import coerce_keybinding
from qtpy.QtGui import QKeySequence
from qtpy.QtWidgets import QFormLayout, QKeySequenceEdit, QLabel, QPushButton, QVBoxLayout, QWidget

from napari_advseg.gui.help import shortcuts
from napari_advseg.gui.help.shortcuts import KEYS, Shortcut
from napari_advseg.gui.kit.panel import Toned, in_scroll_area, note

NO_KEY = "no key"
INTRODUCTION = (
    "Click into a field and press the new key; the cross takes a key away. Keys work while the image, a button or a "
    "slider has the focus, not while you type into a field. What you choose here holds in every viewer to come; "
    "napari's Preferences > Shortcuts list the same keys."
)


class KeyList(QWidget):
    """The keys of one dock, to read, with a button to change them."""

    def __init__(self, mine: Sequence[Shortcut], change: Callable[[], object]) -> None:
        super().__init__()
        self._mine = mine
        self.words = note()
        self.change = QPushButton("Change keys …")
        self.change.setToolTip("Give these actions other keys")
        self.change.clicked.connect(change)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(self.words)
        column.addWidget(self.change)
        KEYS.changed.connect(self.refresh)
        self.refresh()

    def refresh(self, *_: object) -> None:
        """Show the keys of now."""
        rows = "".join(
            f"<tr><td><b>{html.escape(words_of(one.name))}</b>&nbsp;&nbsp;</td>"
            f"<td>{html.escape(one.title)}</td></tr>"
            for one in self._mine
        )
        self.words.setText(f"<table>{rows}</table>")


class KeyTable(QWidget):
    """Every action that the docks of a viewer offer, with its key in a field to change it."""

    def __init__(self, viewer: Any) -> None:
        super().__init__()
        self._viewer = viewer
        self.lines: dict[str, KeyLine] = {}
        introduction = note()
        introduction.setText(INTRODUCTION)
        self.reset = QPushButton("Give all actions their first keys back")
        self.reset.setToolTip("Forget every key that you chose yourself")
        self.reset.clicked.connect(self.forget)
        self._rows = QFormLayout()
        inside = QWidget()
        inside.setLayout(self._rows)
        column = QVBoxLayout(self)
        column.addWidget(introduction)
        column.addWidget(in_scroll_area(inside), stretch=1)
        column.addWidget(self.reset)
        shortcuts.board_of(viewer).changed.connect(self.refill)
        self.refill()

    def refill(self) -> None:
        """Show what is offered now."""
        while self._rows.rowCount():
            self._rows.removeRow(0)
        self.lines = {one.name: KeyLine(one) for one in shortcuts.offered(self._viewer)}
        for one in shortcuts.offered(self._viewer):
            line = self.lines[one.name]
            self._rows.addRow(QLabel(one.title), line)
            self._rows.addRow(line.problem)

    def forget(self) -> None:
        """Give every action the key that it comes with; where two stand in each other's way, in a second round."""
        board = shortcuts.board_of(self._viewer)
        for name in board.offered:
            shortcuts.change(name, "")
        for name, one in board.offered.items():
            shortcuts.change(name, one.keys)


class KeyLine(QKeySequenceEdit):
    """The key of one action; a key that belongs to something else is refused with its owner's name."""

    def __init__(self, shortcut: Shortcut) -> None:
        super().__init__()
        self._name = shortcut.name
        self.problem = Toned("problem")
        self.problem.hide()
        self.setMaximumSequenceLength(1)
        self.setClearButtonEnabled(True)
        self.setAccessibleName(f"Key: {shortcut.title}")
        self.setToolTip(f"Press the key that shall do this: {shortcut.title}")
        self.refresh()
        self.editingFinished.connect(self._take)
        KEYS.changed.connect(self.refresh)

    def refresh(self, *_: object) -> None:
        """Show the key of now."""
        keys = shortcuts.keys_of(self._name)
        found = QKeyBindingSequence(coerce_keybinding(keys)) if keys else QKeySequence()
        self.setKeySequence(found)

    def _take(self) -> None:
        sequence = self.keySequence()
        typed = "" if sequence.isEmpty() else str(qkeysequence2modelkeybinding(sequence))
        if typed == shortcuts.keys_of(self._name):
            return
        try:
            shortcuts.change(self._name, typed)
        except ValueError as error:
            self._say(str(error))
            self.refresh()
        else:
            self._say("")

    def _say(self, words: str) -> None:
        self.problem.setText(words)
        self.problem.setVisible(bool(words))


def words_of(name: str) -> str:
    """The key of an action as the keyboard names it."""
    return shortcuts.shown(shortcuts.keys_of(name)) or NO_KEY
