"""A lazy array that remembers what was read last: what is on screen is read again after every edit."""

from __future__ import annotations

import threading
from collections import OrderedDict
from typing import Any

import numpy as np

from napari_advseg.volume.lazy import Array, LazyArray, Window, Windowed, native

MOST_BYTES = 1 << 27


class Recent(Windowed):
    """`source`, of which the windows read last are kept, up to `most` bytes; they are read-only.

    Threads may share it. The source must not change.
    """

    def __init__(self, source: LazyArray, most: int = MOST_BYTES) -> None:
        self._source = source
        self._most = most
        self._kept: OrderedDict[tuple[tuple[int, int], ...], Array] = OrderedDict()
        self._lock = threading.Lock()

    @property
    def shape(self) -> tuple[int, ...]:
        return tuple(int(length) for length in self._source.shape)

    @property
    def dtype(self) -> np.dtype[Any]:
        return native(self._source.dtype)

    @property
    def chunks(self) -> Any:
        """Those of the source."""
        return getattr(self._source, "chunks", None)

    def read(self, window: Window) -> Array:
        key = tuple((one.start, one.stop) for one in window)
        with self._lock:
            if key in self._kept:
                self._kept.move_to_end(key)
                return self._kept[key]
        found = np.asarray(self._source[window]).view()
        found.flags.writeable = False
        if found.nbytes <= self._most:
            with self._lock:
                self._kept[key] = found
                while sum(one.nbytes for one in self._kept.values()) > self._most:
                    self._kept.popitem(last=False)
        return found
