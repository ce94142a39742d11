"""A table of pairs of ids by open addressing, for compiled kernels."""

from __future__ import annotations

import numpy as np

from napari_advseg.volume.compiled import compiled
from napari_advseg.volume.volume import Array

EMPTY = np.uint64(0)
_SPREAD = np.uint64(0x9E3779B97F4A7C15)  # 2**64 over the golden ratio (Knuth, vol. 3, 6.4)
_SHIFT, _LOW = np.uint64(32), np.uint64(2**32 - 1)


@compiled
def pair_key(one: int, other: int) -> np.uint64:
    """The key of a pair of different ids from 1 to 2**32 - 1, in either order; never `EMPTY`."""
    low, high = np.uint64(min(one, other)), np.uint64(max(one, other))
    return (low << _SHIFT) | high


@compiled
def place_of(key: np.uint64, keys: Array) -> int:
    """Where `key` stands in `keys` (uint64), or the empty place where it belongs.

    Someone else sees to it that there are empty places, best half of them.
    """
    mixed = np.uint64(key) * _SPREAD
    place = np.int64((mixed >> _SHIFT) * np.uint64(len(keys)) >> _SHIFT)
    while keys[place] != EMPTY and keys[place] != key:
        place += np.int64(1)
        if place == len(keys):
            place = np.int64(0)
    return int(place)


def pairs_of(keys: Array) -> Array:
    """The pairs of keys, the lower id first, shape (n, 2), int64."""
    return np.stack([keys >> _SHIFT, keys & _LOW], axis=1).astype(np.int64)
