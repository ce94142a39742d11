"""Labels made tidy: small ones removed, the rest numbered 1..K."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from napari_advseg.labelling.section.watershed import Labels
from napari_advseg.volume.compiled import compiled
from napari_advseg.volume.volume import Array


def remove_small(labels: Array, minimum: int) -> Labels:
    """Labels of at least `minimum` pixels, numbered 1..K in the order of their ids; the rest is
    0."""
    flat = labels.reshape(-1)
    counts = _sizes(flat, int(flat.max(initial=0)))
    keep = (counts >= minimum) & (counts > 0)
    keep[0] = False
    tidy = _renumbered(flat, np.where(keep, np.cumsum(keep), 0).astype(np.int32))
    return tidy.reshape(labels.shape)


@compiled
def _sizes(labels: Array, highest: int) -> npt.NDArray[np.int64]:
    """Pixels of each id 0..highest, counted by runs: one id mostly follows itself."""
    counts = np.zeros(highest + 1, np.int64)
    begin = 0
    for pixel in range(1, len(labels) + 1):
        if pixel == len(labels) or labels[pixel] != labels[begin]:
            counts[labels[begin]] += pixel - begin
            begin = pixel
    return counts


@compiled
def _renumbered(labels: Array, numbers: Labels) -> Labels:
    renumbered = np.empty(len(labels), np.int32)
    for pixel in range(len(labels)):
        renumbered[pixel] = numbers[labels[pixel]]
    return renumbered
