"""Annotation layers: made to fit an image, in memory or on disk, with colours that tell marks from objects."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from napari.layers import Labels
from napari.utils import CyclicLabelColormap
from napari.utils.colormaps import label_colormap

from napari_advseg.annotation.brushes import COLOURS, MARKS, turn_of
from napari_advseg.gui.viewer.results import CLASS_COLOURS, class_colours
from napari_advseg.napari_io import LayerData, volume_to_layer
from napari_advseg.volume.formats.canvas import Canvas
from napari_advseg.volume.frame import Frame
from napari_advseg.volume.painted import classes_of, is_painted, painted_frame
from napari_advseg.volume.volume import Volume

IN_MEMORY = 1 << 28
LONGEST = 16_384
"""The longest side that graphics cards take as one picture; layers that are painted on have no pyramid."""
CELLS, CLASSES = np.dtype(np.uint32), np.dtype(np.uint8)


def why_not_annotate(image: Volume) -> str:
    """Why no annotation can be made for an image; empty where one can."""
    if image.size("t") > 1:
        return (
            f"The image has {image.size('t')} time points; choose one of them first (right click on the layer > "
            "Split, or cut it)."
        )
    longest = max(image.size("y"), image.size("x"))
    if longest > LONGEST:
        return (
            f"A section of this image is {longest:,} px long and the viewer paints on at most {LONGEST:,}; "
            "cut a part out of the image and annotate that."
        )
    return ""


def why_not_paint(layer: Any) -> str:
    """Why a labels layer cannot be painted on; empty where it can."""
    if layer.multiscale:
        return f"'{layer.name}' is a pyramid, which napari cannot paint on; make a new annotation layer."
    if not isinstance(layer.data, np.ndarray) and not hasattr(type(layer.data), "__setitem__"):
        return (
            f"'{layer.name}' is read from its file piece by piece and cannot be painted on; make a new annotation "
            "layer."
        )
    if layer.ndim not in (2, 3):
        return (
            f"'{layer.name}' has {layer.ndim} axes; choose labels of one section or of one stack."
        )
    return ""


def why_no_marks(layer: Any) -> str:
    """Why boundary and background cannot be painted in a layer; empty where they can."""
    if np.dtype(layer.dtype).itemsize < CELLS.itemsize:
        bits = 8 * np.dtype(layer.dtype).itemsize
        return (
            f"'{layer.name}' holds labels of {bits} bits, which have no room for the ids of boundary and background; "
            "make a new annotation layer, or convert this one to 32 bits (right click on the layer)."
        )
    return ""


def is_large(image: Volume) -> bool:
    """Whether labels of every voxel are too many for memory, so that they go on disk."""
    return math.prod(image.size(axis) for axis in "zyx") * CELLS.itemsize > IN_MEMORY


def new_layer(
    image: Volume, name: str, classes: Mapping[int, str], place: Path | None
) -> LayerData:
    """An empty annotation of an image, without its channels; in a new store at `place`, or in memory.

    Raises:
        ValueError: the store cannot be made.
    """
    frame = _spatial(image.frame)
    frame = painted_frame(dataclasses.replace(frame, name=name, history=()), classes)
    shape = tuple(image.size(axis) for axis in frame.axes)
    dtype = CLASSES if classes else CELLS
    array = Canvas.create(place, shape, dtype, frame) if place else np.zeros(shape, dtype)
    volume = Volume(array, frame, str(place) if place else None, "labels")
    data, attributes, kind = volume_to_layer(volume, "labels")
    return data, {**attributes, **look_of(frame), "opacity": 0.6}, kind


def look_of(frame: Frame) -> dict[str, Any]:
    """Colours and names of what is painted, as attributes of a labels layer."""
    classes = classes_of(frame)
    if not classes:
        return {"colormap": mark_colours()}
    names = {"index": [0, *classes], "class": ["not annotated", *classes.values()]}
    return {"colormap": class_colours(max(classes)), "features": names}


def dress(layer: Labels, frame: Frame) -> None:
    """Show an annotation that was read from a file in its colours."""
    if is_painted(frame):
        for name, value in look_of(frame).items():
            setattr(layer, name, value)


def mark_colours() -> CyclicLabelColormap:
    """napari's colours by turns, with those of boundary and background in the turns that no object gets."""
    colours = np.array(label_colormap(COLOURS).colors, np.float32)
    for mark in MARKS:
        parts = [part / 255 for part in bytes.fromhex(mark.colour[1:])]
        colours[turn_of(mark.value)] = [*parts, 1.0]
    return CyclicLabelColormap(colors=colours, background_value=0)


def colours_of(classes: Mapping[int, str]) -> dict[int, str]:
    """The colour that each class is shown in."""
    return {value: CLASS_COLOURS[(value - 1) % len(CLASS_COLOURS)] for value in classes}


def is_quick(layer: Any) -> bool:
    """Whether all sections of a layer can be looked at without reading for a long time."""
    return isinstance(layer.data, np.ndarray | Canvas)


def _spatial(frame: Frame) -> Frame:
    for axis in "tc":
        frame = frame.without(axis) if axis in frame.axes else frame
    return frame
