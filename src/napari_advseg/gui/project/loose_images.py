"""Images that exist only in memory, and would be missing when the project is opened again."""

# mypy: disallow-subclassing-any=false
from __future__ import annotations

import weakref
from functools import partial
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QObject, Signal

from napari_advseg.gui.project import project_files
from napari_advseg.gui.project.project_files import Files
from napari_advseg.gui.viewer import window

if TYPE_CHECKING:
    from napari_advseg.gui.compute.session import Session


class LooseImages(QObject):
    """Says of each once that it is lost with the window, and copies them into the project."""

    copied = Signal()

    def __init__(self, session: Session, viewer: Any, parent: QObject) -> None:
        super().__init__(parent)
        self._session = session
        self._viewer = viewer
        self._told: weakref.WeakSet[Any] = weakref.WeakSet()
        self.files: Files | None = None

    @property
    def layers(self) -> list[Any]:
        """The images; none where no project is open."""
        return [] if self.files is None else self.files.only_in_memory(self._viewer.layers)

    @property
    def names(self) -> str:
        """The first names of them; empty where there are none."""
        return _names(self.layers)

    def tell(self) -> None:
        """Say of those that are new that the project cannot bring them back."""
        new = [layer for layer in self.layers if layer not in self._told]
        self._told.update(new)
        if new:
            they = "exists" if len(new) == 1 else "exist"
            window.offer(
                f"{_names(new)} {they} only in memory, and will be missing when the project is opened again.",
                "Copy into the project",
                self.save,
            )

    def save(self, *_: object) -> None:
        """Copy them into the project; `copied` comes for each."""
        if self.files is None:
            return
        for layer in self.layers:
            work = partial(project_files.copy_image, self.files.project, layer)
            task = self._session.background(work, is_long=True)
            task.done.connect(partial(self._know, layer))
            task.failed.connect(window.show_error)

    def _know(self, layer: Any, path: str) -> None:
        layer.metadata = {**layer.metadata, "path": path}
        self.copied.emit()


def _names(layers: list[Any]) -> str:
    more = ", …" if len(layers) > 3 else ""
    return ", ".join(f"'{layer.name}'" for layer in layers[:3]) + more
