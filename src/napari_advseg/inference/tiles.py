"""A grid of tiles over a section: what each one reads, and which part of it counts."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

Window = npt.NDArray[np.float32]


@dataclasses.dataclass(frozen=True, eq=False)
class Tile:
    """One tile of a section of `shape`: it counts in `top:bottom, left:right` and reads `halo` pixels more.

    `rows` and `columns` are its separable blending weights there; 1 where no other tile overlaps.
    """

    shape: tuple[int, int]
    halo: int
    top: int
    left: int
    rows: Window
    columns: Window

    @property
    def bottom(self) -> int:
        return self.top + len(self.rows)

    @property
    def right(self) -> int:
        return self.left + len(self.columns)

    @property
    def counts(self) -> tuple[slice, slice]:
        """Where in the section the tile's result goes."""
        return slice(self.top, self.bottom), slice(self.left, self.right)

    @property
    def reads(self) -> tuple[slice, slice]:
        """What the tile needs of the section: its part and the halo, clipped at the section's border."""
        return (
            slice(max(0, self.top - self.halo), min(self.shape[0], self.bottom + self.halo)),
            slice(max(0, self.left - self.halo), min(self.shape[1], self.right + self.halo)),
        )

    @property
    def inside(self) -> tuple[slice, slice]:
        """Where in the tile's own output the part that counts lies."""
        rows, columns = self.reads
        return (
            slice(self.top - rows.start, self.bottom - rows.start),
            slice(self.left - columns.start, self.right - columns.start),
        )

    @property
    def window(self) -> Window:
        """Blending weights of the part that counts, in (0, 1]; over all tiles they sum to 1 everywhere."""
        return self.rows[:, None] * self.columns[None, :]

    @property
    def side(self) -> int:
        """The longer side of what is read."""
        return max(int(part.stop - part.start) for part in self.reads)

    def quarters(self, stride: int) -> list[Tile]:
        """The tile in up to four parts, for less memory; parts begin at multiples of `stride`."""
        return [
            dataclasses.replace(
                self,
                top=self.top + y,
                left=self.left + x,
                rows=self.rows[y:v],
                columns=self.columns[x:u],
            )
            for y, v in _halves(len(self.rows), stride)
            for x, u in _halves(len(self.columns), stride)
        ]


@dataclasses.dataclass(frozen=True)
class TileGrid:
    """Tiles over a section whose sides are multiples of `stride`.

    `tile` is the side that is read, halo on both sides included; parts that count overlap by `overlap`.
    """

    shape: tuple[int, int]
    tile: int
    halo: int
    stride: int = 1
    overlap: int = 0

    def __post_init__(self) -> None:
        if any(side % self.stride for side in self.shape):
            raise ValueError(
                f"A section of {self.shape} is not a multiple of {self.stride}; pad it first."
            )
        if self.step < max(self.stride, self.overlap) and max(self.shape) > self.tile:
            least = 2 * self.halo + self.overlap + max(self.stride, self.overlap)
            raise ValueError(
                f"Tile {self.tile} is smaller than twice the context {self.halo}; choose at least {least}."
            )

    @classmethod
    def over(
        cls, shape: tuple[int, int], tile: int, halo: int, stride: int = 1, overlap: int = 0
    ) -> TileGrid:
        """The grid with tile and halo rounded to multiples of `stride`, the halo up and the tile down."""
        halo = -(-halo // stride) * stride
        return cls(
            shape,
            max(stride, tile // stride * stride),
            halo,
            stride,
            -(-overlap // stride) * stride,
        )

    @property
    def step(self) -> int:
        """Distance between neighbouring tiles."""
        return self.tile - 2 * self.halo - self.overlap

    def __iter__(self) -> Iterator[Tile]:
        for top, rows in self._along(self.shape[0]):
            for left, columns in self._along(self.shape[1]):
                yield Tile(self.shape, self.halo, top, left, rows, columns)

    def __len__(self) -> int:
        return len(self._along(self.shape[0])) * len(self._along(self.shape[1]))

    def _along(self, length: int) -> list[tuple[int, Window]]:
        return along(length, self.tile, self.halo, self.overlap)


def along(length: int, tile: int, halo: int, overlap: int) -> list[tuple[int, Window]]:
    """Start and blending weights of the parts of tiles that count, along one axis."""
    if length <= tile:
        return [(0, np.ones(length, np.float32))]
    step = tile - 2 * halo - overlap
    parts = []
    for start in range(0, max(1, length - overlap), step):
        end = min(length, start + step + overlap)
        window = np.ones(end - start, np.float32)
        ramp = (np.arange(overlap, dtype=np.float32) + 0.5) / max(1, overlap)
        if start > 0:
            window[:overlap] *= ramp[: len(window)]
        if end < length:
            window[len(window) - overlap :] *= ramp[::-1]
        parts.append((start, window))
    return parts


def _halves(length: int, stride: int) -> list[tuple[int, int]]:
    middle = -(-length // 2 // stride) * stride
    return [(0, middle), (middle, length)] if 0 < middle < length else [(0, length)]
