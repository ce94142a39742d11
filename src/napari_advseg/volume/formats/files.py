"""Volumes from files and into files: the suffix chooses the format, everything that can be wrong is
said in one line.
"""

from __future__ import annotations

import dataclasses
import os
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from napari_advseg.volume.arrays.lazy import Array, LazyArray, Mapped, native
from napari_advseg.volume.formats.arrange import Found, arrange, axis_letters
from napari_advseg.volume.formats.hdf5 import read_hdf5
from napari_advseg.volume.formats.ome_zarr import level_count, read_zarr
from napari_advseg.volume.formats.png import read_png
from napari_advseg.volume.formats.sections import PARTIAL, SectionWriter, unfinished, write_volume
from napari_advseg.volume.formats.tiff import read_tiff
from napari_advseg.volume.formats.unfinished import Version
from napari_advseg.volume.formats.zarr_store import Chunked, Missing, node_at
from napari_advseg.volume.frame import AXES, Frame
from napari_advseg.volume.refusals import (
    CorruptChunk,
    Incomplete,
    MissingChunk,
    Unreadable,
    Unwritable,
    reason,
)
from napari_advseg.volume.synthetic_voxels import is_marked, marked, mask_beside, unmarked
from napari_advseg.volume.units import PIXEL, unit_symbol
from napari_advseg.volume.volume import Kind, Volume

__all__ = [
    "CorruptChunk",
    "Incomplete",
    "MissingChunk",
    "SectionWriter",
    "Unreadable",
    "Unwritable",
    "as_labels",
    "create",
    "describe",
    "kind_of",
    "levels",
    "missing_chunks",
    "read",
    "write",
    "write_mask",
]

TIFF = (".tif", ".tiff", ".btf")
HDF5 = (".h5", ".hdf5", ".hdf", ".he5")
PNG = (".png",)
ENDINGS = "TIFF (.tif, .tiff), zarr and OME-Zarr folders, HDF5 (.h5, .hdf5) and PNG"

Source = str | os.PathLike[str] | LazyArray | Volume


def read(
    source: Source, *, axes: str | None = None, level: int = 0, missing: Missing = "refuse"
) -> Volume:
    """The volume in a file, lazy, in the axis order t, c, z, y, x.

    Args:
        source: a path, an array (2 axes are yx, 3 are zyx) or a Volume, which is returned
            as it is. A dataset
            inside a file is named behind it: `a.h5::/volumes/raw`, `a.h5/volumes/raw`,
            `a.zarr/raw`.
        axes: letters of tczyx, one an axis, for files and arrays that do not say theirs.
        level: level of a pyramid, 0 the finest.
        missing: "fill" reads zarr and HDF5 chunks that are not on disk as the fill value.

    Raises:
        Unreadable: with file, cause and remedy.
    """
    if isinstance(source, Volume):
        return source
    if axes is not None and (len(set(axes)) < len(axes) or not set(axes) <= set(AXES)):
        raise Unreadable(f"Axes '{axes}' must be letters of '{AXES}', each once.")
    if not isinstance(source, (str, os.PathLike)):
        return _of_array(source, axes)
    path, inside = _located(os.fspath(source))
    try:
        return _with_mask(_read(path, inside, axes, level, missing), path, level)
    except OSError as fault:
        raise Unreadable(f"'{path}' cannot be read: {reason(fault)}.") from fault


def levels(source: str | os.PathLike[str], *, missing: Missing = "refuse") -> list[Volume]:
    """All levels of the pyramid in an OME-Zarr store, finest first; one volume for other files."""
    path, inside = _located(os.fspath(source))
    count = level_count(path, inside) if path.is_dir() else 1
    return [read(source, level=level, missing=missing) for level in range(count)]


def missing_chunks(source: str | os.PathLike[str]) -> list[str]:
    """Names of the chunks of a zarr array that are not on disk, among its first 20,000; [] for
    other files.
    """
    if not _located(os.fspath(source))[0].is_dir():
        return []
    array = read(source, missing="fill").array
    return array.missing() if isinstance(array, Chunked) else []


def write(
    volume: Volume | Array,
    path: str | os.PathLike[str],
    *,
    overwrite: bool = False,
    kind: Kind | None = None,
    version: Version = "0.5",
) -> Path:
    """The path of the file that now holds the volume: OME-TIFF (.tif, .tiff) or OME-Zarr (.zarr).

    The file appears when it is complete; an older one stays untouched until then. The mask of synthetic voxels,
    where the volume has some, is written beside it first.

    Raises:
        Unwritable: with path, cause and remedy.
    """
    given = read(volume)
    target = _target(path)
    write_mask(given, target, overwrite=overwrite)
    if given.synthetic is None:
        given = dataclasses.replace(given, frame=unmarked(given.frame))
    write_volume(given, target, overwrite=overwrite, kind=kind or kind_of(given), version=version)
    return target


def write_mask(
    volume: Volume, path: str | os.PathLike[str], *, overwrite: bool = False
) -> Path | None:
    """Where the mask of synthetic voxels of an image at `path` now stands; None where the volume has none.

    Raises:
        Unwritable: as `write`.
    """
    if volume.synthetic is None:
        return None
    frame = unmarked(volume.frame.without("c") if "c" in volume.axes else volume.frame)
    mask = Volume(volume.synthetic, frame, kind="labels")
    place = mask_beside(path)
    write_volume(mask, place, overwrite=overwrite, kind="labels", version="0.5")
    return place


def create(
    path: str | os.PathLike[str],
    shape: tuple[int, ...],
    dtype: Any,
    frame: Frame,
    *,
    overwrite: bool = False,
    resume: bool = False,
    kind: Kind | None = None,
    version: Version = "0.5",
) -> SectionWriter:
    """A context manager that takes the sections of a volume one by one; see SectionWriter.

    It says that it holds synthetic voxels only where their mask stands beside it already.
    """
    target = _target(path)
    return SectionWriter.create(
        target,
        shape,
        dtype,
        frame if mask_beside(target).exists() else unmarked(frame),
        overwrite=overwrite,
        resume=resume,
        kind=kind or _kind_of_dtype(dtype),
        version=version,
    )


def describe(volume: Volume) -> str:
    """One line for people: "70 sections of 570 x 496, uint8, 50 x 4 x 4 nm (zyx)"."""
    times, channels = volume.size("t"), volume.size("c")
    parts = [f"{times} time points of "] if "t" in volume.axes else []
    if "z" in volume.axes:
        sections = volume.size("z")
        parts.append(f"{sections} section{'s' if sections > 1 else ''} of ")
    size = f"{volume.size('y')} x {volume.size('x')}"
    if "c" in volume.axes:
        size += f" in {channels} channels"
    return f"{''.join(parts)}{size}, {volume.dtype}, {_voxel(volume.frame)}"


def kind_of(volume: Volume) -> Kind:
    """What a volume is: "labels" where it is marked so or holds 32- or 64-bit whole numbers, which
    no camera gives.
    """
    return "labels" if volume.kind == "labels" else _kind_of_dtype(volume.dtype)


def as_labels(volume: Volume) -> Volume:
    """The volume as whole numbers that are not negative, lazy; 64-bit ids stay 64 bit.

    Whole-numbered floats become int64. What is checked by value (signs, fractions) is checked
    where it is read.

    Raises:
        Unreadable: it has channels, or (when read) values that are no labels.
    """
    if "c" in volume.axes:
        raise Unreadable(
            f"'{_title(volume)}' has {volume.size('c')} channels and labels have none; "
            "turn its colours into one number for each label."
        )
    if volume.dtype.kind == "u":
        return dataclasses.replace(volume, kind="labels")
    is_float = volume.dtype.kind == "f"
    dtype = np.dtype(np.int64) if is_float else native(volume.dtype)
    checked = Mapped(volume.array, partial(_checked, dtype=dtype, where=_title(volume)), dtype)
    frame = volume.frame.after("read as labels") if is_float else volume.frame
    return Volume(checked, frame, volume.source, "labels", volume.synthetic)


def _checked(found: Array, dtype: np.dtype[Any], where: str) -> Array:
    """Values as labels of type `dtype`, where they are labels."""
    if found.size and found.dtype.kind == "f":
        _check_floats(found, where)
    if found.size and found.dtype.kind in "if" and found.min() < 0:
        raise Unreadable(
            f"'{where}' has the label {found.min():g}; labels must not be negative: "
            "use 0 for what has no label."
        )
    return found.astype(dtype, copy=False)


def _check_floats(found: Array, where: str) -> None:
    if not np.isfinite(found).all() or (found != np.rint(found)).any():
        odd = found[~np.isfinite(found) | (found != np.rint(found))][0]
        raise Unreadable(
            f"'{where}' has the value {odd:g}; labels must be whole numbers. "
            "Is it an image or a probability map?"
        )
    if found.max() >= 2.0**63:
        raise Unreadable(f"'{where}' has labels above 2^63; renumber them.")


def _read(path: Path, inside: str, axes: str | None, level: int, missing: Missing) -> Volume:
    begun = unfinished(path)
    if begun is not None:
        raise begun
    if not path.exists():
        raise Unreadable(_not_there(path))
    suffix = path.suffix.lower()
    if path.is_dir():
        if node_at(path / inside if inside else path) is None and suffix != ".zarr":
            raise Unreadable(
                f"'{path}' is a folder without zarr data; choose a file or a zarr folder."
            )
        return read_zarr(path, inside, axes=axes, level=level, missing=missing)
    if suffix in TIFF:
        return read_tiff(path, inside, axes=axes, level=level)
    if suffix in HDF5:
        return read_hdf5(path, inside, axes=axes, missing=missing)
    if suffix in PNG:
        return read_png(path)
    raise Unreadable(f"'{path}' is of no known format; what is read: {ENDINGS}.")


def _with_mask(volume: Volume, path: Path, level: int) -> Volume:
    """The volume with the mask of its synthetic voxels, where it says that it holds some."""
    if not is_marked(volume.frame):
        return volume
    place = mask_beside(path)
    if not place.exists():
        raise Unreadable(
            f"'{path}' holds synthetic voxels and their mask '{place.name}' is missing; keep the two together, or "
            "mend the image again."
        )
    mask = _read(place, "", None, level, "refuse")
    try:
        return marked(volume, mask.array)
    except ValueError as error:
        raise Unreadable(f"'{path}': {error}") from None


def _not_there(path: Path) -> str:
    older = path.with_name(path.name + ".older")
    if older.exists():
        return (
            f"'{path}' is not there: it was being replaced when the program stopped. It is kept as "
            f"'{older.name}'."
        )
    return f"'{path}' does not exist; check its name."


def _located(text: str) -> tuple[Path, str]:
    """The file or store, and the name of a dataset inside it ("" where none is named)."""
    outer, found, inside = text.rpartition("::")
    if found and outer:
        return Path(outer), inside.strip("/")
    path = Path(text)
    for parent in path.parents:
        if parent.suffix.lower() in HDF5 and parent.is_file():
            return parent, path.relative_to(parent).as_posix()
    return path, ""


def _target(path: str | os.PathLike[str]) -> Path:
    target = Path(path)
    if target.name.endswith(PARTIAL):
        raise Unwritable(f"'{target.name}' is the name of an unfinished write; choose another.")
    return target


def _of_array(array: LazyArray, axes: str | None) -> Volume:
    if not all(hasattr(array, name) for name in ("shape", "dtype", "__getitem__")):
        raise Unreadable(f"A {type(array).__name__} is no path, array or Volume.")
    letters = axis_letters(array.shape, "the array", axes)
    volume = arrange(Found(array, letters, "the array"))
    return dataclasses.replace(volume, source=None)


def _kind_of_dtype(dtype: Any) -> Kind:
    kind = np.dtype(dtype)
    return "labels" if kind.kind in "iu" and kind.itemsize >= 4 else "image"


def _title(volume: Volume) -> str:
    return volume.source or volume.frame.name or "the label volume"


def _voxel(frame: Frame) -> str:
    axes = [axis for axis in frame.axes if axis in "zyx"]
    units = {frame.units[frame.axes.index(axis)] for axis in axes}
    named = f"({''.join(axes)})"
    if units == {PIXEL} and all(frame.step(axis) == 1 for axis in axes):
        return f"voxel size unknown {named}"
    if len(units) == 1:
        sizes = " x ".join(f"{frame.step(axis):.4g}" for axis in axes)
        return f"{sizes} {unit_symbol(units.pop())} {named}"
    steps = [(frame.step(axis), frame.units[frame.axes.index(axis)]) for axis in axes]
    return " x ".join(f"{step:.4g} {unit_symbol(unit)}" for step, unit in steps) + f" {named}"
