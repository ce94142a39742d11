"""Modes of proofreading: a button each, and a banner on the canvas that says which one clicks are taken in."""

# mypy: disallow-subclassing-any=false
from __future__ import annotations

import dataclasses
from typing import Any

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import QButtonGroup, QGridLayout, QLabel, QPushButton, QWidget

from napari_advseg.gui.viewer import window
from napari_advseg.proofreading.state import LOOK

COLUMNS = 3
TOP_PX = 8
TEXT = "#ffffff"


@dataclasses.dataclass(frozen=True)
class ModeWords:
    """A mode as the user meets it.

    Attributes:
        banner: what a click does in it.
        colour: of the banner, dark enough for white letters.
        keys: the key it comes with.
        about: for the tooltip.
    """

    title: str
    banner: str
    colour: str
    keys: str
    about: str


BRUSHES = {"paint": "paint", "erase": "erase"}
WORDS = {
    LOOK: ModeWords("Look", "", "", "Shift-G", "Clicks change nothing; the mouse moves the image"),
    "merge": ModeWords(
        "Merge",
        "click the objects that are one",
        "#1f5fbf",
        "Shift-M",
        "Join objects: click two or more; the first one's label stays",
    ),
    "split": ModeWords(
        "Split",
        "click the parts; Shift-click begins another part",
        "#a8326e",
        "Shift-T",
        "Cut an object: click each part, with Shift for the next part; it is cut along the weakest way between them",
    ),
    "new": ModeWords(
        "New id",
        "click the piece that is an object of its own",
        "#6a3fb5",
        "Shift-N",
        "Give a piece that hangs together a new label",
    ),
    "fill": ModeWords(
        "Fill hole",
        "click into the hole",
        "#0f766e",
        "Shift-F",
        "Give a hole the label of the object around it; in its section only, where it is open elsewhere",
    ),
    "delete": ModeWords(
        "Delete",
        "click the objects to remove",
        "#b3261e",
        "Shift-D",
        "Make whole objects background",
    ),
    "correct": ModeWords(
        "Mark correct",
        "click the objects that are right, or that shall be free again",
        "#2e6b1f",
        "Shift-C",
        "Lock objects against every later edit, also of brushes; those that are locked become free",
    ),
    "paint": ModeWords(
        "Paint",
        "paint with napari's brush; Shift-click takes the label under the mouse",
        "#8a4500",
        "Shift-B",
        "Paint voxels with napari's brush; every stroke is an edit",
    ),
    "erase": ModeWords(
        "Erase",
        "erase with napari's brush",
        "#5f3a1e",
        "Shift-E",
        "Erase voxels with napari's brush; every stroke is an edit",
    ),
}


class ModeBar(QWidget):
    """Emits `turned` with the name of the mode that was chosen."""

    turned = Signal(str)

    def __init__(self) -> None:
        super().__init__()
        self.buttons: dict[str, QPushButton] = {}
        self._group = QButtonGroup(self)
        grid = QGridLayout(self)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setSpacing(3)
        for number, (name, words) in enumerate(WORDS.items()):
            button = QPushButton(words.title)
            button.setCheckable(True)
            button.setToolTip(f"<p>{words.about}.</p>")
            if words.colour:
                button.setStyleSheet(
                    f"QPushButton:checked {{ background: {words.colour}; color: {TEXT}; font-weight: bold; }}"
                )
            button.clicked.connect(lambda _checked=False, name=name: self.turn(name))
            self._group.addButton(button)
            self.buttons[name] = button
            grid.addWidget(button, number // COLUMNS, number % COLUMNS)
        self.buttons[LOOK].setChecked(True)

    @property
    def mode(self) -> str:
        """The mode whose button is down."""
        return next(name for name, button in self.buttons.items() if button.isChecked())

    def turn(self, name: str) -> None:
        """Go into a mode; where its button is off, stay."""
        if self.buttons[name].isEnabled():
            self.buttons[name].setChecked(True)
            self.turned.emit(name)

    def offer(self, *, is_on: bool) -> None:
        """Begin with Look, all modes on or all off."""
        self.setEnabled(True)
        self.turn(LOOK)
        self.setEnabled(is_on)

    def refuse(self, name: str, why: str) -> None:
        """Offer a mode unless there is a reason against it, which its button then says."""
        self.buttons[name].setEnabled(not why)
        self.buttons[name].setToolTip(f"<p>{why or WORDS[name].about + '.'}</p>")


class Banner(QLabel):
    """A bar on top of the canvas in the colour of the mode."""

    def __init__(self, viewer: Any) -> None:
        super().__init__()
        window.over_canvas(viewer, self, self._place)
        self.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.hide()

    def say(self, mode: str, state: str = "", *, is_other: str = "") -> None:
        """Name a mode, what a click does and what came of the last; in Look there is no banner."""
        words = WORDS[mode]
        self.setVisible(bool(words.banner))
        if not words.banner:
            return
        what = is_other or state or words.banner
        self.setText(f"<b>{words.title.upper()}</b> &nbsp; {what}")
        self.setStyleSheet(
            f"background: {words.colour}; color: {TEXT}; font-size: 12pt; padding: 5px 14px; border-radius: 4px;"
        )
        self._place()
        self.raise_()

    def _place(self) -> None:
        """Stay at the top, in the middle."""
        room = self.parentWidget().width()
        self.adjustSize()
        width = min(self.width(), room)
        self.resize(width, self.height())
        self.move((room - width) // 2, TOP_PX)
