"""Volumes as plain layer-data tuples and back: what napari reads and writes, without napari."""

from __future__ import annotations

import dataclasses
import math
import warnings
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from napari_advseg.project import (
    Annotated,
    Placed,
    Shown,
    UnreadableProject,
    annotation_at,
    annotations_in,
    content_of,
    is_project,
    located,
    problems_in,
)
from napari_advseg.proofreading.store.journal import look
from napari_advseg.volume.arrays.lazy import Cut, LazyArray, Level
from napari_advseg.volume.formats.canvas import Canvas
from napari_advseg.volume.formats.files import (
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
from napari_advseg.volume.formats.ome_zarr import SPARSE
from napari_advseg.volume.formats.zarr_store import node_at
from napari_advseg.volume.frame import AXES, SPATIAL, Frame
from napari_advseg.volume.synthetic import is_marked, marked
from napari_advseg.volume.units import PIXEL, unit_name
from napari_advseg.volume.volume import Kind, Volume

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
        if is_project(place):
            return read_project
        return read_layers if node_at(place) or place.suffix.lower() == ".zarr" else None
    return read_layers if place.suffix.lower() in (*TIFF, *HDF5, *PNG) else None


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


def read_project(path: str | Sequence[str]) -> list[LayerData]:
    """The images and annotations of a project as layers; a warning for each that cannot be shown.

    Their metadata says which project they come from, so that a window with our docks works in it from now on.

    Raises:
        Unreadable: the project is damaged, of a newer version, or holds nothing that could be shown.
    """
    folder = Path(path if isinstance(path, str) else path[0])
    try:
        found = project_layers(folder)
    except UnreadableProject as fault:
        raise Unreadable(str(fault)) from fault
    for problem in found.problems:
        warnings.warn(problem, stacklevel=2)
    if not found.layers:
        raise Unreadable(
            f"Project '{folder.name}' holds no images or annotations yet; open it from the lower right corner of the "
            "window, or with `napari-advseg gui`, and add an image."
        )
    return found.layers


@dataclasses.dataclass(frozen=True)
class ProjectLayers:
    """What a project shows.

    Attributes:
        problems: a sentence for each image or annotation that cannot be shown as it should.
        unseen: images whose file cannot be read now.
        recovered: for each annotation its name and the number of edits of the session that was asked about.
    """

    layers: list[LayerData]
    problems: list[str]
    unseen: list[Shown]
    recovered: dict[str, int]


def project_layers(folder: Path, session: str = "") -> ProjectLayers:
    """The images and annotations of a project, in this order; `session` counts the edits of one.

    Raises:
        UnreadableProject: there is none, or it is damaged or of a newer version.
    """
    found = ProjectLayers([], problems_in(folder), [], {})
    for shown in content_of(folder).images:
        try:
            found.layers.append(_shown_layer(folder, shown))
        except ValueError as fault:
            found.problems.append(f"'{shown.name}' is not shown: {fault}")
            found.unseen.append(shown)
    for place, entry in annotations_in(folder):
        if entry.removed:
            continue
        try:
            layer = annotation_layer(folder, place, found.problems)
            stored = look(place)
        except ValueError as fault:
            found.problems.append(f"'{entry.name}' is not shown: {fault}")
            continue
        if layer is not None and stored is not None:
            found.layers.append(layer)
            edits = stored.edits_of(session)
            found.recovered.update({entry.name: edits} if edits else {})
    return found


def annotation_layer(folder: Path, place: Path, problems: list[str]) -> LayerData | None:
    """An annotation of a project as it was after its last edit; None where nothing of it was ever written.

    Raises:
        ValueError: it cannot be read.
    """
    entry, stored = annotation_at(place), look(place)
    if stored is None:
        return None
    beneath = None
    if stored.base is None:
        beneath = _beneath(folder, entry, problems)
    if stored.damaged:
        problems.append(
            f"{_counted(stored.damaged, 'edit')} of '{entry.name}' cannot be read and is left out; the file is kept in "
            f"{place}."
        )
    if stored.strange:
        problems.append(
            f"{_counted(stored.strange, 'edit')} of '{entry.name}' belong to other data that were never complete, and "
            f"are left out; the file is kept in {place}."
        )
    labels = stored.array(beneath)
    is_small = labels.nbytes <= IN_MEMORY_BYTES
    said = {**entry.metadata, "project": str(folder), "annotation": place.name}
    attributes = {"name": entry.name, **attributes_of(entry.placed), "metadata": {OURS: said}}
    return (labels[...] if is_small else labels, attributes, "labels")


def placed_of(attributes: Mapping[str, Any]) -> Placed:
    """Where a layer lies, from its attributes; what does nothing is left out."""
    count = len(np.ravel(attributes.get("scale", ())))
    matrices = {name: np.asarray(attributes.get(name, ()), float) for name in ("rotate", "affine")}
    shear = np.ravel(np.asarray(attributes.get("shear", ()), float))
    told: dict[str, Any] = {
        name: tuple(map(tuple, matrix.tolist()))
        for name, matrix in matrices.items()
        if matrix.ndim == 2 and not np.allclose(matrix, np.eye(len(matrix)))
    }
    if shear.size and shear.any() and count:
        told["shear"] = tuple(shear.tolist())
    return Placed(
        axis_labels=tuple(str(one) for one in attributes.get("axis_labels") or ()),
        scale=tuple(np.ravel(attributes.get("scale", ())).astype(float).tolist()),
        translate=tuple(np.ravel(attributes.get("translate", ())).astype(float).tolist()),
        units=tuple(str(unit) for unit in attributes.get("units") or ()),
        **told,
    )


def attributes_of(placed: Placed) -> dict[str, Any]:
    """A layer's attributes that put it where it lies."""
    told = {name: getattr(placed, name) for name in type(placed).model_fields}
    return {name: list(value) for name, value in told.items() if value}


def _is_canvas(path: Path) -> bool:
    node = node_at(path) if path.is_dir() else None
    ours = node.attributes.get(OURS) if node is not None else None
    return isinstance(ours, dict) and ours.get(SPARSE) is True


def _shown_layer(folder: Path, shown: Shown) -> LayerData:
    """A file of a project as it was shown."""
    (data, attributes, kind), *_ = read_layers(located(folder, shown), shown.kind)
    metadata = attributes["metadata"]
    metadata[OURS]["project"] = str(folder)
    placed = attributes_of(shown.placed)
    if len(placed.get("scale", ())) == len(attributes["scale"]):
        attributes = {**attributes, **placed}
    return data, {**attributes, "name": shown.name, "metadata": metadata}, kind


def _beneath(folder: Path, entry: Annotated, problems: list[str]) -> LazyArray | None:
    """The labels that an annotation began as, where they are in a file."""
    if not entry.source:
        problems.append(
            f"'{entry.name}' was still being copied into the project when the last session ended: what was painted "
            "since is shown, what was there before is not."
        )
        return None
    path = located(folder, Shown(name=entry.name, path=entry.source, absolute=entry.source))
    return as_labels(read(path)).array


def _counted(count: int, what: str) -> str:
    return f"{count} {what}{'s' if count > 1 else ''}"


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
    array = array.whole if isinstance(array, Level) else array
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
    "annotation_layer",
    "attributes_of",
    "get_reader",
    "layer_to_volume",
    "placed_of",
    "project_layers",
    "read_layers",
    "read_project",
    "volume_to_layer",
    "write_image",
    "write_labels",
]
