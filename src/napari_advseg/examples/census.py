"""Census: where a label volume is annotated, counted in one pass over its sections."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_advseg.examples.sections import as_volume, plane, read_window
from napari_advseg.examples.targets import Meaning, whole_ids
from napari_advseg.progress import BlockDone, Phase, Reports
from napari_advseg.volume.compiled import compiled
from napari_advseg.volume.volume import Volume

SQUARE = 16
STRIP = 1 << 26
Array = npt.NDArray[Any]


@dataclasses.dataclass(frozen=True, eq=False)
class Count:
    """One section: how many pixels lie in a cell, are 0, and carry a negative id.

    The section is divided into squares of 16 x 16 px: `squares` are the flat indices of those with
    pixels of a cell, `painted_in` their number in each; `everywhere` says that none is without.
    """

    painted: int
    zero: int
    negative: int
    squares: npt.NDArray[np.int32]
    painted_in: npt.NDArray[np.int32]
    everywhere: bool


@dataclasses.dataclass(frozen=True, eq=False)
class Census:
    """The counts of the sections that were looked at, by section index."""

    counts: dict[int, Count]

    @property
    def zero_share(self) -> float:
        """Share of 0 among the voxels that are not negative."""
        zero = sum(count.zero for count in self.counts.values())
        return zero / max(1, zero + sum(count.painted for count in self.counts.values()))

    @property
    def negative(self) -> int:
        """Voxels with a negative id, which never count."""
        return sum(count.negative for count in self.counts.values())

    @property
    def blank(self) -> list[int]:
        """Sections without any cell."""
        return [index for index, count in self.counts.items() if not count.painted]

    @property
    def painted(self) -> list[int]:
        """Sections with at least one pixel of a cell."""
        return [index for index, count in self.counts.items() if count.painted]

    def annotated(self, zero: Meaning) -> list[int]:
        """Sections to learn from; an empty section is one only where 0 is a background."""
        if zero == "background":
            return [index for index, count in self.counts.items() if count.painted + count.zero]
        return self.painted

    def voxels(self, zero: Meaning, sections: Sequence[int] | None = None) -> int:
        """Annotated voxels of these sections (of all that are annotated)."""
        chosen = [self.counts[index] for index in sections or self.annotated(zero)]
        whole = zero != "unannotated"
        return sum(count.painted + (count.zero if whole else 0) for count in chosen)


def take_census(labels: Volume | Array, sections: Sequence[int] | None = None) -> Reports[Census]:
    """Count the given sections (all of them), one in memory at a time.

    Raises:
        ValueError: the labels are no labels, or have several channels or time points.
    """
    volume = as_volume(labels)
    if volume.size("c") > 1:
        raise ValueError(
            f"The labels have {volume.size('c')} channels; give one channel whose values are ids."
        )
    chosen = range(volume.size("z")) if sections is None else sections
    yield Phase("Looking at the labels", len(chosen))
    counts = {}
    for done, index in enumerate(chosen, start=1):
        counts[index] = count_section(volume, index)
        yield BlockDone("Looking at the labels", done, len(chosen))
    return Census(counts)


def count_section(labels: Volume, index: int) -> Count:
    """The count of one section, read in strips of some 67 million pixels at most."""
    height, width = labels.size("y"), labels.size("x")
    painted = np.zeros((-(-height // SQUARE), -(-width // SQUARE)), np.int32)
    strip = SQUARE * max(1, STRIP // (SQUARE * width))
    zero = negative = 0
    for top in range(0, height, strip):
        window = read_window(labels, index, slice(top, min(height, top + strip)), slice(0, width))
        found = _count(whole_ids(plane(window)), painted[top // SQUARE :])
        zero, negative = zero + found[0], negative + found[1]
    squares = np.flatnonzero(painted).astype(np.int32)
    everywhere = len(squares) == painted.size
    return Count(int(painted.sum()), zero, negative, squares, painted.ravel()[squares], everywhere)


@compiled
def _count(ids: npt.NDArray[np.int64], painted: npt.NDArray[np.int32]) -> tuple[int, int]:
    zero = negative = 0
    for y in range(ids.shape[0]):
        for x in range(ids.shape[1]):
            if ids[y, x] > 0:
                painted[y // SQUARE, x // SQUARE] += 1
            elif ids[y, x] == 0:
                zero += 1
            else:
                negative += 1
    return zero, negative
