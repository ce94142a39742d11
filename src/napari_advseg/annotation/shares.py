"""How much of every section is annotated: counted once, then kept up with what is painted."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from napari_advseg.annotation.edits import section_of
from napari_advseg.volume.painted import BACKGROUND, BOUNDARY
from napari_advseg.volume.volume import Volume

Array = npt.NDArray[Any]
STRIPE_PX = 16


class Count(NamedTuple):
    """What is in a section: annotated pixels, which are those that are not 0, and the highest id of an object."""

    annotated: int
    highest: int


def count(labels: Volume, section: int) -> Count:
    """Count a section."""
    ids = section_of(labels, section)
    return Count(int(np.count_nonzero(ids)), highest_id(ids))


def highest_id(ids: Array) -> int:
    """The highest id of an object, 0 where there is none; marks are no objects."""
    highest = int(ids.max(initial=0))
    if highest < BOUNDARY:
        return highest
    return int(ids.max(initial=0, where=(ids != BOUNDARY) & (ids != BACKGROUND)))


class Shares:
    """Annotated pixels by section, as far as they were counted.

    `highest` is the highest id of an object that was seen. Counting may run on another thread while the labels are
    painted on: a count that was overtaken is not taken.
    """

    def __init__(self, sections: int, pixels: int) -> None:
        self.sections = sections
        self.pixels = pixels
        self.highest = 0
        self._counts: dict[int, int] = {}
        self._versions: dict[int, int] = {}

    def version(self, section: int) -> int:
        """What `put` wants to know: it rises whenever the section changes."""
        return self._versions.get(section, 0)

    def put(self, section: int, found: Count, version: int) -> bool:
        """Take a count; whether it still held."""
        self.highest = max(self.highest, found.highest)
        if version != self.version(section):
            return False
        self._counts[section] = found.annotated
        return True

    def change(self, section: int, before: Array, after: Array | int) -> None:
        """Some pixels of a section have other values now."""
        self.highest = max(self.highest, highest_id(np.asarray(after)))
        self._versions[section] = self.version(section) + 1
        if section in self._counts:
            gone, come = np.count_nonzero(before), np.count_nonzero(after)
            if np.ndim(after) == 0:
                come *= before.size
            self._counts[section] += int(come) - int(gone)

    def forget(self, section: int) -> None:
        """It has to be counted anew."""
        self._versions[section] = self.version(section) + 1
        self._counts.pop(section, None)

    def of(self, section: int) -> float | None:
        """The annotated share of a section, None where it is not counted."""
        found = self._counts.get(section)
        return None if found is None else found / self.pixels

    def uncounted(self, near: int = 0) -> list[int]:
        """Sections to count, the nearest first."""
        rest = (section for section in range(self.sections) if section not in self._counts)
        return sorted(rest, key=lambda section: abs(section - near))

    def annotated(self) -> list[int]:
        """Sections in which something is, of those that were counted."""
        return sorted(section for section, found in self._counts.items() if found)

    def gap(self, section: int) -> tuple[int, int] | None:
        """Two annotated sections with nothing annotated between them, of which the section is one or lies between.

        None where there are none with others between them.
        """
        known = self.annotated()
        for here in (section, section - 1):
            below = [other for other in known if other <= here]
            above = [other for other in known if other > here]
            if below and above and above[0] - below[-1] > 1:
                return below[-1], above[0]
        return None

    @property
    def words(self) -> str:
        """For example "3 of 30 sections annotated, 1.2 % of all pixels"."""
        total = self.sections * self.pixels
        part = percent(sum(self._counts.values()) / max(1, total))
        left = self.sections - len(self._counts)
        more = f"; {left:,} not counted yet" if left else ""
        return f"{len(self.annotated()):,} of {self.sections:,} sections annotated, {part} of all pixels{more}"


def hatched(labels: Volume, section: int) -> npt.NDArray[np.uint8]:
    """Stripes of 1 over what is not annotated in a section (y, x), 0 elsewhere."""
    ids = section_of(labels, section)
    y, x = np.ogrid[: ids.shape[0], : ids.shape[1]]
    stripes = (y + x) % STRIPE_PX < STRIPE_PX // 4
    return np.asarray((ids == 0) & stripes, np.uint8)


def percent(share: float) -> str:
    """A share as one would say it: "0 %", "0.02 %", "12 %"."""
    return f"{100 * share:.2g} %" if 0 < share < 0.0995 else f"{round(100 * share)} %"
