"""Which classes a label layer holds, when its values are classes and not cells."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from napari_advseg.examples.sections import as_volume, plane, read_window
from napari_advseg.examples.targets import Meaning, whole_ids
from napari_advseg.progress import BlockDone, Phase, Reports
from napari_advseg.volume.volume import Volume

MOST = 64
VOID = 255


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
    whole = [value for value in found if value != VOID]
    is_palette = len(whole) > 1 and whole == list(range(whole[0], whole[0] + len(whole)))
    values = tuple(whole if is_palette else found)
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
    left_out = " 255 is left out." if VOID in found and VOID not in values else ""
    return Classes(values, f"{_shares(values, counts)}.{left_out}")


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
