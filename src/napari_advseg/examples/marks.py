"""Marks: annotations in which 0 is not annotated and boundary or background are painted with ids of their own."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from napari_advseg.examples.census import Census, take_census
from napari_advseg.examples.targets import Meaning
from napari_advseg.progress import Reports, Said
from napari_advseg.settings.examples import Zero
from napari_advseg.volume.painted import BACKGROUND, with_gaps, without_marks
from napari_advseg.volume.volume import Volume

Array = npt.NDArray[Any]


class Marked(NamedTuple):
    """Labels as the rest of a training knows them: 0 where a mark is, -1 where nothing is annotated.

    Attributes:
        labels: lazy, in the order they were given.
        censuses: counted anew, as 0 is annotated now.
        zero: what the marks are.
        has_gaps: whether 0 was not annotated, so that a recipe must not call it anything else.
    """

    labels: list[Volume]
    censuses: list[Census]
    zero: Meaning
    has_gaps: bool


def read_marks(
    labels: Sequence[Volume],
    censuses: Sequence[Census],
    sections: Sequence[Sequence[int]],
    requested: Zero,
) -> Reports[Marked | None]:
    """The labels with their marks understood; None where there are none.

    Where the meaning of 0 was asked for by name, it keeps it, and the marks are of the same kind.
    """
    boundary, background = (
        sum(getattr(count, kind) for census in censuses for count in census.counts.values())
        for kind in ("boundary", "background")
    )
    if not boundary + background:
        return None
    asked: dict[Zero, Meaning] = {"boundary": "boundary", "background": "background"}
    zero = asked.get(requested, "background" if background else "boundary")
    has_gaps = requested in ("auto", "unannotated")
    read = [with_gaps(one) if has_gaps else without_marks(one) for one in labels]
    counted = []
    for one, chosen in zip(read, sections, strict=True):
        counted.append((yield from take_census(one, chosen, 0 if has_gaps else 1)))
    painted = {"boundary": boundary, "background": background}
    parts = " and ".join(f"{name} ({count:,} voxels)" for name, count in painted.items() if count)
    rest = "0 is not annotated and left out" if has_gaps else f"0 is {zero} too, as asked"
    yield Said(f"The labels mark {parts}; {rest}.")
    return Marked(read, counted, zero, has_gaps)


def known_truth(cells: Array, section: Array, zero: Meaning) -> Array:
    """Cells (0 elsewhere) as truth to score against, of a section with gaps (-1), which are left out as 0.

    A background becomes an object of its own, so that labels which flow into it count as merged with it.
    """
    return np.where(section == 0, np.int64(BACKGROUND), cells) if zero == "background" else cells
