"""What clicks stand for: every mode of proofreading with the edit that it makes of the places clicked."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence

from napari_advseg.proofreading.editing import edits
from napari_advseg.proofreading.editing.edits import Subject
from napari_advseg.proofreading.store.steps import Point, Step
from napari_advseg.volume.arrays.lazy import LazyArray


@dataclasses.dataclass(frozen=True)
class Click:
    """A voxel that was clicked, and the colour of the seed there; colours count from 0."""

    point: Point
    colour: int = 0


def is_enough(mode: str, clicks: Sequence[Click]) -> bool:
    """Whether an edit follows from these clicks."""
    if mode == "merge":
        return len(clicks) > 1
    if mode == "split":
        return len({click.colour for click in clicks}) > 1
    return bool(clicks)


def step_of(
    mode: str, subject: Subject, clicks: Sequence[Click], interior_map: LazyArray | None = None
) -> Step:
    """The edit that clicks stand for, not yet made.

    Args:
        mode: "merge", "new", "fill", "delete", "correct" or "split".
        interior: probability of being inside a cell, along whose walls an object is split.

    Raises:
        ValueError: they are too few, or the edit is refused.
    """
    if not is_enough(mode, clicks):
        raise ValueError("Click more places first.")
    if mode == "split":
        colours = sorted({click.colour for click in clicks})
        seeds = [[one.point for one in clicks if one.colour == colour] for colour in colours]
        return edits.split(subject, seeds, interior_map)
    return _MADE[mode](subject, [click.point for click in clicks])


def _filled(subject: Subject, points: Sequence[Point]) -> Step:
    """A hole in the volume, else one in its section."""
    try:
        return edits.fill(subject, points[-1])
    except ValueError:
        return edits.fill(subject, points[-1], in_section=True)


def _marked(subject: Subject, points: Sequence[Point]) -> Step:
    """Objects are marked as correct; where all are, they are free again."""
    if all(subject.labels.at(point) in subject.locked for point in points):
        return edits.unmark(subject, points=points)
    free = [point for point in points if subject.labels.at(point) not in subject.locked]
    return edits.mark(subject, points=free)


_MADE: dict[str, Callable[[Subject, Sequence[Point]], Step]] = {
    "merge": lambda subject, points: edits.merge(subject, points=points),
    "new": lambda subject, points: edits.renew(subject, points[-1]),
    "fill": _filled,
    "delete": lambda subject, points: edits.delete(subject, points=points),
    "correct": _marked,
}
