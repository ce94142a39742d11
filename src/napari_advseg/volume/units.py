"""Names of units: those of OME-Zarr and napari, the symbols of OME-TIFF, and what people write."""

from __future__ import annotations

import math
import re

from napari_advseg.volume.frame import Frame

PIXEL = "pixel"

# Name -> symbols; the first symbol is the one of the OME schema (UnitsLength, UnitsTime).
SYMBOLS: dict[str, tuple[str, ...]] = {
    "angstrom": ("Å", "Å", "A"),
    "femtometer": ("fm",),
    "picometer": ("pm",),
    "nanometer": ("nm",),
    "micrometer": ("µm", "μm", "um", "micron", "microns"),
    "millimeter": ("mm",),
    "centimeter": ("cm",),
    "decimeter": ("dm",),
    "meter": ("m",),
    "kilometer": ("km",),
    "inch": ("in", '"', "inches"),
    "foot": ("ft", "feet"),
    "pixel": ("pixel", "px", "pixels", "voxel", "voxels", "", "none"),
    "nanosecond": ("ns",),
    "microsecond": ("µs", "μs", "us"),
    "millisecond": ("ms",),
    "second": ("s", "sec", "secs", "seconds"),
    "minute": ("min", "minutes"),
    "hour": ("h", "hr", "hours"),
    "day": ("d", "days"),
}
NANOMETERS = {
    "angstrom": 0.1,
    "femtometer": 1e-6,
    "picometer": 1e-3,
    "nanometer": 1.0,
    "micrometer": 1e3,
    "millimeter": 1e6,
    "centimeter": 1e7,
    "decimeter": 1e8,
    "meter": 1e9,
    "kilometer": 1e12,
    "inch": 2.54e7,
    "foot": 3.048e8,
}
# ImageJ writes letters beyond ASCII as a backslash, u and four digits; some programs write a tuple.
_ESCAPED = re.compile(r"\\u([0-9a-fA-F]{4})")
_NAMES = {symbol: name for name, symbols in SYMBOLS.items() for symbol in symbols}


def unit_name(text: object) -> str:
    """The unit under its full singular name: "nm" and "nanometre" give "nanometer"; an unknown one
    stays.
    """
    word = _ESCAPED.sub(lambda found: chr(int(found[1], 16)), str(text or "")).strip(" ()[]',\\")
    if word in _NAMES:
        return _NAMES[word]
    word = word.lower()
    word = word.removesuffix("s") if word.endswith(("metres", "meters")) else word
    word = word.replace("metre", "meter")
    return _NAMES.get(word, word)


def unit_symbol(name: str) -> str:
    """The short symbol: "nm"; an unknown unit is its own symbol."""
    return SYMBOLS.get(name, (name,))[0]


def known_distance(frame: Frame) -> float | None:
    """The distance of two sections in pixels of a section; None where nobody has said it.

    A scale without a unit says it too, unless it is 1 along every axis.
    """
    if not {"z", "y", "x"} <= set(frame.axes):
        return None
    units = [frame.units[frame.axes.index(axis)] for axis in "zyx"]
    in_one = [ratio(unit, units[0]) for unit in units]
    deep, *flat = (
        frame.step(axis) * (factor or 0.0) for axis, factor in zip("zyx", in_one, strict=True)
    )
    is_plain = units[0] == PIXEL and {deep, *flat} == {1.0}
    if is_plain or not all(flat):
        return None
    return deep / math.sqrt(math.prod(flat))


def step_nm(frame: Frame, axis: str) -> float | None:
    """The size of a voxel along an axis in nanometers; None without that axis, or where its unit is no known length."""
    if axis not in frame.axes:
        return None
    size = NANOMETERS.get(frame.units[frame.axes.index(axis)])
    return None if size is None else size * frame.step(axis)


def ratio(unit: str, other: str) -> float | None:
    """How many of the other unit make one; None where they do not measure the same, or nobody knows."""
    if unit == other:
        return 1.0
    one, many = NANOMETERS.get(unit), NANOMETERS.get(other)
    return one / many if one and many else None
