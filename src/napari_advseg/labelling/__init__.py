"""From interior maps to labels."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from napari_advseg.labelling.by_section import in_order, read_sections
from napari_advseg.labelling.gap_closing import label_section
from napari_advseg.progress import BlockDone, Phase, Reports
from napari_advseg.settings.labelling import LabellingSettings
from napari_advseg.settings.override import override
from napari_advseg.volume.frame import Frame
from napari_advseg.volume.volume import Array, Volume

__all__ = ["label"]


def label(
    probabilities: Volume | Array, settings: LabellingSettings | None = None, **fields: Any
) -> Reports[Volume]:
    """Labels of an interior map, section by section, as a Volume in the same place; reports
    sections.

    The map has the axes (z,) y, x (a channel axis of length 1 is dropped) and values in [0, 1], or
    uint8 up to 255. Labels are int32 and unique over the whole stack, int64 where int32 does not
    suffice. 0 is left where the map is NaN, in a section without any interior, and, with `thin`
    off or `zero` "background", on walls. Keywords are fields of the settings and win over them.

    Raises:
        ValueError: the map has other axes or values, or a keyword is no setting.
    """
    chosen = override(LabellingSettings, settings, fields)
    volume = _volume(probabilities)
    stack: Array = np.zeros((volume.size("z"), *volume.shape[-2:]), label_dtype(volume))
    yield from label_into(stack.__setitem__, volume, chosen)
    return volume.like(stack if "z" in volume.axes else stack[0], described(chosen))


def label_into(
    keep: Callable[[int, Array], object], volume: Volume, settings: LabellingSettings
) -> Reports[int]:
    """`label`, but each section goes to `keep(index, section)`: memory does not grow with their number.

    The number of labels comes back; ids are 1..number.
    """
    count, highest = volume.size("z"), 0
    dtype = label_dtype(volume)
    yield Phase("label", count)
    found = in_order(lambda section: label_section(section, settings), read_sections(volume))
    for k, section in enumerate(found):
        keep(k, np.where(section > 0, section.astype(dtype) + dtype.type(highest), 0))
        highest += int(section.max(initial=0))
        yield BlockDone("label", k + 1, count)
    return highest


def label_dtype(volume: Volume) -> np.dtype[Any]:
    """int32, or int64 where a stack has so many voxels that int32 might not hold all ids."""
    voxels = volume.size("z") * volume.size("y") * volume.size("x")
    return np.dtype(np.int32 if voxels <= np.iinfo(np.int32).max else np.int64)


def described(settings: LabellingSettings) -> str:
    """The line of history of labels made with `settings`."""
    return f"labelled above {settings.threshold:g}, gaps closed below {settings.edge_threshold:g}"


def _volume(probabilities: Volume | Array) -> Volume:
    if not isinstance(probabilities, Volume):
        array = np.asarray(probabilities)
        if array.ndim not in (2, 3):
            raise ValueError(f"An interior map of shape {array.shape} is no section and no stack.")
        return Volume(array, Frame("zyx"[3 - array.ndim :]))
    if probabilities.axes.lstrip("c") not in ("yx", "zyx") or probabilities.size("c") != 1:
        raise ValueError(
            f"Labelling takes one interior map of axes 'yx' or 'zyx', not '{probabilities.axes}' "
            f"of shape {probabilities.shape}; choose one channel and one time point."
        )
    return probabilities
