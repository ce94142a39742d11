"""The search: every cell of the grid labelled and scored, and nothing computed twice."""

from __future__ import annotations

import dataclasses
import threading
from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from itertools import product
from typing import Any

import cc3d
import numpy as np

from napari_advseg.labelling.section.gap_closing import (
    Prepared,
    close_gaps,
    line_statistics,
    prepare,
)
from napari_advseg.labelling.section.watershed import grow
from napari_advseg.progress import BlockDone, Phase, Reports
from napari_advseg.scoring.measures.instances import as_label_volume, check_alike
from napari_advseg.settings.labelling import LabellingSettings
from napari_advseg.settings.override import override
from napari_advseg.settings.scoring import ScoringSettings
from napari_advseg.settings.tuning import Minima, Objective, TuningSettings
from napari_advseg.tuning.grid import FINE, STEPS, Grid
from napari_advseg.tuning.truth import TruthSection, mean
from napari_advseg.tuning.tuned import Cell, Tuned, Values, Work, lowest
from napari_advseg.volume.by_section import in_order, read_sections
from napari_advseg.volume.volume import Array, Volume

PHASE = "thresholds"

_Place = tuple[Minima, float]
_Section = tuple[Array, TruthSection]
_Job = tuple[_Place, _Section]


def tune(
    interior_map: Volume | Array,
    truth: Volume | Array,
    settings: TuningSettings | None = None,
    labelling: LabellingSettings | None = None,
    scoring: ScoringSettings | None = None,
    **fields: Any,
) -> Reports[Tuned]:
    """The grid of the settings tried on an interior map with the truth of the same voxels; reports blocks of cells.

    Labels are made and scored section by section, just as `label` and `score` do, whatever `scoring.by` says. A truth
    with a single id is a mask: its 4-connected components are the objects. Keywords are fields of the settings and
    win over them. Methods, section 5, grid search.

    Args:
        probabilities: interior map of axes (z,) y, x, in [0, 1].
        truth: true ids, the same shape.
        settings: the grid and the objective.
        labelling: what the grid does not vary.
        scoring: how labels are measured; with `boundary` "ignore" the flattering scores decide, else the honest ones.

    Raises:
        ValueError: shapes or voxel sizes differ, the map is no probability, ids are negative or fractional, no truth
            pixel is scored, or a keyword is no setting.
    """
    chosen = override(TuningSettings, settings, fields)
    interior_map, true = _map_volume(interior_map), as_label_volume(truth, "Truth")
    check_alike(interior_map, true)
    truths: Iterable[Array] = read_sections(true)
    if is_mask(read_sections(true)):
        truths = map(components, truths)
    found = yield from search_grid(read_sections(interior_map), truths, chosen, labelling, scoring)
    return dataclasses.replace(found, sections=tuple(range(true.size("z"))))


def choose_thresholds(
    interior_map: Sequence[Array],
    truths: Sequence[Array],
    labelling: LabellingSettings | None = None,
    scoring: ScoringSettings | None = None,
    *,
    thresholds: Sequence[float] | None = None,
    steps: Sequence[float] = STEPS,
    objective: Objective = "cremi_score",
) -> Reports[Tuned]:
    """`search_grid` with a list of thresholds, or with the wide grid where none is given.

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
    lists = {"thresholds": thresholds and tuple(thresholds), "gaps": tuple(steps)}
    settings = override(TuningSettings, None, {**lists, "objective": objective})
    return (yield from search_grid(interior_map, truths, settings, labelling, scoring))


def search_grid(
    interior_map: Iterable[Array],
    truths: Iterable[Array],
    settings: TuningSettings,
    labelling: LabellingSettings | None = None,
    scoring: ScoringSettings | None = None,
) -> Reports[Tuned]:
    """Every cell of the grid on sections given one by one; reports a block for each section, threshold and `minima`.

    Steps 1-6 of the labelling run once for each of those blocks, the lines are judged once for each radius and
    statistic, and equal sets of accepted lines are labelled and scored once. Sections without a scored truth pixel
    do not count. Maps are kept as they come and truth as 32-bit ids, one section for each map.

    Raises:
        ValueError: as `tune`.
    """
    base, scoring = labelling or LabellingSettings(), scoring or ScoringSettings()
    grid = Grid.of(settings, base)
    sections = _ready(interior_map, truths, scoring)
    bench = _Bench([pair for pair in sections if pair[1].scored], base, grid)
    blocks = len(bench.sections) * len(grid.minima)
    fine = len(FINE) if grid.refine else 0
    total = blocks * (len(grid.thresholds) + fine)
    yield Phase(PHASE, total)
    cells = yield from bench.tried(grid.thresholds, 0, total)
    found = _outcome(cells, settings, base, scoring)
    if grid.refine:
        finer = grid.finer(found.best.threshold)
        cells += yield from bench.tried(finer, total - blocks * len(finer), total)
        found = _outcome(cells, settings, base, scoring)
    return dataclasses.replace(found, work=bench.work + Work(truths=len(sections)))


def is_mask(truths: Iterable[Array]) -> bool:
    """Whether the sections hold one positive id in all."""
    ids: set[float] = set()
    for truth in truths:
        ids.update(np.unique(truth[truth != 0])[:2].tolist())
        if len(ids) > 1:
            return False
    return any(identity > 0 for identity in ids)


def components(mask: Array) -> Array:
    """The 4-connected components of a section's pixels above 0, numbered."""
    return np.asarray(cc3d.connected_components(mask > 0, connectivity=4))


def _map_volume(interior_map: Volume | Array) -> Volume:
    if not isinstance(interior_map, Volume):
        return as_label_volume(np.asarray(interior_map), "Interior maps")
    if interior_map.axes.lstrip("c") not in ("yx", "zyx") or interior_map.size("c") != 1:
        raise ValueError(
            f"An interior map has the axes 'yx' or 'zyx', not '{interior_map.axes}' of shape "
            f"{interior_map.shape}; choose one channel and one time point."
        )
    return interior_map


@dataclasses.dataclass(frozen=True)
class _Measured:
    """One section in one cell."""

    closed: int
    honest: Values
    flattering: Values | None


@dataclasses.dataclass(frozen=True)
class _Block:
    """The cells of one section at one threshold and way of choosing seeds, by judgement and then by gap."""

    cells: list[_Measured]
    work: Work


@dataclasses.dataclass(eq=False)
class _Bench:
    """Sections under test; `work` counts what was done to them."""

    sections: list[_Section]
    labelling: LabellingSettings
    grid: Grid
    work: Work = dataclasses.field(default_factory=Work)

    def tried(self, thresholds: Sequence[float], done: int, total: int) -> Reports[list[Cell]]:
        """The cells of these thresholds. Closing the generator ends the blocks under way after their cell."""
        places = list(product(self.grid.minima, thresholds))
        jobs = [(place, section) for place in places for section in self.sections]
        blocks: list[_Block] = []
        stopped = threading.Event()
        try:
            for block in in_order(partial(self._block, stopped), jobs):
                blocks.append(block)
                self.work += block.work
                yield BlockDone(PHASE, done + len(blocks), total)
        finally:
            stopped.set()
        each = len(self.sections)
        return [
            cell
            for k, place in enumerate(places)
            for cell in self._cells(place, blocks[k * each : (k + 1) * each])
        ]

    def _block(self, stopped: threading.Event, job: _Job) -> _Block:
        (minima, threshold), (probability, truth) = job
        prepared = prepare(probability, self.labelling.changed(minima=minima, threshold=threshold))
        known: dict[bytes, _Measured] = {}
        cells: list[_Measured] = []
        for radius, statistic in self.grid.judgements():
            settings = prepared.settings.changed(edge_radius=radius, edge_statistic=statistic)
            judged = line_statistics(prepared, settings)
            for _, edge in self.grid.pairs(threshold):
                if stopped.is_set():
                    break
                accepted = judged < np.float32(edge)
                lines = np.packbits(accepted).tobytes()
                if lines not in known:
                    closing = settings.changed(gap_threshold=edge)
                    known[lines] = _measured(prepared, closing, truth, int(accepted.sum()))
                cells.append(known[lines])
        work = Work(0, 1, len(self.grid.judgements()), len(known), len(cells))
        return _Block(cells, work)

    def _cells(self, place: _Place, blocks: list[_Block]) -> Iterator[Cell]:
        minima, threshold = place
        names = product(self.grid.judgements(), self.grid.pairs(threshold))
        columns = zip(*(block.cells for block in blocks), strict=True)
        for ((radius, statistic), (gap, edge)), column in zip(names, columns, strict=True):
            flattering = [one.flattering for one in column if one.flattering is not None]
            yield Cell(
                threshold=threshold,
                gap_threshold=edge,
                gap=gap,
                minima=minima,
                edge_radius=radius,
                edge_statistic=statistic,
                closed=sum(one.closed for one in column),
                **dataclasses.asdict(mean([one.honest for one in column])),
                # A section ignored whole would count as perfect.
                flattering=mean(flattering) if len(flattering) == len(column) else None,
            )


def _measured(
    prepared: Prepared, settings: LabellingSettings, truth: TruthSection, closed: int
) -> _Measured:
    """Labels with their walls, for the flattering score, grown as the settings say for the honest one."""
    walled = close_gaps(prepared, settings.changed(thin=False))
    grows = settings.thin and settings.zero != "background"
    interior_map = prepared.probability
    labels = grow(walled, interior_map, ~np.isnan(interior_map)) if grows else walled
    return _Measured(closed, truth.honest(labels), truth.flattering(walled))


def _ready(
    interior_map: Iterable[Array], truths: Iterable[Array], scoring: ScoringSettings
) -> list[_Section]:
    """Every section with its truth made ready; at least one has scored pixels."""

    def ready(pair: tuple[Array, Array]) -> _Section:
        probability, truth = pair
        if probability.shape != truth.shape:
            raise ValueError(
                f"The interior map of shape {probability.shape} and the truth of shape {truth.shape} "
                "differ; cut or resample one of them."
            )
        return probability, TruthSection.of(truth, scoring)

    sections = list(in_order(ready, zip(interior_map, truths, strict=True)))
    if not sections:
        raise ValueError("There is no section to choose thresholds on; give at least one.")
    if not any(truth.scored for _, truth in sections):
        raise ValueError(
            "The sections hold no truth that is scored, so no thresholds can be chosen on them; give "
            f"sections with annotations, or a border smaller than {scoring.border} px."
        )
    return sections


def _outcome(
    cells: list[Cell],
    settings: TuningSettings,
    labelling: LabellingSettings,
    scoring: ScoringSettings,
) -> Tuned:
    """All cells in order, and the best of them."""
    grid = Grid.of(settings, labelling)

    def place(cell: Cell) -> tuple[float, ...]:
        judgement = grid.judgements().index((cell.edge_radius, cell.edge_statistic))
        return grid.minima.index(cell.minima), judgement, cell.threshold, cell.gap

    ordered = sorted(cells, key=place)
    tuned = Tuned(ordered[0], None, None, ordered[0], tuple(ordered), settings, labelling, scoring)
    best = lowest(ordered, tuned.objective)
    if best is None:
        raise ValueError(
            "Every threshold leaves nothing but walls of some section; try lower thresholds, or score "
            "with boundary thin."
        )
    return dataclasses.replace(
        tuned,
        best=best,
        chosen=best,
        plain=lowest([cell for cell in ordered if not cell.closed], tuned.objective),
        flattering_best=lowest(ordered, lambda cell: tuned.value(cell.flattering)),
    )
