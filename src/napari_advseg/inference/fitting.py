"""What a model takes and what it gives: channels and axes, a map or classes, and where that lies."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from napari_advseg import families
from napari_advseg.inference.slabs import surrounded
from napari_advseg.model_store import Card, StoredModel
from napari_advseg.volume.formats.target import blank
from napari_advseg.volume.painted import with_names
from napari_advseg.volume.synthetic_voxels import unmarked
from napari_advseg.volume.volume import Volume

Map = npt.NDArray[np.float32]
STORED = np.dtype(np.float16)


def gives_classes(model: StoredModel) -> bool:
    """Whether the model's output is a class for every pixel, and no interior map."""
    return model.card.channels.gives == "classes"


def stored(model: StoredModel) -> np.dtype[Any]:
    """Type of the map as it is kept: float16, or the smallest that holds the values of the classes."""
    if not gives_classes(model):
        return STORED
    highest = max(model.card.recipe.examples.targets.classes)
    return np.dtype(np.min_scalar_type(highest))


def blank_map(volume: Volume, model: StoredModel) -> Volume:
    """What the model will make of `volume`, before it is made: in its place without channels.

    Classes have the names that the annotation gave them, and the mask of the synthetic voxels.
    """
    frame = unmarked(volume.frame.without("c") if "c" in volume.axes else volume.frame)
    shape = tuple(volume.size(axis) for axis in frame.axes)
    if not gives_classes(model):
        return blank(frame.after(f"interior map by {model.family}"), shape, STORED, "image")
    frame = with_names(frame.after(f"classes by {model.family}"), model.card.class_names)
    return blank(frame, shape, stored(model), "labels", volume.synthetic)


def fits(volume: Volume, model: StoredModel) -> None:
    """Nothing, where the model can be applied to the volume.

    Raises:
        ValueError: a time axis, another number of channels than the model was trained with, or a single section
            for a model of volumes.
    """
    if "t" in volume.axes:
        raise ValueError(
            f"The image has {volume.size('t')} time points (axes {volume.axes}); choose one of them first."
        )
    wanted = model.card.channels.image
    if volume.size("c") != wanted:
        raise ValueError(
            f"The image has {volume.size('c')} channels, the model was trained with {wanted}; "
            "choose the matching channel or train a model on such images."
        )
    if is_of_volumes(model) and surrounded(volume, 1)[0].size("z") == 1:
        raise ValueError(
            f"The image is a single section, and the model ({model.family}) looks at neighbouring sections too; give a "
            "stack, or choose a model of sections such as unet."
        )


def is_of_volumes(model: StoredModel) -> bool:
    """Whether the model looks at blocks of sections, and not at single ones."""
    return families.find(model.family).dimensions == 3


def around(card: Card, index: int, count: int) -> range:
    """The sections that a model of volumes looks at for one of `count`: as many as in a training patch."""
    depth = min(card.recipe.examples.depth or 1, count)
    first = min(max(0, index - depth // 2), count - depth)
    return range(first, first + depth)


def grey_values(card: Card, image: npt.NDArray[Any], kind: Any = None) -> npt.NDArray[Any]:
    """An image in the unit range as grey values of a type, or of that of the training image."""
    normaliser, kind = card.normaliser, np.dtype(kind or card.grey)
    grey = normaliser.low + image * (normaliser.high - normaliser.low)
    if kind.kind == "f":
        return np.asarray(grey.astype(kind))
    bounds = np.iinfo(kind)
    return np.asarray(np.rint(grey).clip(bounds.min, bounds.max).astype(kind))
