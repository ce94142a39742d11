"""A rectangle of every section, for what is wanted of a part only: a field of view, a piece to try out."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence

from napari_advseg.volume.volume import Volume

Box = tuple[int, int, int, int]


@dataclasses.dataclass(frozen=True)
class Part:
    """Rows `top` to `bottom` - 1 and columns `left` to `right` - 1, in pixels."""

    top: int
    bottom: int
    left: int
    right: int

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width."""
        return self.bottom - self.top, self.right - self.left

    @property
    def box(self) -> Box:
        """Top, bottom, left, right."""
        return self.top, self.bottom, self.left, self.right

    def of(self, volume: Volume) -> Volume:
        """This part of every section, still lazy; translate moves along.

        Raises:
            ValueError: it is empty or reaches beyond the sections.
        """
        height, width = volume.size("y"), volume.size("x")
        if not (0 <= self.top < self.bottom <= height and 0 <= self.left < self.right <= width):
            raise ValueError(
                f"Rows {self.top}:{self.bottom} and columns {self.left}:{self.right} are no part of "
                f"sections of {height} x {width}; choose a part inside them."
            )
        if self.shape == (height, width):
            return volume
        return volume.along("y", self.top, self.bottom).along("x", self.left, self.right)

    def grown(self, by: int, shape: Sequence[int], step: int = 1) -> Part:
        """At least `by` pixels more on every side, inside sections of `shape`, from a multiple of `step` on."""
        height, width = shape
        return Part(
            max(0, self.top - by) // step * step,
            min(height, self.bottom + by),
            max(0, self.left - by) // step * step,
            min(width, self.right + by),
        )

    def inside(self, other: Part) -> tuple[slice, slice]:
        """Where it lies in a part that holds it."""
        return (
            slice(self.top - other.top, self.bottom - other.top),
            slice(self.left - other.left, self.right - other.left),
        )

    def moved(self, down: int, across: int) -> Part:
        """The same size elsewhere."""
        return Part(self.top + down, self.bottom + down, self.left + across, self.right + across)

    def holds(self, other: Part) -> bool:
        """Whether the other lies inside."""
        rows = self.top <= other.top and other.bottom <= self.bottom
        return rows and self.left <= other.left and other.right <= self.right


def boxed(volume: Volume, box: Sequence[tuple[int, int]]) -> Volume:
    """A box of a volume, (begin, end) along (z,) y and x, still lazy.

    Raises:
        ValueError: it is empty or reaches outside.
    """
    *sections, (top, bottom), (left, right) = box
    for first, end in sections:
        volume = volume.cut(first, end)
    return Part(top, bottom, left, right).of(volume)


def in_view(
    shape: Sequence[int], low: Sequence[float], high: Sequence[float], most: int
) -> tuple[Part, bool]:
    """The part of sections of `shape` between two places (y, x), and whether that is all of it.

    Pixel k reaches from k - 1/2 to k + 1/2. Of more than `most` pixels in a row or column only the middle is
    taken; where nothing of the section lies there, what lies nearest.
    """
    ends = list(zip(shape, low, high, strict=True))
    rows, columns = (_span(length, first, last, most) for length, first, last in ends)
    whole = [_span(length, first, last, length) for length, first, last in ends]
    return Part(*rows, *columns), [rows, columns] == whole


def _span(length: int, low: float, high: float, most: int) -> tuple[int, int]:
    first = min(max(0, math.floor(low + 0.5)), length - 1)
    end = max(min(length, math.ceil(high + 0.5)), first + 1)
    if end - first <= most:
        return first, end
    start = first + (end - first - most) // 2
    return start, start + most
