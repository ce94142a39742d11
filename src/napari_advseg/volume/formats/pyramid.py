"""The zarr arrays of an OME-Zarr image: level 0, and the coarser levels made from it section by
section.
"""

from __future__ import annotations

import dataclasses
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import zarr
from zarr.codecs import ZstdCodec
from zarr.storage import LocalStore

from napari_advseg.volume.arrays.lazy import Array
from napari_advseg.volume.formats.unfinished import Plan
from napari_advseg.volume.frame import Frame
from napari_advseg.volume.volume import Kind

CHUNK = 1024
SMALLEST_LEVEL = 512


def pyramid(folder: Path, array: Any, plan: Plan) -> list[Frame]:
    """Write the levels below level 0, each half as fine, and return the frame of every level."""
    frames = [plan.frame]
    shape = plan.shape
    while max(shape[-2:]) > SMALLEST_LEVEL:
        frame = frames[-1]
        halved = [axis for axis in "zyx" if axis in frame.axes and _is_halved(axis, frame, shape)]
        coarse = tuple(
            -(-n // 2) if axis in halved else n for n, axis in zip(shape, frame.axes, strict=True)
        )
        below = new_array(folder, len(frames), plan, coarse)
        _halve(array, below, frame.axes, plan.kind, deep="z" in halved)
        frames.append(_coarser(frame, halved, plan.kind))
        array, shape = below, coarse
    return frames


def new_array(folder: Path, level: int, plan: Plan, shape: tuple[int, ...]) -> Any:
    """A zarr array in which every chunk is written, so that a missing one is known to be lost."""
    chunks = tuple(
        min(length, CHUNK) if axis in "yx" else 1
        for length, axis in zip(shape, plan.frame.axes, strict=True)
    )
    target = folder / str(level)
    if target.exists():
        shutil.rmtree(target)
    packing: Any = {
        "zarr_format": 3,
        "compressors": ZstdCodec(level=3),
        "dimension_names": list(plan.frame.axes),
    }
    if plan.zarr_format == 2:
        packing = {"zarr_format": 2, "chunk_key_encoding": {"name": "v2", "separator": "/"}}
    return zarr.create_array(
        LocalStore(target),
        shape=shape,
        dtype=plan.dtype,
        chunks=chunks,
        fill_value=0,
        config={"write_empty_chunks": True},
        **packing,
    )


def _is_halved(axis: str, frame: Frame, shape: tuple[int, ...]) -> bool:
    """In-plane always; z only once its step is no larger than the one in the plane."""
    same = (
        len({unit for unit, name in zip(frame.units, frame.axes, strict=True) if name in "zyx"})
        == 1
    )
    fine = frame.step("z") <= frame.step("y") * 1.5
    return axis in "yx" or (same and fine and shape[frame.axes.index("z")] > 1)


def _coarser(frame: Frame, halved: list[str], kind: Kind) -> Frame:
    """The frame of the next level: a mean lies in the middle of its voxels, a nearest one on the
    first.
    """
    scale, translate = list(frame.scale), list(frame.translate)
    for axis in halved:
        at = frame.axes.index(axis)
        translate[at] += scale[at] / 2 if kind == "image" else 0
        scale[at] *= 2
    return dataclasses.replace(frame, scale=tuple(scale), translate=tuple(translate))


def _halve(fine: Any, coarse: Any, axes: str, kind: Kind, *, deep: bool) -> None:
    """Fill `coarse` from `fine`, one section at a time."""
    lengths = [n if axis in "tz" else 1 for n, axis in zip(coarse.shape, axes, strict=True)]
    for place in np.ndindex(*lengths):
        key = tuple(k if axis in "tz" else slice(None) for k, axis in zip(place, axes, strict=True))
        if not deep:
            coarse[key] = _half_section(fine[key], kind)
            continue
        at = axes.index("z")
        pair = [2 * place[at], min(2 * place[at] + 1, fine.shape[at] - 1)]
        both = [
            fine[(*key[:at], z, *key[at + 1 :])] for z in (pair if kind == "image" else pair[:1])
        ]
        coarse[key] = _half_section(_mean(both) if len(both) > 1 else both[0], kind)


def _half_section(section: Array, kind: Kind) -> Array:
    if kind == "labels":
        return section[..., ::2, ::2]
    widths = [(0, 0)] * (section.ndim - 2) + [(0, n % 2) for n in section.shape[-2:]]
    even = np.pad(section, widths, mode="edge")
    return _mean([even[..., i::2, j::2] for i in (0, 1) for j in (0, 1)])


def _mean(parts: list[Array]) -> Array:
    """The mean in the type of the parts, whole numbers rounded."""
    dtype = parts[0].dtype
    wide = np.float32 if dtype.itemsize <= 2 or dtype == np.float32 else np.float64
    total: Array = parts[0].astype(wide)
    for part in parts[1:]:
        total = np.add(total, part, dtype=wide)
    total = total / len(parts)
    return (np.rint(total) if dtype.kind in "iu" else total).astype(dtype)
