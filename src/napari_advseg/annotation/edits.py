"""Edits that save painting: a copy of a section, and the sections between two, as the pixels that they change."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_advseg.annotation.between import Between, heights
from napari_advseg.examples.sections import plane, read_window, spatial
from napari_advseg.volume.volume import Volume

Array = npt.NDArray[Any]
Places = npt.NDArray[np.intp]
WHOLE = slice(None), slice(None)


@dataclasses.dataclass(frozen=True, eq=False)
class Edit:
    """New values of some pixels of one section.

    Attributes:
        section: its index.
        rows: where the pixels lie; `columns` likewise.
        values: what they become, of the type of the labels.
        kept: pixels that keep another label, because they were annotated already.
    """

    section: int
    rows: Places
    columns: Places
    values: Array
    kept: int = 0


def fill(section: int, now: Array, wanted: Array, *, replace: bool = False) -> Edit:
    """The edit that puts `wanted` (y, x) over a section that is `now`; 0 changes nothing.

    What is annotated already stays, unless it shall be replaced.
    """
    changed = (wanted != 0) & (wanted != now)
    taken = changed & (now != 0)
    kept = 0 if replace else int(np.count_nonzero(taken))
    if not replace:
        changed &= ~taken
    rows, columns = np.nonzero(changed)
    return Edit(section, rows, columns, wanted[rows, columns], kept)


def copied(labels: Volume, source: int, target: int, *, replace: bool = False) -> Edit:
    """The edit that copies one section into another.

    Raises:
        ValueError: one of them is not there, or nothing is annotated in the source.
    """
    return fill(target, section_of(labels, target), _annotated(labels, source), replace=replace)


def between(labels: Volume, first: int, last: int, *, replace: bool = False) -> Iterator[Edit]:
    """The edits of all sections between two annotated ones, from the first to the last.

    Raises:
        ValueError: one of the two is not there or not annotated, or there is none between them.
    """
    within = heights(first, last)
    if not within:
        raise ValueError(
            f"There is no section between {first} and {last}; choose two annotated sections further apart."
        )
    low, high = min(first, last), max(first, last)
    step = labels.frame.step("y"), labels.frame.step("x")
    made = Between.of(_annotated(labels, low), _annotated(labels, high), _relative(step))
    for index, height in within.items():
        yield fill(index, section_of(labels, index), made.at(height), replace=replace)


def section_of(labels: Volume, index: int) -> Array:
    """One section of labels as (y, x), a copy.

    Raises:
        ValueError: it is not there.
    """
    if not 0 <= index < spatial(labels).size("z"):
        raise ValueError(
            f"There is no section {index}; the layer has the sections 0 to {labels.size('z') - 1}."
        )
    return plane(read_window(labels, index, *WHOLE)).copy()


def _annotated(labels: Volume, index: int) -> Array:
    section = section_of(labels, index)
    if not section.any():
        raise ValueError(
            f"Nothing is annotated in section {index}; paint there, or choose another."
        )
    return section


def _relative(step: tuple[float, float]) -> tuple[float, float]:
    """Pixel sizes of about 1, whatever their unit."""
    return step[0] / min(step), step[1] / min(step)
