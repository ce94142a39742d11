"""The grid of a threshold search: which values are tried, and in which order."""

from __future__ import annotations

import dataclasses

from napari_advseg.settings.labelling import LabellingSettings
from napari_advseg.settings.tuning import Minima, Statistic, TuningSettings

# The 6 x 6 pairs of the bachelor thesis S003 (methods, section 5).
THESIS_THRESHOLDS = (0.73, 0.80, 0.83, 0.86, 0.88, 0.90)
THESIS_GAPS = (0.0, 0.02, 0.04, 0.06, 0.08, 0.10)
COARSE = tuple(round(0.30 + 0.05 * k, 2) for k in range(14))
FINE = (-0.04, -0.03, -0.02, -0.01, 0.01, 0.02, 0.03, 0.04)
STEPS = (0.0, 0.02, 0.04, 0.06, 0.08, 0.10, 0.15, 0.20)
EVERY_LINE = 1.01


@dataclasses.dataclass(frozen=True)
class Grid:
    """What is tried.

    Attributes:
        thresholds: in rising order.
        gaps: edge threshold minus threshold, rising; empty where `edges` are tried.
        edges: edge thresholds, rising, the same for every threshold; else empty.
        minima, radii, statistics: every combination of them is tried at every pair.
        refine: whether finer thresholds follow around the best.
    """

    thresholds: tuple[float, ...]
    gaps: tuple[float, ...]
    edges: tuple[float, ...]
    minima: tuple[Minima, ...]
    radii: tuple[int, ...]
    statistics: tuple[Statistic, ...]
    refine: bool

    @classmethod
    def of(cls, settings: TuningSettings, labelling: LabellingSettings) -> Grid:
        """The settings' lists, where they leave one empty the grid's, and else the labelling's own value."""
        wide = settings.grid == "wide"
        thresholds = settings.thresholds or (COARSE if wide else THESIS_THRESHOLDS)
        edges = settings.gap_thresholds or ()
        gaps = () if edges else settings.gaps or (STEPS if wide else THESIS_GAPS)
        own = wide and settings.thresholds is None
        return cls(
            tuple(sorted(thresholds)),
            tuple(sorted(gaps)),
            tuple(sorted(edges)),
            settings.minima or (labelling.minima,),
            settings.radii or (labelling.edge_radius,),
            settings.statistics or (labelling.edge_statistic,),
            own if settings.refine is None else settings.refine,
        )

    def pairs(self, threshold: float) -> list[tuple[float, float]]:
        """(gap, edge threshold) of each cell at one threshold; edge thresholds stay in [0, 1.01]."""
        if self.edges:
            return [(round(edge - threshold, 6), edge) for edge in self.edges]
        raised = ((gap, round(threshold + gap, 6)) for gap in self.gaps)
        return [(gap, min(max(edge, 0.0), EVERY_LINE)) for gap, edge in raised]

    def judgements(self) -> list[tuple[int, Statistic]]:
        """Radius and statistic of each way to judge the lines."""
        return [(radius, name) for radius in self.radii for name in self.statistics]

    def finer(self, middle: float) -> list[float]:
        """Thresholds around `middle` that lie in [0, 1) and are not tried yet."""
        near = (round(middle + offset, 6) for offset in FINE)
        return [value for value in near if 0 <= value < 1 and value not in self.thresholds]
