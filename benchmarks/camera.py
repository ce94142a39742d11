"""Pictures of the real viewer while a script works in it."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import napari
from PIL import Image
from qtpy.QtWidgets import QApplication, QDialog, QDockWidget, QWidget

from napari_advseg.annotation.brushes import MARKS
from napari_advseg.gui.docks.score import dock as score_dock
from napari_advseg.gui.docks.tune import heat_maps
from napari_advseg.gui.kit.plots import PENS

COLOURS = (256, 192, 128, 96, 64, 48)
MOST_BYTES = 150_000
ROUNDS = 2
TICK_S = 0.02
SETTLE_S = 0.6
EXPLAINED = (
    *score_dock.COLOURS.values(),
    *score_dock.MARKS,
    *heat_maps.MARKS.values(),
    *(mark.colour for mark in MARKS),
    *PENS,
)


def run_for(seconds: float) -> None:
    """Run the event loop for a while."""
    end = time.perf_counter() + seconds
    while time.perf_counter() < end:
        QApplication.processEvents()
        time.sleep(TICK_S)


def wait(what: str, until: Callable[[], object], seconds: float = 600) -> None:
    """Run the event loop until something is true.

    Raises:
        TimeoutError: it did not come true.
    """
    end = time.perf_counter() + seconds
    while not until():
        if time.perf_counter() > end:
            raise TimeoutError(f"After {seconds:g} s there is still no sign of this: {what}.")
        QApplication.processEvents()
        time.sleep(TICK_S)


def bring_to_front(dock: Any) -> None:
    """Show the tab that a dock is in."""
    while not isinstance(dock, QDockWidget):
        dock = dock.parent()
    dock.raise_()
    run_for(SETTLE_S)


class Camera:
    """Takes pictures of a viewer's window into a folder; all of them, or only those that are `wanted`."""

    def __init__(self, viewer: napari.Viewer, folder: Path, wanted: set[str] | None = None) -> None:
        self._viewer = viewer
        self._folder = folder
        self._wanted = wanted
        folder.mkdir(parents=True, exist_ok=True)

    def take(self, name: str) -> None:
        """Save the window as a small PNG, with as many colours as there is room for."""
        if self._wanted is not None and name not in self._wanted:
            return
        run_for(SETTLE_S)
        for notice in self._viewer.window._qt_window.findChildren(QDialog):  # noqa: SLF001
            notice.close()
        run_for(0.1)
        picture = self._viewer.screenshot(canvas_only=False, flash=False)
        self._save(Image.fromarray(picture[..., :3]), name)

    def take_widget(self, name: str, widget: QWidget) -> None:
        """Save one widget alone."""
        run_for(SETTLE_S)
        place = self._folder / f"{name}.png"
        widget.grab().save(str(place))
        with Image.open(place) as picture:
            self._save(picture.convert("RGB"), name)

    def _save(self, picture: Image.Image, name: str) -> None:
        place = self._folder / f"{name}.png"
        for colours in COLOURS:
            flattened(picture, colours).save(place, optimize=True)
            if place.stat().st_size <= MOST_BYTES:
                break


def flattened(picture: Image.Image, colours: int) -> Image.Image:
    """The picture in so many colours, among them those that a legend explains."""
    free = colours - len(EXPLAINED)
    palette = picture.quantize(free, kmeans=ROUNDS).getpalette()[: 3 * free]
    chosen = Image.new("P", (1, 1))
    chosen.putpalette(
        [*palette, *(part for colour in EXPLAINED for part in bytes.fromhex(colour[1:]))]
    )
    return picture.quantize(palette=chosen, dither=Image.Dither.NONE)
