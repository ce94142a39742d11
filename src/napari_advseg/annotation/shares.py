"""How much of every section is annotated: counted once, then kept up with what is painted."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from napari_advseg.annotation.edits import section_of
from napari_advseg.volume.volume import Volume

Array = npt.NDArray[Any]


def count(labels: Volume, section: int) -> int:
    """Annotated pixels of a section: those that are not 0."""
    return int(np.count_nonzero(section_of(labels, section)))


class Shares:
    """Annotated pixels by section, as far as they were counted.

    Counting may run on another thread while the labels are painted on: a count that was overtaken is not taken.
    """

    def __init__(self, sections: int, pixels: int) -> None:
        self.sections = sections
        self.pixels = pixels
        self._counts: dict[int, int] = {}
        self._versions: dict[int, int] = {}

    def version(self, section: int) -> int:
        """What `put` wants to know: it rises whenever the section changes."""
        return self._versions.get(section, 0)

    def put(self, section: int, annotated: int, version: int) -> bool:
        """Take a count; whether it still held."""
        if version != self.version(section):
            return False
        self._counts[section] = annotated
        return True

    def change(self, section: int, before: Array, after: Array | int) -> None:
        """Some pixels of a section have other values now."""
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

    def around(self, section: int) -> tuple[int, int] | None:
        """The nearest annotated sections below and above, the section itself apart; None where one is missing."""
        known = self.annotated()
        below = [other for other in known if other < section]
        above = [other for other in known if other > section]
        return (below[-1], above[0]) if below and above else None

    @property
    def words(self) -> str:
        """For example "3 of 30 sections annotated, 1.2 % of all pixels"."""
        total = self.sections * self.pixels
        part = 100 * sum(self._counts.values()) / max(1, total)
        left = self.sections - len(self._counts)
        more = f"; {left:,} not counted yet" if left else ""
        return f"{len(self.annotated()):,} of {self.sections:,} sections annotated, {part:.2g} % of all pixels{more}"
