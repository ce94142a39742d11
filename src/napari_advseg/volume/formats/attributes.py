"""Scale, units and position from the attributes that tools of the field put beside plain zarr and
HDF5 arrays.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from typing import Any

from napari_advseg.volume.frame import AXES
from napari_advseg.volume.refusals import Unreadable
from napari_advseg.volume.units import unit_name

Numbers = dict[str, float]


@dataclasses.dataclass(frozen=True)
class Place:
    """Scale, units and translate by axis letter, as far as they were said."""

    scale: Numbers = dataclasses.field(default_factory=dict)
    units: dict[str, str] = dataclasses.field(default_factory=dict)
    translate: Numbers = dataclasses.field(default_factory=dict)


def place_of(attributes: Mapping[str, Any], axes: str, where: str) -> Place:
    """What the attributes say of an array with these axes.

    Understood: `transform` (COSEM: axes, scale, translate, units), `resolution` or `voxel_size`
        with `offset`
    (CREMI, funlib; nm unless `units` says otherwise), `element_size_um` (ilastik, PlantSeg) and
    `pixelResolution` (N5, Paintera; in the order x, y, z).

    Raises:
        Unreadable: one of them is there and is no list of numbers that fits.
    """
    space = "".join(axis for axis in axes if axis in "zyx")
    try:
        return _place(attributes, axes, space)
    except (TypeError, ValueError, KeyError, AttributeError) as fault:
        raise Unreadable(
            f"'{where}' has attributes of size or position that are no numbers ({fault})."
        ) from fault


def axes_of(attributes: Mapping[str, Any], count: int) -> str | None:
    """Axis letters that the attributes give (xarray, funlib, ilastik, COSEM); None where they give
    none.
    """
    for names in _axis_names(attributes):
        letters = [str(name).lower().removesuffix("^") for name in names]
        letters = [
            "c" if letter == "channel" else "t" if letter == "time" else letter
            for letter in letters
        ]
        if len(letters) == count and all(len(letter) == 1 and letter in AXES for letter in letters):
            return "".join(letters)
    return None


def _axis_names(attributes: Mapping[str, Any]) -> list[list[Any]]:
    found = [attributes.get("_ARRAY_DIMENSIONS"), attributes.get("axis_names")]
    transform = attributes.get("transform")
    if isinstance(transform, Mapping):
        found.append(transform.get("axes"))
    tags = attributes.get("axistags")
    if isinstance(tags, (str, bytes)):
        try:
            found.append([axis["key"] for axis in json.loads(tags)["axes"]])
        except (ValueError, KeyError, TypeError):
            found.append(None)
    return [list(names) for names in found if isinstance(names, (list, tuple))]


def _place(attributes: Mapping[str, Any], axes: str, space: str) -> Place:
    transform = attributes.get("transform")
    if isinstance(transform, Mapping) and "scale" in transform:
        named = [str(axis) for axis in transform["axes"]]
        units = dict(zip(named, map(unit_name, transform.get("units", ())), strict=False))
        translate = dict(zip(named, map(float, transform.get("translate", ())), strict=False))
        return Place(
            dict(zip(named, map(float, transform["scale"]), strict=True)), units, translate
        )
    if "pixelResolution" in attributes:
        said = attributes["pixelResolution"]
        sizes = said["dimensions"] if isinstance(said, Mapping) else said
        unit = said.get("unit", "nm") if isinstance(said, Mapping) else "nm"
        return Place(_last(list(sizes)[::-1], axes, space), dict.fromkeys(space, unit_name(unit)))
    if "element_size_um" in attributes:
        return Place(
            _last(attributes["element_size_um"], axes, space), dict.fromkeys(space, "micrometer")
        )
    return _in_nanometers(attributes, axes, space)


def _in_nanometers(attributes: Mapping[str, Any], axes: str, space: str) -> Place:
    sizes = attributes.get("resolution", attributes.get("voxel_size"))
    offset = attributes.get("offset")
    if sizes is None and offset is None:
        return Place()
    said = attributes.get("units")
    units = dict.fromkeys(space, unit_name(said if isinstance(said, str) else "nm"))
    if isinstance(said, (list, tuple)) and len(said) in (len(axes), len(space)):
        units = dict(
            zip(axes if len(said) == len(axes) else space, map(unit_name, said), strict=True)
        )
    scale = {} if sizes is None else _last(sizes, axes, space)
    return Place(
        scale, units if scale else {}, {} if offset is None else _last(offset, axes, space)
    )


def _last(values: Any, axes: str, space: str) -> Numbers:
    """The numbers by axis: one for each axis, or one for each axis of space; of three, a section
    takes the last two.
    """
    numbers = [float(value) for value in values]
    if len(numbers) == len(axes):
        return {axis: number for axis, number in zip(axes, numbers, strict=True) if axis in "zyx"}
    if len(numbers) < len(space):
        raise ValueError(f"{numbers} for the axes '{axes}'")
    return dict(zip(space, numbers[-len(space) :], strict=True))
