"""A viewer with files and the docks in it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import napari
from napari.layers import Layer
from qtpy.QtCore import QTimer

from napari_advseg.gui import window
from napari_advseg.gui.score_dock import ScoreDock
from napari_advseg.gui.segment_dock import SegmentDock
from napari_advseg.gui.train_dock import TrainDock
from napari_advseg.gui.tune_dock import TuneDock
from napari_advseg.napari_io import get_reader

AREA = "right"


def run(paths: Sequence[str]) -> None:
    """Open a viewer and stay until it is closed."""
    viewer = napari.Viewer(title="napari-advseg")
    for path in paths:
        open_path(viewer, path)
    open_docks(viewer)
    napari.run()


def open_path(viewer: napari.Viewer, path: str) -> None:
    """Add what a file holds; a file that cannot be read is named in a notification."""
    reader = get_reader(path)
    if reader is None:
        window.show_error(
            f"{path} is no TIFF, zarr, HDF5 or PNG file that is there; check its name."
        )
        return
    try:
        for layer_data in reader(path):
            viewer.add_layer(Layer.create(*layer_data))
    except ValueError as error:
        window.show_error(str(error))


class Docks(NamedTuple):
    """The docks of a viewer."""

    train: TrainDock
    segment: SegmentDock
    score: ScoreDock
    tune: TuneDock


def open_docks(viewer: napari.Viewer) -> Docks:
    """All docks, one behind the other, Train in front."""
    docks = Docks(TrainDock(viewer), SegmentDock(viewer), ScoreDock(viewer), TuneDock(viewer))
    titled = zip(("Train", "Segment", "Score", "Tune"), docks, strict=True)
    front, *_ = [
        viewer.window.add_dock_widget(dock, name=name, area=AREA, tabify=name != "Train")
        for name, dock in titled
    ]
    # Qt brings the newest tab to the front once the window is laid out, so ask after that.
    QTimer.singleShot(0, front.raise_)
    return docks
