"""What the viewer tests stand on: a display, a home folder of their own, no leftovers."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

pytest.importorskip("qtpy", reason="no Qt: install napari-advseg[gui]")
pytest.importorskip("napari", reason="no napari: install napari-advseg[gui]")
pytest.importorskip("pytestqt", reason="no pytest-qt")

HERE = Path(__file__).resolve().parent
HAS_DISPLAY = sys.platform != "linux" or bool(
    os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")
)
# Their own business: napari, vispy and Qt warn while they load and close.
FOREIGN = (
    "ignore::DeprecationWarning:napari.*",
    "ignore::FutureWarning:napari.*",
    "ignore::DeprecationWarning:vispy.*",
    "ignore::DeprecationWarning:pydantic.*",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if HERE not in item.path.parents:
            continue
        for rule in FOREIGN:
            item.add_marker(pytest.mark.filterwarnings(rule))
        if not HAS_DISPLAY:
            item.add_marker(pytest.mark.skip(reason="no display: run under xvfb-run"))
