"""Whether a reduced precision finds the same objects as the full one."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy.typing as npt
import torch

from napari_advseg.inference import device as devices
from napari_advseg.inference.device import Resolved
from napari_advseg.inference.fitting import Map
from napari_advseg.labelling import label
from napari_advseg.progress import Reports, Said, drain
from napari_advseg.scoring import score
from napari_advseg.settings.labelling import LabellingSettings
from napari_advseg.settings.prediction import Precision

AGREEING_PIXELS = 0.995
AGREEING_VOI = 0.005
PROBE = 512
"""Pixels along the side of what precisions are compared on."""


@dataclasses.dataclass(frozen=True)
class Agreement:
    """Two maps of one section compared: share of equal thresholded pixels, VOI between their labels in bits."""

    pixels: float
    voi: float

    @classmethod
    def between(cls, full: Map, half: Map, settings: LabellingSettings) -> Agreement:
        """Both maps thresholded and labelled as the model labels, each section for itself."""
        settings = settings.changed(across_sections="sections")
        same = float(((full > settings.threshold) == (half > settings.threshold)).mean())
        first, second = (
            drain(label(interior_map, settings)).numpy() for interior_map in (full, half)
        )
        # VOI is a distance: against any truth the two scores differ by no more than this.
        return cls(same, score(second, first).voi)

    @property
    def good(self) -> bool:
        """Whether the reduced precision may be used."""
        return self.pixels >= AGREEING_PIXELS and self.voi <= AGREEING_VOI

    @property
    def words(self) -> str:
        return f"on a probe {100 * self.pixels:.2f} % of thresholded pixels agree with fp32 and VOI is {self.voi:.4f}"


def chosen_precision(
    wanted: Precision,
    device: torch.device,
    pixels: int,
    compare: Callable[[Resolved], Agreement],
) -> Reports[Resolved]:
    """The precision to predict so many pixels in; `auto` takes the device's reduced one where that agrees with fp32.

    `compare` tries it on a probe, which is not worth its time where there is little to predict.
    """
    if wanted != "auto":
        return wanted
    half = devices.half_precision(device)
    if half == "fp32" or pixels < 4 * PROBE * PROBE:
        return "fp32"
    agreement = compare(half)
    yield Said(f"{half} {'is used' if agreement.good else 'is not used'}: {agreement.words}.")
    return half if agreement.good else "fp32"


def middle(planes: npt.NDArray[Any], side: int) -> npt.NDArray[Any]:
    """The middle square of planes (..., y, x), at most `side` long."""
    top, left = (max(0, (length - side) // 2) for length in planes.shape[-2:])
    return planes[..., top : top + side, left : left + side]
