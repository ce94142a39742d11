"""In-plane resizing: grey values bilinear and antialiased, labels nearest."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_advseg.volume.compiled import compiled

Floats = npt.NDArray[np.float32]


def resized_image(image: npt.NDArray[Any], height: int, width: int) -> Floats:
    """The image (..., y, x) at another size, float32.

    A triangle filter as wide as the coarser of the two grids, so that shrinking does not alias and
    enlarging is plain bilinear; the value range is never left and a constant stays constant.
    """
    if image.shape[-2:] == (height, width):
        return image.astype(np.float32)
    planes = np.ascontiguousarray(image, dtype=np.float32).reshape(-1, *image.shape[-2:])
    rows, columns = _triangle(image.shape[-2], height), _triangle(image.shape[-1], width)
    out = np.empty((len(planes), height, width), np.float32)
    _filter(planes, *rows, *columns, out)
    return out.reshape(*image.shape[:-2], height, width)


def resized_labels(labels: npt.NDArray[Any], height: int, width: int) -> npt.NDArray[Any]:
    """The labels (..., y, x) at another size: the id under the centre of every new pixel."""
    if labels.shape[-2:] == (height, width):
        return labels
    rows, columns = _centres(labels.shape[-2], height), _centres(labels.shape[-1], width)
    return labels[..., rows[:, None], columns]


def _centres(before: int, after: int) -> npt.NDArray[np.intp]:
    return ((np.arange(after) + 0.5) * before / after).astype(np.intp)


@lru_cache(maxsize=64)
def _triangle(before: int, after: int) -> tuple[npt.NDArray[np.int64], Floats]:
    """For every new pixel the first old one and the weights of the old ones from there."""
    step = before / after
    half = max(step, 1.0)
    centre = (np.arange(after) + 0.5) * step - 0.5
    taps = min(before, int(np.floor(2 * half)) + 1)
    first = np.clip(np.ceil(centre - half).astype(np.int64), 0, before - taps)
    distance = np.abs(first[:, None] + np.arange(taps) - centre[:, None]) / half
    weights = np.maximum(1 - distance, 0)
    weights /= weights.sum(axis=1, keepdims=True)
    return first, weights.astype(np.float32)


@compiled
def add_scaled(total: Floats, factor: float, values: Floats) -> None:
    """Add `factor` times `values` to `total` (both 1D, float32), in place and vectorised."""
    for x in range(len(total)):
        total[x] += factor * values[x]


@compiled
def _filter(
    planes: Floats,
    top: npt.NDArray[np.int64],
    down: Floats,
    left: npt.NDArray[np.int64],
    across: Floats,
    out: Floats,
) -> None:
    height, width = out.shape[1:]
    row = np.empty(planes.shape[2], np.float32)
    for plane in range(planes.shape[0]):
        for y in range(height):
            row[:] = 0
            for tap in range(down.shape[1]):
                add_scaled(row, down[y, tap], planes[plane, top[y] + tap])
            for x in range(width):
                value = np.float32(0)
                for tap in range(across.shape[1]):
                    value += across[x, tap] * row[left[x] + tap]
                out[plane, y, x] = value
