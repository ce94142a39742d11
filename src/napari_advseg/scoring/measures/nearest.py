"""Where in some images a crop would fit best: a generator that only repeats what it was shown is found out by it."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import fft

Floats = npt.NDArray[np.float32]
Array = npt.NDArray[Any]

# Searched at about this side first, then to the pixel around the best places.
COARSE = 32
PLACES = 3
TURNS = 8
FLAT = 1e-6


@dataclasses.dataclass(frozen=True, order=True)
class Nearest:
    """The most alike patch: its correlation with the crop (-1 to 1, 1: equal up to brightness and contrast).

    `section` is the section's number in the order they were given; `turn` says how the crop was turned for it
    (quarter turns, 4 more where it was mirrored as well).
    """

    likeness: float
    section: int = 0
    row: int = 0
    column: int = 0
    turn: int = 0


def nearest_patches(crops: Sequence[Array], sections: Iterable[Array]) -> list[Nearest]:
    """For every crop (y, x), all of one square size, the most alike patch of any section (y, x), in any of 8 turns.

    Sections are looked at one after the other; what is smaller than a crop is left out. Likeness is -1 where no
    section is large enough.
    """
    side = crops[0].shape[-1]
    step = max(1, side // COARSE)
    every = [turned(crop, turn) for crop in crops for turn in range(TURNS)]
    templates = np.stack([_unit(_reduced(crop, step)) for crop in every])
    best: list[list[tuple[Nearest, Floats]]] = [[] for _ in crops]
    for number, section in enumerate(sections):
        plane = np.asarray(section, np.float32)
        if min(plane.shape) < side:
            continue
        found = _coarse(templates, _reduced(plane, step))
        for at, (score, row, column) in enumerate(found):
            crop, turn = divmod(at, TURNS)
            place = Nearest(score, number, row * step, column * step, turn)
            around = _around(plane, place, side, step)
            best[crop] = sorted([*best[crop], (place, around)], key=_score)[-PLACES:]
    return [
        max((_refined(crop, *place, step) for place in places), default=Nearest(-1.0))
        for crop, places in zip(crops, best, strict=True)
    ]


def turned(crop: Array, turn: int) -> Array:
    """The crop (y, x) in one of the eight turns of a square."""
    quarter = np.rot90(crop, turn % 4)
    return quarter[:, ::-1] if turn >= 4 else quarter


def _score(place: tuple[Nearest, Floats]) -> float:
    return place[0].likeness


def _coarse(templates: Floats, plane: Floats) -> list[tuple[float, int, int]]:
    """For each template of mean 0 and length 1 its highest correlation in a plane, with row and column."""
    side = templates.shape[-1]
    shape = [fft.next_fast_len(length, real=True) for length in plane.shape]
    spectrum = fft.rfft2(plane - plane.mean(), shape)
    rows, columns = (length - side + 1 for length in plane.shape)
    spread = np.sqrt(np.maximum(_variation(plane, side), FLAT))
    found = []
    for template in templates:
        products = fft.irfft2(spectrum * np.conj(fft.rfft2(template, shape)), shape)
        scores = products[:rows, :columns] / spread
        row, column = divmod(int(scores.argmax()), columns)
        found.append((float(scores[row, column]), row, column))
    return found


def _variation(plane: Floats, side: int) -> npt.NDArray[np.float64]:
    """The summed squared deviation from its mean of every window of a plane."""
    values = plane.astype(np.float64) - plane.mean()
    sums = [
        np.pad(power.cumsum(0).cumsum(1), ((1, 0), (1, 0))) for power in (values, np.square(values))
    ]
    first, second = (
        s[side:, side:] - s[:-side, side:] - s[side:, :-side] + s[:-side, :-side] for s in sums
    )
    return np.asarray(second - first**2 / side**2)


def _around(plane: Floats, place: Nearest, side: int, step: int) -> Floats:
    """The part of a plane in which the place is looked for to the pixel; a copy, so that the plane may go."""
    top, left = (max(0, first - step) for first in (place.row, place.column))
    return plane[top : place.row + side + step, left : place.column + side + step].copy()


def _refined(crop: Array, place: Nearest, around: Floats, step: int) -> Nearest:
    """The place to the pixel, with its likeness at full resolution."""
    side = crop.shape[-1]
    top, left = (max(0, first - step) for first in (place.row, place.column))
    template = _unit(np.ascontiguousarray(turned(crop, place.turn), dtype=np.float32))
    score, row, column = _coarse(template[None], around)[0]
    if min(around.shape) < side:
        return place
    return Nearest(min(1.0, score), place.section, top + row, left + column, place.turn)


def _reduced(plane: Array, step: int) -> Floats:
    """Means of squares of `step` pixels; what is left over at the end is cut off."""
    height, width = (length - length % step for length in plane.shape)
    blocks = np.asarray(plane[:height, :width], np.float32)
    means = blocks.reshape(height // step, step, width // step, step).mean((1, 3))
    return np.asarray(means, np.float32)


def _unit(template: Floats) -> Floats:
    """Of mean 0 and length 1; a flat one is 0 everywhere and like nothing."""
    centred = template - template.mean()
    length = np.linalg.norm(centred)
    return np.asarray(centred / length if length > FLAT else np.zeros_like(centred), np.float32)
