"""Work that only the Qt thread can do, cut into steps with the event loop in between: no key or mouse waits for all."""

# mypy: disallow-subclassing-any=false
from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from typing import Any

from qtpy.QtCore import QObject, QTimer

from napari_advseg.gui.viewer import window

BETWEEN_MS = 10


class Turns(QObject):
    """Steps, each in a turn of the event loop of its own, for as long as the viewer's window is there."""

    def __init__(self, viewer: Any, steps: Iterable[Callable[[], object]]) -> None:
        super().__init__(window.main_window(viewer))
        self._steps = deque(steps)
        # One that repeats would be overdue after a long step, and come before all that waits.
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(BETWEEN_MS)
        self._timer.timeout.connect(self._take)
        self._timer.start()

    def _take(self) -> None:
        step = self._steps.popleft()
        try:
            step()
        finally:
            if self._steps:
                self._timer.start()
            else:
                self.deleteLater()
