"""What napari reads and writes, without napari: layer-data tuples of files and projects, and files of layers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from napari_advseg.napari_io.files import read_layers, write_image, write_labels
from napari_advseg.napari_io.layers import (
    IN_MEMORY_BYTES,
    OURS,
    LayerData,
    layer_axes,
    layer_to_volume,
    shown_as,
    small,
    volume_to_layer,
)
from napari_advseg.napari_io.projects import (
    ProjectLayers,
    annotation_layer,
    attributes_of,
    placed_of,
    project_layers,
    read_project,
)
from napari_advseg.project import is_project
from napari_advseg.volume.formats.files import HDF5, PNG, TIFF
from napari_advseg.volume.formats.zarr_store import node_at
from napari_advseg.volume.refusals import Unreadable, Unwritable

__all__ = [
    "IN_MEMORY_BYTES",
    "OURS",
    "LayerData",
    "ProjectLayers",
    "Unreadable",
    "Unwritable",
    "annotation_layer",
    "attributes_of",
    "get_reader",
    "layer_axes",
    "layer_to_volume",
    "placed_of",
    "project_layers",
    "read_layers",
    "read_project",
    "shown_as",
    "small",
    "volume_to_layer",
    "write_image",
    "write_labels",
]
Reader = Callable[[str | Sequence[str]], list[LayerData]]


def get_reader(path: str | Sequence[str]) -> Reader | None:
    """The function that reads `path` into layers; None where the file is not for us."""
    if not isinstance(path, str):
        return get_reader(path[0]) if len(path) == 1 else None
    place = Path(path)
    if place.is_dir():
        if is_project(place):
            return read_project
        return read_layers if node_at(place) or place.suffix.lower() == ".zarr" else None
    return read_layers if place.suffix.lower() in (*TIFF, *HDF5, *PNG) else None
