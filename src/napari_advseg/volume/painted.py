"""What labels painted for training mean: 0 is not annotated, and two ids are the boundary and the background.

A layer made for annotation says so in its history, which files keep. The two ids are far above those that anybody
gives to cells, so that they are understood in any file, also where the history was lost.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import numpy as np

from napari_advseg.volume.arrays.lazy import Array, Mapped
from napari_advseg.volume.frame import Frame
from napari_advseg.volume.volume import Volume

BOUNDARY, BACKGROUND = 1_999_999_999, 2_000_000_000
PAINTED = "painted for training: 0 is not annotated"
CLASSES = "classes: "
NAMED = re.compile(r"(\d+) = ([^,]+)")


def painted_frame(frame: Frame, classes: Mapping[int, str] | None = None) -> Frame:
    """The frame of an annotation that lies there; `classes` are the names of its values, where it has classes."""
    kept = tuple(line for line in frame.history if line not in (PAINTED, *_said_of_classes(frame)))
    return with_names(dataclasses.replace(frame, history=(*kept, PAINTED)), classes or {})


def with_names(frame: Frame, classes: Mapping[int, str]) -> Frame:
    """The frame of labels with the names of the classes that their values are, in place of those before."""
    kept = tuple(line for line in frame.history if line not in _said_of_classes(frame))
    named = ", ".join(f"{value} = {_plain(name)}" for value, name in classes.items())
    return dataclasses.replace(frame, history=(*kept, *((CLASSES + named,) if named else ())))


def is_painted(frame: Frame) -> bool:
    """Whether labels that lie there were made for annotation, so that 0 is not annotated."""
    return PAINTED in frame.history


def classes_of(frame: Frame) -> dict[int, str]:
    """The names of the classes by their values; empty where the labels are cells, or do not say."""
    lines = _said_of_classes(frame)
    return {int(value): name.strip() for value, name in NAMED.findall(lines[-1] if lines else "")}


def without_marks(labels: Volume) -> Volume:
    """The labels with 0 where boundary or background is painted, lazy."""
    return _mapped(labels, partial(_unmarked, dtype=labels.dtype), labels.dtype)


def with_gaps(labels: Volume) -> Volume:
    """The labels as int64 with 0 where boundary or background is painted, and -1 where nothing is; lazy."""
    dtype = np.dtype(np.int64)
    return _mapped(labels, partial(_unmarked, dtype=dtype, gap=-1), dtype)


def where_painted(labels: Volume) -> Volume:
    """1 where anything is annotated, as uint8, lazy: small to store, and all that a search for places needs."""
    dtype = np.dtype(np.uint8)
    array = Mapped(labels.array, lambda ids: np.not_equal(ids, 0).astype(dtype), dtype)
    return Volume(array, labels.frame, kind="labels")


def _mapped(labels: Volume, work: Callable[[Array], Array], dtype: np.dtype[Any]) -> Volume:
    return dataclasses.replace(labels, array=Mapped(labels.array, work, dtype))


def _unmarked(labels: Array, dtype: np.dtype[Any], gap: int = 0) -> Array:
    """The ids with 0 for the two marks, and `gap` for 0."""
    ids = np.array(labels, dtype)
    marks = (ids == BOUNDARY) | (ids == BACKGROUND)
    ids[ids == 0] = gap
    ids[marks] = 0
    return ids


def _said_of_classes(frame: Frame) -> list[str]:
    return [line for line in frame.history if line.startswith(CLASSES)]


def _plain(name: str) -> str:
    """A name without the signs that divide names."""
    return " ".join(re.sub(r"[,=\n]", " ", name).split()) or "class"
