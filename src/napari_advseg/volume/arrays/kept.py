"""What was read last and may be asked for again, up to a number of bytes."""

from __future__ import annotations

import threading
from collections import OrderedDict
from typing import Generic, TypeVar

from napari_advseg.volume.arrays.lazy import Array

Key = TypeVar("Key")


class Kept(Generic[Key]):
    """Arrays under keys: those added or asked for last, of `most` bytes together. Threads may share it.

    Attributes:
        most: bytes that may be kept.
        nbytes: bytes that are.
    """

    def __init__(self, most: int) -> None:
        self.most = most
        self._arrays: OrderedDict[Key, Array] = OrderedDict()
        self.nbytes = 0
        self._lock = threading.Lock()

    def get(self, key: Key) -> Array | None:
        """The array under a key, which is now the last to go; None where it is not kept."""
        with self._lock:
            if key in self._arrays:
                self._arrays.move_to_end(key)
            return self._arrays.get(key)

    def add(self, key: Key, array: Array) -> None:
        """Keep an array; those that were not asked for the longest go."""
        with self._lock:
            before = self._arrays.pop(key, None)  # another thread may have read it too
            self.nbytes += array.nbytes - (0 if before is None else before.nbytes)
            self._arrays[key] = array
            while self.nbytes > self.most:
                _, gone = self._arrays.popitem(last=False)
                self.nbytes -= gone.nbytes
