"""What threads tell the Qt thread."""

# mypy: disallow-subclassing-any=false
from __future__ import annotations

from collections.abc import Callable

from qtpy.QtCore import QObject, Qt, Signal


class News(QObject):
    """Calls `hear` on the Qt thread with what a thread tells.

    It has no parent: a thread may tell something after the window has gone.
    """

    _told = Signal(object)

    def __init__(self, hear: Callable[..., object]) -> None:
        super().__init__()
        self._told.connect(hear, Qt.ConnectionType.QueuedConnection)

    def tell(self, what: object = None) -> None:
        """To be called on any thread."""
        self._told.emit(what)
