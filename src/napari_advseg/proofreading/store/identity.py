"""Which labels a journal belongs to, told by their shape, type and a few places, without reading them whole."""

from __future__ import annotations

import dataclasses
import hashlib
from typing import Any

import numpy as np

from napari_advseg.volume.arrays.lazy import LazyArray, Window

WHOLE = 1 << 20
SAMPLES, SIDE = 16, 64
STEPS = (0.754877666, 0.569840291, 0.438579021, 0.349744695, 0.285188466)


@dataclasses.dataclass(frozen=True)
class Identity:
    """Shape, type and fingerprint of labels, equal for equal labels whatever file they are in."""

    shape: tuple[int, ...]
    dtype: str
    fingerprint: str

    @property
    def words(self) -> str:
        """For example "3 x 40 x 40, uint32, fingerprint 4f1e03"."""
        sides = " x ".join(map(str, self.shape))
        return f"{sides}, {self.dtype}, fingerprint {self.fingerprint[:6]}"

    def to_json(self) -> dict[str, Any]:
        return {"shape": list(self.shape), "dtype": self.dtype, "fingerprint": self.fingerprint}


def identity(labels: LazyArray) -> Identity:
    """The identity of labels; of more than a million voxels 16 small places are read."""
    shape = tuple(int(length) for length in labels.shape)
    dtype = np.dtype(labels.dtype).newbyteorder("=")
    digest = hashlib.blake2b(repr((shape, dtype.str[1:])).encode(), digest_size=16)
    for window in _windows(shape):
        ids = np.ascontiguousarray(labels[window]).astype(np.int64 if dtype.kind == "i" else "<u8")
        digest.update(ids.astype("<u8", copy=False).tobytes())
    return Identity(shape, str(dtype), digest.hexdigest())


def _windows(shape: tuple[int, ...]) -> list[Window]:
    """The whole of a small array; else places that spread evenly (Roberts 2018, generalised golden ratio)."""
    if int(np.prod(shape, dtype=object)) <= WHOLE:
        return [tuple(slice(0, length) for length in shape)]
    found = []
    for k in range(SAMPLES):
        corner = []
        for axis, length in enumerate(shape):
            side = min(length, SIDE if axis >= len(shape) - 2 else 1)
            at = int((0.5 + k * STEPS[axis % len(STEPS)]) % 1 * (length - side + 1))
            corner.append(slice(at, at + side))
        found.append(tuple(corner))
    return found
