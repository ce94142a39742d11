"""What would change, drawn on the labels: lines around objects and parts, in a layer that is made once."""

# mypy: disallow-subclassing-any=false
from __future__ import annotations

from collections.abc import Callable
from typing import Any

from qtpy.QtCore import QObject, Signal

from napari_advseg.gui.compute.session import Session
from napari_advseg.gui.kit.latest import Latest
from napari_advseg.gui.viewer import results
from napari_advseg.napari_io import LayerData

NAME = "What would change"
Draw = Callable[[], LayerData | None]
COLOURS = ("#ffe600", "#00e5ff", "#ff4fd8", "#7dff5a", "#ff9a3c", "#b9a6ff")


class ProofMark(QObject):
    """Emits `failed` with the reason where a picture that was asked for cannot be drawn."""

    failed = Signal(str)

    def __init__(self, session: Session, viewer: Any, parent: QObject) -> None:
        super().__init__(parent)
        self._viewer = viewer
        self._own = results.OwnLayer(
            viewer, NAME, colormap=results.flat_colours(COLOURS), opacity=1.0
        )
        self._is_drawn, self._is_on = False, True
        self._drawing = Latest(session, self)
        self._drawing.done.connect(self._draw)
        self._drawing.failed.connect(self.failed)
        self._in_section: Callable[[], Draw] | None = None
        viewer.dims.events.current_step.connect(self._turn)

    @property
    def layer(self) -> Any:
        """The layer of the lines; None before the first."""
        return self._own.layer

    def ask(self, draw: Draw) -> None:
        """Show what `draw` makes on a thread."""
        self._drawing.ask(draw)

    def show(
        self,
        picture: LayerData | None,
        in_section: Callable[[], Draw] | None = None,
    ) -> None:
        """Show lines in place of those before and of those asked for; none where nothing is to be seen.

        `in_section` says how they are drawn in the section on screen; it is asked whenever that is another.
        """
        self._drawing.forget()
        self._in_section = in_section
        self._draw(picture)

    def blank(self) -> None:
        """Show nothing; the layer is only hidden, as making it takes longer than all else."""
        self.show(None)

    def switch(self, is_on: bool) -> None:  # noqa: FBT001 - what a check box emits
        """Show the lines, or never any."""
        self._is_on = is_on
        self._look()

    def remove(self) -> None:
        """Take the layer away."""
        self.blank()
        self._own.remove()

    def _turn(self, _event: object = None) -> None:
        """Another section is on screen."""
        if self._in_section is not None:
            self.ask(self._in_section())

    def _draw(self, picture: LayerData | None) -> None:
        if self._is_drawn:  # hidden meanwhile, it is drawn once and not for each change
            self._is_drawn = False
            self._look()
        if picture is not None:
            self._own.show(picture)
            self._is_drawn = True
            self._look()

    def _look(self) -> None:
        results.set_visible(self._viewer, self.layer, visible=self._is_drawn and self._is_on)
