"""Which classes a label layer holds, when its values are classes and not cells."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple, TypeVar

import cc3d
import numpy as np
import numpy.typing as npt

from napari_advseg.examples.sections import as_volume, plane, read_window
from napari_advseg.examples.targets import Meaning, whole_ids
from napari_advseg.progress import BlockDone, Phase, Reports
from napari_advseg.volume.volume import Volume

MOST = 64
VOID = 255
FEW = 8
PIECES = 3
ALONE = 1.2
SPECK = 10
LOOKED_AT = 8
WINDOW = 2048
CELLS = (
    "The values look like cells and not like classes: nearly each is in one piece. If they are cells, choose another "
    "kind of target (examples.targets.kind=any_diff)."
)
Array = npt.NDArray[Any]
Item = TypeVar("Item")


class Classes(NamedTuple):
    """The values of the classes in the labels, what else to say about them, and a warning if something looks wrong."""

    values: tuple[int, ...]
    sentence: str
    warning: str = ""


def decide_classes(
    labels: Sequence[Volume],
    sections: Sequence[Sequence[int]],
    named: Sequence[int],
    zero: Meaning,
) -> Reports[Classes]:
    """The classes that are learnt: those `named`, or all values found in these sections.

    255 is left out where the others are 0, 1, 2 ... without a gap, as in palette images (PASCAL VOC);
    negative values always, 0 where it is not annotated.

    Raises:
        ValueError: there is one class only, or so many values that they are cells or grey values.
    """
    counts = yield from _count(labels, sections)
    found = sorted(value for value in counts if value >= 0 and (value or zero != "unannotated"))
    if named:
        return _as_named(tuple(named), counts, found)
    void = void_among(found)
    values = tuple(value for value in found if value != void)
    if len(values) > MOST:
        raise ValueError(
            f"The labels hold {len(values)} values, which are cells or grey values and no classes; "
            "name the classes (examples.targets.classes), or choose another kind of target."
        )
    if len(values) < 2:
        raise ValueError(
            f"The labels hold one class only ({', '.join(map(str, values)) or 'none'}); "
            "paint a second one, or say what 0 means (zero)."
        )
    left_out = "" if void is None else f" {void} is left out."
    are_cells = len(values) > FEW and look_like_cells(labels, sections)
    return Classes(values, f"{_shares(values, counts)}.{left_out}", CELLS if are_cells else "")


def unseen_classes(
    labels: Sequence[Volume], sections: Sequence[Sequence[int]], classes: Sequence[int]
) -> Reports[tuple[int, ...]]:
    """Those of the classes that no pixel of these sections has; reading ends when all were seen."""
    left, total, done = set(classes), sum(map(len, sections)), 0
    yield Phase("Looking for the classes", total)
    for one, chosen in zip(labels, sections, strict=True):
        volume = as_volume(one)
        for index in chosen:
            if not left:
                return ()
            ids = plane(read_window(volume, index, slice(None), slice(None)))
            left -= set(np.unique(ids).tolist())
            done += 1
            yield BlockDone("Looking for the classes", done, total)
    return tuple(value for value in classes if value in left)


def look_like_cells(labels: Sequence[Volume], sections: Sequence[Sequence[int]]) -> bool:
    """Whether the values look like ids of cells: nearly all are one piece in their section.

    Some of the sections are looked at, of large ones the middle.
    """
    present = pieces = 0
    every = [(one, index) for one, chosen in zip(labels, sections, strict=True) for index in chosen]
    for one, index in _some(every):
        volume = as_volume(one)
        rows, columns = (_middle(volume.size(axis)) for axis in "yx")
        ids = whole_ids(plane(read_window(volume, index, rows, columns)))
        present += len(np.unique(ids[ids > 0]))
        pieces += _pieces(np.maximum(ids, 0))
    return 0 < pieces <= ALONE * present


def look_like_classes(labels: Volume, sections: Sequence[int]) -> tuple[int, ...]:
    """The values of labels that look like classes and not like cells; none where they do not.

    Classes are few, at least two beside 0, and lie in many pieces of 10 px and more; the id of a cell is in one piece.
    Some of the sections are looked at, of large ones the middle.
    """
    volume = as_volume(labels)
    rows, columns = (_middle(volume.size(axis)) for axis in "yx")
    values: set[int] = set()
    present = pieces = 0
    for index in _some(sections):
        ids = plane(read_window(volume, index, rows, columns))
        if ids.size and (ids.min() < 0 or ids.max() > VOID):
            return ()
        small = whole_ids(ids).astype(np.uint8)
        found = np.flatnonzero(np.bincount(small.ravel()))
        values.update(map(int, found))
        if len(values) > FEW:
            return ()
        present += int((found > 0).sum())
        pieces += _pieces(small)
    is_so = len(values - {0, VOID}) >= 2 and pieces >= PIECES * present
    return tuple(sorted(values)) if is_so else ()


def _pieces(ids: Array) -> int:
    """Connected pieces of equal values above 0, from 10 px."""
    sizes = np.bincount(cc3d.connected_components(ids, connectivity=8).ravel())[1:]
    return int((sizes >= SPECK).sum())


def _middle(length: int) -> slice:
    start = max(0, (length - WINDOW) // 2)
    return slice(start, start + WINDOW)


def _some(sections: Sequence[Item]) -> list[Item]:
    """At most eight of the sections, evenly spread."""
    if len(sections) <= LOOKED_AT:
        return list(sections)
    return [sections[round(at)] for at in np.linspace(0, len(sections) - 1, LOOKED_AT)]


def void_among(found: Sequence[int]) -> int | None:
    """255 where it stands beside 0, 1, 2 ... without a gap, as in palette images (PASCAL VOC); else None."""
    whole = [value for value in found if value != VOID]
    is_palette = len(whole) > 1 and whole == list(range(whole[0], whole[0] + len(whole)))
    return VOID if is_palette and VOID in found else None


def _count(labels: Sequence[Volume], sections: Sequence[Sequence[int]]) -> Reports[dict[int, int]]:
    """Pixels of every value; an image with very many values is not counted to the end."""
    total, done = sum(map(len, sections)), 0
    yield Phase("Looking at the classes", total)
    counts: dict[int, int] = {}
    for one, chosen in zip(labels, sections, strict=True):
        volume = as_volume(one)
        for index in chosen:
            if len(counts) <= 4 * MOST:
                ids = whole_ids(plane(read_window(volume, index, slice(None), slice(None))))
                for value, count in zip(*np.unique(ids, return_counts=True), strict=True):
                    counts[int(value)] = counts.get(int(value), 0) + int(count)
            done += 1
            yield BlockDone("Looking at the classes", done, total)
    return counts


def _as_named(named: tuple[int, ...], counts: dict[int, int], found: list[int]) -> Classes:
    missing = [value for value in named if value not in counts]
    if len(named) - len(missing) < 2:
        raise ValueError(
            f"Of the classes {', '.join(map(str, named))} the labels hold "
            f"{len(named) - len(missing)}; they hold the values {', '.join(map(str, found[:10]))}."
        )
    others = [value for value in found if value not in named]
    warnings = []
    if missing:
        warnings.append(f"No pixel has the class {', '.join(map(str, missing))}: it is not learnt.")
    if others:
        shown = ", ".join(map(str, others[:10]))
        warnings.append(f"The values {shown} are none of the classes and are left out.")
    return Classes(named, f"{_shares(named, counts)}.", " ".join(warnings))


def _shares(values: tuple[int, ...], counts: dict[int, int]) -> str:
    total = sum(counts.get(value, 0) for value in values) or 1
    shares = (f"{value} ({100 * counts.get(value, 0) / total:.3g} %)" for value in values)
    return f"{len(values)} classes: {', '.join(shares)}"
