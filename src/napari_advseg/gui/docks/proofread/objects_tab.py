"""The wrong objects that a comparison with the truth has found: chosen, each is shown where it lies."""

# mypy: disallow-subclassing-any=false
from __future__ import annotations

from functools import partial
from typing import Any

from napari_advseg.gui.docks.proofread.mark import ProofMark
from napari_advseg.gui.kit import comparison
from napari_advseg.gui.kit.comparison import Comparison, Row
from napari_advseg.gui.kit.error_table import ErrorTable
from napari_advseg.gui.viewer import camera


class ObjectsTab(ErrorTable):
    """The camera goes to the box of the object that is chosen, and `mark` shows its outlines."""

    def __init__(self, viewer: Any, mark: ProofMark) -> None:
        super().__init__()
        self._viewer, self._mark = viewer, mark
        self._compared: Comparison | None = None
        self.errors.filter(lambda row: row.what != "site")
        self.chosen.connect(self._go_to)

    def take(self, compared: Comparison | None) -> None:
        """Show what was found, or nothing."""
        self._compared = compared
        self.errors.show_rows(compared.rows if compared is not None else ())

    def _go_to(self, row: Row) -> None:
        if self._compared is not None:
            camera.jump(self._viewer, *comparison.place(self._compared, row))
            self._mark.ask(partial(comparison.highlight, self._compared, row))
