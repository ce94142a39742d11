"""Objects of a stack as its connected parts above the threshold."""

from __future__ import annotations

from collections.abc import Callable

from napari_advseg.labelling.section.clean import pieces, remove_small
from napari_advseg.labelling.section.watershed import Labels, flood
from napari_advseg.labelling.stack.stack_map import StackMap, afford_stack, is_grown, read_stack
from napari_advseg.progress import BlockDone, Phase, Reports
from napari_advseg.settings.labelling import LabellingSettings
from napari_advseg.volume.volume import Array, Volume

NEIGHBOURS = {1: 6, 2: 26}


def components_into(
    keep: Callable[[int, Array], object], volume: Volume, settings: LabellingSettings
) -> Reports[int]:
    """Give the sections of `label_components` to `keep`; their number comes back.

    Raises:
        ValueError: the map is none, or memory does not suffice.
    """
    afford_stack(volume)
    stack = yield from read_stack(volume, settings.threshold)
    yield Phase("components", 1)
    labels = label_components(stack, settings)
    yield BlockDone("components", 1, 1)
    yield Phase("label", len(labels))
    for k, section in enumerate(labels):
        keep(k, section)
        yield BlockDone("label", k + 1, len(labels))
    return int(labels.max(initial=0))


def label_components(stack: StackMap, settings: LabellingSettings) -> Labels:
    """Labels 1..K of the connected parts of the interior, shape (z, y, x), in raster order.

    Voxels touch by their sides (connectivity 1) or by edges and corners too (2). Parts smaller than
    the minimum size are removed; then, where walls are grown away, the rest grow in all three
    directions along the boundary evidence. No gap is closed.
    """
    found = pieces(stack.interior, NEIGHBOURS[settings.connectivity])
    labels = remove_small(found, settings.minimum_size)
    if not is_grown(settings) or not labels.any():
        return labels
    return flood(stack.evidence, labels, stack.data)
