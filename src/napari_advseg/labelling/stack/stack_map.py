"""An interior map of a whole stack in memory: boundary evidence, interior, and where there is data."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import psutil

from napari_advseg.labelling.section.gap_closing import as_probability
from napari_advseg.labelling.section.watershed import Bytes, Mask, evidence_of
from napari_advseg.progress import BlockDone, Phase, Reports, Said
from napari_advseg.settings.labelling import LabellingSettings
from napari_advseg.volume.by_section import read_sections
from napari_advseg.volume.frame import Frame
from napari_advseg.volume.refusals import amount
from napari_advseg.volume.volume import Volume

BYTES_A_VOXEL = 30  # measured: 14 to 27


@dataclasses.dataclass(frozen=True, eq=False)
class StackMap:
    """A map of shape (z, y, x).

    Attributes:
        evidence: 255 times 1 - p, rounded; 255 where there is no data.
        interior: True where p exceeds the threshold.
        data: False where the map is NaN.
    """

    evidence: Bytes
    interior: Mask
    data: Mask


def read_stack(volume: Volume, threshold: float) -> Reports[StackMap]:
    """The map of `volume`, read section by section; reports sections.

    Raises:
        ValueError: its values are no probabilities.
    """
    count = volume.size("z")
    shape = (count, *volume.shape[-2:])
    found = StackMap(
        np.empty(shape, np.uint8), np.empty(shape, np.bool_), np.empty(shape, np.bool_)
    )
    yield Phase("read", count)
    for k, section in enumerate(read_sections(volume)):
        interior_map = as_probability(section)
        found.evidence[k] = evidence_of(interior_map)
        found.interior[k] = interior_map > np.float32(threshold)
        found.data[k] = ~np.isnan(interior_map)
        yield BlockDone("read", k + 1, count)
    return found


def is_grown(settings: LabellingSettings) -> bool:
    """Whether labels are grown over the walls until no 0 is left inside tissue."""
    return settings.thin and settings.zero == "boundary"


def said_distance(frame: Frame, given: float = 0.0) -> Reports[float]:
    """`section_distance`, and a word about it where it had to be assumed."""
    distance = section_distance(frame, given)
    if given == 0 and distance == 1 and set(frame.units) <= {"pixel", ""}:
        yield Said(
            "The voxel size is unknown: sections are taken to be one pixel apart. If they are not, "
            "give their distance in pixels as labelling.anisotropy."
        )
    return distance


def section_distance(frame: Frame, given: float = 0.0) -> float:
    """The distance of two sections in pixels of a section: `given`, or else as the voxel size has it.

    Raises:
        ValueError: the voxel size mixes units.
    """
    if given > 0:
        return given
    units = [unit for axis, unit in zip(frame.axes, frame.units, strict=True) if axis in "zyx"]
    if len(set(units)) > 1:
        raise ValueError(
            f"The voxel size mixes units ({', '.join(units)}); give the distance of two sections in "
            "pixels as labelling.anisotropy."
        )
    return frame.step("z") / math.sqrt(frame.step("y") * frame.step("x"))


def afford_stack(volume: Volume) -> None:
    """Nothing, where memory to label a whole map in the place of `volume` is free.

    Raises:
        ValueError: it is not.
    """
    voxels = volume.size("z") * volume.size("y") * volume.size("x")
    needed, free = voxels * BYTES_A_VOXEL, psutil.virtual_memory().available
    if needed > free:
        shape = " x ".join(str(volume.size(axis)) for axis in "zyx")
        raise ValueError(
            f"Labels of {shape} voxels made in one piece need about {amount(needed)} of memory and {amount(free)} are "
            "free; label fewer sections at once, or choose volume 'linked', which goes section by "
            "section."
        )
