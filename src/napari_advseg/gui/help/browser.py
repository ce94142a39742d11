"""What the "?" of a dock does: its page, in the browser."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from napari_advseg.gui.compute.handover import HOME
from napari_advseg.gui.compute.session import Session
from napari_advseg.gui.help import pages
from napari_advseg.gui.viewer import window


def open_help(session: Session, page: str, *_: object) -> None:
    """Show a page, "docks.md#train"; it is written on a thread."""
    # Not among hidden files, which browsers in a sandbox (Ubuntu's) may not read.
    place = Path.home() / HOME / "help"
    writing = session.background(partial(pages.write_pages, place, page))
    writing.done.connect(window.open_file)
    writing.failed.connect(window.show_error)
