"""How often places of the queue were errors: measured hit rates for ranges of worth, of each order."""

from __future__ import annotations

import csv
import dataclasses
import io
import os
from collections.abc import Iterable, Iterator
from functools import cache
from importlib.resources import files
from pathlib import Path

import numpy as np

from napari_advseg.proofreading.finding.candidates import Action
from napari_advseg.proofreading.finding.queue import Item

RANGES = 5
"""At most as many ranges of equally many places."""
FEWEST = 10
"""Places of a range: a rate of fewer says little."""
COLUMNS = ("order", "action", "least", "most", "places", "errors")


@dataclasses.dataclass(frozen=True)
class Hits:
    """Of so many places that were as sure, so many were errors, and mending them as proposed lowered VOI."""

    errors: int
    places: int

    @property
    def rate(self) -> float:
        """The share of errors, in [0, 1]."""
        return self.errors / self.places

    @property
    def words(self) -> str:
        """For example "of 10 this sure, 6 were errors"."""
        return f"of 10 this sure, {round(10 * self.rate)} were errors"


@dataclasses.dataclass(frozen=True)
class Range:
    """Places of an order and an action whose worth lay between two values."""

    order: str
    action: Action
    least: float
    most: float
    hits: Hits


@dataclasses.dataclass(frozen=True)
class Calibration:
    """Ranges of worth with what was found in them, ascending for each order and action."""

    ranges: tuple[Range, ...] = ()

    def of(self, item: Item) -> Hits | None:
        """What was found where the same order was as sure of the same action; None where it was never measured.

        Below and above all that was measured the nearest range counts.
        """
        own = [one for one in self.ranges if (one.order, one.action) == (item.source, item.action)]
        if not own:
            return None
        return next((one for one in own if item.worth <= one.most), own[-1]).hits

    def to_csv(self) -> str:
        """A row a range."""
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(COLUMNS)
        for one in self.ranges:
            ends = f"{one.least:.4f}", f"{one.most:.4f}"
            writer.writerow([one.order, one.action, *ends, one.hits.places, one.hits.errors])
        return text.getvalue()


def calibrated(looked_at: Iterable[tuple[Item, bool]]) -> Calibration:
    """Ranges of equally many places for each order and action, from items and whether they were errors."""
    groups: dict[tuple[str, Action], list[tuple[float, bool]]] = {}
    for item, is_error in looked_at:
        groups.setdefault((item.source, item.action), []).append((item.worth, is_error))
    return Calibration(tuple(one for key, own in groups.items() for one in _ranges(*key, own)))


def read_calibration(path: str | os.PathLike[str]) -> Calibration:
    """The calibration in a file that `study critic` wrote.

    Raises:
        ValueError: it is none.
    """
    return _read(Path(path).read_text(encoding="utf-8"), str(path))


@cache
def measured() -> Calibration:
    """What was measured on real tissue and comes with the package; other images and models may differ."""
    name = "calibration.csv"
    return _read(
        files("napari_advseg.proofreading.finding").joinpath(name).read_text("utf-8"), name
    )


def _read(text: str, where: str) -> Calibration:
    rows = csv.DictReader(io.StringIO(text))
    try:
        found = tuple(
            Range(
                row["order"],
                "merge" if row["action"] == "merge" else "split",
                float(row["least"]),
                float(row["most"]),
                Hits(int(row["errors"]), int(row["places"])),
            )
            for row in rows
        )
    except (KeyError, TypeError, ValueError) as fault:
        raise ValueError(
            f"'{where}' holds no calibration ({fault}); give calibration.csv of a study critic."
        ) from None
    return Calibration(found)


def _ranges(order: str, action: Action, own: list[tuple[float, bool]]) -> Iterator[Range]:
    """Places sorted by worth, in parts of equal size; equal worths may fall into two parts."""
    ordered = sorted(own)
    for part in np.array_split(
        np.arange(len(ordered)), min(RANGES, max(1, len(ordered) // FEWEST))
    ):
        chosen = [ordered[k] for k in part]
        hits = Hits(sum(is_error for _, is_error in chosen), len(chosen))
        yield Range(order, action, chosen[0][0], chosen[-1][0], hits)
