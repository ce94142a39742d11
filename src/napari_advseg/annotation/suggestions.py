"""Where to annotate next: the windows in which a model knows least, where nobody has painted yet.

Maps come in section by section, from whatever doubts: an interior map, shares of classes, or later the scores that a
critic gives to patches. Only the best windows of each section are kept, so that a volume may be of any size.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Sequence
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]
Floats = npt.NDArray[np.float32]
Box = tuple[tuple[int, int], tuple[int, int], tuple[int, int]]
Measure = Literal["margin", "entropy"]

CELLS = 4
OPEN_SHARE = 0.5
SAME_SECTION = 0.8
SAME_PLACE = 0.5
NEAR = 2


@dataclasses.dataclass(frozen=True)
class Place:
    """A window of one section, and how little is known there.

    Attributes:
        section: its index.
        box: the window in voxels, half open, z y x.
        point: the voxel of the window where least is known, not annotated.
        uncertainty: mean over what is not annotated, in [0, 1].
    """

    section: int
    box: Box
    point: tuple[int, int, int]
    uncertainty: float

    def to_json(self) -> dict[str, Any]:
        """The place as plain JSON."""
        return {
            "section": self.section,
            "box": [list(span) for span in self.box],
            "point": list(self.point),
            "uncertainty": round(self.uncertainty, 6),
        }

    @classmethod
    def from_json(cls, tree: dict[str, Any]) -> Place:
        """The place in a JSON object that `to_json` made."""
        (z0, z1), (y0, y1), (x0, x1) = tree["box"]
        z, y, x = tree["point"]
        box = ((z0, z1), (y0, y1), (x0, x1))
        return cls(int(tree["section"]), box, (z, y, x), float(tree["uncertainty"]))


def uncertainty(maps: Array, measure: Measure = "margin") -> Floats:
    """How little a model knows of every pixel, in [0, 1]; NaN where the map is NaN.

    `maps` is an interior map (y, x), or the shares of k classes (k, y, x). The margin is 1 minus the lead of the most
    probable class over the next; entropy is divided by that of a guess.
    """
    shares = np.stack([maps, 1 - maps]) if maps.ndim == 2 else maps
    shares = np.clip(shares.astype(np.float32), 0, 1)
    if measure == "margin":
        second, first = np.sort(shares, axis=0)[-2:]
        return np.asarray(1 - (first - second), np.float32)
    logs = np.log(np.maximum(shares, np.float32(1e-12)))
    return np.asarray(-(shares * logs).sum(0) / np.log(len(shares)), np.float32)


def candidates(
    section: int, doubt: Array, annotated: Array | None = None, *, side: int = 128, most: int = 20
) -> list[Place]:
    """The windows of `side` pixels of one section (y, x) with most doubt, the highest first; they do not overlap.

    Annotated pixels, and those where the doubt is NaN, count for nothing; a window in which they are more than half is
    left out.
    """
    is_open = np.isfinite(doubt)
    if annotated is not None:
        is_open &= ~annotated
    size = max(1, side // CELLS)
    sums = _cells(np.where(is_open, doubt, 0), size)
    counts = _cells(is_open, size)
    height, width = (min(CELLS, length) for length in sums.shape)
    open_share = _windows(counts, height, width) / _windows(
        _areas(doubt.shape, size), height, width
    )
    total, number = _windows(sums, height, width), _windows(counts, height, width)
    means = np.where(open_share >= OPEN_SHARE, total / np.maximum(number, 1), -1)
    cells = np.where(counts > 0, sums / np.maximum(counts, 1), -1)
    found: list[Place] = []
    while len(found) < most and means.max(initial=-1) >= 0:
        row, column = map(int, np.unravel_index(means.argmax(), means.shape))
        part = cells[row : row + height, column : column + width]
        y, x = map(int, np.unravel_index(part.argmax(), part.shape))
        cell = (row + y, column + x)
        rows = _span(row, height, size, doubt.shape[0])
        columns = _span(column, width, size, doubt.shape[1])
        point = (section, *_pixel(doubt, is_open, cell, size))
        box = ((section, section + 1), rows, columns)
        found.append(Place(section, box, point, float(means[row, column])))
        near = (
            slice(max(0, row - height + 1), row + height),
            slice(max(0, column - width + 1), column + width),
        )
        means[near] = -1
    return found


def spread(places: Iterable[Place], count: int) -> list[Place]:
    """`count` of the places: high doubt first, but over many sections.

    A place is worth less for every one that was chosen in its section, and much less where one was chosen at the same
    spot of a section close by: neighbouring sections look alike.
    """
    rest = sorted(places, key=lambda place: (-place.uncertainty, place.box))
    worth = np.array([place.uncertainty for place in rest])
    chosen: list[Place] = []
    while len(chosen) < min(count, len(rest)):
        best = int(worth.argmax())
        chosen.append(rest[best])
        worth[best] = -1
        for at, place in enumerate(rest):
            if worth[at] >= 0:
                worth[at] *= _discount(place, rest[best])
    return chosen


def evenly(sections: Sequence[int], most: int) -> list[int]:
    """At most `most` of the sections, evenly spread, the first and the last among them."""
    if len(sections) <= most:
        return list(sections)
    return [sections[round(at)] for at in np.linspace(0, len(sections) - 1, most)]


def _discount(place: Place, chosen: Place) -> float:
    apart = abs(place.section - chosen.section)
    if apart == 0:
        return SAME_SECTION
    overlaps = all(
        a[0] < b[1] and b[0] < a[1] for a, b in zip(place.box[1:], chosen.box[1:], strict=True)
    )
    return SAME_PLACE if apart <= NEAR and overlaps else 1.0


def _cells(values: Array, size: int) -> npt.NDArray[np.float64]:
    """Sums over squares of `size` pixels; those at the far edges may be smaller."""
    rows, columns = (np.arange(0, length, size) for length in values.shape)
    partial = np.add.reduceat(values, rows, axis=0, dtype=np.float64)
    return np.asarray(np.add.reduceat(partial, columns, axis=1))


def _areas(shape: tuple[int, ...], size: int) -> npt.NDArray[np.float64]:
    heights, widths = (np.diff(np.append(np.arange(0, length, size), length)) for length in shape)
    return np.asarray(np.outer(heights, widths), np.float64)


def _windows(cells: npt.NDArray[np.float64], height: int, width: int) -> npt.NDArray[np.float64]:
    """Sums over all windows of so many cells."""
    view = np.lib.stride_tricks.sliding_window_view(cells, (height, width))
    return np.asarray(view.sum(axis=(-2, -1)))


def _span(first: int, count: int, size: int, length: int) -> tuple[int, int]:
    return first * size, min(length, (first + count) * size)


def _pixel(doubt: Array, is_open: Array, cell: tuple[int, int], size: int) -> tuple[int, int]:
    """The most doubtful pixel of a cell that is not annotated."""
    part = tuple(slice(at * size, (at + 1) * size) for at in cell)
    inside = np.where(is_open[part], doubt[part], -1)
    y, x = np.unravel_index(inside.argmax(), inside.shape)
    return cell[0] * size + int(y), cell[1] * size + int(x)
