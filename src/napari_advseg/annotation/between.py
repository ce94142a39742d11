"""Sections between two annotated ones, by the signed distances of every object (Herman, Zheng, Bucholtz 1992).

Where both sections agree, so do all between them. Elsewhere a pixel turns from the label below to the label above at
a height that follows from four distances: how deep it lies in each of the two labels, and how far from the other one.
For a single object that is shape-based interpolation. Nothing is ever put where neither section has it, so what
nobody annotated stays so, and ids are only carried over, never computed with.
"""

from __future__ import annotations

import dataclasses
from typing import Any

import edt
import numpy as np
import numpy.typing as npt
from scipy import ndimage

Array = npt.NDArray[Any]
Floats = npt.NDArray[np.float32]
Ids = npt.NDArray[np.int32]


@dataclasses.dataclass(frozen=True, eq=False)
class Between:
    """What lies between two sections (y, x) of labels.

    Attributes:
        below: the labels at height 0.
        above: those at height 1.
        turns: the height at which a pixel turns from the one to the other, float32 in [0, 1].
    """

    below: Array
    above: Array
    turns: Floats

    @classmethod
    def of(cls, below: Array, above: Array, step: tuple[float, float] = (1.0, 1.0)) -> Between:
        """Prepare two sections, whose pixels are `step` apart along y and x.

        An object that only one of them has tapers off towards the middle of where it is.

        Raises:
            ValueError: the sections differ in shape or type.
        """
        if below.ndim != 2 or below.shape != above.shape or below.dtype != above.dtype:
            raise ValueError(
                f"Sections of shape {below.shape} ({below.dtype}) and {above.shape} ({above.dtype}) "
                "have nothing in between; give two sections of one layer."
            )
        turns = np.full(below.shape, 0.5, np.float32)
        differs = below != above
        if differs.any():
            low, high = (_Side.of(labels, step) for labels in _numbered(below, above))
            down, up = low.hold(high, differs), high.hold(low, differs)
            turns[differs] = (down / (down + up))[differs]
        return cls(below, above, turns)

    def at(self, height: float) -> Array:
        """The labels at a height in [0, 1]; 0 is `below` itself, 1 is `above`."""
        has_turned = self.turns <= height if height >= 0.5 else self.turns < height
        return np.where(has_turned, self.above, self.below)


def heights(below: int, above: int) -> dict[int, float]:
    """The sections strictly between two indices, each with its height."""
    low, high = min(below, above), max(below, above)
    return {index: (index - low) / (high - low) for index in range(low + 1, high)}


@dataclasses.dataclass(frozen=True, eq=False)
class _Side:
    """One of the two sections: its labels as 1, 2, ..., and how deep each pixel lies in its own."""

    labels: Ids
    depths: Floats
    step: tuple[float, float]

    @classmethod
    def of(cls, labels: Ids, step: tuple[float, float]) -> _Side:
        return cls(labels, _depths(labels, step), step)

    def hold(self, other: _Side, differs: Array) -> Floats:
        """How strongly pixels keep their label: their depth in it, and their distance from that of the other side."""
        return self._depth(other) + self._distance(other, differs)

    def deepest(self) -> Floats:
        """The largest depth in each label, by its number."""
        found = np.zeros(int(self.labels.max()) + 1, np.float32)
        np.maximum.at(found, self.labels.ravel(), self.depths.ravel())
        return found

    def _depth(self, other: _Side) -> Floats:
        label = self.labels.flat[0]
        if (self.labels != label).any():
            return self.depths
        # One label has no rim. It gives way first where the others of the other section are deepest.
        deepest = _inside(other.labels != label, self.step).max(initial=0)
        return np.full(self.labels.shape, deepest, np.float32)

    def _distance(self, other: _Side, differs: Array) -> Floats:
        """How far pixels are, on this side, from the label that they have on the other; only where they differ."""
        far = np.zeros(self.labels.shape, np.float32)
        wanted = np.where(differs, other.labels, 0)
        places = ndimage.find_objects(self.labels, max_label=int(other.labels.max()))
        deepest = other.deepest()
        for number, box in enumerate(ndimage.find_objects(wanted), start=1):
            place = places[number - 1]
            if box is None:
                continue
            if place is None:  # it begins in between: first where it is deepest
                far[box][wanted[box] == number] = deepest[number]
                continue
            both = _around(box, place)
            mask = wanted[both] == number
            far[both][mask] = _inside(self.labels[both] != number, self.step)[mask]
        return far


def _depths(labels: Ids, step: tuple[float, float]) -> Floats:
    """Distance of each pixel to the nearest one of another label, less half a pixel; the edge is no rim."""
    found = edt.edt(labels, anisotropy=step, black_border=False, parallel=1)
    half = 0.5 * min(step)
    depths = np.where(np.isfinite(found), found - half, np.hypot(*labels.shape))
    return np.asarray(depths, np.float32)


def _inside(mask: Array, step: tuple[float, float]) -> Floats:
    """The same of a mask, 0 outside it."""
    if mask.all():
        return np.full(mask.shape, np.hypot(*mask.shape), np.float32)
    found = edt.edt(mask.astype(np.uint8), anisotropy=step, black_border=False, parallel=1)
    return np.asarray(np.maximum(found - 0.5 * min(step), 0), np.float32)


def _numbered(below: Array, above: Array) -> tuple[Ids, Ids]:
    """The ids of both sections as 1, 2, ...; what is not annotated is an object like any other."""
    both = np.stack([below, above]).ravel()
    starts = np.flatnonzero(np.append(True, both[1:] != both[:-1]))
    _, ranks = np.unique(both[starts], return_inverse=True)
    lengths = np.diff(np.append(starts, both.size))
    numbers = np.repeat(ranks.astype(np.int32) + 1, lengths).reshape(2, *below.shape)
    return numbers[0], numbers[1]


def _around(first: tuple[slice, ...], second: tuple[slice, ...]) -> tuple[slice, ...]:
    """The box around two boxes."""
    pairs = zip(first, second, strict=True)
    return tuple(slice(min(a.start, b.start), max(a.stop, b.stop)) for a, b in pairs)
