"""What 0 in a label layer means: the drawn wall, the outside of every cell, or nothing yet."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import edt
import numpy as np
import numpy.typing as npt
from scipy import ndimage

from napari_advseg.examples.census import Census, take_census
from napari_advseg.examples.sections import as_volume, plane, read_window
from napari_advseg.examples.targets import Meaning, targets, whole_ids
from napari_advseg.progress import drain
from napari_advseg.settings.examples import TargetSettings, Zero
from napari_advseg.volume.painted import is_painted
from napari_advseg.volume.volume import Volume

SPECKS = 0.001
LOOKED_AT = 8
WINDOW = 2048
Array = npt.NDArray[Any]


class Decision(NamedTuple):
    """What 0 means, a sentence that says so and why, and a warning if something looks wrong."""

    meaning: Meaning
    sentence: str
    warning: str = ""


@dataclasses.dataclass(frozen=True)
class Shape:
    """How the 0 and the cells of some sections look.

    Attributes:
        wall: half thickness of the 0: the median distance of a 0 to the next cell, px.
        cell: the same of the cells.
        touch: share of the cells' outlines that lies against another cell.
        cells: connected pieces of cells of 10 px and more, in all sections looked at.
        spread: standard deviation over mean of their diameters; objects of one kind have < .55.
        holes: connected pieces of 0 in the section that has most.
        largest_hole: share of the largest of them.
        values: distinct positive ids.
    """

    wall: float
    cell: float
    touch: float
    cells: int
    spread: float
    holes: int
    largest_hole: float
    values: int


def decide_zero(
    labels: Volume | Array, requested: Zero = "auto", census: Census | None = None
) -> Decision:
    """What 0 means in these labels; anything but `auto` is taken as it is.

    `auto` tells from the share and the shape of the 0. Where it is in doubt it takes 0 as not
    annotated: then a wrong decision wastes annotations, but teaches nothing wrong.

    Raises:
        ValueError: the labels are no labels, or nothing is painted in them.
    """
    volume = as_volume(labels)
    census = census or drain(take_census(volume))
    if not census.painted:
        raise ValueError(
            f"The labels{_named(volume)} are empty in the {len(census.counts)} sections looked at; "
            "paint some cells, or choose sections that are annotated."
        )
    if requested == "auto" and is_painted(volume.frame):
        return Decision("unannotated", "0 is not annotated: the labels were painted for training.")
    shape = measure(volume, census.painted)
    warning = _inverted(volume, shape)
    if requested != "auto":
        return Decision(requested, f"0 in the labels is {MEANS[requested]}, as asked.", warning)
    meaning, reason = INVERTED if warning else _from_looks(census, shape)
    others = " or ".join(other for other in MEANS if other != meaning)
    sentence = (
        f"0 in the labels is taken as {MEANS[meaning]}: {reason}. If not, set zero to {others}."
    )
    if census.negative:
        sentence += f" {census.negative:,} voxels with a negative id are left out."
    return Decision(meaning, sentence, warning)


MEANS: dict[Meaning, str] = {
    "boundary": "the boundary between cells",
    "unannotated": "not annotated (left out of the loss)",
    "background": "the outside of every cell",
}


INVERTED: tuple[Meaning, str] = ("unannotated", "the labels mark walls and not cells")


def check_trainable(
    labels: Sequence[Volume],
    settings: TargetSettings,
    zero: Meaning,
    sections: Sequence[Sequence[int]],
) -> None:
    """Pass if the annotated places hold both classes, inside a cell and boundary.

    The sections named for each volume are looked at one after the other until both were seen; a
    window in which nothing is painted shows neither, unless 0 is a background.

    Raises:
        ValueError: nothing is annotated, or one class only; says what to paint or to set.
    """
    inside = boundary = False
    for ids in _windows(labels, sections):
        if zero != "background" and not (ids > 0).any():
            continue
        target = targets(ids, settings, zero)
        known = target.weight > 0
        inside |= bool((known & (target.interior == 1)).any())
        boundary |= bool((known & (target.interior == 0)).any())
        if inside and boundary:
            return
    raise ValueError(_refusal(labels[0], zero, inside=inside, boundary=boundary))


def _windows(
    labels: Sequence[Volume], sections: Sequence[Sequence[int]]
) -> Iterator[npt.NDArray[np.int64]]:
    """The ids of these sections, window by window."""
    for volume, chosen in zip(map(as_volume, labels), sections, strict=True):
        tops, lefts = (range(0, volume.size(axis), WINDOW) for axis in "yx")
        for index, top, left in itertools.product(chosen, tops, lefts):
            rows, columns = slice(top, top + WINDOW), slice(left, left + WINDOW)
            yield whole_ids(plane(read_window(volume, index, rows, columns)))


def measure(labels: Volume, sections: Sequence[int]) -> Shape:
    """The shape of 0 and cells in up to 8 of these sections, evenly spread (2048 px windows)."""
    chosen = sorted(set(np.linspace(0, len(sections) - 1, LOOKED_AT).round().astype(int)))
    looks = [_look(_window(labels, sections[at])) for at in chosen]
    diameters = np.concatenate([look["diameters"] for look in looks])
    outline = sum(look["outline"] for look in looks)
    most = max(looks, key=lambda look: len(look["holes"]))["holes"]
    return Shape(
        wall=float(np.median([look["wall"] for look in looks])),
        cell=float(np.median([look["cell"] for look in looks])),
        touch=sum(look["touching"] for look in looks) / max(1, outline),
        cells=len(diameters),
        spread=float(diameters.std() / diameters.mean()) if len(diameters) else 0.0,
        holes=len(most),
        largest_hole=float(most.max() / most.sum()) if len(most) else 0.0,
        values=len(set().union(*(look["values"] for look in looks))),
    )


def _from_looks(census: Census, shape: Shape) -> tuple[Meaning, str]:
    """The first rule that holds: (what must hold, what 0 then means, why)."""
    share = f"{100 * census.zero_share:.2g} %"
    empty = f"{len(census.blank)} of {len(census.counts)} sections are empty"
    walls = f"it forms walls about {2 * shape.wall:.0f} px thick around the cells"
    few = 1 < shape.cells <= 10 * len(census.counts)
    rules: tuple[tuple[bool, Meaning, str], ...] = (
        (
            census.zero_share < SPECKS,
            "unannotated",
            f"only {share} is 0, which are specks in a dense annotation",
        ),
        (
            _thin(shape.wall, shape.cell) and shape.cells > 1 and _zero_where_painted(census) < 0.5,
            "boundary",
            f"{walls} ({empty} and left out)" if census.blank else walls,
        ),
        (bool(census.blank), "unannotated", empty),
        (
            _one_kind(shape, census),
            "background",
            f"{shape.cells} objects of one kind lie in it ({share} is 0)",
        ),
        (
            shape.touch > 0.01,
            "unannotated",
            f"{share} is 0, in wide areas, and painted cells touch one another",
        ),
        (
            few and census.zero_share < 0.7,
            "background",
            f"large objects lie apart in it ({share} is 0)",
        ),
        (True, "unannotated", f"{share} is 0, in wide areas, beside a few painted places"),
    )
    return next((meaning, why) for holds, meaning, why in rules if holds)


def _thin(wall: float, cell: float) -> bool:
    """Walls of electron microscopy are up to some 20 px thick and much thinner than cells."""
    return wall <= 6 and wall <= 0.5 * cell


def _zero_where_painted(census: Census) -> float:
    """Share of 0 in those sections that are not empty."""
    counts = [census.counts[index] for index in census.painted]
    zero = sum(count.zero for count in counts)
    return zero / max(1, zero + sum(count.painted for count in counts))


def _one_kind(shape: Shape, census: Census) -> bool:
    """Many objects of like size: bacteria, particles and blood cells, but not neurites.

    Where they touch, gaps are left between them; painted tissue fills the plane.
    """
    per_section = shape.cells / min(LOOKED_AT, len(census.counts))
    apart = shape.touch <= 0.01
    many = per_section >= 10 or (per_section >= 3 and census.zero_share < 0.9 and apart)
    return many and shape.spread <= 0.55 and (apart or shape.holes >= 0.5 * per_section)


def _inverted(volume: Volume, shape: Shape) -> str:
    network = shape.values == 1 and shape.holes >= 5 and shape.largest_hole < 0.6
    if not (network and _thin(shape.cell, shape.wall)):
        return ""
    return (
        f"The labels{_named(volume)} look inverted: their only value marks thin walls and 0 is "
        "inside the cells. Cells must be above 0 and walls 0; invert the mask before training."
    )


def _refusal(volume: Volume, zero: Meaning, *, inside: bool, boundary: bool) -> str:
    if inside:
        hint = (
            "" if zero == "boundary" else ", or set zero to boundary if 0 is the wall between cells"
        )
        return (
            f"The annotated places of the labels{_named(volume)} are all inside cells and show no "
            f"boundary; paint neighbouring cells up to each other{hint}."
        )
    if boundary:
        return (
            f"The annotated places of the labels{_named(volume)} are all boundary and show no "
            "inside of a cell; paint whole cells, or choose a smaller target radius or widening."
        )
    return (
        f"The labels{_named(volume)} are empty in the chosen sections; paint some cells, or choose "
        "sections that are annotated."
    )


def _named(volume: Volume) -> str:
    return f" '{volume.frame.name}'" if volume.frame.name else ""


def _window(labels: Volume, index: int) -> npt.NDArray[np.int64]:
    top, left = (max(0, (labels.size(axis) - WINDOW) // 2) for axis in "yx")
    rows, columns = slice(top, top + WINDOW), slice(left, left + WINDOW)
    return whole_ids(plane(read_window(labels, index, rows, columns)))


def _look(ids: npt.NDArray[np.int64]) -> dict[str, Any]:
    painted = ids > 0
    touching = outline = 0
    for axis in (0, 1):
        low, high = np.swapaxes(ids, 0, axis)[:-1], np.swapaxes(ids, 0, axis)[1:]
        differs = low != high
        outline += int(differs.sum())
        touching += int((differs & (low > 0) & (high > 0)).sum())
    return {
        "wall": _half_thickness(~painted),
        "cell": _half_thickness(painted),
        "touching": touching,
        "outline": outline,
        "diameters": _diameters(ids),
        "holes": np.bincount(ndimage.label(~painted)[0].ravel())[1:],
        "values": set(np.unique(ids[painted])[:1000].tolist()),
    }


def _half_thickness(mask: npt.NDArray[np.bool_]) -> float:
    if not mask.any():
        return 0.0
    return float(np.median(edt.edt(mask.astype(np.uint8), black_border=False, parallel=1)[mask]))


def _diameters(ids: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
    """Square roots of the areas, of every id or of every piece of a mask, from 10 px."""
    values, areas = np.unique(ids[ids > 0], return_counts=True)
    if len(values) == 1:
        areas = np.bincount(ndimage.label(ids > 0)[0].ravel())[1:]
    roots: npt.NDArray[np.float64] = np.sqrt(areas[areas >= 10].astype(np.float64))
    return roots
