"""Synthetic voxels: painted by a model where no microscope has looked, and marked so that nothing is learnt from them.

An image that holds some says so in its history and carries a mask, 1 there. In a file the mask stands beside the
image under its name: mended.ome.zarr has mended.synthetic.ome.zarr.
"""

from __future__ import annotations

import dataclasses
import os
from pathlib import Path
from typing import Any

import numpy as np

from napari_advseg.volume.arrays.lazy import Array, Derived, LazyArray, Window
from napari_advseg.volume.frame import Frame
from napari_advseg.volume.volume import Volume

MARK = "holds synthetic voxels, 1 in the mask beside it"
NAME = ".synthetic"
LEFT_OUT = -1
"""What a label becomes that is neither learnt nor scored: not annotated."""
ENDINGS = (".ome.zarr", ".ome.tiff", ".ome.tif", ".zarr", ".tiff", ".tif")


def mask_beside(path: str | os.PathLike[str]) -> Path:
    """Where the mask of an image at `path` stands."""
    place = Path(path)
    name = bare(place)
    return place.with_name(f"{name}{NAME}{place.name.removeprefix(name)}")


def bare(path: Path) -> str:
    """The name of a file without the ending that says its format."""
    ending = next((one for one in ENDINGS if path.name.lower().endswith(one)), path.suffix)
    return path.name[: len(path.name) - len(ending)]


def is_mask(path: str | os.PathLike[str]) -> bool:
    """Whether a file is the mask of another."""
    name = Path(path).name.lower()
    return any(name.endswith(f"{NAME}{ending}") for ending in ENDINGS)


def is_marked(frame: Frame) -> bool:
    """Whether what lies there says that it holds synthetic voxels."""
    return MARK in frame.history


def marked(volume: Volume, mask: LazyArray | None) -> Volume:
    """The volume with a mask of its synthetic voxels, of its axes without channels; as it is where there is none."""
    if mask is None:
        return volume
    shape = tuple(volume.size(axis) for axis in volume.axes if axis in "zyx")
    if tuple(mask.shape) != shape:
        raise ValueError(
            f"The mask of synthetic voxels has the shape {tuple(mask.shape)}, the image {shape}; they do not belong "
            "together."
        )
    frame = volume.frame if is_marked(volume.frame) else volume.frame.after(MARK)
    return dataclasses.replace(volume, frame=frame, synthetic=mask)


def unmarked(frame: Frame) -> Frame:
    """The frame of what is made of an image and has no mask of its own."""
    return dataclasses.replace(frame, history=tuple(line for line in frame.history if line != MARK))


def without_synthetic(labels: Volume, *images: Volume) -> Volume:
    """Labels as int64 that are -1, not annotated, wherever an image on the same voxels (or they) is synthetic; lazy."""
    masks = tuple(one.synthetic for one in (labels, *images) if one.synthetic is not None)
    if not masks:
        return labels
    return dataclasses.replace(labels, array=_LeftOut(labels.array, masks))


def known_pair(labels: Volume, truth: Volume) -> tuple[Volume, Volume]:
    """Labels and truth, which is -1 where either of them is synthetic; `truth.synthetic` then says that it may be."""
    mask = truth.synthetic if truth.synthetic is not None else labels.synthetic
    return labels, dataclasses.replace(without_synthetic(truth, labels), synthetic=mask)


def blanked(labels: Volume, truth: Volume) -> tuple[Volume, Volume]:
    """Labels and truth that are 0 wherever one of them is synthetic, so that no object lies there; lazy."""
    masks = tuple(one.synthetic for one in (labels, truth) if one.synthetic is not None)
    if not masks:
        return labels, truth
    first, second = (
        dataclasses.replace(one, array=_LeftOut(one.array, masks, 0)) for one in (labels, truth)
    )
    return first, second


def whole(image: Volume) -> Volume:
    """Labels of an image that nobody has annotated, as if it was one object: 1, and -1 where it is synthetic; lazy."""
    frame = image.frame.without("c") if "c" in image.axes else image.frame
    ones = np.broadcast_to(np.int64(1), [image.size(axis) for axis in frame.axes])
    return without_synthetic(Volume(ones, unmarked(frame), kind="labels"), image)


@dataclasses.dataclass(frozen=True, eq=False)
class _LeftOut(Derived):
    """Labels that are something else where a mask is not 0."""

    array: LazyArray
    masks: tuple[LazyArray, ...]
    value: int = LEFT_OUT

    @property
    def dtype(self) -> np.dtype[Any]:
        return np.dtype(np.int64)

    def read(self, window: Window) -> Array:
        ids = np.array(self.array[window], dtype=np.int64)
        for mask in self.masks:
            ids[np.asarray(mask[window]).reshape(ids.shape) != 0] = self.value
        return ids
