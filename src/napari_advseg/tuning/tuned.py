"""What a search for thresholds found: every cell of the grid, the best, the chosen, and how it was measured."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from typing import Annotated, Any

from pydantic import Field, TypeAdapter, ValidationError

from napari_advseg.settings.labelling import LabellingSettings
from napari_advseg.settings.scoring import ScoringSettings
from napari_advseg.settings.tuning import Minima, Objective, Statistic, TuningSettings


@dataclasses.dataclass(frozen=True)
class Values:
    """Scores of one cell of the grid, means over the sections; 0 is perfect.

    Attributes:
        voi_split: H(labels | truth) in bits.
        voi_merge: H(truth | labels) in bits.
        voi: their sum.
        adapted_rand_error: in [0, 1].
        cremi_score: mean over the sections of sqrt(voi * adapted_rand_error).
        ignored_fraction: share of the scored truth that the boundary handling drops.
    """

    voi_split: float
    voi_merge: float
    voi: float
    adapted_rand_error: float
    cremi_score: float
    ignored_fraction: float

    def objective(self, name: Objective, merge_weight: float = 1.0) -> float:
        """The number to make small; "weighted" is split + merge_weight * merge."""
        if name == "weighted":
            return self.voi_split + merge_weight * self.voi_merge
        value: float = getattr(self, name)
        return value


@dataclasses.dataclass(frozen=True)
class Cell:
    """One way of labelling, with its honest scores and, beside them, the flattering ones.

    Attributes:
        threshold: a pixel is inside a cell above it.
        gap_threshold: lines below it close a gap; "edge_threshold" in files, its first name.
        gap: gap_threshold - threshold as it was asked for; edge thresholds end at 1.01, which takes every line.
        minima, edge_radius, edge_statistic: as in the labelling settings.
        closed: lines that were accepted, over all sections; with 0 the labels are those of the plain threshold.
        voi_split ... ignored_fraction: the honest scores (`Values`): walls grown away, or counted.
        flattering: the same with every pixel of a predicted wall left out, as the thesis measured; None where that
            leaves nothing of a section, which would look perfect.
    """

    threshold: float
    gap_threshold: Annotated[float, Field(alias="edge_threshold")]
    gap: float
    minima: Minima
    edge_radius: int
    edge_statistic: Statistic
    closed: int
    voi_split: float
    voi_merge: float
    voi: float
    adapted_rand_error: float
    cremi_score: float
    ignored_fraction: float
    flattering: Values | None

    @property
    def honest(self) -> Values:
        """The honest scores by themselves."""
        return Values(*(getattr(self, field.name) for field in dataclasses.fields(Values)))

    @property
    def pair(self) -> tuple[float, float]:
        """Threshold and edge threshold."""
        return self.threshold, self.gap_threshold

    def labelling(self, settings: LabellingSettings) -> LabellingSettings:
        """`settings` with this cell's thresholds, seeds, neighbourhood and statistic."""
        return settings.changed(
            threshold=self.threshold,
            gap_threshold=self.gap_threshold,
            minima=self.minima,
            edge_radius=self.edge_radius,
            edge_statistic=self.edge_statistic,
        )


@dataclasses.dataclass(frozen=True)
class Work:
    """How often each stage of a search ran.

    Attributes:
        truths: truth prepared (border mask, ids), once a section.
        prepared: steps 1-6, once a section, threshold and way of choosing seeds.
        judged: statistics of the candidate lines, once each of those, radius and statistic.
        labelled: sections labelled and scored, once each set of accepted lines.
        cells: cells of the grid times sections.
    """

    truths: int = 0
    prepared: int = 0
    judged: int = 0
    labelled: int = 0
    cells: int = 0

    def __add__(self, other: Work) -> Work:
        pairs = zip(dataclasses.astuple(self), dataclasses.astuple(other), strict=True)
        return Work(*(ours + theirs for ours, theirs in pairs))


@dataclasses.dataclass(frozen=True)
class Tuned:
    """The outcome of a search.

    Attributes:
        best: the cell with the lowest objective; of equal ones the one that closes fewest gaps.
        plain: the same among the cells that close nothing; None where every cell tried closes some.
        flattering_best: the cell that would be best if predicted walls were left out; None where no
            cell has such a score.
        chosen: the cell to use: the best, or the one that the user named.
        cells: every cell, by seeds, radius, statistic, threshold and then by gap.
        settings: the grid and the objective.
        labelling: what was the same in all cells.
        scoring: how the honest scores were measured.
        sections: indices of the sections in the truth, where known.
        image, labels: files that they come from, where known.
        work: how often each stage ran.
    """

    best: Cell
    plain: Cell | None
    flattering_best: Cell | None
    chosen: Cell
    cells: tuple[Cell, ...]
    settings: TuningSettings
    labelling: LabellingSettings
    scoring: ScoringSettings
    sections: tuple[int, ...] = ()
    image: str | None = None
    labels: str | None = None
    work: Work = dataclasses.field(default=Work(), compare=False)

    @property
    def threshold(self) -> float:
        return self.best.threshold

    @property
    def gap_threshold(self) -> float:
        return self.best.gap_threshold

    def objective(self, cell: Cell) -> float | None:
        """What was made small, for one cell; None where it has no such score."""
        return self.value(cell.flattering if self.scoring.boundary == "ignore" else cell.honest)

    def value(self, values: Values | None) -> float | None:
        """The objective of some scores."""
        if values is None:
            return None
        return values.objective(self.settings.objective, self.settings.merge_weight)

    @property
    def disagreement(self) -> str | None:
        """One sentence where leaving predicted walls out of the score would choose another pair; else None."""
        honest = lowest(self.cells, lambda cell: self.value(cell.honest))
        other = self.flattering_best
        if honest is None or other is None or other.flattering is None or honest.pair == other.pair:
            return None
        dropped = 100 * other.flattering.ignored_fraction
        return (
            f"With predicted walls left out of the score, {other.threshold:g}, {other.gap_threshold:g} would look "
            f"best (VOI {other.flattering.voi:.4f}), because {dropped:.1f} % of the pixels are then not compared; "
            f"compared, it has VOI {other.voi:.4f}, and {honest.threshold:g}, {honest.gap_threshold:g} has "
            f"{honest.voi:.4f}."
        )

    def choose(self, threshold: float, gap_threshold: float) -> Tuned:
        """The same outcome with another cell chosen: the best of those with this pair.

        Raises:
            ValueError: no cell of the grid has it; the nearest ones are named.
        """
        wanted = (threshold, gap_threshold)
        cells = [cell for cell in self.cells if _apart(cell, wanted) < 1e-6]
        if not cells:
            nearest = min(self.cells, key=lambda cell: _apart(cell, wanted))
            raise ValueError(
                f"The pair {threshold:g}, {gap_threshold:g} was not tried; the nearest that was is "
                f"{nearest.threshold:g}, {nearest.gap_threshold:g}."
            )
        return dataclasses.replace(self, chosen=lowest(cells, self.objective) or cells[0])

    def to_json(self) -> dict[str, Any]:
        """Everything as plain JSON; `from_json` is the inverse."""
        tree: dict[str, Any] = _TUNED.dump_python(self, mode="json", by_alias=True)
        return tree

    @classmethod
    def from_json(cls, tree: dict[str, Any]) -> Tuned:
        """What `to_json` turned into `tree`.

        Raises:
            ValueError: the tree is no outcome of a search.
        """
        try:
            return _TUNED.validate_python(tree)
        except ValidationError as error:
            problem = error.errors()[0]
            place = ".".join(map(str, problem["loc"]))
            raise ValueError(
                f"This is no table of a threshold search ({place}: {problem['msg']}); "
                "name the tuning.json that tune wrote."
            ) from None


_TUNED = TypeAdapter(Tuned)


def lowest(cells: Sequence[Cell], objective: Callable[[Cell], float | None]) -> Cell | None:
    """The first cell with the lowest objective; None where none has one."""
    known = [(value, cell) for cell in cells if (value := objective(cell)) is not None]
    return min(known, key=lambda pair: pair[0])[1] if known else None


def listed(sections: Sequence[int]) -> str:
    """Indices for people: "14-16" where they follow each other, else "3, 7, 9"."""
    if len(sections) > 2 and list(sections) == list(range(sections[0], sections[-1] + 1)):
        return f"{sections[0]}-{sections[-1]}"
    return ", ".join(map(str, sections))


def _apart(cell: Cell, pair: tuple[float, float]) -> float:
    return max(abs(cell.threshold - pair[0]), abs(cell.gap_threshold - pair[1]))
