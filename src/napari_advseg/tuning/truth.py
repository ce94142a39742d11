"""A section of truth made ready once, to be compared with many labels of it."""

from __future__ import annotations

import dataclasses
import math

import fastremap
import numpy as np
import numpy.typing as npt

from napari_advseg.scoring.measures.information import variation_of_information
from napari_advseg.scoring.measures.rand import adapted_rand_error
from napari_advseg.scoring.table.boundary import grow_nearest, near_change
from napari_advseg.scoring.table.contingency import Contingency, as_ids, contingency
from napari_advseg.settings.scoring import ScoringSettings
from napari_advseg.tuning.tuned import Values
from napari_advseg.volume.volume import Array


@dataclasses.dataclass(frozen=True, eq=False)
class TruthSection:
    """True ids of one section, numbered densely, with the pixels that are scored.

    Attributes:
        ids: shape (y, x), uint32.
        keep: True where the border mask and the meaning of 0 leave a pixel in, shape (y, x).
        scored: their number.
        scoring: how labels are measured.
    """

    ids: npt.NDArray[np.uint32]
    keep: npt.NDArray[np.bool_]
    scored: int
    scoring: ScoringSettings

    @classmethod
    def of(cls, truth: Array, scoring: ScoringSettings) -> TruthSection:
        """The section `truth` of shape (y, x), made ready.

        Raises:
            ValueError: a negative or fractional id.
        """
        ids = as_ids(truth, "Truth")
        keep = ~near_change(ids, scoring.border)
        if scoring.zero == "boundary":
            keep &= ids != 0
        dense, _ = fastremap.renumber(ids, in_place=False)
        return cls(dense.astype(np.uint32), keep, int(np.count_nonzero(keep)), scoring)

    def honest(self, labels: Array) -> Values:
        """The scores with predicted walls grown away by nearest label or, where `boundary` is "count", counted.

        They are those of `score` for this section; the section must have scored pixels.
        """
        table = contingency(labels, self.ids, self.keep)
        scoring = self.scoring
        counts = scoring.boundary == "count" or scoring.zero == "background"
        if table.unlabelled and not counts:
            table = contingency(grow_nearest(labels), self.ids, self.keep)
        return self._values(table)

    def flattering(self, labels: Array) -> Values | None:
        """The scores with predicted 0 left out, as `score` gives them for `boundary` "ignore".

        None where nothing is left.
        """
        table = contingency(labels, self.ids, self.keep).labelled()
        return self._values(table) if len(table.counts) else None

    def _values(self, table: Contingency) -> Values:
        split, merge = variation_of_information(table)
        background = self.scoring.zero == "background"
        rand = adapted_rand_error(table, self.scoring.rand, background=background)
        ignored = (self.scored - table.total) / self.scored
        voi = split + merge
        return Values(split, merge, voi, rand, math.sqrt(voi * rand), ignored)


def mean(values: list[Values]) -> Values:
    """The mean over sections, value by value."""
    columns = zip(*map(dataclasses.astuple, values), strict=True)
    return Values(*(math.fsum(column) / len(values) for column in columns))
