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
from napari_advseg.volume.painted import BACKGROUND, BOUNDARY
from napari_advseg.volume.volume import Volume

SQUARE = 16
STRIP = 1 << 26
Array = npt.NDArray[Any]


@dataclasses.dataclass(frozen=True, eq=False)
class Count:
    """One section: how many pixels lie in a cell, are 0, and carry a negative id.

    The section is divided into squares of 16 x 16 px: `squares` are the flat indices of those with
    annotated pixels, `painted_in` their number in each; `everywhere` says that none is without.
    `boundary` and `background` count the pixels with the ids that stand for these.
    """

    painted: int
    zero: int
    negative: int
    squares: npt.NDArray[np.int32]
    painted_in: npt.NDArray[np.int32]
    everywhere: bool
    boundary: int = 0
    background: int = 0


@dataclasses.dataclass(frozen=True, eq=False)
class Census:
    """The counts of the sections that were looked at, by section index.

    `least` is the lowest id that is annotated: 1, or 0 where negative ids say what is not.
    """

    counts: dict[int, Count]
    least: int = 1

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
        """Sections to learn from; one without cells is one only where 0 is annotated as such."""
        if zero == "background" or (zero == "boundary" and self.least == 0):
            return [index for index, count in self.counts.items() if count.painted + count.zero]
        return self.painted

    def voxels(self, zero: Meaning, sections: Sequence[int] | None = None) -> int:
        """Annotated voxels of these sections (of all that are annotated)."""
        chosen = [self.counts[index] for index in sections or self.annotated(zero)]
        whole = zero != "unannotated"
        return sum(count.painted + (count.zero if whole else 0) for count in chosen)


def take_census(
    labels: Volume | Array, sections: Sequence[int] | None = None, least: int = 1
) -> Reports[Census]:
    """Count the given sections (all of them), one in memory at a time; ids from `least` on are annotated.

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
        counts[index] = count_section(volume, index, least)
        yield BlockDone("Looking at the labels", done, len(chosen))
    return Census(counts, least)


def count_section(labels: Volume, index: int, least: int = 1) -> Count:
    """The count of one section, read in strips of some 67 million pixels at most."""
    height, width = labels.size("y"), labels.size("x")
    annotated = np.zeros((-(-height // SQUARE), -(-width // SQUARE)), np.int32)
    strip = SQUARE * max(1, STRIP // (SQUARE * width))
    kinds = np.zeros(5, np.int64)
    for top in range(0, height, strip):
        window = read_window(labels, index, slice(top, min(height, top + strip)), slice(0, width))
        _count(whole_ids(plane(window)), least, annotated[top // SQUARE :], kinds)
    squares = np.flatnonzero(annotated).astype(np.int32)
    painted, zero, negative, boundary, background = map(int, kinds)
    return Count(
        painted,
        zero,
        negative,
        squares,
        annotated.ravel()[squares],
        len(squares) == annotated.size,
        boundary,
        background,
    )


@compiled
def _count(
    ids: npt.NDArray[np.int64],
    least: int,
    annotated: npt.NDArray[np.int32],
    kinds: npt.NDArray[np.int64],
) -> None:
    """Add up pixels by kind: in a cell or mark, 0, negative, and of the two marks."""
    for y in range(ids.shape[0]):
        for x in range(ids.shape[1]):
            here = ids[y, x]
            if here >= least:
                annotated[y // SQUARE, x // SQUARE] += 1
            if here > 0:
                kinds[0] += 1
                if here == BOUNDARY:
                    kinds[3] += 1
                elif here == BACKGROUND:
                    kinds[4] += 1
            elif here == 0:
                kinds[1] += 1
            else:
                kinds[2] += 1
