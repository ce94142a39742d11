"""What is found wrong: objects, sites and their list, largest gain first."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any, Literal, TypeVar, overload

import numpy as np

from napari_advseg.scoring.measures.instances import Score
from napari_advseg.settings.scoring import ScoringSettings
from napari_advseg.volume.volume import Array

Box = tuple[tuple[int, int], tuple[int, int], tuple[int, int]]
Point = tuple[int, int, int]
Item = TypeVar("Item")

NO_SECTION = -1
ALL = -1
PLACE: list[Any] = [
    ("section", "i8"),
    ("gain", "f8"),
    ("box", "i8", (6,)),
    ("point", "i8", (3,)),
]
NAMED: list[Any] = [("predicted", "?"), ("id", "u8"), ("size", "i8")]
ENDS: list[Any] = [("merged", "?"), ("first", "u8"), ("second", "u8"), ("inside", "u8")]
OBJECT = np.dtype([*NAMED, ("split", "f8"), ("merge", "f8"), *PLACE])
SITE = np.dtype([*ENDS, ("contact", "i8"), *PLACE])


@dataclasses.dataclass(frozen=True, slots=True)
class WrongObject:
    """A true or a predicted object, its share of the score and what it would gain, in bits.

    Attributes:
        side: "truth" or "labels".
        id: its id; 0 where the score counts 0 as an object.
        section: its section, from 0; None where the volume is scored as one.
        size: voxels that the score counts, where predicted 0 is grown away the grown ones.
        split: its share of `voi_split`; those of all true objects, and those of all predicted
            ones, sum to it.
        merge: its share of `voi_merge`, likewise.
        gain: by how much VOI falls if a true object is made one segment of its own, or a predicted
            one is cut along the truth.
        box: (z0, z1), (y0, y1), (x0, x1) around its counted voxels, half open.
        point: (z, y, x) of a voxel that carries the id.
    """

    side: Literal["truth", "labels"]
    id: int
    section: int | None
    size: int
    split: float
    merge: float
    gain: float
    box: Box
    point: Point

    def to_json(self) -> dict[str, Any]:
        """The object as plain JSON."""
        return {name: getattr(self, name) for name in self.__slots__}


@dataclasses.dataclass(frozen=True, slots=True)
class Site:
    """A contact at which something was cut or joined wrongly.

    Attributes:
        kind: "split": two predicted ids meet inside a true object; "merge": two true ids meet
            inside a predicted one.
        labels: the two predicted ids, or the one.
        truth: the one true id, or the two.
        section: its section, from 0; None where the volume is scored as one.
        contact: faces between two voxels, ids grown into 0.
        gain: by how much VOI falls, in bits, if the two predicted ids are joined wholly, or if the
            smaller of the two parts is cut off the predicted id.
        box: (z0, z1), (y0, y1), (x0, x1) around the contact, half open.
        point: (z, y, x) of a voxel at the contact, near its middle.
    """

    kind: Literal["split", "merge"]
    labels: tuple[int, ...]
    truth: tuple[int, ...]
    section: int | None
    contact: int
    gain: float
    box: Box
    point: Point

    def to_json(self) -> dict[str, Any]:
        """The site as plain JSON."""
        return {name: getattr(self, name) for name in self.__slots__}


Wrong = TypeVar("Wrong", WrongObject, Site)


class Rows(Sequence[Item]):
    """Rows of a table that become objects only where they are asked for: there may be millions."""

    def __init__(self, table: Array, made: Callable[[Any], Item]) -> None:
        self.table = table
        self._made = made

    def __len__(self) -> int:
        return len(self.table)

    @overload
    def __getitem__(self, index: int) -> Item: ...
    @overload
    def __getitem__(self, index: slice) -> Rows[Item]: ...
    def __getitem__(self, index: int | slice) -> Item | Rows[Item]:
        if isinstance(index, slice):
            return Rows(self.table[index], self._made)
        return self._made(self.table[index])

    def __repr__(self) -> str:
        return f"<{len(self)} rows, the first: {self[0]}>" if len(self) else "<no rows>"


@dataclasses.dataclass(frozen=True, eq=False)
class Errors:
    """Objects and sites, those of largest gain first, beside the score that they explain.

    Attributes:
        objects: every true and every predicted object with a counted voxel.
        sites: contacts whose mending lowers VOI.
        score: `score` of the same labels, truth and settings.
        settings: how it was measured.
        objects_found: how many objects there are, `top` or not.
        sites_found: how many sites there are, `top` or not.
    """

    objects: Sequence[WrongObject]
    sites: Sequence[Site]
    score: Score
    settings: ScoringSettings
    objects_found: int = ALL
    sites_found: int = ALL

    def __post_init__(self) -> None:
        for name in ("objects", "sites"):
            if getattr(self, f"{name}_found") == ALL:
                object.__setattr__(self, f"{name}_found", len(getattr(self, name)))

    def top(self, count: int) -> Errors:
        """The `count` objects and the `count` sites of largest gain; what was found stays known."""
        return dataclasses.replace(self, objects=self.objects[:count], sites=self.sites[:count])

    def moved(self, sections: int) -> Errors:
        """The same with every section, box and point that many sections further on: places in a
        volume of which `locate` saw a cut.
        """
        objects = tuple(_moved(one, sections) for one in self.objects)
        sites = tuple(_moved(one, sections) for one in self.sites)
        return dataclasses.replace(self, objects=objects, sites=sites)

    def to_json(self) -> dict[str, Any]:
        """The score, the objects and the sites as plain JSON."""
        return {
            **self.score.to_json(),
            "objects_found": self.objects_found,
            "sites_found": self.sites_found,
            "objects": [one.to_json() for one in self.objects],
            "sites": [one.to_json() for one in self.sites],
        }


def wrong_object(row: Any) -> WrongObject:
    """A row of a table of type OBJECT."""
    return WrongObject(
        side="labels" if row["predicted"] else "truth",
        id=int(row["id"]),
        section=_section(row),
        size=int(row["size"]),
        split=float(row["split"]),
        merge=float(row["merge"]),
        gain=float(row["gain"]),
        box=_box(row),
        point=_point(row),
    )


def site(row: Any) -> Site:
    """A row of a table of type SITE."""
    ends, inside = (int(row["first"]), int(row["second"])), (int(row["inside"]),)
    merged = bool(row["merged"])
    return Site(
        kind="merge" if merged else "split",
        labels=inside if merged else ends,
        truth=ends if merged else inside,
        section=_section(row),
        contact=int(row["contact"]),
        gain=float(row["gain"]),
        box=_box(row),
        point=_point(row),
    )


def _moved(one: Wrong, sections: int) -> Wrong:
    (z0, z1), rows, columns = one.box
    z, y, x = one.point
    return dataclasses.replace(
        one,
        section=None if one.section is None else one.section + sections,
        box=((z0 + sections, z1 + sections), rows, columns),
        point=(z + sections, y, x),
    )


def _section(row: Any) -> int | None:
    return None if row["section"] == NO_SECTION else int(row["section"])


def _box(row: Any) -> Box:
    z0, z1, y0, y1, x0, x1 = row["box"].tolist()
    return (z0, z1), (y0, y1), (x0, x1)


def _point(row: Any) -> Point:
    z, y, x = row["point"].tolist()
    return z, y, x
