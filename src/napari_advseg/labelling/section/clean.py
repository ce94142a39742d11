"""Connected pieces as labels, small ones removed, the rest numbered 1..K."""

from __future__ import annotations

import cc3d
import numpy as np
import numpy.typing as npt

from napari_advseg.labelling.section.watershed import Labels, Mask
from napari_advseg.volume.compiled import compiled
from napari_advseg.volume.volume import Array


def pieces(mask: Mask, neighbours: int) -> Labels:
    """Connected pieces 1..K in raster order; 4 or 8 neighbours of a pixel, 6, 18 or 26 of a voxel."""
    # As bool, cc3d 4.1 joins and labels wrong pixels where corners connect.
    given = np.ascontiguousarray(mask).view(np.uint8)
    found: Array = cc3d.connected_components(given, connectivity=neighbours, out_dtype=np.uint32)
    return found.view(np.int32)


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
