"""What TIFF files say of themselves: scale, units and place, by ImageJ, by OME, and by us."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from typing import Any

import tifffile

from napari_advseg.volume.formats.attributes import Place
from napari_advseg.volume.units import PIXEL, unit_name

OURS = "napari-advseg"


def place_and_notes(file: tifffile.TiffFile, series: Any) -> tuple[Place, Mapping[str, Any]]:
    """Scale, units and position, where ImageJ or OME metadata says them, and what we wrote
    ourselves.
    """
    if series.kind == "imagej" or (file.is_imagej and file.imagej_metadata):
        return _imagej(file.imagej_metadata or {}, series.keyframe), {}
    if series.kind == "ome" and file.ome_metadata:
        return _ome(tifffile.xml2dict(file.ome_metadata), _number_of(file, series))
    return Place(), {}


def _imagej(said: Mapping[str, Any], page: Any) -> Place:
    unit = unit_name(said.get("unit"))
    units = {axis: unit_name(said.get(f"{axis}unit", unit)) for axis in "zyx"}
    scale = {"z": as_number(said.get("spacing", 1.0))}
    for axis, tag in (("y", "YResolution"), ("x", "XResolution")):
        above, below = page.tags[tag].value if tag in page.tags else (1, 1)
        scale[axis] = below / above if above else math.nan
    if unit == PIXEL and "unit" not in said:
        # Without a unit the tags are dots per inch of some printer.
        scale["y"] = scale["x"] = 1.0
    origin = {axis: as_number(said.get(f"{axis}origin", 0.0)) for axis in "zyx"}
    translate = {
        axis: -origin[axis] * scale[axis]
        for axis in "zyx"
        if origin[axis] and math.isfinite(scale[axis])
    }
    if "finterval" in said:
        scale["t"] = as_number(said["finterval"]) or 1.0
        units["t"] = unit_name(said.get("tunit", "s"))
    return Place(scale, units, translate)


def _number_of(file: tifffile.TiffFile, series: Any) -> int:
    return next(k for k, one in enumerate(file.series) if one is series)


def as_number(value: object) -> float:
    try:
        return float(str(value))
    except ValueError:
        return math.nan


def _ome(said: Mapping[str, Any], index: int) -> tuple[Place, Mapping[str, Any]]:
    root = said.get("OME", {})
    images = _listed(root.get("Image"))
    pixels = images[index]["Pixels"] if index < len(images) else {}
    scale, units, translate = {}, {}, {}
    planes = _listed(pixels.get("Plane"))
    for axis in "zyx":
        size = pixels.get(f"PhysicalSize{axis.upper()}")
        if size is not None:
            scale[axis] = float(size)
            units[axis] = unit_name(pixels.get(f"PhysicalSize{axis.upper()}Unit", "µm"))
        position = planes[0].get(f"Position{axis.upper()}") if planes else None
        symbol = planes[0].get(f"Position{axis.upper()}Unit") if planes else None
        if position is not None and unit_name(symbol) == units.get(axis, PIXEL):
            translate[axis] = float(position)
    if "TimeIncrement" in pixels:
        scale["t"] = float(pixels["TimeIncrement"])
        units["t"] = unit_name(pixels.get("TimeIncrementUnit", "s"))
    return Place(scale, units, translate), _ours(root)


def _ours(root: Mapping[str, Any]) -> Mapping[str, Any]:
    """What this package wrote into a comment of its own."""
    for comment in _listed(root.get("StructuredAnnotations", {}).get("CommentAnnotation")):
        if isinstance(comment, dict) and comment.get("Namespace") == OURS:
            try:
                found = json.loads(comment["Value"])
            except (ValueError, KeyError, TypeError):
                continue
            return found if isinstance(found, dict) else {}
    return {}


def _listed(value: Any) -> Sequence[Any]:
    if value is None:
        return []
    return value if isinstance(value, (list, tuple)) else [value]
