"""What the viewer tests stand on: a display, a home folder of their own, no leftovers."""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

qtpy = pytest.importorskip("qtpy", reason="no Qt: install napari-advseg[gui]")
pytest.importorskip("napari", reason="no napari: install napari-advseg[gui]")
pytest.importorskip("pytestqt", reason="no pytest-qt")

HERE = Path(__file__).resolve().parent
# Their own business: napari, vispy and Qt warn while they load and close.
FOREIGN = (
    "ignore::DeprecationWarning:napari.*",
    "ignore::FutureWarning:napari.*",
    "ignore::DeprecationWarning:vispy.*",
    "ignore::DeprecationWarning:pydantic.*",
)


def has_display() -> bool:
    """Whether windows can be opened; on Linux pytest-xvfb brings a screen where Xvfb is installed."""
    return sys.platform != "linux" or bool({"DISPLAY", "WAYLAND_DISPLAY"} & os.environ.keys())


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if HERE not in item.path.parents:
            continue
        for rule in FOREIGN:
            item.add_marker(pytest.mark.filterwarnings(rule))
        if not has_display():
            item.add_marker(pytest.mark.skip(reason="no display: install Xvfb"))


def pytest_collection_finish() -> None:
    """Set aside what is loaded: for every viewer that closes, napari's fixture looks through all that there is."""
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session", autouse=True)
def _settings_in_memory() -> None:
    """napari writes its settings for every dock that is added, which no test reads and takes longer than the dock."""
    from napari.settings import get_settings

    get_settings()._save_on_change = False


@pytest.fixture(autouse=True)
def _deleted_when_closed(monkeypatch) -> None:
    """A closed viewer is deleted at once, not a turn later as with PySide6: napari's fixture looks for leaks then."""
    from napari import Viewer
    from napari._qt.qt_viewer import QtViewer
    from qtpy.QtCore import QEvent
    from qtpy.QtWidgets import QApplication

    if qtpy.API_NAME != "PySide6":
        return
    close = Viewer.close

    def closed(viewer: Viewer) -> None:
        try:
            close(viewer)
        except RuntimeError:  # its window was closed by hand, and has gone
            QtViewer._instances.clear()
        QApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)
        QApplication.processEvents()

    monkeypatch.setattr(Viewer, "close", closed)


@pytest.fixture
def home(tmp_path, monkeypatch) -> Path:
    """A home folder of the test's own, without anything that was chosen before, or the model that comes along."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setattr("napari_advseg.model_store.FIRST_FOLDER", tmp_path / "nowhere")
    return tmp_path


@pytest.fixture
def fake_child(monkeypatch) -> None:
    """A child without torch, see fake_child.py."""
    session = pytest.importorskip("napari_advseg.gui.compute.session")
    monkeypatch.setattr(session.Session, "command", (sys.executable, str(HERE / "fake_child.py")))


@pytest.fixture
def stage(make_napari_viewer, home) -> Callable[..., Any]:
    """Makes a viewer with a small annotated stack (4 sections of 64 x 64 at 40 x 4 x 4 nm), Train and Segment alone."""
    from napari.layers import Layer

    from napari_advseg.gui.docks.segment.dock import SegmentDock
    from napari_advseg.gui.docks.train.dock import TrainDock
    from napari_advseg.napari_io import volume_to_layer
    from napari_advseg.samples import neuropil

    def set_up(shape: tuple[int, ...] = (4, 64, 64)) -> Any:
        viewer = make_napari_viewer()
        for volume, kind in zip(neuropil(shape), ("image", "labels"), strict=True):
            viewer.add_layer(Layer.create(*volume_to_layer(volume, kind)))
        train, segment = TrainDock(viewer), SegmentDock(viewer)
        for name, dock in (("Train", train), ("Segment", segment)):
            viewer.window.add_dock_widget(dock, name=name, area="right", tabify=dock is segment)
        return viewer, train, segment

    return set_up


@pytest.fixture
def browser(qapp) -> Any:
    """Takes the files that the system would open, and lists them."""
    from qtpy.QtCore import QObject, QUrl, Slot
    from qtpy.QtGui import QDesktopServices

    class Browser(QObject):
        opened: list[Path]

        @Slot(QUrl)
        def take(self, url: QUrl) -> None:
            self.opened.append(Path(url.toLocalFile()))

    taker = Browser()
    taker.opened = []
    QDesktopServices.setUrlHandler("file", taker, "take")
    yield taker
    QDesktopServices.unsetUrlHandler("file")
