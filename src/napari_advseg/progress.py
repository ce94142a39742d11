"""Frozen reports: what everything that lasts over a second says about itself while it runs.

A long operation is a generator that yields these and returns its result. A progress bar, a JSON-lines stream
and a dock are three readers of the same reports; `drain` reads none of them.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Generator
from contextlib import closing
from typing import Any, TypeVar

IMAGES = "images"
"""The phase in which the images of a set are counted."""
Result = TypeVar("Result")


@dataclasses.dataclass(frozen=True)
class Report:
    """One thing that happened; every field is plain JSON."""


@dataclasses.dataclass(frozen=True)
class Said(Report):
    """A sentence for the user: a decision that was taken, or a fact to know."""

    text: str


@dataclasses.dataclass(frozen=True)
class Warned(Report):
    """A sentence for the user about something that is not as it should be."""

    text: str


@dataclasses.dataclass(frozen=True)
class Phase(Report):
    """A stretch of `total` equal pieces of work begins; `BlockDone` counts them."""

    name: str
    total: int


@dataclasses.dataclass(frozen=True)
class StepDone(Report):
    """One training step of `steps`; `losses` holds each term by name."""

    step: int
    steps: int
    losses: dict[str, float]
    seconds: float


@dataclasses.dataclass(frozen=True)
class Validated(Report):
    """The model after `step` steps measured on the validation sections."""

    step: int
    loss: float
    metrics: dict[str, float]
    best: bool
    learning_rates: dict[str, float]


@dataclasses.dataclass(frozen=True)
class Contest(Report):
    """How critics and the networks that they judge stand after `step`.

    For each critic: histograms of its scores of what is "real" and "fake" from "low" to "high", and how often
    a real one was above a fake one ("right", .5 is a guess). `gradients` holds each player's gradient norm,
    `ratio` the largest judged network's over the largest critic's.
    """

    step: int
    critics: dict[str, dict[str, Any]]
    gradients: dict[str, float]
    ratio: float


@dataclasses.dataclass(frozen=True)
class Strip(Report):
    """A picture of withheld images, what is made of them after `step`, and the truth, at `path`."""

    step: int
    path: str


@dataclasses.dataclass(frozen=True)
class Previewed(Report):
    """What a model in training makes of the section that the user looks at: a .npy file at `path`.

    It holds an interior map or an image in [0, 1] as float32, or class labels, of a window of section `section` whose
    first pixel is (`top`, `left`).
    """

    step: int
    path: str
    section: int
    top: int
    left: int


@dataclasses.dataclass(frozen=True)
class BlockDone(Report):
    """Piece `done` of `total` of a phase (a tile, a section, a block) is finished."""

    phase: str
    done: int
    total: int


@dataclasses.dataclass(frozen=True)
class Saving(Report):
    """Something is about to be written whole: until the next report nothing should end this process."""

    what: str


@dataclasses.dataclass(frozen=True)
class Saved(Report):
    """Something complete now stands under `path`."""

    path: str
    what: str


Reports = Generator[Report, None, Result]

KINDS: dict[str, type[Report]] = {
    kind.__name__: kind
    for kind in (
        Said,
        Warned,
        Phase,
        StepDone,
        Validated,
        Contest,
        Strip,
        Previewed,
        BlockDone,
        Saving,
        Saved,
    )
}


def encode(report: Report) -> dict[str, Any]:
    """The report as a JSON object; `decode` is the inverse."""
    return {"report": type(report).__name__, **dataclasses.asdict(report)}


def decode(message: dict[str, Any]) -> Report:
    """The report that `encode` turned into `message`."""
    fields = dict(message)
    return KINDS[fields.pop("report")](**fields)


def drain(running: Reports[Result], read: Callable[[Report], object] | None = None) -> Result:
    """Run a generator of reports to its end and return its result; `read` sees every report.

    An exception (Ctrl-C included) closes the generator, so that it saves what is whole.
    """
    with closing(running):
        while True:
            try:
                report = next(running)
            except StopIteration as end:
                result: Result = end.value
                return result
            if read is not None:
                read(report)
