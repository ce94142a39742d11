"""A viewer with files and the docks in it."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import napari
from napari.layers import Layer
from qtpy.QtCore import QTimer

from napari_advseg.gui.docks.annotate.dock import AnnotateDock
from napari_advseg.gui.docks.mend.dock import MendDock
from napari_advseg.gui.docks.proofread.dock import ProofreadDock
from napari_advseg.gui.docks.score.dock import ScoreDock
from napari_advseg.gui.docks.segment.dock import SegmentDock
from napari_advseg.gui.docks.train.dock import TrainDock
from napari_advseg.gui.docks.tune.dock import TuneDock
from napari_advseg.gui.project.project_window import window_project
from napari_advseg.gui.viewer import window
from napari_advseg.napari_io import get_reader
from napari_advseg.project import is_project

AREA = "right"
TITLES = ("Annotate", "Train", "Segment", "Score", "Tune", "Mend", "Proofread")


def run(paths: Sequence[str]) -> None:
    """Open a viewer and stay until it is closed."""
    viewer = napari.Viewer(title="napari-advseg")
    show(viewer, paths)
    napari.run()


def show(viewer: napari.Viewer, paths: Sequence[str]) -> None:
    """Open the docks, the files, and the project that is among them; a new or empty folder becomes one."""
    projects = [path for path in paths if is_for_a_project(path)]
    for path in paths:
        if path not in projects:
            open_path(viewer, path)
    open_docks(viewer)
    here = window_project(viewer)
    if projects and here is not None:
        here.opening.open_or_make(projects[0])
    if len(projects) > 1:
        window.show_error(f"A window works in one project: {projects[0]}. Open the others apart.")


def is_for_a_project(path: str) -> bool:
    """Whether a path names a project, or a folder that could become one."""
    place = Path(path)
    if place.is_dir():
        return is_project(place) or get_reader(path) is None
    return not place.exists() and (path.endswith(("/", os.sep)) or not place.suffix)


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

    annotate: AnnotateDock
    train: TrainDock
    segment: SegmentDock
    score: ScoreDock
    tune: TuneDock
    mend: MendDock
    proofread: ProofreadDock


def open_docks(viewer: napari.Viewer) -> Docks:
    """All docks, one behind the other, Annotate in front."""
    kinds = (AnnotateDock, TrainDock, SegmentDock, ScoreDock, TuneDock, MendDock, ProofreadDock)
    docks = Docks(*(kind(viewer) for kind in kinds))
    titled = zip(TITLES, docks, strict=True)
    front, *_ = [
        viewer.window.add_dock_widget(dock, name=name, area=AREA, tabify=name != TITLES[0])
        for name, dock in titled
    ]
    # Qt brings the newest tab to the front once the window is laid out, so ask after that.
    QTimer.singleShot(0, front.raise_)
    return docks
