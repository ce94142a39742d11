"""One viewer for all tests of a module: starting one takes longer than most tests."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import napari
import psutil
import pytest
from napari.layers import Layer
from qtpy.QtCore import QEventLoop, QTimer

from napari_advseg.engine import Patience
from napari_advseg.gui.opening import Docks, open_docks
from napari_advseg.gui.session import Session, session_of
from napari_advseg.napari_io import volume_to_layer
from napari_advseg.samples import neuropil

ENDS_WITHIN_S = 60


def bare_viewer(**options: Any) -> napari.Viewer:
    """A viewer beside those of napari's own fixture, which register plugins anew for each test, and this one not."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("napari.plugins._initialize_plugins", lambda: None)
        return napari.Viewer(**options)


@contextmanager
def one_viewer(
    home: Path,
    shape: tuple[int, ...],
    command: Sequence[str] | None,
    patience: Patience | None = None,
) -> Iterator[tuple[Any, Docks]]:
    """A viewer with a small annotated stack and all docks, whose child is `command`; the child ends with it."""
    with pytest.MonkeyPatch.context() as patch:
        for name in ("HOME", "USERPROFILE"):
            patch.setenv(name, str(home))
        patch.setattr(Session, "command", command)
        patch.setattr(Session, "patience", patience)
        viewer = bare_viewer(show=False)
        for volume, kind in zip(neuropil(shape), ("image", "labels"), strict=True):
            viewer.add_layer(Layer.create(*volume_to_layer(volume, kind)))
        yield viewer, open_docks(viewer)
        child = session_of(viewer).process_id
        viewer.close()
        wait_for_the_end_of(child)


def wait_for_the_end_of(child: int) -> None:
    """Run the event loop, in which a closed window goes, until its child has gone."""
    for _ in range(20 * ENDS_WITHIN_S):
        if not psutil.pid_exists(child):
            return
        loop = QEventLoop()
        QTimer.singleShot(50, loop.quit)
        loop.exec()
    raise TimeoutError("The child outlived its viewer.")
