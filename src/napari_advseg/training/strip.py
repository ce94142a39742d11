"""Samples as one picture: a row each for what is given, for what is made of it, and for the truth."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import Protocol

import numpy as np
import numpy.typing as npt
from PIL import Image
from torch import Tensor

GAP = 4
PAPER = 255


class Sampled(Protocol):
    """What is given, what is made of it and what is true, each (channels, H, W) in [0, 1]."""

    @property
    def given(self) -> Tensor: ...
    @property
    def made(self) -> Tensor: ...
    @property
    def true(self) -> Tensor: ...


def strip_of(samples: Sequence[Sampled]) -> bytes:
    """The picture as PNG, grey."""
    columns = [
        [_grey(part) for part in (sample.given, sample.made, sample.true)] for sample in samples
    ]
    height = max(part.shape[0] for column in columns for part in column)
    width = max(part.shape[1] for column in columns for part in column)
    page = np.full((3 * (height + GAP) - GAP, len(columns) * (width + GAP) - GAP), PAPER, np.uint8)
    for x, column in enumerate(columns):
        for y, part in enumerate(column):
            top, left = y * (height + GAP), x * (width + GAP)
            page[top : top + part.shape[0], left : left + part.shape[1]] = part
    file = io.BytesIO()
    Image.fromarray(page).save(file, "PNG")
    return file.getvalue()


def _grey(maps: Tensor) -> npt.NDArray[np.uint8]:
    """Maps as grey values: the mean of an image's channels, the most probable of several classes."""
    maps = maps.detach().float().cpu()
    one = maps.mean(0) if maps.shape[0] in (1, 3) else maps.argmax(0) / max(1, maps.shape[0] - 1)
    shown: npt.NDArray[np.uint8] = (one.clamp(0, 1) * 255).round().byte().numpy()
    return shown
