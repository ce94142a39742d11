"""What clicks and strokes stand for: every mode of proofreading with the edit that it makes of the places clicked."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Sequence

import numpy as np

from napari_advseg.proofreading.editing import edits
from napari_advseg.proofreading.editing.edits import Subject
from napari_advseg.proofreading.store.records import Edit
from napari_advseg.proofreading.store.steps import Point, Step
from napari_advseg.volume.arrays.lazy import LazyArray


@dataclasses.dataclass(frozen=True)
class Click:
    """A voxel that was clicked, and the colour of the seed there; colours count from 0."""

    point: Point
    colour: int = 0


Clicks = Sequence[Click]


@dataclasses.dataclass(frozen=True)
class ClickMode:
    """What clicks in a mode are.

    Attributes:
        make: the edit that they stand for; of the interior map for those that cut.
        is_enough: whether an edit follows from them.
        is_single: whether one click is all, so that a second one stands in its place.
    """

    make: Callable[[Subject, Clicks, LazyArray | None], Step]
    is_enough: Callable[[Clicks], bool] = bool
    is_single: bool = False


def step_of(
    mode: str, subject: Subject, clicks: Clicks, interior_map: LazyArray | None = None
) -> Step:
    """The edit that clicks stand for, not yet made.

    Args:
        mode: one of `ON_CLICK`.
        interior_map: probability of being inside a cell, along whose walls an object is split.

    Raises:
        ValueError: they are too few, or the edit is refused.
    """
    if not ON_CLICK[mode].is_enough(clicks):
        raise ValueError("Click more places first.")
    return ON_CLICK[mode].make(subject, clicks, interior_map)


def steps_of(subject: Subject, edit: Edit) -> Iterator[Step]:
    """The steps that a stroke of a brush stands for: one for each label, what it covers in the end.

    Raises:
        ValueError: nothing would change, or it is that of an object marked as correct.
    """
    flat = np.concatenate([patch.flat for patch in edit.patches])
    labels = np.concatenate([patch.new for patch in edit.patches])
    places, last = np.unique(flat[::-1], return_index=True)
    shown = labels[::-1][last]
    for label in np.unique(shown).tolist():
        chosen = np.unravel_index(places[shown == label], subject.labels.shape)
        yield edits.paint_at(subject, chosen, int(label))


def _points(clicks: Clicks) -> list[Point]:
    return [click.point for click in clicks]


def _split(subject: Subject, clicks: Clicks, interior_map: LazyArray | None) -> Step:
    colours = sorted({click.colour for click in clicks})
    seeds = [_points([one for one in clicks if one.colour == colour]) for colour in colours]
    return edits.split(subject, seeds, interior_map)


def _fill(subject: Subject, clicks: Clicks, _: LazyArray | None) -> Step:
    """A hole in the volume, else one in its section."""
    try:
        return edits.fill(subject, clicks[-1].point)
    except ValueError:
        return edits.fill(subject, clicks[-1].point, in_section=True)


def _mark(subject: Subject, clicks: Clicks, _: LazyArray | None) -> Step:
    """Objects are marked as correct; where all are, they are free again."""
    points = _points(clicks)
    free = [point for point in points if subject.labels.at(point) not in subject.locked]
    return edits.mark(subject, points=free) if free else edits.unmark(subject, points=points)


ON_CLICK: dict[str, ClickMode] = {
    "merge": ClickMode(
        lambda subject, clicks, _: edits.merge(subject, points=_points(clicks)),
        lambda clicks: len(clicks) > 1,
    ),
    "split": ClickMode(_split, lambda clicks: len({click.colour for click in clicks}) > 1),
    "new": ClickMode(
        lambda subject, clicks, _: edits.renew(subject, clicks[-1].point), is_single=True
    ),
    "fill": ClickMode(_fill, is_single=True),
    "delete": ClickMode(lambda subject, clicks, _: edits.delete(subject, points=_points(clicks))),
    "correct": ClickMode(_mark),
}
"""Modes in which a click is taken, by name."""
