"""Volumes written section by section: a partial store with a log, renamed when complete, so that a
stop loses nothing.
"""

from __future__ import annotations

import errno
import os
import shutil
import threading
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
import zarr
from zarr.storage import LocalStore

from napari_advseg.disk.atomic import appearing, replace_folder
from napari_advseg.volume.arrays.lazy import Array, in_native, native
from napari_advseg.volume.formats.ome_tiff import check_units, tiff_dtype, write_tiff
from napari_advseg.volume.formats.ome_zarr import multiscale_attributes
from napari_advseg.volume.formats.pyramid import new_array, pyramid
from napari_advseg.volume.formats.unfinished import Log, Plan, Version
from napari_advseg.volume.formats.zarr_store import Chunked, node_at
from napari_advseg.volume.frame import Frame
from napari_advseg.volume.refusals import Incomplete, Unwritable, amount, denied
from napari_advseg.volume.volume import Kind, Volume

TIFF = (".tif", ".tiff")
ZARR = (".zarr",)
PARTIAL = ".partial"
# Label maps shrink to a few per cent; a tenth is a cautious guess of what they need.
LABEL_SHARE = 10


def write_volume(
    volume: Volume, path: Path, *, overwrite: bool, kind: Kind, version: Version
) -> None:
    """Write a volume whole: `path` holds it at the end, or is as it was before.

    Raises:
        Unwritable: the suffix is unknown, the path is taken, the disk is full or the values
            do not fit.
    """
    if path.suffix.lower() in TIFF:
        check_target(path, volume.shape, volume.dtype, kind, overwrite=overwrite)
        check_units(volume.frame)
        dtype = tiff_dtype(volume.dtype, *_range(volume))
        _whole_tiff(path, planes(volume), volume.shape, dtype, volume.frame, kind)
        return
    writer = SectionWriter.create(
        path,
        volume.shape,
        volume.dtype,
        volume.frame,
        overwrite=overwrite,
        kind=kind,
        version=version,
    )
    try:
        with writer:
            for index, section in enumerate(planes(volume)):
                writer.write(index, section)
            writer.finish()
    except BaseException:
        # Half a copy of a volume that still exists is worth nothing.
        shutil.rmtree(writer.partial, ignore_errors=True)
        raise


def planes(volume: Volume) -> Iterator[Array]:
    """Every section, (y, x) or (c, y, x), in the order of t, then z."""
    if "t" not in volume.axes:
        yield from (in_native(section) for section in volume.sections())
        return
    for t in range(volume.size("t")):
        for z in range(volume.size("z")):
            key = tuple({"t": t, "z": z}.get(axis, slice(None)) for axis in volume.axes)
            yield in_native(volume.array[key])


def check_target(
    path: Path, shape: tuple[int, ...], dtype: Any, kind: Kind, *, overwrite: bool
) -> None:
    """Nothing, where a volume may be written to `path` and its disk has room.

    Raises:
        Unwritable: with the remedy.
    """
    if path.suffix.lower() not in TIFF + ZARR:
        raise Unwritable(
            f"'{path.name}' has no known ending; choose a name that ends in .ome.zarr, .zarr, "
            ".tif or .tiff."
        )
    _free_to_write(path, overwrite=overwrite)
    _room(path, shape, np.dtype(dtype), kind)


def unfinished(path: Path) -> Incomplete | None:
    """What to say of `path` where only an unfinished write of it exists, or it is one itself."""
    partial = path if path.name.endswith(PARTIAL) else path.with_name(path.name + PARTIAL)
    if not (partial / Log.HEADER).is_file() or (path != partial and path.exists()):
        return None
    log = Log.read(partial)
    done, total = len(log.done), log.total
    target = partial.name.removesuffix(PARTIAL)
    return Incomplete(
        f"'{partial.with_name(target)}' is incomplete: {done} of {total} sections are written. "
        f"Resume the run that writes it, or delete '{partial.name}'.",
        done,
        total,
    )


class SectionWriter:
    """A volume under way: sections come in any order, `finish` makes the file appear under its
    name.

    Sections are (y, x) or (c, y, x); with a time axis, section z of time t has the index t *
    sections + z.
    What was written survives a kill and is found again by `create(..., resume=True)`.
    """

    def __init__(self, path: Path, plan: Plan, *, overwrite: bool) -> None:
        self.path = path
        self.partial = path.with_name(path.name + PARTIAL)
        self._plan = plan
        self._overwrite = overwrite
        self._lock = threading.Lock()
        self._log: Log
        self._array: Any

    @classmethod
    def create(
        cls,
        path: Path,
        shape: tuple[int, ...],
        dtype: Any,
        frame: Frame,
        *,
        overwrite: bool = False,
        resume: bool = False,
        kind: Kind = "image",
        version: Version = "0.5",
    ) -> Self:
        """A writer for a volume of this shape, dtype and frame.

        Raises:
            Unwritable: see `check_target`; or an unfinished write is in the way, or
                does not fit to be resumed.
        """
        plan = Plan(tuple(map(int, shape)), native(dtype), frame, kind, version)
        if len(plan.shape) != len(frame.axes) or 0 in plan.shape:
            raise Unwritable(
                f"A volume of shape {plan.shape} does not have the axes '{frame.axes}'."
            )
        check_target(path, plan.shape, plan.dtype, kind, overwrite=overwrite)
        if path.suffix.lower() in TIFF:
            check_units(frame)
        writer = cls(path, plan, overwrite=overwrite)
        try:
            writer._open(resume=resume)
        except OSError as fault:
            raise denied(fault, path) from fault
        return writer

    @property
    def done(self) -> frozenset[int]:
        """Indices of the sections that are written."""
        return frozenset(self._log.done)

    @property
    def total(self) -> int:
        """Number of sections, over all times."""
        return self._plan.total

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        fault: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._log.release()

    def write(self, index: int, section: Array) -> None:
        """Put section `index` on disk; it counts as done once this returns.

        Raises:
            Unwritable: its shape or values do not fit, or the disk is full; what was
                written is kept.
        """
        if not 0 <= index < self.total:
            raise Unwritable(f"Section {index} is outside 0..{self.total - 1}.")
        fitting = self._fitting(index, section)
        try:
            self._log.check()
            self._array[self._plan.key(index)] = fitting
            with self._lock:
                self._log.add(index)
        except OSError as fault:
            raise self._stopped(fault) from fault

    def finish(self) -> Path:
        """Make the pyramid and give the volume its name; returns its path.

        Raises:
            Unwritable: sections are missing, or the disk is full; what was written is kept.
        """
        missing = self.total - len(self.done)
        if missing:
            raise Unwritable(
                f"'{self.path}' lacks {missing} of its {self.total} sections; write them first."
            )
        _free_to_write(self.path, overwrite=self._overwrite)
        try:
            if self.path.suffix.lower() in TIFF:
                self._into_tiff()
            else:
                self._into_place()
        except OSError as fault:
            raise self._stopped(fault) from fault
        return self.path

    def _open(self, *, resume: bool) -> None:
        begun = (self.partial / Log.HEADER).is_file()
        if self.partial.exists() and not begun and any(self.partial.iterdir()):
            raise Unwritable(f"'{self.partial}' is in the way and is no unfinished write; move it.")
        if begun:
            self._take_over(Log.read(self.partial), resume=resume)
        if begun and resume:
            self._log = Log.read(self.partial)
            self._log.mend()
            self._log.claim()
            self._array = zarr.open_array(LocalStore(self.partial / "0"), mode="r+")
            return
        if self.partial.exists():
            shutil.rmtree(self.partial)
        self.partial.mkdir()
        self._log = Log.start(self.partial, self._plan)
        self._array = new_array(self.partial, 0, self._plan, self._plan.shape)

    def _take_over(self, log: Log, *, resume: bool) -> None:
        """Nothing, where the unfinished write found may be resumed or thrown away."""
        owner = log.living_owner()
        if owner:
            raise Unwritable(
                f"'{self.path}' is being written by another program ({owner}); wait for it."
            )
        if resume and log.plan != self._plan.record():
            raise Unwritable(
                f"'{self.partial.name}' was begun with another shape, type or scale and cannot "
                "be resumed; "
                "overwrite it or choose another name."
            )
        if not resume and not self._overwrite:
            raise Unwritable(
                f"An unfinished '{self.path.name}' exists ({len(log.done)} of {log.total} "
                "sections); "
                "resume it, or start again with --overwrite."
            )

    def _fitting(self, index: int, section: Array) -> Array:
        found = in_native(section)
        if found.shape != self._plan.section_shape:
            raise Unwritable(
                f"Section {index} has shape {found.shape}, the volume needs "
                f"{self._plan.section_shape}."
            )
        dtype = self._plan.dtype
        if found.dtype == dtype or np.can_cast(found.dtype, dtype, "safe"):
            return found.astype(dtype, copy=False)
        if found.dtype.kind == dtype.kind == "f":
            return found.astype(dtype)
        if found.dtype.kind in "iu" and dtype.kind in "iu" and _fits(found, dtype):
            return found.astype(dtype)
        raise Unwritable(f"Section {index} holds {found.dtype} values that do not fit {dtype}.")

    def _stopped(self, fault: OSError) -> Unwritable:
        """The refusal after an error of the disk, with what is kept and what is needed."""
        left = self.total - len(self.done)
        if fault.errno not in (errno.ENOSPC, errno.EDQUOT):
            return denied(fault, self.path)
        need = (
            _needed(self._plan.shape, self._plan.dtype, self._plan.kind)
            * max(1, left)
            // self.total
        )
        return Unwritable(
            f"The disk is full after {self.total - left} of {self.total} sections of "
            f"'{self.path}'; they are "
            f"kept in '{self.partial.name}'. Free about {amount(need)} and resume."
        )

    def _into_tiff(self) -> None:
        plan = self._plan
        spooled = Volume(Chunked(_node(self.partial / "0")), plan.frame)
        dtype = tiff_dtype(plan.dtype, *_range(spooled))
        _whole_tiff(self.path, planes(spooled), plan.shape, dtype, plan.frame, plan.kind)
        self._log.release()
        shutil.rmtree(self.partial)

    def _into_place(self) -> None:
        levels = pyramid(self.partial, self._array, self._plan)
        ours = {
            "name": self._plan.frame.name,
            "history": list(self._plan.frame.history),
            "kind": self._plan.kind,
        }
        attributes = multiscale_attributes(
            self._plan.frame, levels, self._plan.kind, self._plan.version, ours
        )
        zarr.create_group(
            LocalStore(self.partial),
            zarr_format=self._plan.zarr_format,
            attributes=attributes,
            overwrite=False,
        )
        self._log.remove()
        replace_folder(self.partial, self.path)


def _whole_tiff(
    path: Path,
    sections: Iterator[Array],
    shape: tuple[int, ...],
    dtype: Any,
    frame: Frame,
    kind: Kind,
) -> None:
    """A TIFF that appears under its name only when it is complete."""
    try:
        with appearing(path) as partial:
            write_tiff(partial, sections, shape, dtype, frame, kind)
    except OSError as fault:
        raise denied(fault, path) from fault


def _free_to_write(path: Path, *, overwrite: bool) -> None:
    folder = path.parent
    if not folder.is_dir():
        raise Unwritable(f"The folder '{folder}' does not exist; make it or choose another.")
    if not os.access(folder, os.W_OK):
        raise Unwritable(f"The folder '{folder}' may not be written to; choose another.")
    try:
        exists = path.exists()
    except OSError as fault:
        raise denied(fault, path) from fault
    if not exists:
        return
    if not overwrite:
        raise Unwritable(f"'{path}' already exists; choose another name or --overwrite.")
    if path.is_dir() and (path.suffix.lower() in TIFF or node_at(path) is None):
        raise Unwritable(f"'{path}' is a folder that holds no zarr data; choose another name.")
    if path.is_file() and path.suffix.lower() in ZARR:
        raise Unwritable(f"'{path}' is a file and no zarr folder; choose another name.")


def _room(path: Path, shape: tuple[int, ...], dtype: np.dtype[Any], kind: Kind) -> None:
    need = _needed(shape, dtype, kind)
    free = shutil.disk_usage(path.parent).free
    if need > free:
        raise Unwritable(
            f"'{path}' needs about {amount(need)} and {amount(free)} are free; free some space "
            "or choose "
            "another folder."
        )


def _needed(shape: tuple[int, ...], dtype: np.dtype[Any], kind: Kind) -> int:
    """Bytes on disk, with the pyramid."""
    whole = int(np.prod(shape, dtype=object)) * dtype.itemsize * 4 // 3
    return whole // LABEL_SHARE if kind == "labels" else whole


def _range(volume: Volume) -> tuple[int, int]:
    """Lowest and highest value where it decides whether they fit, else 0, 0."""
    if volume.dtype.kind not in "iu" or volume.dtype.itemsize < 8:
        return 0, 0
    pairs = [(int(section.min()), int(section.max())) for section in planes(volume)]
    return min(low for low, _ in pairs), max(high for _, high in pairs)


def _fits(values: Array, dtype: np.dtype[Any]) -> bool:
    limits = np.iinfo(dtype)
    return int(values.min()) >= limits.min and int(values.max()) <= limits.max


def _node(path: Path) -> Any:
    node = node_at(path)
    if node is None:
        raise Unwritable(f"'{path}' has vanished; start again.")
    return node
