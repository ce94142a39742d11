"""What a study is: its question, its runs, what is measured of each, and what the literature says."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from napari_advseg.progress import Reports
from napari_advseg.recipes import Train
from napari_advseg.studies.plan import SCALES, Plan, Scale

Line = tuple[str, ...]
"""What tells one line of a study's table from the others: values of factors."""


@dataclasses.dataclass(frozen=True)
class Published:
    """What the literature says.

    Attributes:
        source: paper and table.
        values: by the line of our table, the published value of a measure.
        comparable, not_comparable: sentences on what may be set side by side and what not.
        notes: what else is claimed.
    """

    source: str
    comparable: str
    not_comparable: str
    values: Mapping[Line, Mapping[str, float]] = dataclasses.field(default_factory=dict)
    notes: str = ""


@dataclasses.dataclass(frozen=True)
class Job:
    """One run of a study.

    Attributes:
        factors: what makes it different from the others, for its row; with the seed.
        recipe: how its model is trained.
        learnt, judged, tested: sections that train, choose thresholds, and are scored.
        first: a run whose model this one starts from (`start_from`).
    """

    factors: dict[str, Any]
    recipe: Train
    learnt: tuple[int, ...] = ()
    judged: tuple[int, ...] = ()
    tested: tuple[int, int] = (0, 0)
    first: Job | None = None

    @property
    def name(self) -> str:
        """The run's folder, for example "unet-5-0"."""
        words = "-".join(str(value) for value in self.factors.values())
        return "".join(letter if letter.isalnum() or letter in "-_." else "_" for letter in words)

    @property
    def key(self) -> tuple[str, ...]:
        """What tells its row from others."""
        return tuple(str(value) for value in self.factors.values())


Queue = Callable[[Plan], list[Job]]
Measure = Callable[[Job, Plan], Reports[dict[str, Any]]]


@dataclasses.dataclass(frozen=True)
class Study:
    """All that a study is: declare one, and the command, the report and the tests know it.

    Attributes:
        question: what it asks, as the report's title.
        by: the factors that make a line of the table; over all others (seeds, folds) it averages.
        measures: columns of the table, the first is drawn.
        queue: its runs, in order.
        measure: what is measured of one run.
        published: numbers of the literature, and what of them can be compared.
        along: the factor along the figure's horizontal axis; bars without one.
        scales: how large it is at each scale.
        remarks: further paragraphs of the report.
        files: names and contents of further files.
    """

    name: str
    question: str
    by: tuple[str, ...]
    measures: tuple[str, ...]
    queue: Queue
    measure: Measure
    published: Published
    along: str | None = None
    scales: Mapping[str, Scale] = dataclasses.field(default_factory=lambda: SCALES)
    remarks: Callable[[Plan], Iterable[str]] = lambda _: ()
    files: Callable[[Plan], Iterable[tuple[str, str]]] = lambda _: ()
