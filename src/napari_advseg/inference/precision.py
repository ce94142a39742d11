"""Whether a reduced precision finds the same objects as the full one."""

from __future__ import annotations

import dataclasses

from napari_advseg.inference.fitting import Map
from napari_advseg.labelling import label
from napari_advseg.progress import drain
from napari_advseg.scoring import score
from napari_advseg.settings.labelling import LabellingSettings

AGREEING_PIXELS = 0.995
AGREEING_VOI = 0.005


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
    def in_words(self) -> str:
        return f"on a probe {100 * self.pixels:.2f} % of thresholded pixels agree with fp32 and VOI is {self.voi:.4f}"
