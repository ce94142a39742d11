"""How a window comes to its project: opened, made, or found by a layer that was read from it."""

# mypy: disallow-subclassing-any=false
from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QObject, Signal

from napari_advseg.gui.project import project_files, project_questions
from napari_advseg.gui.project.project_files import Opened, Refused, origin_of
from napari_advseg.gui.viewer import results, window
from napari_advseg.napari_io import OURS

if TYPE_CHECKING:
    from napari_advseg.gui.compute.session import Session


class ProjectOpening(QObject):
    """Opens one project at a time, on a thread; `opened` comes when this window holds it."""

    opened = Signal(object)

    def __init__(self, session: Session, viewer: Any, parent: QObject) -> None:
        super().__init__(parent)
        self._session = session
        self._viewer = viewer
        self._is_busy = False

    def open(self, folder: str | Path, *, takes_over: bool = False) -> None:
        """Open a project in this window, or say why not."""
        self._begin(partial(project_files.open_project, Path(folder), takes_over=takes_over))

    def make(self, folder: str | Path) -> None:
        """Make a project in a new or empty folder; what is in the window belongs to it."""
        self._begin(partial(project_files.make_project, Path(folder)))

    def open_or_make(self, folder: str | Path) -> None:
        """Open a project where there is one, else make one."""
        self._begin(partial(project_files.open_or_make, Path(folder)))

    def ask_to_make(self) -> None:
        """Let the user choose a name for a new project."""
        images = [layer for layer in self._viewer.layers if not results.is_ours(layer)]
        name = str(images[0].name) if images else "project"
        chosen = project_questions.where_to_make(window.main_window(self._viewer), name)
        if chosen:
            self.open_or_make(chosen)

    def ask_to_open(self) -> None:
        """Let the user choose a project."""
        chosen = project_questions.which_to_open(window.main_window(self._viewer))
        if chosen:
            self.open(chosen)

    def look_at_layers(self) -> None:
        """Open the project that layers were read from, by File > Open for example."""
        origins = [origin_of(layer) for layer in self._viewer.layers]
        found = next((origin for origin in origins if origin is not None), None)
        if found is not None and self._session.project is None and not self._is_busy:
            self.open(found)

    def _begin(self, work: Callable[[], Opened | Refused]) -> None:
        project = self._session.project
        if project is not None:
            window.show_error(
                f"This window works in project '{project.name}'; close it first, or open the other one in a window of "
                "its own."
            )
        elif not self._is_busy:
            self._is_busy = True
            task = self._session.background(work)
            task.done.connect(self._take)
            task.failed.connect(self._fail)

    def _fail(self, text: str) -> None:
        self._is_busy = False
        window.show_error(text)

    def _take(self, found: Opened | Refused) -> None:
        self._is_busy = False
        if isinstance(found, Opened):
            self.opened.emit(found)
        else:
            self._refuse(found)

    def _refuse(self, refused: Refused) -> None:
        for layer in self._viewer.layers:
            is_annotation = (layer.metadata.get(OURS) or {}).get("annotation", "")
            if origin_of(layer) == refused.folder and is_annotation:
                layer.editable = False
        if not refused.may_take_over:
            window.show_error(refused.why)
            return
        again = partial(self.open, refused.folder, takes_over=True)
        project_questions.ask_to_take_over(window.main_window(self._viewer), refused.why, again)
