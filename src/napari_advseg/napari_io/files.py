"""Files as layers, and layers as files."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from napari_advseg.napari_io.layers import (
    OURS,
    LayerData,
    layer_to_volume,
    shown_as,
    small,
    volume_to_layer,
)
from napari_advseg.volume.arrays.lazy import Level
from napari_advseg.volume.formats.canvas import Canvas
from napari_advseg.volume.formats.files import levels, missing_chunks, write
from napari_advseg.volume.formats.ome_zarr import SPARSE
from napari_advseg.volume.formats.zarr_store import node_at
from napari_advseg.volume.volume import Kind


def read_layers(path: str | Sequence[str], kind: Kind | None = None) -> list[LayerData]:
    """One layer for the volume at `path`, lazy, with its scale, units and place; a pyramid is
    multiscale. Labels are read into memory up to 1 GiB, so that they can be painted on; a store that was made to be
    painted on straight is.

    Chunks that are not on disk are shown empty, and a warning says so; computing refuses them.

    Raises:
        Unreadable: with file, cause and remedy.
    """
    source = path if isinstance(path, str) else path[0]
    lost = missing_chunks(source)
    if lost:
        warnings.warn(
            f"{len(lost)} chunks of '{source}' are not on disk (first {lost[0]}) and shown empty.",
            stacklevel=2,
        )
    pyramid = levels(source, missing="fill" if lost else "refuse")
    data, attributes, shown = volume_to_layer(pyramid[0], kind or shown_as(pyramid[0]))
    if shown == "labels" and _is_canvas(Path(source)):
        return [(Canvas.open(Path(source)), attributes, shown)]
    if shown == "labels" and small(pyramid[0]):
        return [(np.asarray(data[...]), attributes, shown)]
    if len(pyramid) > 1:
        data, attributes["multiscale"] = [Level(level.array) for level in pyramid], True
    return [(data, attributes, shown)]


def _is_canvas(path: Path) -> bool:
    node = node_at(path) if path.is_dir() else None
    ours = node.attributes.get(OURS) if node is not None else None
    return isinstance(ours, dict) and ours.get(SPARSE) is True


def write_image(path: str, data: Any, attributes: dict[str, Any]) -> list[str]:
    """Write an image layer to .tif or .ome.zarr; returns the path written, as napari wants it.

    Raises:
        Unwritable: with path, cause and remedy.
    """
    return [str(write(layer_to_volume(data, attributes), path, overwrite=True, kind="image"))]


def write_labels(path: str, data: Any, attributes: dict[str, Any]) -> list[str]:
    """Write a labels layer to .tif or .ome.zarr; returns the path written, as napari wants it.

    Raises:
        Unwritable: with path, cause and remedy.
    """
    volume = layer_to_volume(data, attributes, "labels")
    return [str(write(volume, path, overwrite=True, kind="labels"))]
