"""Places: where crops are drawn, so that the little that is annotated is found."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from numpy.random import Generator

from napari_advseg.examples.census import SQUARE, Census, Count
from napari_advseg.examples.sections import Sections
from napari_advseg.examples.targets import Meaning

Window = tuple[int, int, int, int]
"""Volume, (first) section, first row and first column of a crop; rows and columns may be negative."""


class Depths:
    """Where blocks of `depth` sections begin: those that hold a section and lie in `readable` ones alone.

    `readable` are the sections of each volume that may be looked at.
    """

    def __init__(
        self, readable: Sequence[Sequence[int]], counts: Sequence[int], depth: int
    ) -> None:
        self.depth = depth
        self._begins = []
        for sections, count in zip(readable, counts, strict=True):
            may = np.zeros(count, np.int64)
            may[list(sections)] = 1
            read = np.concatenate(([0], np.cumsum(may)))
            self._begins.append(np.flatnonzero(read[depth:] - read[:-depth] == depth))

    def holding(self, volume: int, section: int) -> npt.NDArray[np.intp]:
        """The first sections of all blocks that hold this one."""
        begins = self._begins[volume]
        return begins[(begins > section - self.depth) & (begins <= section)]


def runs(sections: Sequence[int]) -> list[tuple[int, int]]:
    """Sections that follow each other, as first and end of every run."""
    found: list[tuple[int, int]] = []
    for section in sorted(sections):
        if found and found[-1][1] == section:
            found[-1] = (found[-1][0], section + 1)
        else:
            found.append((section, section + 1))
    return found


class Places:
    """Draws crops of `side` pixels from the annotated sections of some volumes.

    A section is drawn in proportion to its annotated area. Where it is annotated everywhere the
    position is uniform; otherwise an annotated pixel is drawn and a crop that holds it: no crop is
    empty, and a stroke is seen at many distances from the crop's edge.
    """

    def __init__(
        self,
        labels: Sections,
        censuses: Sequence[Census],
        chosen: Sequence[Sequence[int]],
        zeros: Sequence[Meaning],
        side: int,
    ) -> None:
        self._labels = labels
        self._side = side
        self._zeros = zeros
        self._least = [census.least for census in censuses]
        self._sections = [
            (volume, index, census.counts[index])
            for volume, (census, sections) in enumerate(zip(censuses, chosen, strict=True))
            for index in sections
        ]
        areas = np.array([self._area(v, count) for v, _, count in self._sections], np.float64)
        if not areas.sum():
            raise ValueError(
                "Nothing is annotated in the chosen sections; paint some cells, or choose others."
            )
        self._until = np.cumsum(areas / areas.sum())

    def draw(self, rng: Generator) -> Window:
        """One crop; equal generators give equal crops."""
        at = int(np.searchsorted(self._until, rng.random(), side="right"))
        volume, index, count = self._sections[min(at, len(self._sections) - 1)]
        source = self._labels.volumes[volume]
        height, width = source.size("y"), source.size("x")
        if self._everywhere(volume, count):
            return volume, index, _start(rng, height, self._side), _start(rng, width, self._side)
        y, x = self._annotated_pixel(volume, index, count, rng)
        return (
            volume,
            index,
            _start_around(rng, y, height, self._side),
            _start_around(rng, x, width, self._side),
        )

    def _area(self, volume: int, count: Count) -> int:
        return count.painted + (0 if self._zeros[volume] == "unannotated" else count.zero)

    def _everywhere(self, volume: int, count: Count) -> bool:
        is_sparse = count.negative or (self._zeros[volume] == "unannotated" and count.zero)
        if not is_sparse:
            return True
        if self._zeros[volume] != "unannotated" and self._least[volume]:
            return True  # which pixels around the cells are annotated is not known
        return count.everywhere and self._side >= 2 * SQUARE

    def _annotated_pixel(
        self, volume: int, index: int, count: Count, rng: Generator
    ) -> tuple[int, int]:
        until = np.cumsum(count.painted_in)
        square = int(count.squares[np.searchsorted(until, rng.integers(until[-1]), side="right")])
        columns = -(-self._labels.volumes[volume].size("x") // SQUARE)
        top, left = SQUARE * (square // columns), SQUARE * (square % columns)
        rows, width = slice(top, top + SQUARE), slice(left, left + SQUARE)
        window = self._labels.window(volume, index, rows, width)
        found = np.argwhere(window.reshape(window.shape[-2:]) >= self._least[volume])
        y, x = found[rng.integers(len(found))]
        return top + int(y), left + int(x)


class Everywhere:
    """Draws crops of `side` pixels anywhere in some sections, for images without labels."""

    def __init__(self, images: Sections, chosen: Sequence[Sequence[int]], side: int) -> None:
        self._images = images
        self._side = side
        self._sections = [
            (volume, index) for volume, sections in enumerate(chosen) for index in sections
        ]

    def draw(self, rng: Generator) -> Window:
        """One crop; equal generators give equal crops."""
        volume, index = self._sections[int(rng.integers(len(self._sections)))]
        source = self._images.volumes[volume]
        y, x = (_start(rng, source.size(axis), self._side) for axis in "yx")
        return volume, index, y, x


def _start(rng: Generator, length: int, side: int) -> int:
    """Anywhere inside; a section smaller than the crop lies anywhere in it."""
    return int(rng.integers(min(0, length - side), max(0, length - side) + 1))


def _start_around(rng: Generator, at: int, length: int, side: int) -> int:
    """Anywhere such that the crop holds `at`, and not at its very edge."""
    edge = side // 8
    low = max(at - side + 1 + edge, min(0, length - side))
    high = min(at - edge, max(0, length - side))
    if low > high:  # `at` is near the end of the section
        low = high = min(max(low, min(0, length - side)), max(0, length - side))
    return int(rng.integers(low, high + 1))
