"""An offer to go on with a training that was broken off, by the user, by a crash or by the end of the day."""

# mypy: disallow-subclassing-any=false
from __future__ import annotations

from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QPushButton, QVBoxLayout, QWidget

from napari_advseg.gui.compute.session import Session
from napari_advseg.gui.kit.panel import note, side_by_side
from napari_advseg.runs.continuing import BrokenOff, broken_off
from napari_advseg.runs.remembered import forget_place, remembered

GO_ON = "Start it again from its last save, on the image and the annotation that it had"
LEAVE = (
    "Offer this training no more; its folder stays as it is, and 'Resume it' still goes on with it"
)


class GoingOn(QWidget):
    """Names the training that was saved last and did not come to its end, with a button to go on."""

    wanted = Signal(str)  # the folder of a training

    def __init__(self, session: Session) -> None:
        super().__init__()
        self._session = session
        self._found: list[BrokenOff] = []
        self.words = note()
        self.go_on, self.leave = QPushButton("Go on with it"), QPushButton("Leave it")
        self.go_on.setToolTip(GO_ON)
        self.leave.setToolTip(LEAVE)
        self.go_on.clicked.connect(self._go_on)
        self.leave.clicked.connect(self._leave)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 4)
        column.setSpacing(2)
        column.addWidget(self.words)
        column.addWidget(side_by_side(self.go_on, self.leave))
        self.hide()

    def look(self, besides: str = "") -> None:
        """See on a thread what was broken off besides one folder; of an open project only its own trainings."""
        project: Any = self._session.project
        inside = str(project.folder) if project is not None else ""
        task = self._session.background(partial(found_in, inside, besides))
        task.done.connect(self._offer)

    def look_again(self, *_: object) -> None:
        """Something may have changed what is offered."""
        self.look()

    def _offer(self, found: list[BrokenOff]) -> None:
        self._found = found
        self.setVisible(bool(found))
        if found:
            self.words.setText(found[0].words(datetime.now().astimezone()))
            self.words.setToolTip(found[0].folder)

    def _go_on(self) -> None:
        self.hide()
        self.wanted.emit(self._found[0].folder)

    def _leave(self) -> None:
        forget = partial(forget_place, self._found[0].folder)
        self._session.background(forget).done.connect(self.look_again)


def found_in(folder: str, besides: str) -> list[BrokenOff]:
    """Trainings of this computer that were broken off, those below `folder` where one is named, without `besides`."""
    return [
        one
        for one in broken_off(remembered().places)
        if (not folder or Path(one.folder).is_relative_to(Path(folder).resolve()))
        and not (besides and Path(one.folder) == Path(besides).expanduser().resolve())
    ]
