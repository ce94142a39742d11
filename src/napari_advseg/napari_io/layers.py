"""Volumes as plain layer-data tuples and back."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from napari_advseg.volume.arrays.lazy import Cut, LazyArray, Level
from napari_advseg.volume.formats.files import Unreadable, as_labels, describe, kind_of, read
from napari_advseg.volume.frame import AXES, SPATIAL, Frame
from napari_advseg.volume.synthetic_voxels import is_marked, marked
from napari_advseg.volume.units import PIXEL, unit_name
from napari_advseg.volume.volume import Kind, Volume

OURS = "napari_advseg"
IN_MEMORY_BYTES = 1 << 30
PROBE = 1024
FLAT = 0.8
RGBA = 4

LayerData = tuple[Any, dict[str, Any], str]


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


def fits_in_memory(count: int) -> bool:
    """Whether so many bytes of labels are read as a whole."""
    return count <= IN_MEMORY_BYTES


def small(labels: Volume) -> bool:
    """Whether labels go into memory as a whole: only there napari can paint on them."""
    return fits_in_memory(labels.dtype.itemsize * math.prod(labels.shape))


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
    array = array.array if isinstance(array, Level) else array
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
        array = Cut.along(array, len(array.shape) - 1, 0, RGBA - 1)
        history = (*history, "alpha channel dropped")
    volume = read(array, axes=axes + "c" * samples)
    frame = _frame(axes, attributes, history)
    frame = _to(frame, volume.axes)
    placed = _with_mask(dataclasses.replace(volume, frame=frame), attributes)
    return as_labels(placed) if kind == "labels" else placed


def _with_mask(volume: Volume, attributes: Mapping[str, Any]) -> Volume:
    """The volume with the mask of its synthetic voxels, from beside the file that the layer comes from.

    Raises:
        Unreadable: it says that it holds some and which cannot be told: they would be taken for data.
    """
    if not is_marked(volume.frame):
        return volume
    path = (attributes.get("metadata") or {}).get("path")
    try:
        return (
            marked(volume, read(path).synthetic) if path else _unknown(volume, "no file is known")
        )
    except ValueError as fault:  # the file has gone, or the layer was cut out of it
        return _unknown(volume, str(fault).rstrip("."))


def _unknown(volume: Volume, why: str) -> Volume:
    raise Unreadable(
        f"Layer '{volume.frame.name}' holds synthetic voxels, and which they are is not known ({why}); open the file "
        "that it comes from again, with its mask beside it."
    )


def layer_axes(attributes: Mapping[str, Any], count: int) -> str:
    """The letters of a layer's `count` axes in the order that the viewer has them, colours not among them.

    Raises:
        Unreadable: they cannot be told.
    """
    return _axes(attributes, (attributes.get("metadata") or {}).get(OURS) or {}, count)


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
