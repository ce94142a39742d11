"""A section as the score compares it: labels as they are counted, and the pixels that count."""

from __future__ import annotations

import dataclasses

import numpy as np
import numpy.typing as npt

from napari_advseg.scoring.table.boundary import grow_nearest, near_change
from napari_advseg.scoring.table.contingency import Contingency, as_ids, contingency
from napari_advseg.settings.scoring import ScoringSettings
from napari_advseg.volume.volume import Array


@dataclasses.dataclass(frozen=True, eq=False)
class Compared:
    """Arrays of one section, all of shape (y, x); ids of one type, uint32 or uint64.

    Attributes:
        labels: predicted ids as given.
        truth: true ids as given.
        counted: predicted ids as the score counts them, grown into 0 where `boundary` is "thin".
        keep: True where the score counts a pixel.
    """

    labels: Array
    truth: Array
    counted: Array
    keep: npt.NDArray[np.bool_]

    def table(self) -> Contingency:
        """Pairs of predicted and true ids among the counted pixels."""
        return contingency(self.counted, self.truth, self.keep)


def compared(labels: Array, truth: Array, settings: ScoringSettings) -> Compared:
    """A section of predicted and one of true ids, as `score` compares them.

    Raises:
        ValueError: an array holds no ids (`as_ids`).
    """
    labels, truth = as_ids(labels, "Labels"), as_ids(truth, "Truth")
    if labels.dtype != truth.dtype:
        labels, truth = labels.astype(np.uint64, copy=False), truth.astype(np.uint64, copy=False)
    keep = ~near_change(truth, settings.border)
    if settings.zero == "boundary":
        keep &= truth != 0
    if settings.boundary == "ignore":
        keep &= labels != 0
    grows = settings.boundary == "thin" and settings.zero == "boundary"
    return Compared(labels, truth, grow_nearest(labels) if grows else labels, keep)
