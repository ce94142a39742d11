"""From interior maps to labels."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from napari_advseg.labelling.section.gap_closing import label_section
from napari_advseg.labelling.stack.agglomeration import agglomerated_into
from napari_advseg.labelling.stack.components import components_into
from napari_advseg.labelling.stack.linking import linked_into
from napari_advseg.labelling.stack.stack_map import afford_stack, section_distance
from napari_advseg.progress import BlockDone, Phase, Reports
from napari_advseg.settings.labelling import LabellingSettings
from napari_advseg.settings.override import override
from napari_advseg.volume.by_section import in_order, read_sections
from napari_advseg.volume.frame import Frame
from napari_advseg.volume.volume import Array, Volume

__all__ = ["label"]

Keep = Callable[[int, Array], object]


def label(
    interior_map: Volume | Array, settings: LabellingSettings | None = None, **fields: Any
) -> Reports[Volume]:
    """Labels of an interior map as a Volume in the same place; reports sections or stages.

    The map has the axes (z,) y, x (a channel axis of length 1 is dropped) and values in [0, 1], or
    uint8 up to 255. Each section is labelled on its own, or objects run through the stack, as
    `volume` says. Labels are int32 and unique over the whole stack, int64 where int32 does not
    suffice. 0 is left where the map is NaN, in a section (where objects run through: in a stack)
    without any interior, and, with `thin` off or `zero` "background", on walls. Keywords are fields
    of the settings and win over them.

    Raises:
        ValueError: the map has other axes or values, a keyword is no setting, or objects that run
            through need more memory than is free.
    """
    chosen = override(LabellingSettings, settings, fields)
    volume = _volume(interior_map)
    stack: Array = np.zeros((volume.size("z"), *volume.shape[-2:]), label_dtype(volume))
    yield from label_into(stack.__setitem__, volume, chosen)
    return volume.like(stack if "z" in volume.axes else stack[0], described(chosen))


def label_into(
    keep: Keep, volume: Volume, settings: LabellingSettings, out: Path | None = None
) -> Reports[int]:
    """`label`, but each section goes to `keep(index, section)`.

    The number of labels comes back; ids are 1..number. Memory does not grow with the number of
    sections where they are labelled on their own or linked; linking sets them aside on disk
    meanwhile. `out` names the file that the labels go to: what is set aside goes to its folder, and
    the fragments of an agglomeration are kept beside it, in place of older ones.
    """
    dtype = label_dtype(volume)

    def keep_typed(index: int, section: Array) -> object:
        return keep(index, section.astype(dtype, copy=False))

    if volume.size("z") == 1 or settings.across_sections == "sections":
        return (yield from _sections_into(keep_typed, volume, settings))
    if settings.across_sections == "linked":
        return (yield from linked_into(keep_typed, volume, settings, out and out.parent))
    if settings.across_sections == "components":
        return (yield from components_into(keep_typed, volume, settings))
    return (yield from agglomerated_into(keep_typed, volume, settings, out))


def check_stack(volume: Volume, settings: LabellingSettings) -> None:
    """Nothing, where objects can run through a map in the place of `volume` as the settings say.

    Raises:
        ValueError: memory does not suffice, or the voxel size mixes units.
    """
    if volume.size("z") == 1 or settings.across_sections == "sections":
        return
    if settings.across_sections != "components":
        section_distance(volume.frame, settings.anisotropy)
    if settings.across_sections != "linked":
        afford_stack(volume)


def keeps_fragments(volume: Volume, settings: LabellingSettings) -> bool:
    """Whether fragments are written beside labels of a map in the place of `volume`."""
    runs = volume.size("z") > 1 and settings.across_sections == "agglomerated"
    return runs and settings.agglomeration.keep


def label_dtype(volume: Volume) -> np.dtype[Any]:
    """int32, or int64 where a stack has so many voxels that int32 might not hold all ids."""
    voxels = volume.size("z") * volume.size("y") * volume.size("x")
    return np.dtype(np.int32 if voxels <= np.iinfo(np.int32).max else np.int64)


def described(settings: LabellingSettings) -> str:
    """The line of history of labels made with `settings`."""
    walls = f"labelled above {settings.threshold:g}"
    joined = settings.agglomeration
    return {
        "sections": f"{walls}, gaps closed below {settings.gap_threshold:g}",
        "linked": f"{walls}, gaps closed below {settings.gap_threshold:g}, linked {settings.linking.match}",
        "agglomerated": f"{walls}, fragments joined by {joined.method} below {joined.threshold:g}",
        "components": f"{walls} as connected parts",
    }[settings.across_sections]


def _sections_into(keep: Keep, volume: Volume, settings: LabellingSettings) -> Reports[int]:
    count, highest = volume.size("z"), 0
    dtype = label_dtype(volume)
    yield Phase("label", count)
    found = in_order(lambda section: label_section(section, settings), read_sections(volume))
    for k, section in enumerate(found):
        keep(k, np.where(section > 0, section.astype(dtype) + dtype.type(highest), 0))
        highest += int(section.max(initial=0))
        yield BlockDone("label", k + 1, count)
    return highest


def _volume(interior_map: Volume | Array) -> Volume:
    if not isinstance(interior_map, Volume):
        array = np.asarray(interior_map)
        if array.ndim not in (2, 3):
            raise ValueError(f"An interior map of shape {array.shape} is no section and no stack.")
        return Volume(array, Frame("zyx"[3 - array.ndim :]))
    if interior_map.axes.lstrip("c") not in ("yx", "zyx") or interior_map.size("c") != 1:
        raise ValueError(
            f"Labelling takes one interior map of axes 'yx' or 'zyx', not '{interior_map.axes}' "
            f"of shape {interior_map.shape}; choose one channel and one time point."
        )
    return interior_map
