"""Masks: which part of a crop is hidden, 1 there and 0 elsewhere."""

from __future__ import annotations

import torch
from torch import Generator, Tensor

from napari_advseg.families.boundless.settings import MaskSettings


def draw(
    settings: MaskSettings, shape: tuple[int, int], count: int, generator: Generator | None = None
) -> Tensor:
    """`count` masks (count, 1, height, width), float32.

    With a width W of 257: `right` hides the last 64 columns, `center` a square of 86, `random` squares of 86 to
    171 anywhere (methods, section 13). Sides that are shorter count where a crop is not square.
    """
    masks = torch.zeros(count, 1, *shape)
    for mask in masks:
        if _uniform(0, 10**6 - 1, generator) < settings.empty * 10**6:
            continue
        top, bottom, left, right = _box(settings, shape, generator)
        mask[0, top:bottom, left:right] = 1
    return masks


def _box(
    settings: MaskSettings, shape: tuple[int, int], generator: Generator | None
) -> tuple[int, int, int, int]:
    height, width = shape
    off = _uniform(-settings.jitter, settings.jitter, generator)
    if settings.mode == "right":
        hidden = _within(round(width / 4) + off, width)
        return 0, height, width - hidden, width
    shorter = min(shape)
    if settings.mode == "center":
        side = _within(round(shorter / 3) + off, shorter)
        top, left = (height - side) // 2, (width - side) // 2
    else:
        drawn = _uniform(round(shorter / 3), round(2 * shorter / 3), generator)
        side = _within(drawn + off, shorter)
        top, left = (_uniform(0, length - side, generator) for length in shape)
    return top, top + side, left, left + side


def _within(side: int, length: int) -> int:
    """At least one pixel is hidden, and one is left."""
    return min(max(1, side), max(1, length - 1))


def _uniform(first: int, last: int, generator: Generator | None) -> int:
    """A whole number from `first` to `last`, both included."""
    return int(torch.randint(first, last + 1, (), generator=generator))
