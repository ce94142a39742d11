"""Choose the two thresholds of the labelling on sections that the model has not learnt from."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import Any, Literal

import numpy as np

from napari_advseg.labelling.by_section import in_order
from napari_advseg.labelling.gap_closing import close_gaps, line_statistics, prepare
from napari_advseg.progress import BlockDone, Phase, Reports
from napari_advseg.scoring import Score, score
from napari_advseg.settings.labelling import LabellingSettings
from napari_advseg.settings.scoring import ScoringSettings
from napari_advseg.volume.volume import Array

Objective = Literal["cremi_score", "voi", "adapted_rand_error"]

COARSE = tuple(round(0.30 + 0.05 * k, 2) for k in range(14))
FINE = (-0.04, -0.03, -0.02, -0.01, 0.01, 0.02, 0.03, 0.04)
STEPS = (0.0, 0.02, 0.04, 0.06, 0.08, 0.10, 0.15, 0.20)
PHASE = "thresholds"


@dataclasses.dataclass(frozen=True)
class Cell:
    """One pair of thresholds, with the mean scores over the sections."""

    threshold: float
    edge_threshold: float
    voi_split: float
    voi_merge: float
    voi: float
    adapted_rand_error: float
    cremi_score: float
    ignored_fraction: float


@dataclasses.dataclass(frozen=True)
class Thresholds:
    """The best pair, the best threshold without gap closing, and every pair that was tried.

    Attributes:
        best: the cell with the lowest objective; of equal ones the one that closes fewest gaps.
        plain: the same among the cells whose gap threshold closes nothing.
        cells: every cell, by threshold and then by gap threshold.
    """

    best: Cell
    plain: Cell
    cells: tuple[Cell, ...]

    @property
    def threshold(self) -> float:
        return self.best.threshold

    @property
    def edge_threshold(self) -> float:
        return self.best.edge_threshold

    def to_json(self) -> dict[str, Any]:
        """The table as plain JSON."""
        return dataclasses.asdict(self)


def choose_thresholds(
    probabilities: Sequence[Array],
    truths: Sequence[Array],
    labelling: LabellingSettings | None = None,
    scoring: ScoringSettings | None = None,
    *,
    thresholds: Sequence[float] | None = None,
    steps: Sequence[float] = STEPS,
    objective: Objective = "cremi_score",
) -> Reports[Thresholds]:
    """The pair of thresholds whose labels score best on the sections given; reports sections.

    Each threshold is tried with a gap threshold higher by each of `steps` (0 closes nothing).
    Without `thresholds` a coarse grid from .30 to .95 is followed by a fine one around its best
    cell. Labels are made and scored just as `label` and `score` do, section by section.
    Methods, section 5, grid search.

    Args:
        probabilities: interior maps of shape (y, x) in [0, 1].
        truths: true ids, one section for each map.
        labelling: all but the two thresholds.
        scoring: how the labels are measured.
        thresholds: the thresholds to try, each in [0, 1).
        steps: gap threshold minus threshold.
        objective: the score to make small.

    Raises:
        ValueError: nothing to choose on: no section, or no scored truth pixel in any.
    """
    sections = list(zip(probabilities, truths, strict=True))
    grid = _Grid(
        sections, labelling or LabellingSettings(), scoring or ScoringSettings(), tuple(steps)
    )
    first = COARSE if thresholds is None else tuple(thresholds)
    count = len(sections) * (len(first) + (len(FINE) if thresholds is None else 0))
    yield Phase(PHASE, count)
    cells = yield from grid.tried(first, 0, count)
    if thresholds is None:
        middle = _best(cells, objective).threshold
        finer = [round(middle + offset, 4) for offset in FINE]
        cells += yield from grid.tried(finer, len(sections) * len(first), count)
    cells.sort(key=lambda cell: (cell.threshold, cell.edge_threshold))
    plain = [cell for cell in cells if cell.edge_threshold <= cell.threshold] or cells
    return Thresholds(_best(cells, objective), _best(plain, objective), tuple(cells))


@dataclasses.dataclass(frozen=True, eq=False)
class _Grid:
    sections: list[tuple[Array, Array]]
    labelling: LabellingSettings
    scoring: ScoringSettings
    steps: tuple[float, ...]

    def tried(self, thresholds: Sequence[float], done: int, count: int) -> Reports[list[Cell]]:
        """The cells of every threshold; steps 1-6 run once for each threshold and section."""
        jobs = [(threshold, *section) for threshold in thresholds for section in self.sections]
        scores: list[tuple[float, list[Score]]] = []
        for job, row in zip(jobs, in_order(self._row, jobs), strict=True):
            scores.append((job[0], row))
            yield BlockDone(PHASE, done + len(scores), count)
        return [
            cell
            for threshold, rows in groupby(scores, key=lambda scored: scored[0])
            for cell in self._cells(threshold, [row for _, row in rows])
        ]

    def _row(self, job: tuple[float, Array, Array]) -> list[Score]:
        """One section at one threshold: a score for each step, measured anew only on a change."""
        threshold, probability, truth = job
        settings = self.labelling.changed(threshold=threshold)
        prepared = prepare(probability, settings)
        judged = line_statistics(prepared, settings)
        row: list[Score] = []
        before = -1
        for edge_threshold in self._edge_thresholds(threshold):
            accepted = int((judged < np.float32(edge_threshold)).sum())
            if accepted != before:
                labels = close_gaps(prepared, settings.changed(edge_threshold=edge_threshold))
                measured = score(labels, truth, self.scoring)
                before = accepted
            row.append(measured)
        return row

    def _cells(self, threshold: float, rows: list[list[Score]]) -> Iterator[Cell]:
        pairs = zip(self._edge_thresholds(threshold), zip(*rows, strict=True), strict=True)
        for edge_threshold, column in pairs:
            scored = [one for one in column if one.scored]
            if not any(one.scored or one.ignored_fraction for one in column):
                raise ValueError(
                    "The sections hold no truth that is scored, so no thresholds can be chosen on "
                    "them; give sections with annotations."
                )
            if any(one.ignored_fraction == 1 for one in column):
                continue  # A section ignored whole would count as perfect.
            means = {
                field.name: float(np.mean([getattr(one, field.name) for one in scored]))
                for field in dataclasses.fields(Cell)[2:]
            }
            yield Cell(threshold, edge_threshold, **means)

    def _edge_thresholds(self, threshold: float) -> list[float]:
        return [min(round(threshold + step, 4), 1.01) for step in self.steps]


def _best(cells: Sequence[Cell], objective: Objective) -> Cell:
    if not cells:
        raise ValueError("There is no section to choose thresholds on; give at least one.")
    return min(cells, key=lambda cell: getattr(cell, objective))
