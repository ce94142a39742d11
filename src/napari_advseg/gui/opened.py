"""What is there once for every viewer in which a dock was opened: its session, and its project."""

from __future__ import annotations

from typing import Any

from napari_advseg.gui.compute.session import NAME, Session
from napari_advseg.gui.project.project_window import ProjectWindow
from napari_advseg.gui.viewer import window


def session_of(viewer: Any) -> Session:
    """The session of a viewer, made when its first dock opens; it ends with the viewer's window."""
    host = window.main_window(viewer)
    found: Session | None = host.findChild(Session, NAME)
    if found is None:
        found = Session(viewer)
        ProjectWindow(found, viewer)
        window.tabs_beside(viewer)
    return found
