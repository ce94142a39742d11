"""Edits of labels as steps: each function looks at the labels and says what would change; nothing is changed yet.

So a step can be shown before it is made. `Proof.do` makes it.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np

from napari_advseg.labelling.section.gap_closing import as_probability
from napari_advseg.labelling.section.watershed import evidence_of
from napari_advseg.proofreading.editing import reviewed
from napari_advseg.proofreading.editing.boxes import box_in, size, widened, within
from napari_advseg.proofreading.editing.parting import part
from napari_advseg.proofreading.editing.regions import (
    Mask,
    Region,
    box_around,
    connected,
    hole,
    marked,
    neighbours,
    voxel_of,
)
from napari_advseg.proofreading.editing.reviewed import check_free
from napari_advseg.proofreading.store.overlay import IDS, Edited
from napari_advseg.proofreading.store.records import Patch, masked, pointed
from napari_advseg.proofreading.store.steps import Operation, Point, Step
from napari_advseg.volume.arrays.lazy import Array, LazyArray, Window
from napari_advseg.volume.frame import Frame


class Subject(reviewed.Subject, Protocol):
    """What is edited."""

    @property
    def frame(self) -> Frame: ...
    def fresh(self) -> int:
        """A label that nothing has."""


def merge(subject: Subject, *, ids: Sequence[int] = (), points: Sequence[Point] = ()) -> Step:
    """Two or more objects become one, which keeps the first label; no voxel is touched.

    Args:
        ids: their labels; those at `points` if there are none.
        points: a voxel of each.

    Raises:
        ValueError: there are fewer than two, or one is 0 or locked.
    """
    objects, places = _named(subject, ids, points)
    first, *others = objects
    if not others:
        raise ValueError(
            f"All places lie in object {first}; click into two objects or more to merge them."
        )
    _check_objects(subject, objects)
    renames = tuple((one, first) for one in others)
    return Step("merge", objects, renames=renames, points=places)


def split(
    subject: Subject,
    seeds: Sequence[Sequence[Point]],
    interior_map: LazyArray | None = None,
    within: Window | None = None,
) -> Step:
    """One object becomes several along the weakest way between seeds; the largest part keeps the label.

    Args:
        seeds: voxels of the object in two groups or more, one group a part.
        interior: probability of being inside a cell, as a model gives it, of the shape of the labels; without it an
            object is split where it is thinnest. Only the box around the object is read.
        within: stay inside this box, as the section on screen.

    Raises:
        ValueError: there are fewer than two groups, the seeds lie in several objects or in none, or it is locked.
    """
    groups = [[_whole(point) for point in group] for group in seeds if len(group)]
    if len(groups) < 2:
        raise ValueError("A split needs seeds of two colours or more; mark each part.")
    region = connected(subject.labels, [point for group in groups for point in group], within)
    _check_objects(subject, [_label_of(region)])
    marks = np.zeros(region.mask.shape, np.int32)
    for number, group in enumerate(groups, 1):
        for point in group:
            if marks[region.inside(point)] not in (0, number):
                raise ValueError(f"The place {point} has two colours; mark each part elsewhere.")
            marks[region.inside(point)] = number
    evidence = (
        None if interior_map is None else _evidence(interior_map, region.window, subject.labels)
    )
    found = part(region.mask, marks, evidence, tuple(subject.frame.scale))
    firsts = tuple(group[0] for group in groups)
    return split_along(subject, region.window, found, points=firsts)


def split_along(
    subject: Subject, window: Window, pieces: Array, *, points: Sequence[Point] = ()
) -> Step:
    """One object becomes the given pieces: the largest keeps the label, the others get new ones.

    Args:
        window: where the pieces lie.
        pieces: 0, or the number of a piece, of the shape of the window; all inside one object.
        points: a voxel of each piece, ascending by their numbers.

    Raises:
        ValueError: there are fewer than two pieces, they lie in several objects or in none, or it is locked.
    """
    numbers, sizes = np.unique(pieces[pieces > 0], return_counts=True)
    if numbers.size < 2:
        raise ValueError("Nothing is cut off: the seeds do not divide the object; move them apart.")
    labels = np.asarray(subject.labels[window])
    ids = np.unique(labels[pieces > 0])
    if ids.size > 1:
        raise ValueError(
            f"The pieces lie in several objects ({', '.join(map(str, ids))}); split one at a time."
        )
    label = int(ids[0])
    _check_objects(subject, [label])
    largest = int(np.argmax(sizes))
    fresh = subject.fresh()
    cut = [int(one) for k, one in enumerate(numbers) if k != largest]
    patches = tuple(
        masked(subject.labels.grid, window, pieces == one, label, fresh + k)
        for k, one in enumerate(cut)
    )
    places = {int(one): voxel_of(window, pieces == one) for one in numbers}
    places |= {int(n): tuple(p) for n, p in zip(numbers, points, strict=False)}
    ids_ = (label, *(fresh + k for k in range(len(cut))))
    where = (places[int(numbers[largest])], *(places[one] for one in cut))
    return Step(
        "split", ids_, patches=patches, points=where, box=box_around(window, np.isin(pieces, cut))
    )


def split_off(subject: Subject, like: Step, cut: Sequence[tuple[Patch, Mask, int, int]]) -> Step:
    """A step as another one, that cuts voxels off the objects they lie in.

    Args:
        cut: a patch that says where the voxels lie, which of them are cut off, their label now, and that they get.

    Raises:
        ValueError: an object is locked.
    """
    _check_objects(subject, [label for _, _, label, _ in cut])
    grid, patches = subject.labels.grid, []
    for patch, chosen, label, new in cut:
        places = np.unravel_index(patch.flat[chosen], grid.shape)
        patches.append(pointed(grid, places, label, new))
    ids = (cut[0][2], *(new for _, _, _, new in cut))
    if like.operation == "new":
        ids = (cut[0][3], cut[0][2])
    points = like.points if len(like.points) == len(ids) else ()
    return dataclasses.replace(like, ids=ids, patches=tuple(patches), points=points)


def paint(
    subject: Subject,
    window: Window,
    mask: Mask | None,
    label: int,
    *,
    only_empty: bool = False,
    points: Sequence[Point] = (),
) -> Step:
    """The voxels that `mask` marks in `window` (all if None) get a label; those of locked objects keep theirs.

    Args:
        only_empty: only where no object is.
        points: a voxel of the label before, where it had one.

    Raises:
        ValueError: the label is locked, or nothing would change.
    """
    check_free([label], subject.locked)
    if not 0 <= label < 1 << 64:
        raise ValueError(f"{label} is no label; labels lie between 0 and 2^64.")
    before = np.asarray(subject.labels[window])
    change = before != np.array(label, IDS)
    change &= True if mask is None else mask
    change &= (before == 0) if only_empty else ~np.isin(before, np.array(list(subject.locked), IDS))
    if not change.any():
        raise ValueError(
            "Nothing would change: the voxels have that label, or belong to objects marked as correct."
        )
    patch = masked(subject.labels.grid, window, change, _one_or_all(before[change]), label)
    where = tuple(_whole(point) for point in points) or _place_of(subject, window, label)
    operation: Operation = "erase" if label == 0 else "paint"
    return Step(operation, (label,), patches=(patch,), points=where, box=box_around(window, change))


def paint_at(
    subject: Subject, places: Sequence[Array], label: int, *, points: Sequence[Point] = ()
) -> Step:
    """Single voxels, one array of places an axis, get a label: a stroke as napari tells it.

    Raises:
        ValueError: as `paint`.
    """
    at = [np.asarray(one).reshape(-1) for one in np.broadcast_arrays(*places)]
    if not at[0].size:
        raise ValueError("Nothing would change: no place is given.")
    window, mask = marked(
        [one % length for one, length in zip(at, subject.labels.shape, strict=True)]
    )
    return paint(subject, window, mask, label, points=points)


def erase(
    subject: Subject, window: Window, mask: Mask | None = None, *, label: int | None = None
) -> Step:
    """The voxels that `mask` marks in `window` belong to no object any more; only those of `label` where one is named.

    Raises:
        ValueError: as `paint`.
    """
    chosen = mask
    if label is not None:
        own = np.asarray(subject.labels[window]) == label
        chosen = own if mask is None else own & mask
    return paint(subject, window, chosen, 0)


def delete(subject: Subject, *, ids: Sequence[int] = (), points: Sequence[Point] = ()) -> Step:
    """Whole objects become 0; no voxel is touched.

    Raises:
        ValueError: one is 0 or locked.
    """
    objects, places = _named(subject, ids, points)
    _check_objects(subject, objects)
    return Step("delete", objects, renames=tuple((one, 0) for one in objects), points=places)


def fill(
    subject: Subject, point: Point, label: int | None = None, *, in_section: bool = False
) -> Step:
    """The hole at a place gets the label of the object around it.

    Args:
        label: of several objects around it, the one that gets it.
        in_section: a hole of the section is enough.

    Raises:
        ValueError: an object is there, it is open to the border, or several objects lie around it and none is named.
    """
    place = _whole(point)
    if subject.labels.at(place) != 0:
        raise ValueError(f"At {place} lies object {subject.labels.at(place)}; click into a hole.")
    region = hole(subject.labels, place, in_section=in_section)
    around = neighbours(region)
    if label is None and len(around) != 1:
        raise ValueError(
            f"The hole lies between the objects {', '.join(map(str, sorted(around)))}; say which one gets it."
        )
    chosen = next(iter(around)) if label is None else label
    if chosen not in around:
        raise ValueError(f"Object {chosen} does not touch the hole; name one that does.")
    points = (voxel_of(region.window, region.labels == chosen), place)
    painted = paint(subject, region.window, region.mask, chosen, points=points)
    return dataclasses.replace(painted, operation="fill")


def renew(subject: Subject, point: Point, within: Window | None = None) -> Step:
    """The part at a place that hangs together becomes an object of its own, with a new label.

    Raises:
        ValueError: no object is there, or it is locked.
    """
    place = _whole(point)
    region = connected(subject.labels, [place], within)
    label = _label_of(region)
    _check_objects(subject, [label])
    fresh = subject.fresh()
    patch = masked(subject.labels.grid, region.window, region.mask, label, fresh)
    box = box_around(region.window, region.mask)
    return Step("new", (fresh, label), patches=(patch,), points=(place, place), box=box)


def mark(subject: Subject, *, ids: Sequence[int] = (), points: Sequence[Point] = ()) -> Step:
    """Objects are correct: no later edit may change them.

    Raises:
        ValueError: one is 0 or locked already.
    """
    objects, places = _named(subject, ids, points)
    _check_objects(subject, objects)
    return Step("mark", objects, points=places)


def unmark(subject: Subject, *, ids: Sequence[int] = (), points: Sequence[Point] = ()) -> Step:
    """Objects may be edited again.

    Raises:
        ValueError: one is not locked.
    """
    objects, places = _named(subject, ids, points)
    free = [one for one in objects if one not in subject.locked]
    if free:
        raise ValueError(f"Object {free[0]} is not marked as correct.")
    return Step("unmark", objects, points=places)


def review(subject: Subject, window: Window) -> Step:
    """All in a box is right as it is, 0 too; no voxel is touched, and later edits inside are trusted as well.

    Args:
        window: a slice for each axis; `slice(None)` is all of it, `slice(3, 4)` section 3.

    Raises:
        ValueError: the box is empty or reaches outside, or all of it is reviewed already.
    """
    box = box_in(window, subject.labels.shape)
    if size(within(subject.boxes, box)) == size([box]):
        raise ValueError("All of this box is reviewed already.")
    return Step("review", (), box=box)


def unreview(subject: Subject, window: Window) -> Step:
    """Nothing in a box is reviewed any more, but for objects marked as correct.

    Raises:
        ValueError: the box is empty or reaches outside, or no reviewed box lies in it.
    """
    box = box_in(window, subject.labels.shape)
    if not within(subject.boxes, box):
        raise ValueError("No reviewed box lies there.")
    return Step("unreview", (), box=box)


def _place_of(subject: Subject, window: Window, label: int) -> tuple[Point, ...]:
    """A voxel that has the label already, in the window or beside it; none where there is none."""
    wider = widened(window, (1,) * len(window), subject.labels.shape)
    own = np.asarray(subject.labels[wider]) == np.array(label, IDS)
    return (voxel_of(wider, own),) if label and own.any() else ()


def _named(
    subject: Subject, ids: Sequence[int], points: Sequence[Point]
) -> tuple[tuple[int, ...], tuple[Point, ...]]:
    """The labels of what is edited, each once, and a place of each where places are given."""
    places = [_whole(point) for point in points]
    if not ids and not places:
        raise ValueError("No object is named; click into one, or give its label.")
    if ids and places and len(places) != len(ids):
        raise ValueError(f"{len(ids)} labels have {len(places)} places; give one place for each.")
    named = [int(one) for one in ids] or [subject.labels.at(point) for point in places]
    objects = tuple(dict.fromkeys(named))
    return objects, tuple(places[named.index(one)] for one in objects) if places else ()


def _check_objects(subject: Subject, ids: Sequence[int]) -> None:
    if 0 in ids:
        raise ValueError("There is no object (label 0) at one of the places; click into one.")
    check_free(ids, subject.locked)


def _label_of(region: Region) -> int:
    return int(region.labels[region.mask][0])


def _evidence(interior_map: LazyArray, window: Window, labels: Edited) -> Array:
    if tuple(interior_map.shape) != labels.shape:
        raise ValueError(
            f"The map of shape {tuple(interior_map.shape)} does not lie on labels of shape {labels.shape}; "
            "choose the map that the labels were made from."
        )
    return evidence_of(as_probability(np.asarray(interior_map[window])))


def _one_or_all(labels: Array) -> Any:
    """One label where all are equal, so that it is stored once."""
    return labels[0] if (labels == labels[0]).all() else labels


def _whole(point: Sequence[float]) -> Point:
    return tuple(math.floor(k + 0.5) for k in point)
