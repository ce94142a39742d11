"""Canvas: labels that are painted on straight on disk, for volumes too large to be held in memory.

Only chunks that were painted on exist: an empty canvas of any size takes no room, and a stroke is on disk when it
returns. The store is OME-Zarr that says of itself that the chunks that are not there are empty.
"""

from __future__ import annotations

import itertools
import json
import math
import shutil
from pathlib import Path
from typing import Any, Self

import numpy as np
import zarr
from zarr.codecs import BloscCodec
from zarr.storage import LocalStore

from napari_advseg.volume.arrays.lazy import Array, Stored, Window
from napari_advseg.volume.arrays.writable import Place, Writable
from napari_advseg.volume.formats.ome_zarr import SPARSE, multiscale_attributes, read_zarr
from napari_advseg.volume.frame import Frame
from napari_advseg.volume.refusals import Unwritable, denied

CHUNK, LARGEST_CHUNK = 256, 1024
CHUNKS_ALONG = 16
LEVEL = "0"


class Canvas(Stored, Writable):
    """Whole numbers on disk that can be read and written to; for one writer, and readers on other threads."""

    def __init__(self, path: Path, frame: Frame) -> None:
        self.path = path
        self.frame = frame
        self._array: Any = zarr.open_array(LocalStore(path / LEVEL), mode="r+")
        super().__init__(self._array.shape, self._array.dtype, self._array.chunks)
        self._painted = _chunks_on_disk(path / LEVEL, self.ndim)

    @classmethod
    def create(cls, path: Path, shape: tuple[int, ...], dtype: Any, frame: Frame) -> Self:
        """An empty canvas in a new folder `path`, whose last two axes are the plane.

        Raises:
            Unwritable: something is there already, or the folder cannot be written to.
        """
        if path.exists():
            raise Unwritable(f"'{path.name}' exists already; choose another name.")
        fresh = path.with_name(f"{path.name}.new")
        try:
            shutil.rmtree(fresh, ignore_errors=True)
            fresh.mkdir(parents=True)
            _make(fresh, shape, np.dtype(dtype), frame)
            fresh.replace(path)
        except OSError as fault:
            raise denied(fault, path) from fault
        return cls(path, frame)

    @classmethod
    def open(cls, path: Path) -> Self:
        """The canvas in a folder.

        Raises:
            Unreadable: there is none.
        """
        return cls(path, read_zarr(path).frame)

    @property
    def tile(self) -> Place:
        """A plane: zarr writes all of its chunks at once."""
        return (*(1,) * (self.ndim - 2), *self.shape[-2:])

    def is_blank(self, window: Window) -> bool:
        """Whether nothing was ever painted in any chunk that a window touches."""
        ranges = self._touched(window)
        if math.prod(map(len, ranges)) < len(self._painted):
            return not any(place in self._painted for place in itertools.product(*ranges))
        places = tuple(self._painted)  # another thread may be painting
        return not any(all(k in r for k, r in zip(p, ranges, strict=True)) for p in places)

    def read(self, window: Window) -> Array:
        if self.is_blank(window):
            return np.zeros([one.stop - one.start for one in window], self.dtype)
        return np.asarray(self._array[window])

    def write(self, window: Window, values: Array) -> None:
        """Put `values`, of the shape and type of the window, on disk.

        Raises:
            Unwritable: the disk is full, or the folder is gone.
        """
        try:
            self._array[window] = values
        except OSError as fault:
            raise denied(fault, self.path) from fault
        self._painted.update(itertools.product(*self._touched(window)))

    def _touched(self, window: Window) -> list[range]:
        """The chunks that a window lies in, along each axis."""
        return [
            range(one.start // step, -(-one.stop // step))
            for one, step in zip(window, self.chunks, strict=True)
        ]


def _make(folder: Path, shape: tuple[int, ...], dtype: np.dtype[Any], frame: Frame) -> None:
    ours = {"name": frame.name, "history": list(frame.history), SPARSE: True}
    attributes = multiscale_attributes(frame, [frame], "labels", "0.5", ours)
    group = {"zarr_format": 3, "node_type": "group", "attributes": attributes}
    (folder / "zarr.json").write_text(json.dumps(group), encoding="utf-8")
    chunks = tuple(
        min(length, max(CHUNK, min(LARGEST_CHUNK, length // CHUNKS_ALONG)))
        if at >= len(shape) - 2
        else 1
        for at, length in enumerate(shape)
    )
    zarr.create_array(
        LocalStore(folder / LEVEL),
        shape=shape,
        dtype=dtype,
        chunks=chunks,
        # Level 1 of lz4: a dab of the brush has to be on disk before the next one is due.
        compressors=BloscCodec(cname="lz4", clevel=1, shuffle="shuffle"),
        fill_value=0,
        zarr_format=3,
        dimension_names=list(frame.axes),
        config={"write_empty_chunks": False},
    )


def _chunks_on_disk(folder: Path, count: int) -> set[tuple[int, ...]]:
    """Places of the chunks that exist, in the default layout c/z/y/x."""
    places = set()
    for file in (folder / "c").glob("/".join("*" * count)):
        parts = file.relative_to(folder / "c").parts
        if all(part.isdigit() for part in parts):
            places.add(tuple(map(int, parts)))
    return places
