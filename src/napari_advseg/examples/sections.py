"""Sections: reading windows of them without decoding one twice, and dividing them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_advseg.examples.targets import whole_ids
from napari_advseg.volume.arrays.kept import Kept
from napari_advseg.volume.arrays.lazy import Cut, LazyArray
from napari_advseg.volume.frame import Frame
from napari_advseg.volume.volume import Volume

Array = npt.NDArray[Any]
MEMORY = 512 * 2**20
VALIDATION_SHARE = 0.15


class Sections:
    """Windows of the sections of some volumes.

    What lies in memory is cut from there. Of what is decoded on reading, the last sections are
    kept, `memory` bytes at most; one larger than a quarter of that is read window by window.
    """

    def __init__(self, volumes: Sequence[Volume], memory: int = MEMORY) -> None:
        self.volumes = [spatial(volume) for volume in volumes]
        self._kept: Kept[tuple[int, int]] = Kept(memory)

    def window(self, volume: int, index: int, rows: slice, columns: slice) -> Array:
        """The window of one section, shape (y, x) or (c, y, x); a view where that is possible."""
        source = self.volumes[volume]
        size = source.size("y") * source.size("x") * source.size("c") * source.dtype.itemsize
        if _in_memory(source.array) or size > self._kept.most // 4:
            return read_window(source, index, rows, columns)
        return self._section(volume, index)[..., rows, columns]

    def _section(self, volume: int, index: int) -> Array:
        section = self._kept.get((volume, index))
        if section is None:
            section = _slim(read_window(self.volumes[volume], index, slice(None), slice(None)))
            self._kept.add((volume, index), section)
        return section


def read_window(volume: Volume, index: int, rows: slice, columns: slice) -> Array:
    """The window of one section, shape (y, x) or (c, y, x), read anew."""
    parts: dict[str, int | slice] = {"t": 0, "z": index, "y": rows, "x": columns}
    key = tuple(parts.get(axis, slice(None)) for axis in volume.axes)
    return np.asarray(volume.array[key])


def read_square(
    sections: Sections, volume: int, index: int, corner: tuple[int, int], side: int
) -> Array:
    """A square of a section, mirrored where it reaches over the edge."""
    source = sections.volumes[volume]
    spans = [
        _span(first, side, source.size(axis)) for first, axis in zip(corner, "yx", strict=True)
    ]
    window = sections.window(volume, index, spans[0][0], spans[1][0])
    if spans[0][1] is None and spans[1][1] is None:
        return window
    rows, columns = (np.arange(side) if order is None else order for _, order in spans)
    return window[..., rows[:, None], columns]


def read_ids(
    sections: Sections, volume: int, index: int, corner: tuple[int, int], side: int
) -> npt.NDArray[np.int64]:
    """A square of labels (side, side); -1, not annotated, where it reaches over the edge."""
    ids = whole_ids(plane(read_square(sections, volume, index, corner, side)))
    for axis, first in enumerate(corner):
        places = np.arange(first, first + side)
        outside = (places < 0) | (places >= sections.volumes[volume].size("yx"[axis]))
        ids[(slice(None),) * axis + (outside,)] = -1
    return ids


def mirrored(index: Array, length: int) -> npt.NDArray[np.intp]:
    """Indices into an axis of this length, mirrored where they lie outside."""
    folded = np.mod(index, 2 * length)
    return np.where(folded < length, folded, 2 * length - 1 - folded)


def plane(window: Array) -> Array:
    """A window of labels as (y, x), without a channel axis of length 1."""
    return window.reshape(window.shape[-2:])


def as_volume(labels: Volume | Array) -> Volume:
    """Labels as a volume: a bare array is a section (y, x) or a stack (z, y, x)."""
    if isinstance(labels, Volume):
        return spatial(labels)
    if labels.ndim not in (2, 3):
        raise ValueError(f"Labels of shape {labels.shape} are neither a section nor a stack.")
    return Volume(labels, Frame("zyx"[-labels.ndim :]))


def spatial(volume: Volume) -> Volume:
    """The volume itself, which has sections.

    Raises:
        ValueError: there are several time points, or no section.
    """
    if "y" not in volume.axes or "x" not in volume.axes:
        raise ValueError(
            f"'{volume.frame.name}' has the axes '{volume.axes}', but y and x are needed."
        )
    if volume.size("t") > 1:
        raise ValueError(
            f"'{volume.frame.name}' has {volume.size('t')} time points; give one of them alone."
        )
    return volume


class Row:
    """The sections of several volumes in one row, numbered from 0 through all of them."""

    def __init__(self, volumes: Sequence[Volume]) -> None:
        self._ends = np.cumsum([volume.size("z") for volume in volumes], dtype=np.int64)

    def __len__(self) -> int:
        return int(self._ends[-1])

    def place(self, number: int) -> tuple[int, int]:
        """Which volume a section lies in, and its index there."""
        volume = int(np.searchsorted(self._ends, number, side="right"))
        return volume, number - (int(self._ends[volume - 1]) if volume else 0)

    def numbers(self, indices: Sequence[Sequence[int]]) -> list[int]:
        """The numbers of sections given by volume."""
        starts = [0, *map(int, self._ends[:-1])]
        return [start + index for start, own in zip(starts, indices, strict=True) for index in own]

    def by_volume(self, numbers: Iterable[int]) -> list[list[int]]:
        """The indices of some sections, a list for each volume."""
        indices: list[list[int]] = [[] for _ in self._ends]
        for volume, index in map(self.place, numbers):
            indices[volume].append(index)
        return indices


def split_sections(
    annotated: Iterable[int], validate: range | None = None
) -> tuple[list[int], list[int]]:
    """The annotated sections to train on and those to validate on, both in order.

    Sections are divided by blocks, never by crops: neighbours look alike. What `validate` names
    validates. Without it, that is one block at the end, about 15 % of the annotated sections; fewer
    than three cannot be divided and all of them train.

    Raises:
        ValueError: nothing is annotated, or `validate` leaves nothing on one of the sides.
    """
    known = sorted(set(annotated))
    if not known:
        raise ValueError("No section is annotated; paint labels in at least one, or choose others.")
    if validate is None:
        count = max(1, round(VALIDATION_SHARE * len(known))) if len(known) >= 3 else 0
        return known[: len(known) - count], known[len(known) - count :]
    chosen = [index for index in known if index in validate]
    rest = [index for index in known if index not in validate]
    named = f"{validate.start}:{validate.stop}"
    if not chosen:
        raise ValueError(
            f"None of the sections {named} to validate on is annotated; {_are(known)}."
        )
    if not rest:
        raise ValueError(
            f"All annotated sections are in {named}, which validates; none is left to train on."
        )
    return rest, chosen


def describe_split(train: Sequence[int], validation: Sequence[int], annotated: int) -> str:
    """For example "17 sections train, 3 validate; 412,000 annotated voxels"."""
    noun = "section trains" if len(train) == 1 else "sections train"
    rest = f"{len(validation)} validate" if validation else "none validates (too few to divide)"
    if len(validation) == 1:
        rest = "1 validates"
    return f"{len(train)} {noun}, {rest}; {annotated:,} annotated voxels"


def _are(known: Sequence[int]) -> str:
    return f"annotated are {len(known)} from {known[0]} to {known[-1]}"


def _in_memory(array: LazyArray) -> bool:
    return isinstance(array, np.ndarray) or (isinstance(array, Cut) and _in_memory(array.array))


def _slim(section: Array) -> Array:
    """A section to keep: 64-bit ids in the smallest type that holds them."""
    if section.dtype.kind == "u" and section.dtype.itemsize == 8 and section.size:
        return section.astype(np.min_scalar_type(int(section.max())))
    return np.ascontiguousarray(section)


def _span(first: int, side: int, length: int) -> tuple[slice, npt.NDArray[np.intp] | None]:
    """What to read, and which of it stands where; None where it is read as it stands."""
    if first >= 0 and first + side <= length:
        return slice(first, first + side), None
    index = mirrored(np.arange(first, first + side), length)
    low = int(index.min())
    return slice(low, int(index.max()) + 1), index - low
