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

from napari_advseg.volume.arrays.lazy import Array, Window, Windowed
from napari_advseg.volume.errors import Unwritable, denied
from napari_advseg.volume.formats.ome_zarr import SPARSE, multiscale_attributes, read_zarr
from napari_advseg.volume.frame import Frame

CHUNK, LARGEST_CHUNK = 256, 1024
CHUNKS_ALONG = 16
LEVEL = "0"


class Canvas(Windowed):
    """Whole numbers on disk that can be read by window and written to; for one writer, and readers on other threads.

    Indexed by arrays, one an axis, it reads and writes single places as numpy does.
    """

    def __init__(self, path: Path, frame: Frame) -> None:
        self.path = path
        self.frame = frame
        self._array: Any = zarr.open_array(LocalStore(path / LEVEL), mode="r+")
        self._dtype: np.dtype[Any] = np.dtype(self._array.dtype)
        self.chunks = tuple(int(length) for length in self._array.chunks)
        self._painted = _chunks_on_disk(path / LEVEL, len(self.chunks))

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
    def shape(self) -> tuple[int, ...]:
        return tuple(int(length) for length in self._array.shape)

    @property
    def dtype(self) -> np.dtype[Any]:
        return self._dtype

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

    def __getitem__(self, key: Any) -> Any:
        if not _is_pointwise(key, self.ndim):
            return super().__getitem__(key)
        found = np.zeros(len(key[0]), self.dtype)
        for chosen, window, inside in self._windows(key):
            found[chosen] = self.read(window)[inside]
        return found

    def __setitem__(self, key: Any, value: Any) -> None:
        """Write as numpy does; numbers, slices of step 1, or one array of places an axis.

        Raises:
            Unwritable: the disk is full, or the folder is gone.
        """
        if not _is_pointwise(key, self.ndim):
            window, natural = self._window(key)
            part = np.broadcast_to(np.asarray(value, self.dtype), natural)
            self._write(window, part.reshape([one.stop - one.start for one in window]))
            return
        values = np.broadcast_to(np.asarray(value, self.dtype), len(key[0]))
        for chosen, window, inside in self._windows(key):
            part = self.read(window)
            part[inside] = values[chosen]
            self._write(window, part)

    def _window(self, key: Any) -> tuple[Window, list[int]]:
        """A slice an axis, so that zarr is asked for nothing but windows; and the shape that numpy would give it."""
        keys = self._spread(key)
        window: list[slice] = []
        for one, length in zip(keys, self.shape, strict=True):
            if isinstance(one, slice):
                start, stop, step = one.indices(length)
            else:
                start, step = int(one) + (length if one < 0 else 0), 1
                stop = start + 1
            if step != 1 or not 0 <= start <= stop <= length:
                raise IndexError(f"{key!r} names no window of a canvas of shape {self.shape}.")
            window.append(slice(int(start), int(stop)))
        pairs = zip(keys, window, strict=True)
        return tuple(window), [w.stop - w.start for key, w in pairs if isinstance(key, slice)]

    def _write(self, window: Window, part: Array) -> None:
        try:
            self._array[window] = part
        except OSError as fault:
            raise denied(fault, self.path) from fault
        self._painted.update(itertools.product(*self._touched(window)))

    def _touched(self, window: Window) -> list[range]:
        """The chunks that a window lies in, along each axis."""
        return [
            range(one.start // step, -(-one.stop // step))
            for one, step in zip(window, self.chunks, strict=True)
        ]

    def _windows(self, key: tuple[Array, ...]) -> Any:
        """Places sorted into sections: which they are, the window around them, and where they lie in it."""
        places = [np.asarray(part) for part in key]
        above = np.zeros(len(places[0]), np.intp)
        if self.ndim > 2:
            above = np.ravel_multi_index(tuple(places[:-2]), self.shape[:-2])
        for one in np.unique(above):
            chosen = np.flatnonzero(above == one)
            here = [part[chosen] for part in places]
            low = [int(part.min()) for part in here]
            window = tuple(
                slice(first, int(part.max()) + 1) for first, part in zip(low, here, strict=True)
            )
            inside = tuple(part - first for first, part in zip(low, here, strict=True))
            yield chosen, window, inside


def _is_pointwise(key: Any, count: int) -> bool:
    return (
        isinstance(key, tuple)
        and len(key) == count
        and all(isinstance(part, np.ndarray) and part.ndim == 1 for part in key)
    )


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
