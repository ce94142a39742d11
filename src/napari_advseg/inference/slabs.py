"""Slabs: neighbouring sections that are read and computed together, and the pile that they are blended in."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_advseg.inference.tiles import Window, along
from napari_advseg.volume.arrays.lazy import Cut
from napari_advseg.volume.volume import Volume

Array = npt.NDArray[Any]


@dataclasses.dataclass(frozen=True, eq=False)
class Slab:
    """Sections `first` to `end` - 1 that count, with their blending weights, and those that are read for them.

    Over all slabs the weights of a section sum to 1.
    """

    first: int
    weights: Window
    begin: int
    stop: int

    @property
    def end(self) -> int:
        return self.first + len(self.weights)

    @property
    def inside(self) -> slice:
        """Which of the sections that are read count."""
        return slice(self.first - self.begin, self.end - self.begin)


def slabs(wanted: range, count: int, depth: int, halo: int, overlap: int) -> list[Slab]:
    """Slabs over the `wanted` of `count` sections, of `depth` sections that are read, halo included.

    Neighbours share `overlap` sections that both count in.

    Raises:
        ValueError: the depth leaves nothing that counts.
    """
    if len(wanted) > depth and depth - 2 * halo - overlap < max(1, overlap):
        raise ValueError(
            f"A tile of {depth} sections is smaller than twice the context {halo}; choose prediction.depth of at least "
            f"{2 * halo + overlap + max(1, overlap)}."
        )
    return [
        Slab(
            wanted.start + start,
            weights,
            max(0, wanted.start + start - halo),
            min(count, wanted.start + start + len(weights) + halo),
        )
        for start, weights in along(len(wanted), depth, halo, overlap)
    ]


class Pile:
    """Collects slabs from the first to the last; hands out sections once no later slab counts in them."""

    def __init__(self) -> None:
        self._open: dict[int, Array] = {}

    def add(self, slab: Slab, found: Array, following: int | None) -> Iterator[tuple[int, Array]]:
        """Add maps (..., z, y, x) of all sections that a slab read; complete ones (..., y, x) come back.

        `following` is the first section of the next slab, None for the last.
        """
        for at, weight in enumerate(slab.weights):
            index = slab.first + at
            part = found[..., slab.inside.start + at, :, :]
            if weight == 1 and index not in self._open:
                self._open[index] = part
            else:
                part = part * weight
                self._open[index] = self._open[index] + part if index in self._open else part
        for index in sorted(self._open):
            if following is None or index < following:
                yield index, self._open.pop(index)


def surrounded(volume: Volume, by: int) -> tuple[Volume, int]:
    """A volume that was cut out of a larger stack with up to `by` sections more on each side, as far as there are any.

    How many came in front is told beside it; a volume that was not cut comes back as it is.
    """
    cut = volume.array
    if "z" not in volume.axes or not isinstance(cut, Cut):
        return volume, 0
    at = volume.axes.index("z")
    here = cut.window[at]
    first, end = max(0, here.start - by), min(cut.array.shape[at], here.stop + by)
    before = here.start - first
    wide = Cut(cut.array, (*cut.window[:at], slice(first, end), *cut.window[at + 1 :]))
    return Volume(wide, volume.frame.shifted("z", -before), kind=volume.kind), before


def block(volume: Volume, first: int, end: int) -> Array:
    """Sections first to end - 1 in memory, shape (z, y, x) or (c, z, y, x)."""
    key = tuple(
        slice(first, end) if axis == "z" else 0 if axis == "t" else slice(None)
        for axis in volume.axes
    )
    return np.asarray(volume.array[key])
