"""Withheld sections as batches to validate on: whole, or in blocks; never augmented."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np

from napari_advseg.examples.patches import Batch, Normalise, finite, section_target
from napari_advseg.examples.places import runs
from napari_advseg.examples.resize import resized_image, resized_labels
from napari_advseg.examples.sections import Array, plane, read_window
from napari_advseg.examples.targets import Meaning, reach, whole_ids
from napari_advseg.settings.examples import ExampleSettings
from napari_advseg.volume.volume import Volume

VALIDATION_BLOCKS = 12


def whole_section(
    image: Volume,
    labels: Volume,
    index: int,
    settings: ExampleSettings,
    zero: Meaning,
    normaliser: Normalise,
) -> Batch:
    """One whole section at the training scale as a batch of one, not augmented: to validate on."""
    grey, ids = _read(image, labels, [index], (slice(None), slice(None)), settings.scale)
    target, weight = section_target(ids[0], settings.targets, zero)
    weight *= finite(grey[:, 0])
    return Batch(normaliser(grey[:, 0])[None], target[None], weight[None], ((0, index, 0, 0),))


def withheld_blocks(
    image: Volume,
    labels: Volume,
    sections: Sequence[int],
    settings: ExampleSettings,
    zero: Meaning,
    normaliser: Normalise,
) -> list[Batch]:
    """Some blocks that hold these sections, each as a batch of one, not augmented: to validate on.

    A block is as large as a training patch. What it holds beside these sections has weight 0. At most
    12 of the blocks that cover the sections, evenly spread; those without any annotation are left out.
    """
    corners = block_corners(image, sections, settings)
    chosen = np.unique(np.linspace(0, len(corners) - 1, VALIDATION_BLOCKS).round().astype(int))
    blocks = []
    for corner in (corners[at] for at in chosen) if corners else ():
        grey, target, weight = _block(image, labels, corner, set(sections), settings, zero)
        if weight.any():
            parts = normaliser(grey)[None], target[None], weight[None]
            blocks.append(Batch(*parts, ((0, *corner),)))
    return blocks


def block_corners(
    image: Volume, sections: Sequence[int], settings: ExampleSettings
) -> list[tuple[int, int, int]]:
    """First section, row and column of the blocks that cover these sections."""
    depth, side = _block_shape(image, settings)
    firsts = []
    for first, end in runs(sections):
        for z in range(first, end, depth):
            middle = (z + min(z + depth, end)) // 2
            firsts.append(min(max(0, middle - depth // 2), image.size("z") - depth))
    tops, lefts = (
        range(0, max(1, image.size(axis) - side // 2), side) for axis in "yx"
    )  # a remainder of less than half a block is not looked at
    return list(itertools.product(firsts, tops, lefts))


def _block_shape(image: Volume, settings: ExampleSettings) -> tuple[int, int]:
    """Sections and side of a block to validate on, as they are read."""
    side = max(1, round(settings.crop / settings.scale))
    return min(settings.depth or 1, image.size("z")), side


def _block(
    image: Volume,
    labels: Volume,
    corner: tuple[int, int, int],
    judged: set[int],
    settings: ExampleSettings,
    zero: Meaning,
) -> tuple[Array, Array, Array]:
    """A block (c, z, y, x) at the training scale, its target, and its weight: 0 in sections that are not judged."""
    depth, side = _block_shape(image, settings)
    margin = -round(-reach(settings.targets) / settings.scale)
    sections = range(corner[0], corner[0] + depth)
    rows, columns = (
        slice(max(0, first - margin), min(image.size(axis), first + side + margin))
        for first, axis in zip(corner[1:], "yx", strict=True)
    )
    grey, ids = _read(image, labels, sections, (rows, columns), settings.scale)
    ids[[z not in judged for z in sections]] = -1
    target, weight = section_target(ids, settings.targets, zero)
    weight *= finite(grey)
    cut: list[Any] = [...]
    for first, part in zip(corner[1:], (rows, columns), strict=True):
        begin = round((first - part.start) * settings.scale)
        cut.append(slice(begin, begin + round(side * settings.scale)))
    return grey[*cut], target[*cut], weight[*cut]


def _read(
    image: Volume,
    labels: Volume,
    sections: Sequence[int],
    window: tuple[slice, slice],
    scale: float,
) -> tuple[Array, Array]:
    """Image (c, z, y, x) and ids (z, y, x) of some sections at the training scale."""
    grey = np.stack([read_window(image, z, *window) for z in sections], axis=-3)
    grey = grey.reshape(-1, *grey.shape[-3:])
    ids = np.stack([whole_ids(plane(read_window(labels, z, *window))) for z in sections])
    if scale == 1:
        return grey, ids
    height, width = (max(1, round(length * scale)) for length in ids.shape[-2:])
    return resized_image(grey, height, width), resized_labels(ids, height, width)
