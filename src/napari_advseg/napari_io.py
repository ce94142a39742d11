"""Volumes as plain layer-data tuples and back: what napari reads and writes, without napari."""

from __future__ import annotations

import dataclasses
import math
import warnings
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from napari_advseg.volume.files import (
    HDF5,
    PNG,
    TIFF,
    Unreadable,
    Unwritable,
    as_labels,
    describe,
    kind_of,
    levels,
    missing_chunks,
    read,
    write,
)
from napari_advseg.volume.frame import AXES, SPATIAL, Frame
from napari_advseg.volume.lazy import Cut, LazyArray
from napari_advseg.volume.units import PIXEL, unit_name
from napari_advseg.volume.volume import Kind, Volume
from napari_advseg.volume.zarr_store import node_at

OURS = "napari_advseg"
IN_MEMORY_BYTES = 1 << 30
PROBE = 1024
FLAT = 0.8
RGBA = 4

LayerData = tuple[Any, dict[str, Any], str]
Reader = Callable[[str | Sequence[str]], list[LayerData]]


def get_reader(path: str | Sequence[str]) -> Reader | None:
    """The function that reads `path` into layers; None where the file is not for us."""
    if not isinstance(path, str):
        return get_reader(path[0]) if len(path) == 1 else None
    place = Path(path)
    if place.is_dir():
        return read_layers if node_at(place) or place.suffix.lower() == ".zarr" else None
    return read_layers if place.suffix.lower() in (*TIFF, *HDF5, *PNG) else None


def read_layers(path: str | Sequence[str]) -> list[LayerData]:
    """One layer for the volume at `path`, lazy, with its scale, units and place; a pyramid is
    multiscale. Labels are read into memory up to 1 GiB, so that they can be painted on.

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
    data, attributes, kind = volume_to_layer(pyramid[0], shown_as(pyramid[0]))
    if kind == "labels" and small(pyramid[0]):
        return [(pyramid[0].numpy(), attributes, kind)]
    if len(pyramid) > 1:
        data, attributes["multiscale"] = [level.array for level in pyramid], True
    return [(data, attributes, kind)]


def shown_as(volume: Volume) -> Kind:
    """What a volume read from a file is shown as: labels that do not say so are known by their flat areas.

    In a middle section of labels nearly all neighbours are equal, of those that are not both 0; in a
    photograph noise makes nearly all differ.
    """
    if (
        kind_of(volume) == "labels"
        or volume.dtype.kind not in "iu"
        or volume.axes not in ("yx", "zyx")
    ):
        return kind_of(volume)
    try:
        section = volume.section(volume.size("z") // 2)[:PROBE, :PROBE]
    except Unreadable:  # the rest of the file may be worth seeing
        return "image"
    left, right = section[:, :-1], section[:, 1:]
    cells = (left != 0) | (right != 0)
    if not cells.any() or section.min() == section.max():
        return "image"
    return "labels" if (left == right)[cells].mean() > FLAT else "image"


def small(labels: Volume) -> bool:
    """Whether labels go into memory as a whole: only there napari can paint on them."""
    return labels.dtype.itemsize * math.prod(labels.shape) <= IN_MEMORY_BYTES


def volume_to_layer(volume: Volume, kind: Kind | None = None) -> LayerData:
    """The layer-data tuple of a volume; `kind` "labels" or "image", by default what the volume is.

    Metadata holds the path the data came from and, under "napari_advseg", axes, kind, history
    and one line
    about it.
    """
    chosen = kind or kind_of(volume)
    frame = volume.frame
    metadata = {
        "path": volume.source,
        OURS: {
            "axes": frame.axes,
            "kind": chosen,
            "history": list(frame.history),
            "description": describe(volume),
        },
    }
    attributes = {
        "name": frame.name or chosen,
        "scale": list(frame.scale),
        "translate": list(frame.translate),
        "units": [unit or PIXEL for unit in frame.units],
        "axis_labels": list(frame.axes),
        "metadata": metadata,
    }
    return (as_labels(volume) if chosen == "labels" else volume).array, attributes, chosen


def layer_to_volume(data: Any, attributes: Mapping[str, Any], kind: str = "image") -> Volume:
    """The volume of a layer: level 0 of its data, not copied, and the frame its attributes
    describe.

    Raises:
        Unreadable: the layer is rotated or sheared, or its axes cannot be told.
    """
    multiscale = attributes.get("multiscale")
    array: LazyArray = data[0] if multiscale or isinstance(data, (list, tuple)) else data
    if not _is_upright(attributes):
        raise Unreadable(
            f"Layer '{attributes.get('name', '')}' is rotated or sheared; reset its "
            "transformation first."
        )
    metadata = (attributes.get("metadata") or {}).get(OURS) or {}
    samples = 1 if attributes.get("rgb") else 0
    axes = _axes(attributes, metadata, len(array.shape) - samples)
    history = tuple(map(str, metadata.get("history", ())))
    if samples and array.shape[-1] == RGBA:
        array = Cut(array, len(array.shape) - 1, 0, RGBA - 1)
        history = (*history, "alpha channel dropped")
    volume = read(array, axes=axes + "c" * samples)
    frame = _frame(axes, attributes, history)
    frame = _to(frame, volume.axes)
    placed = dataclasses.replace(volume, frame=frame)
    return as_labels(placed) if kind == "labels" else placed


def layer_axes(attributes: Mapping[str, Any], count: int) -> str:
    """The letters of a layer's `count` axes in the order that the viewer has them, colours not among them.

    Raises:
        Unreadable: they cannot be told.
    """
    return _axes(attributes, (attributes.get("metadata") or {}).get(OURS) or {}, count)


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


def _axes(attributes: Mapping[str, Any], metadata: Mapping[str, Any], count: int) -> str:
    """The axis letters: ours, else the labels of the layer's axes, else yx or zyx."""
    labels = "".join(str(label) for label in attributes.get("axis_labels") or ())
    for said in (labels, str(metadata.get("axes", ""))):
        if len(said) == count and len(set(said)) == count and set(said) <= set(AXES):
            return said
    if count not in (2, 3):
        raise Unreadable(
            f"Layer '{attributes.get('name', '')}' has {count} axes; name them in the layer's "
            "axis labels "
            f"with letters of '{AXES}'."
        )
    return SPATIAL[-count:]


def _frame(axes: str, attributes: Mapping[str, Any], history: tuple[str, ...]) -> Frame:
    """The frame of a layer's axes, in canonical order."""
    order = sorted(range(len(axes)), key=lambda k: AXES.index(axes[k]))

    def said(name: str, otherwise: Any) -> list[Any]:
        values = attributes.get(name)
        found = [otherwise] * len(axes) if values is None else list(np.ravel(values))
        return [found[k] for k in order]

    letters = "".join(axes[k] for k in order)
    units = [
        "" if axis not in SPATIAL and unit_name(unit) == PIXEL else unit_name(unit)
        for axis, unit in zip(letters, said("units", PIXEL), strict=True)
    ]
    # Display may flip an axis by a negative scale; the size of a voxel has no sign.
    scale = tuple(abs(float(step)) or 1.0 for step in said("scale", 1.0))
    translate = tuple(float(start) for start in said("translate", 0.0))
    return Frame(letters, scale, tuple(units), translate, str(attributes.get("name", "")), history)


def _to(frame: Frame, axes: str) -> Frame:
    """The frame with the axes of an array that lost one of length 1, or has a channel axis more."""
    for axis in frame.axes:
        if axis not in axes:
            frame = frame.without(axis)
    if axes == frame.axes:
        return frame
    at = axes.index("c")
    return dataclasses.replace(
        frame,
        axes=axes,
        scale=(*frame.scale[:at], 1.0, *frame.scale[at:]),
        units=(*frame.units[:at], "", *frame.units[at:]),
        translate=(*frame.translate[:at], 0.0, *frame.translate[at:]),
    )


def _is_upright(attributes: Mapping[str, Any]) -> bool:
    """Whether the layer is only scaled and shifted."""
    affine, rotate, shear = (attributes.get(name) for name in ("affine", "rotate", "shear"))
    if affine is not None and not np.allclose(np.asarray(affine), np.eye(len(np.asarray(affine)))):
        return False
    if rotate is not None and np.ndim(rotate) == 2 and not np.allclose(rotate, np.eye(len(rotate))):
        return False
    turned = rotate is not None and np.ndim(rotate) < 2 and bool(np.any(np.asarray(rotate)))
    return not turned and (shear is None or not _is_sheared(np.asarray(shear)))


def _is_sheared(shear: Any) -> bool:
    return bool(np.any(shear - np.eye(len(shear)))) if np.ndim(shear) == 2 else bool(np.any(shear))


__all__ = [
    "LayerData",
    "Unreadable",
    "Unwritable",
    "get_reader",
    "layer_to_volume",
    "read_layers",
    "volume_to_layer",
    "write_image",
    "write_labels",
]
