"""A path for what a dock makes, where nothing is yet."""

# mypy: disallow-subclassing-any=false
from __future__ import annotations

from collections.abc import Callable
from functools import partial

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QWidget

from napari_advseg.gui.compute import checks, handover
from napari_advseg.gui.compute.session import Session
from napari_advseg.gui.kit.panel import PathLine


class NewPlace(PathLine):
    """A path for something new: proposed until the user chooses one, and looked at on every change."""

    looked = Signal()

    def __init__(
        self, session: Session, browse: Callable[[QWidget, str], str], placeholder: str
    ) -> None:
        super().__init__(browse, placeholder)
        self._session = session
        self.place = checks.Place("")
        self.is_own = False
        self.changed.connect(self.look)
        self.chosen.connect(self._keep)

    @property
    def problem(self) -> str:
        """Why nothing new can be put there."""
        return self.place.problem

    def propose(self, find: Callable[[], str]) -> None:
        """Show the path that `find` finds on a thread; the user's own stays, or gives way to a free one beside it."""
        look = partial(handover.place_beside, self.path) if self.is_own else find
        self._session.background(look).done.connect(self.set)

    def make_way(self, *_: object) -> None:
        """Show the next free path beside this one."""
        self._session.background(partial(handover.place_beside, self.path)).done.connect(self.set)

    def look(self, *_: object) -> None:
        """See what stands there now; `looked` follows."""
        look = self._session.background(partial(checks.look_at, self.path))
        look.done.connect(self._see)

    def _see(self, place: checks.Place) -> None:
        if place.path == self.path:
            self.place = place
            self.looked.emit()

    def _keep(self) -> None:
        self.is_own = True
