"""One viewer for all tests of a module: starting one takes longer than most tests."""

from __future__ import annotations

import gc
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import napari
import psutil
import pytest
from app_model import Application
from napari._app_model._app import NapariApplication, _napari_names
from napari._qt._qapp_model.qactions import init_qactions
from napari._qt.qt_viewer import QtViewer
from napari.layers import Layer
from napari.plugins import _initialize_plugins
from qtpy.QtCore import QEventLoop, QTimer
from waiting import SOON

from napari_advseg import model_store
from napari_advseg.engine import Patience
from napari_advseg.gui.compute.session import Session
from napari_advseg.gui.opened import session_of
from napari_advseg.gui.opening import Docks, open_docks
from napari_advseg.napari_io import volume_to_layer
from napari_advseg.samples import neuropil

APP = "viewers of a module"


@contextmanager
def of_a_module() -> Iterator[pytest.MonkeyPatch]:
    """Viewers made inside have their own table of actions, as those of each test have with napari's own fixture."""
    app = NapariApplication(APP)
    app.injection_store.namespace = _napari_names
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(NapariApplication, "get_app_model", lambda *_: app)
        for known in (_initialize_plugins, init_qactions):
            known.cache_clear()
        yield patch
    Application.destroy(APP)
    for known in (_initialize_plugins, init_qactions):
        known.cache_clear()
    gc.collect()
    QtViewer._instances.clear()


@contextmanager
def one_viewer(
    home: Path,
    shape: tuple[int, ...],
    command: Sequence[str] | None,
    patience: Patience | None = None,
) -> Iterator[tuple[Any, Docks]]:
    """A viewer with a small annotated stack and all docks, whose child is `command`; the child ends with it.

    Nothing that was chosen before counts in it, nor the model that comes along.
    """
    with of_a_module() as patch:
        for name in ("HOME", "USERPROFILE"):
            patch.setenv(name, str(home))
        patch.setenv("XDG_CONFIG_HOME", str(home / "config"))
        patch.setattr(model_store, "FIRST_FOLDER", home / "nowhere")
        patch.setattr(Session, "command", command)
        patch.setattr(Session, "patience", patience)
        viewer = napari.Viewer(show=False)
        for volume, kind in zip(neuropil(shape), ("image", "labels"), strict=True):
            viewer.add_layer(Layer.create(*volume_to_layer(volume, kind)))
        yield viewer, open_docks(viewer)
        child = session_of(viewer).process_id
        viewer.close()
        wait_for_the_end_of(child)


def come_to_rest(session: Session, qtbot: Any) -> None:
    """Cancel what a test has left, and wait for a child that can be given work, a new one where there is none."""
    for job in tuple(session._jobs):
        session.cancel(job)
    qtbot.waitUntil(lambda: not session._jobs, timeout=SOON)
    session.start()
    qtbot.waitUntil(lambda: session.device is not None and not session.trouble, timeout=SOON)


def wait_for_the_end_of(child: int) -> None:
    """Run the event loop, in which a closed window goes, until its child has gone."""
    for _ in range(SOON // 50):
        if not psutil.pid_exists(child):
            return
        loop = QEventLoop()
        QTimer.singleShot(50, loop.quit)
        loop.exec()
    raise TimeoutError("The child outlived its viewer.")
