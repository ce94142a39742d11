"""Sections set aside on disk between two passes, so that memory does not grow with their number."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import imagecodecs
import numpy as np

from napari_advseg.volume.refusals import denied
from napari_advseg.volume.volume import Array

LEVEL = 1


class Spool:
    """Arrays appended to a nameless temporary file, compressed, and read back by their number.

    The file is gone when the `with` block ends, however it ends.
    """

    def __init__(self, folder: Path | None = None) -> None:
        """`folder` is on the disk to use; None is the system's place for temporary files."""
        self._folder = folder or Path(tempfile.gettempdir())
        self._places: list[tuple[int, int, tuple[int, ...], np.dtype[Any]]] = []
        self._end = 0

    def __enter__(self) -> Self:
        try:
            self._file = tempfile.TemporaryFile(dir=self._folder)
        except OSError as fault:
            raise denied(fault, self._folder) from fault
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        fault: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._file.close()

    def __len__(self) -> int:
        return len(self._places)

    def add(self, array: Array) -> None:
        """Set the next array aside.

        Raises:
            Unwritable: the disk is full.
        """
        packed = imagecodecs.zstd_encode(np.ascontiguousarray(array).tobytes(), level=LEVEL)
        try:
            self._file.seek(self._end)
            self._file.write(packed)
            self._file.flush()
        except OSError as fault:
            raise denied(fault, self._folder) from fault
        self._places.append((self._end, len(packed), array.shape, array.dtype))
        self._end += len(packed)

    def read(self, index: int) -> Array:
        """Array `index`, counted from 0."""
        begin, length, shape, dtype = self._places[index]
        self._file.seek(begin, os.SEEK_SET)
        unpacked = imagecodecs.zstd_decode(self._file.read(length))
        return np.frombuffer(unpacked, dtype).reshape(shape)
