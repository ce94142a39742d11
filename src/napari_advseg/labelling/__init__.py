"""From interior maps to labels."""

from __future__ import annotations

from typing import Any

import numpy as np

from napari_advseg.labelling.by_section import in_order, read_sections
from napari_advseg.labelling.gap_closing import label_section
from napari_advseg.labelling.watershed import Labels
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
    count, highest = volume.size("z"), 0
    stack: Array = np.zeros((count, *volume.shape[-2:]), np.int32)
    yield Phase("label", count)
    found = in_order(lambda section: label_section(section, chosen), read_sections(volume))
    for k, section in enumerate(found):
        stack = _written(stack, k, section, highest)
        highest += int(section.max(initial=0))
        yield BlockDone("label", k + 1, count)
    labels = stack if "z" in volume.axes else stack[0]
    return volume.like(labels, f"labelled above {chosen.threshold:g}")


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


def _written(stack: Array, k: int, section: Labels, highest: int) -> Array:
    """The stack with section `k` written in, its ids above `highest`; wider where they ask."""
    if highest + int(section.max(initial=0)) > np.iinfo(stack.dtype).max:
        stack = stack.astype(np.int64)
    stack[k] = np.where(section > 0, section + stack.dtype.type(highest), 0)
    return stack
