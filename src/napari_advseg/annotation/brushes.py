"""Brushes: the values that an annotation is painted with, what they mean, and the ids of new objects."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

from napari_advseg.volume.painted import BACKGROUND, BOUNDARY

COLOURS = 50
"""Colours that ids are shown in by turns; the two marks have the last of them, so that no new object gets these."""
MOST_CLASSES = 64
NAMES = "background, inside"


@dataclasses.dataclass(frozen=True)
class Brush:
    """A value to paint with.

    Attributes:
        name: what the button says.
        value: what is written.
        about: what it is for, in one sentence.
        colour: how it is shown, #rrggbb; empty where the id decides.
    """

    name: str
    value: int
    about: str
    colour: str = ""


ERASER = Brush("Erase", 0, "Take annotation away: 0, not annotated.")
MARKS = (
    Brush(
        "Boundary",
        BOUNDARY,
        "Paint membranes and walls between objects. Touching objects get a boundary without it.",
        "#ff5f1f",
    ),
    Brush(
        "Background",
        BACKGROUND,
        "Paint what belongs to no object at all. What is not painted stays unknown and teaches nothing.",
        "#4a6fd8",
    ),
)


def turn_of(value: int) -> int:
    """Which of the colours an id is shown in, from 1."""
    return (value - 1) % COLOURS + 1


def next_object(highest: int) -> int:
    """The id of a new object above those that there are, in no colour of a mark."""
    value = highest + 1
    while turn_of(value) in (turn_of(BOUNDARY), turn_of(BACKGROUND)):
        value += 1
    return value


def classes_in(text: str) -> dict[int, str]:
    """Names of classes, divided by commas, with their values 1, 2, ...

    Raises:
        ValueError: there are fewer than two, one twice, or too many.
    """
    names = [" ".join(name.split()) for name in text.replace(";", ",").split(",")]
    names = [name for name in names if name]
    if len(names) < 2:
        raise ValueError("Name at least two classes, divided by commas: background, axon, myelin.")
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise ValueError(f"The class '{twice}' is named twice; give every class its own name.")
    if len(names) > MOST_CLASSES:
        raise ValueError(f"{len(names)} classes are too many; name at most {MOST_CLASSES}.")
    return dict(enumerate(names, start=1))


def class_brushes(classes: Mapping[int, str], colours: Mapping[int, str]) -> tuple[Brush, ...]:
    """A brush for each class."""
    return tuple(
        Brush(name, value, f"Paint the class '{name}' (value {value}).", colours.get(value, ""))
        for value, name in sorted(classes.items())
    )
