"""The keys of one dock to read, with the ways to change them."""

# mypy: disallow-subclassing-any=false
from __future__ import annotations

import html
from collections.abc import Sequence
from functools import partial
from typing import Any

from qtpy.QtWidgets import QPushButton, QVBoxLayout, QWidget

from napari_advseg.gui.help import shortcuts
from napari_advseg.gui.help.shortcuts import KEYS, Shortcut
from napari_advseg.gui.kit.panel import note
from napari_advseg.gui.viewer import window

NO_KEY = "no key"
CHANGE_ABOUT = (
    "Open napari's Preferences > Shortcuts, where these keys are listed among napari's own."
)
RESET_ABOUT = "Forget every key that you chose yourself for these actions."


class KeyList(QWidget):
    """What each key does; a change elsewhere shows at once."""

    def __init__(self, viewer: Any, mine: Sequence[Shortcut]) -> None:
        super().__init__()
        self._mine = mine
        self.words = note()
        self.change = QPushButton("Change keys …")
        self.change.setToolTip(CHANGE_ABOUT)
        self.change.clicked.connect(partial(window.open_shortcuts, viewer))
        self.reset = QPushButton("Give the first keys back")
        self.reset.setToolTip(RESET_ABOUT)
        self.reset.clicked.connect(partial(shortcuts.give_back, mine))
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        for part in (self.words, self.change, self.reset):
            column.addWidget(part)
        KEYS.changed.connect(self.refresh)
        self.refresh()

    def refresh(self, *_: object) -> None:
        """Show the keys of now."""
        rows = "".join(
            f"<tr><td><b>{html.escape(shortcuts.shown(one.name) or NO_KEY)}</b>&nbsp;&nbsp;</td>"
            f"<td>{html.escape(one.title)}</td></tr>"
            for one in self._mine
        )
        self.words.setText(f"<table>{rows}</table>")
