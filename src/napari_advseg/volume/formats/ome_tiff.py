"""Sections written as one OME-TIFF, page by page: zlib, BigTIFF where needed, scale, units and
position inside.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import tifffile

from napari_advseg.volume.arrays.lazy import Array
from napari_advseg.volume.formats.tiff_metadata import OURS
from napari_advseg.volume.frame import Frame
from napari_advseg.volume.refusals import Unwritable
from napari_advseg.volume.units import PIXEL, SYMBOLS, unit_symbol
from napari_advseg.volume.volume import Kind

CLASSIC_BYTES = 3_900_000_000
NARROWER: dict[str, np.dtype[Any]] = {"i": np.dtype(np.int32), "u": np.dtype(np.uint32)}


def write_tiff(
    path: Path,
    sections: Iterable[Array],
    shape: Sequence[int],
    dtype: Any,
    frame: Frame,
    kind: Kind,
) -> None:
    """Write all sections, each (y, x) or (c, y, x), in order of t and z to a new file at `path`."""
    stored = np.dtype(dtype)
    pages = int(np.prod(shape[:-2], dtype=object)) if len(shape) > 2 else 1
    description: bytes | None = _xml(shape, stored, frame, kind, pages)
    large = int(np.prod(shape, dtype=object)) * stored.itemsize > CLASSIC_BYTES
    with tifffile.TiffWriter(path, bigtiff=large) as file:
        for section in sections:
            for page in section.reshape(-1, *shape[-2:]):
                file.write(
                    np.ascontiguousarray(page, stored),
                    photometric="minisblack",
                    compression="zlib",
                    description=description,
                    metadata=None,
                    contiguous=False,
                )
                description = None


def tiff_dtype(dtype: Any, lowest: int, highest: int) -> np.dtype[Any]:
    """The type a TIFF can hold these values in: 64-bit whole numbers become 32-bit where all of
    them fit.

    Raises:
        Unwritable: they do not fit.
    """
    given: np.dtype[Any] = np.dtype(dtype)
    if given == np.float16:
        return np.dtype(np.float32)
    if given.kind not in NARROWER or given.itemsize < 8:
        return given
    narrow = NARROWER[given.kind]
    limits = np.iinfo(narrow)
    if lowest < limits.min or highest > limits.max:
        raise Unwritable(
            f"Values up to {max(highest, -lowest)} do not fit the 32 bit of a TIFF; "
            "choose a name that ends in .ome.zarr."
        )
    return narrow


def check_units(frame: Frame) -> None:
    """Nothing, where OME-TIFF has a symbol for every unit.

    Raises:
        Unwritable: it has none for one.
    """
    for axis, unit in zip(frame.axes, frame.units, strict=True):
        if unit and unit not in SYMBOLS:
            raise Unwritable(
                f"TIFF has no unit '{unit}' (axis {axis}); give the scale in nanometer or "
                "choose a name that "
                "ends in .ome.zarr."
            )


def _xml(shape: Sequence[int], dtype: np.dtype[Any], frame: Frame, kind: Kind, pages: int) -> bytes:
    # XML has no place for control characters; the name is whole in our own comment.
    title = "".join(letter for letter in frame.name if letter.isprintable())
    said: dict[str, Any] = {"Name": title or "image"}
    position: dict[str, Any] = {}
    for axis, scale, unit, start in zip(
        frame.axes, frame.scale, frame.units, frame.translate, strict=True
    ):
        symbol = unit_symbol(unit or PIXEL)
        if axis in "zyx":
            letter = axis.upper()
            said[f"PhysicalSize{letter}"], said[f"PhysicalSize{letter}Unit"] = scale, symbol
            position[f"Position{letter}"] = _positions(axis, shape, frame.axes, start, scale, pages)
            position[f"Position{letter}Unit"] = [symbol] * pages
        elif axis == "t" and (scale != 1 or unit):
            said["TimeIncrement"], said["TimeIncrementUnit"] = scale, unit_symbol(unit or "second")
    if any(frame.translate):
        said["Plane"] = position
    ours = {"axes": frame.axes, "name": frame.name, "history": frame.history, "kind": kind}
    said["CommentAnnotation"] = {"Namespace": OURS, "Value": json.dumps(ours)}
    stored = "".join(axis for axis in "tzcyx" if axis in frame.axes)
    lengths = [shape[frame.axes.index(axis)] for axis in stored]
    document = tifffile.OmeXml()
    pages_and_pixels = (pages, 1, 1, shape[-2], shape[-1], 1)
    document.addimage(dtype, lengths, pages_and_pixels, axes=stored.upper(), **said)
    return document.tostring(declaration=True).encode()


def _positions(
    axis: str, shape: Sequence[int], axes: str, start: float, scale: float, pages: int
) -> list[float]:
    """Where each page lies along `axis`: sections further along z, all at one place in y and x."""
    if axis != "z":
        return [start] * pages
    stored = [name for name in "tzc" if name in axes]
    z = np.indices([shape[axes.index(name)] for name in stored])[stored.index("z")].ravel()
    return [start + scale * int(k) for k in z]
