"""Wishes answered on a thread, the newest first: one that is overtaken before it is begun is never worked on."""

# mypy: disallow-subclassing-any=false
from __future__ import annotations

from collections.abc import Callable
from typing import Any

from qtpy.QtCore import QObject, Signal

from napari_advseg.gui.compute.session import Session


class Latest(QObject):
    """While one wish is worked on, only the newest waits; `done` or `failed` comes on the Qt thread."""

    done = Signal(object)
    failed = Signal(str)

    def __init__(self, session: Session, parent: QObject, *, is_long: bool = False) -> None:
        super().__init__(parent)
        self._session = session
        self._is_long = is_long
        self._is_busy = False
        self._next: Callable[[], Any] | None = None
        self._is_wanted = True

    def ask(self, work: Callable[[], Any]) -> None:
        """Wish for the result of `work`; an older wish that has not been begun is forgotten."""
        self._next = work
        self._begin()

    def forget(self) -> None:
        """Take back the wish that waits, and drop the result of the one that is worked on."""
        self._next = None
        self._is_wanted = False

    def _begin(self) -> None:
        if self._is_busy or self._next is None:
            return
        work, self._next, self._is_busy, self._is_wanted = self._next, None, True, True
        task = self._session.background(work, is_long=self._is_long)
        task.done.connect(self._hand_out)
        task.failed.connect(self._complain)

    def _hand_out(self, found: object) -> None:
        self._is_busy = False
        if self._is_wanted:
            self.done.emit(found)
        self._begin()

    def _complain(self, text: str) -> None:
        self._is_busy = False
        if self._is_wanted:
            self.failed.emit(text)
        self._begin()
