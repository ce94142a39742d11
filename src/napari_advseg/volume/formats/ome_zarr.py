"""Zarr stores as volumes: OME-Zarr 0.1 to 0.5 with scale, units and pyramid, and plain arrays with
attributes.

The metadata of OME-Zarr (NGFF specification 0.5) is a small JSON object, so that it is read and
made here; a
test checks it with the models of the specification.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from napari_advseg.volume.formats.arrange import Found, arrange, axis_letters
from napari_advseg.volume.formats.attributes import Place, axes_of, place_of
from napari_advseg.volume.formats.zarr_store import Chunked, Missing, Node, arrays_below, node_at
from napari_advseg.volume.frame import AXES, SPATIAL, Frame
from napari_advseg.volume.refusals import Unreadable
from napari_advseg.volume.units import PIXEL, unit_name
from napari_advseg.volume.volume import Kind, Volume

OURS = "napari_advseg"
USUAL = "volumes/raw"
SPARSE = "sparse"
"""What a store of ours is called whose chunks are only there where something was painted."""
TYPES = {"t": "time", "c": "channel", "z": "space", "y": "space", "x": "space"}
Json = dict[str, Any]


def read_zarr(
    path: Path,
    inside: str = "",
    *,
    axes: str | None = None,
    level: int = 0,
    missing: Missing = "refuse",
) -> Volume:
    """The array in the store at `path`, lazy; `inside` names an array or group in it.

    Raises:
        Unreadable: there is no array, or several and none is the usual one, or its metadata
            is damaged.
    """
    where = path / inside if inside else path
    chosen = _chosen(_node(where), level)
    is_sparse = chosen.ours.get(SPARSE) is True
    array = Chunked(chosen.node, missing, is_sparse=is_sparse)
    letters, place = _place(chosen, array, axes)
    history = tuple(str(line) for line in chosen.ours.get("history", ()))
    if missing == "fill" and not is_sparse:
        history = (*history, "chunks that are not on disk are read as the fill value")
    name = str(chosen.ours.get("name") or plain_name(where))
    kind: Kind = "labels" if chosen.labels else "image"
    return arrange(Found(array, letters, str(where), name, place, history, kind))


def level_count(path: Path, inside: str = "") -> int:
    """How many levels the pyramid of an OME-Zarr image has; 1 for everything else."""
    node = node_at(path / inside if inside else path)
    multiscale = None if node is None or node.is_array else _multiscale(node)
    return len(multiscale["datasets"]) if multiscale else 1


def plain_name(path: Path) -> str:
    """The name of a store without its suffixes: "raw" for raw.ome.zarr and for fib.zarr/raw."""
    return path.name.removesuffix(".zarr").removesuffix(".ome") or path.name


def multiscale_attributes(
    frame: Frame, levels: Sequence[Frame], kind: Kind, version: str, ours: Json
) -> Json:
    """Attributes of the group: OME-Zarr `version` (0.4 or 0.5) metadata, and ours beside it."""
    axes = []
    for axis, unit in zip(frame.axes, frame.units, strict=True):
        known = {} if unit in ("", PIXEL) else {"unit": unit}
        axes.append({"name": axis, "type": TYPES[axis], **known})
    datasets = [
        {
            "path": str(k),
            "coordinateTransformations": [
                {"type": "scale", "scale": list(level.scale)},
                {"type": "translation", "translation": list(level.translate)},
            ],
        }
        for k, level in enumerate(levels)
    ]
    how = "nearest" if kind == "labels" else "mean"
    multiscale: Json = {"name": frame.name, "axes": axes, "datasets": datasets, "type": how}
    label: Json = {"image-label": {}} if kind == "labels" else {}
    if version == "0.5":
        return {"ome": {"version": version, "multiscales": [multiscale], **label}, OURS: ours}
    label = {"image-label": {"version": version}} if label else {}
    return {"multiscales": [{"version": version, **multiscale}], **label, OURS: ours}


@dataclasses.dataclass(frozen=True)
class _Chosen:
    """An array, with the multiscale image that it is level `level` of, where it is one."""

    node: Node
    multiscale: Json | None = None
    level: int = 0
    labels: bool = False
    ours: Json = dataclasses.field(default_factory=dict)


def _node(path: Path) -> Node:
    node = node_at(path)
    if node is None:
        what = "no zarr array or group" if path.exists() else "not there"
        raise Unreadable(
            f"'{path}' is {what}; choose a folder made by zarr, or an array inside one."
        )
    return node


def _chosen(node: Node, level: int) -> _Chosen:
    """The array to read from a node: itself, a level, the usual one or the only one."""
    if node.is_array:
        return _with_parent(node)
    multiscale = _multiscale(node)
    if multiscale:
        return _level(node, multiscale, level)
    names = arrays_below(node)
    images = _images(node) if _ome(node).get("bioformats2raw.layout") else []
    if len(images) == 1:
        return _chosen(_node(node.path / images[0]), level)
    if USUAL in names or len(names) == 1:
        return _chosen(_node(node.path / (USUAL if USUAL in names else names[0])), level)
    if not names:
        raise Unreadable(f"'{node.path}' holds no arrays; choose another folder.")
    shown = ", ".join((images or names)[:20])
    raise Unreadable(
        f"'{node.path}' holds several arrays: {shown}. Choose one, for example "
        f"'{node.path.name}/{(images or names)[0]}'."
    )


def _images(node: Node) -> list[str]:
    """The numbered images of a bioformats2raw store."""
    children = (child for child in node.path.iterdir() if child.name.isdigit())
    return sorted((child.name for child in children if node_at(child)), key=int)


def _ome(node: Node) -> Json:
    inner = node.attributes.get("ome")
    return inner if isinstance(inner, dict) else node.attributes


def _multiscale(node: Node) -> Json | None:
    found = _ome(node).get("multiscales")
    if found is None:
        return None
    try:
        first: Json = found[0]
        paths = [one["path"] for one in first["datasets"]]
    except (KeyError, IndexError, TypeError):
        paths = []
    if not paths or not all(isinstance(path, str) for path in paths):
        raise Unreadable(f"'{node.path}' has damaged OME-Zarr metadata: no datasets.")
    return first


def _level(node: Node, multiscale: Json, level: int) -> _Chosen:
    datasets = multiscale["datasets"]
    if not 0 <= level < len(datasets):
        raise Unreadable(f"'{node.path}' has the levels 0 to {len(datasets) - 1}, not {level}.")
    path = (node.path / datasets[level]["path"]).resolve()
    if not path.is_relative_to(node.path.resolve()):
        raise Unreadable(f"'{node.path}' names a level outside its own folder; it is damaged.")
    array = _node(path)
    if not array.is_array:
        raise Unreadable(f"'{path}' should be level {level} and is no array; copy the store again.")
    labels = "image-label" in _ome(node)
    return _Chosen(array, multiscale, level, labels, _own(node))


def _own(node: Node) -> Json:
    ours = node.attributes.get(OURS)
    return ours if isinstance(ours, dict) else {}


def _with_parent(node: Node) -> _Chosen:
    """An array addressed itself, with the pyramid of the group around it, where it is a level of
    one.
    """
    parent = node_at(node.path.parent)
    multiscale = None if parent is None or parent.is_array else _multiscale(parent)
    if parent is not None and multiscale is not None:
        paths = [dataset["path"] for dataset in multiscale["datasets"]]
        if node.path.name in paths:
            return _level(parent, multiscale, paths.index(node.path.name))
    return _Chosen(
        node, labels="labels" in node.path.parent.parts[-1:] or node.path.name == "labels"
    )


def _place(chosen: _Chosen, array: Chunked, axes: str | None) -> tuple[str, Place]:
    where = str(chosen.node.path)
    if chosen.multiscale is not None:
        try:
            letters, place = _of_multiscale(chosen.multiscale, chosen.level, array.ndim)
        except (KeyError, TypeError, ValueError, IndexError, AttributeError) as fault:
            raise Unreadable(f"'{where}' has damaged OME-Zarr metadata ({fault}).") from fault
        return axis_letters(array.shape, where, axes, letters), place
    attributes = dict(chosen.node.attributes)
    if chosen.node.metadata.get("dimension_names"):
        attributes.setdefault("_ARRAY_DIMENSIONS", chosen.node.metadata["dimension_names"])
    letters = axis_letters(array.shape, where, axes, axes_of(attributes, array.ndim))
    return letters, place_of(attributes, letters, where)


def _of_multiscale(multiscale: Json, level: int, count: int) -> tuple[str, Place]:
    named = multiscale.get("axes") or list(AXES)[-count:]
    axes = [axis if isinstance(axis, dict) else {"name": axis} for axis in named]
    letters = "".join(_letter(axis) for axis in axes)
    if len(letters) != count:
        raise ValueError(f"axes '{letters}' for an array of {count} axes")
    scale, shift = [1.0] * count, [0.0] * count
    steps = multiscale["datasets"][level].get("coordinateTransformations") or []
    for step in [*steps, *(multiscale.get("coordinateTransformations") or [])]:
        scale, shift = _applied(step, scale, shift)
    units = {
        letter: unit_name(axis["unit"]) if axis.get("unit") else PIXEL if letter in SPATIAL else ""
        for letter, axis in zip(letters, axes, strict=True)
    }
    return letters, Place(
        dict(zip(letters, scale, strict=True)), units, dict(zip(letters, shift, strict=True))
    )


def _letter(axis: Json) -> str:
    """The letter of an axis: its name, or for longer names its type."""
    name = str(axis["name"]).lower()
    if len(name) == 1:
        return name
    return {"time": "t", "channel": "c"}.get(str(axis.get("type", name)), "?")


def _applied(step: Json, scale: list[float], shift: list[float]) -> tuple[list[float], list[float]]:
    """Scale and shift after one more coordinate transformation."""
    if step["type"] == "scale":
        more = [float(value) for value in step["scale"]]
        pairs = zip(more, scale, shift, strict=True)
        scale, shift = map(list, zip(*((m * a, m * b) for m, a, b in pairs), strict=True))
    elif step["type"] == "translation":
        shift = [a + float(b) for a, b in zip(shift, step["translation"], strict=True)]
    elif step["type"] != "identity":
        raise ValueError(f"transformation of type {step['type']!r}")
    return scale, shift
