"""Makes docs/images/*.png: the real viewer at work on synthetic neuropil, through the docks' own buttons.

`xvfb-run -a -s "-screen 0 1600x1000x24" python docs/pictures.py [--out docs/images] [--size 1280x800] [--steps 150]`
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import napari
import numpy as np
from napari.layers import Layer
from PIL import Image
from qtpy.QtWidgets import QApplication, QDialog, QDockWidget, QWidget

from napari_advseg.gui import heat_maps, score_dock
from napari_advseg.gui.annotate_dock import AnnotateDock
from napari_advseg.gui.compare_runs import open_comparison
from napari_advseg.gui.live import CRITICS
from napari_advseg.gui.opening import open_docks
from napari_advseg.gui.score_dock import ScoreDock
from napari_advseg.gui.segment_dock import SegmentDock
from napari_advseg.gui.session import session_of
from napari_advseg.gui.train_dock import TrainDock
from napari_advseg.gui.tune_dock import TuneDock
from napari_advseg.napari_io import volume_to_layer
from napari_advseg.samples import neuropil
from napari_advseg.volume.painted import BOUNDARY

COLOURS = (256, 192, 128)
MOST_BYTES = 150_000
EXPLAINED = (*score_dock.COLOURS.values(), *score_dock.MARKS, *heat_maps.MARKS.values())


def wait(until: Callable[[], object] | None = None, seconds: float = 600) -> None:
    """Run the event loop until something is true, at most so long."""
    end = time.perf_counter() + seconds
    while time.perf_counter() < end and not (until and until()):
        QApplication.processEvents()
        time.sleep(0.005)


class Camera:
    """Takes pictures of a viewer's window into a folder."""

    def __init__(self, viewer: napari.Viewer, folder: Path) -> None:
        self._viewer = viewer
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True)

    def take(self, name: str) -> None:
        """Save the window as a small PNG, with as many colours as there is room for."""
        wait(seconds=0.5)
        for notice in self._viewer.window._qt_window.findChildren(QDialog):  # noqa: SLF001
            notice.close()
        wait(seconds=0.1)
        picture = self._viewer.screenshot(canvas_only=False, flash=False)
        self._save(Image.fromarray(picture[..., :3]), name)

    def take_widget(self, name: str, widget: QWidget) -> None:
        """Save one widget alone."""
        wait(seconds=0.5)
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
    palette = picture.quantize(free).getpalette()[: 3 * free]
    chosen = Image.new("P", (1, 1))
    chosen.putpalette(
        [*palette, *(part for colour in EXPLAINED for part in bytes.fromhex(colour[1:]))]
    )
    return picture.quantize(palette=chosen, dither=Image.Dither.NONE)


def main() -> None:
    """Train, segment, move a slider, score and tune; a picture of each."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--out", type=Path, default=Path(__file__).parent / "images")
    options.add_argument("--size", default="1280x800")
    options.add_argument("--steps", type=int, default=150)
    chosen = options.parse_args()
    viewer = napari.Viewer(title="napari-advseg")
    width, height = map(int, chosen.size.split("x"))
    viewer.window.resize(width, height)
    for volume, kind in zip(neuropil((8, 384, 384), seed=3), ("image", "labels"), strict=True):
        viewer.add_layer(Layer.create(*volume_to_layer(volume, kind)))
    docks = open_docks(viewer)
    camera = Camera(viewer, chosen.out)
    with tempfile.TemporaryDirectory() as folder:
        annotate(camera, docks.annotate)
        learn(camera, docks.train, Path(folder), chosen.steps)
        apply(camera, docks.segment, Path(folder))
        compare(camera, docks.score)
        search(camera, docks.tune, Path(folder))
        contest(camera, docks.train, Path(folder), chosen.steps)
        compare_trainings(camera, Path(folder))
        viewer.close()
        wait(seconds=3)


def annotate(camera: Camera, dock: AnnotateDock) -> None:
    """The Annotate dock with cells painted in two sections, those between filled in, and at a place to go on."""
    viewer = napari.current_viewer()
    truth = viewer.layers["neuropil labels"]
    truth.visible = False
    raise_dock(dock)
    dock.new.click()
    wait(lambda: dock.labels.layer is viewer.layers[-1] and dock.labels.layer.mode == "paint")
    for section, rows, columns in ((2, (60, 260), (80, 300)), (6, (80, 280), (60, 280))):
        part = (section, slice(*rows), slice(*columns))
        cells = truth.data[part]
        y, x = np.indices(cells.shape).reshape(2, -1) + np.array([[rows[0]], [columns[0]]])
        values = np.where(cells == 0, BOUNDARY, cells).ravel()
        dock.labels.layer.data_setitem((np.full(len(y), section), y, x), values)
    viewer.dims.set_current_step(0, 2)
    dock.brushes.take("Boundary")
    dock.tint.click()
    wait(lambda: "Not annotated" in viewer.layers, seconds=20)
    camera.take("annotate-painted")
    viewer.dims.set_current_step(0, 4)
    dock.fill.click()
    wait(lambda: "filled in" in dock.buttons.log.toPlainText(), seconds=60)
    camera.take("annotate-filled")
    dock.tint.click()
    wait(dock.buttons.run.isEnabled)
    dock.buttons.run.click()
    wait(lambda: dock.table.places)
    camera.take("annotate-places")
    for name in ("Place to annotate", dock.labels.currentText()):
        viewer.layers.remove(name)
    truth.visible = True
    viewer.reset_view()


def learn(camera: Camera, dock: TrainDock, folder: Path, steps: int) -> None:
    """The Train dock before, during and after a short training."""
    wait(
        lambda: dock.device.text().startswith("Computes on: ") and "start" not in dock.device.text()
    )
    raise_dock(dock)
    dock.length.row("steps").editor.write(steps)
    dock.advanced.group("model").row("widths").editor.write((12, 24, 48, 96))
    dock.advanced.group("examples").row("crop").editor.write(96)
    dock.advanced.group("training").row("validate_every").editor.write(max(1, steps // 10))
    dock.out.set(folder / "neuropil-unet")
    dock.out.chosen.emit()
    wait(dock.buttons.run.isEnabled)
    camera.take("train-ready")
    dock.fold.open()
    dock.advanced.unfold("model")
    camera.take("train-advanced")
    dock.fold.fold_up()
    dock.buttons.run.click()
    wait(lambda: dock.buttons.bar.maximum() == steps and dock.buttons.bar.value() > 0.7 * steps)
    camera.take("train-running")
    wait(dock.resume.isEnabled)
    wait(lambda: not dock.conflict.isHidden())
    camera.take("train-done")


def apply(camera: Camera, dock: SegmentDock, folder: Path) -> None:
    """The Segment dock before and after a run, and with a slider moved."""
    viewer = napari.current_viewer()
    raise_dock(dock)
    viewer.layers["neuropil labels"].visible = False
    dock.out.set(folder / "cells.ome.zarr")
    dock.out.chosen.emit()
    wait(dock.buttons.run.isEnabled)
    camera.take("segment-ready")
    dock.buttons.run.click()
    wait(lambda: dock.live.isEnabled() or not dock.buttons.cancel.isEnabled())
    wait(dock.live.isEnabled, seconds=20)
    camera.take("segment-done")
    dock.sliders.row("threshold").editor.write(0.7)
    wait(lambda: "Preview (section on screen)" in viewer.layers)
    camera.take("segment-preview")
    dock.live.click()


def compare(camera: Camera, dock: ScoreDock) -> None:
    """The Score dock at an error, and with the errors painted."""
    viewer = napari.current_viewer()
    raise_dock(dock)
    wait(dock.buttons.run.isEnabled)
    dock.buttons.run.click()
    wait(lambda: dock.table.errors.rows and dock.objects.rows.rowCount())
    dock.tabs.setCurrentIndex(2)
    dock.table.selectRow(1)
    wait(lambda: "Error on screen" in viewer.layers)
    camera.take("score-error")
    dock.overlay.click()
    wait(lambda: "Errors" in viewer.layers)
    viewer.layers[dock.labels.currentText()].visible = False
    viewer.layers["neuropil"].opacity = 0.6
    camera.take("score-overlay")
    viewer.layers["neuropil"].opacity = 1
    dock.overlay.click()
    viewer.reset_view()


def search(camera: Camera, dock: TuneDock, folder: Path) -> None:
    """The Tune dock after a search."""
    raise_dock(dock)
    napari.current_viewer().layers.remove("Error on screen")
    dock.out.set(folder / "search")
    dock.out.chosen.emit()
    wait(dock.buttons.run.isEnabled)
    dock.buttons.run.click()
    wait(lambda: "Preview of thresholds" in napari.current_viewer().layers)
    camera.take("tune-done")


def contest(camera: Camera, dock: TrainDock, folder: Path, steps: int) -> None:
    """The cockpit of a small adversarial training, near its end."""
    raise_dock(dock)
    dock.family.setCurrentText("cgan")
    dock.length.row("steps").editor.write(steps)
    model = dock.advanced.group("model")
    model.row("width").editor.write(12)
    model.row("depth").editor.write(4)
    model.group("critic").row("widths").editor.write((12, 24, 48))
    dock.advanced.group("examples").row("crop").editor.write(96)
    dock.advanced.group("training").row("validate_every").editor.write(max(1, steps // 10))
    dock.out.set(folder / "neuropil-cgan")
    dock.out.chosen.emit()
    wait(dock.buttons.run.isEnabled)
    dock.buttons.run.click()
    wait(lambda: dock.buttons.bar.maximum() == steps and dock.buttons.bar.value() > 0.8 * steps)
    dock.live.tabs.setCurrentIndex(CRITICS)
    camera.take("train-cockpit")
    wait(dock.resume.isEnabled)


def compare_trainings(camera: Camera, folder: Path) -> None:
    """The two trainings side by side."""
    dialog = open_comparison(session_of(napari.current_viewer()), napari.current_viewer())
    dialog.first.set(folder / "neuropil-cgan")
    dialog.second.set(folder / "neuropil-unet")
    wait(lambda: dialog.table.rowCount() > 0)
    camera.take_widget("train-compare", dialog)
    dialog.close()


def raise_dock(widget: object) -> None:
    """Bring the tab of a dock to the front."""
    parent = widget
    while not isinstance(parent, QDockWidget):
        parent = parent.parent()
    parent.raise_()
    wait(seconds=0.5)


if __name__ == "__main__":
    main()
