"""Layers on their way to the child: a file goes by its path, everything else is copied section by section."""

from __future__ import annotations

import dataclasses
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from napari_advseg.gui.checks import NO_IMAGE, free_place, why_no_pair
from napari_advseg.model_store import Card, read_card
from napari_advseg.napari_io import LayerData, layer_to_volume, small, volume_to_layer
from napari_advseg.recipe import Label, Segment, Train
from napari_advseg.volume.files import create, read
from napari_advseg.volume.frame import Frame
from napari_advseg.volume.lazy import Windowed
from napari_advseg.volume.sections import planes
from napari_advseg.volume.volume import Volume

HOME = "napari-advseg"
COPY = ".ome.zarr"

Stopped = Callable[[], bool]


class GivenUp(ValueError):
    """The user or the end of the viewer stopped a copy."""


def taken(layer: Any) -> Volume:
    """A layer as it is now, without copying: what another thread may read while the viewer goes on.

    Raises:
        ValueError: its axes cannot be told, or it is rotated.
    """
    data, attributes, kind = layer.as_layer_data_tuple()
    volume = layer_to_volume(data, attributes, kind)
    return Volume(volume.array, volume.frame, _file_of(volume, attributes), volume.kind)


def why_not_train(image: Any, labels: Any) -> str:
    """Why these layers (None where none is chosen) cannot be trained on; empty where they can."""
    try:
        return why_no_pair(image and taken(image), labels and taken(labels))
    except ValueError as error:
        return str(error)


def why_not_segment(image: Any) -> str:
    """Why this layer cannot be segmented; empty where it can."""
    if image is None:
        return NO_IMAGE
    try:
        taken(image)
    except ValueError as error:
        return str(error)
    return ""


def training(recipe: Train, image: Volume, labels: Volume, stopped: Stopped) -> Train:
    """The recipe with its data named; copies stand beside the model, so that it can be replayed.

    Raises:
        ValueError: nothing is painted, or a copy cannot be written.
    """
    model = Path(recipe.out or "").expanduser()
    beside = model.with_name(f"{model.name}-data")
    painted = _copied(labels, free_place(beside / f"labels{COPY}"), stopped, must_show=True)
    shown = _named(image, beside / f"image{COPY}", stopped)
    return recipe.changed(out=str(model), image=shown, labels=painted)


def segmentation(recipe: Segment, image: Volume, folder: Path, stopped: Stopped) -> Segment:
    """The recipe with its image named; a copy stands in `folder`, which goes with the viewer."""
    out = Path(recipe.out).expanduser()
    out.parent.mkdir(parents=True, exist_ok=True)
    kept = free_place(out.with_name(f"{out.name.partition('.')[0]}-interior{COPY}"))
    path = _named(image, folder / f"image{COPY}", stopped)
    return recipe.changed(image=path, out=str(out), probabilities=str(kept))


@dataclasses.dataclass(frozen=True)
class Result:
    """Labels as layer data, and the interior map they were made from, where it lies and how large it is."""

    layer: LayerData
    map_path: str
    frame: Frame
    sections: int


def as_result(labels: str, map_path: str, name: str) -> Result:
    """What the child wrote; in memory, so that it can be painted on, unless it is large."""
    volume = read(labels)
    if small(volume):
        volume = Volume(volume.numpy(), volume.frame, volume.source, "labels")
    _, attributes, kind = volume_to_layer(volume, "labels")
    interior = read(map_path)
    layer = (volume.array, {**attributes, "name": name}, kind)
    return Result(layer, map_path, interior.frame, interior.size("z"))


def relabelling(recipe: Label, stopped: Stopped) -> Label:  # noqa: ARG001 - a preparation like the others
    """The recipe at a place that is free."""
    out = free_place(Path(recipe.out).expanduser())
    return recipe.changed(out=str(out))


def place_for_model(image: Any, family: str) -> str:
    """A new folder for a model of this image layer, in the user's home."""
    name = f"{_plain(image.name)}-{family}" if image is not None else family
    return str(free_place(Path.home() / HOME / "models" / name))


def place_beside(path: str) -> str:
    """The next free name beside a path that is taken."""
    return str(free_place(Path(path).expanduser()))


def place_for_labels(image: Any) -> str:
    """A new path for the labels of this image layer: beside its file, else in the user's home."""
    source = image.metadata.get("path") if image is not None else None
    folder = Path(source).parent if source and Path(source).exists() else Path.home() / HOME
    name = _plain(image.name) if image is not None else "image"
    return str(free_place(folder / f"{name}-labels{COPY}"))


@dataclasses.dataclass(frozen=True)
class Model:
    """A model folder with its card, or with the reason why it has none that can be used."""

    path: str
    card: Card | None = None
    problem: str = ""

    @property
    def words(self) -> str:
        """What kind of model it is: family, steps, voxel size, validation."""
        if self.card is None:
            return self.problem
        size = " x ".join(f"{step:g}" for step in self.card.voxel_size)
        unit = self.card.units[-1] if self.card.units else ""
        found = ", ".join(
            f"{name.replace('_', ' ')} {value:.3g}" for name, value in self.card.calibration.items()
        )
        parts = (
            f"{self.card.recipe.family}, {self.card.best_step:,} steps",
            f"voxel {size} {unit}".strip() if size else "",
            f"on validation: {found}" if found else "",
        )
        return "; ".join(part for part in parts if part)


def model_at(path: str) -> Model:
    """The model in a folder, or why there is none."""
    if not path:
        return Model(path, problem="Choose a model folder, or train one in the Train dock.")
    try:
        return Model(path, read_card(Path(path).expanduser()))
    except ValueError as error:
        return Model(path, problem=str(error))


def _file_of(volume: Volume, attributes: dict[str, Any]) -> str | None:
    """The file that still holds just what the layer shows; None where it may have been changed in memory."""
    array = volume.array
    is_fixed = isinstance(array, Windowed) or (
        isinstance(array, np.ndarray) and not array.flags.writeable
    )
    path = (attributes.get("metadata") or {}).get("path")
    return str(path) if is_fixed and path else None


def _named(volume: Volume, copy: Path, stopped: Stopped) -> str:
    if volume.source is not None and _is_same(read(volume.source), volume):
        return volume.source
    return _copied(volume, free_place(copy), stopped)


def _is_same(stored: Volume, shown: Volume) -> bool:
    """Whether the file lies where the layer lies: its scale may have been changed in the viewer."""
    return (
        (stored.shape, stored.dtype, stored.axes) == (shown.shape, shown.dtype, shown.axes)
        and np.allclose(stored.frame.scale, shown.frame.scale)
        and np.allclose(stored.frame.translate, shown.frame.translate)
        and stored.frame.units == shown.frame.units
    )


def _copied(volume: Volume, path: Path, stopped: Stopped, *, must_show: bool = False) -> str:
    path.parent.mkdir(parents=True, exist_ok=True)
    shows_something = False
    with create(path, volume.shape, volume.dtype, volume.frame, kind=volume.kind) as writer:
        for index, section in enumerate(planes(volume)):
            if stopped():
                break
            shows_something = shows_something or bool(section.any())
            writer.write(index, section)
        else:
            if shows_something or not must_show:
                writer.finish()
                return str(path)
    shutil.rmtree(writer.partial, ignore_errors=True)
    if stopped():
        raise GivenUp("Stopped before the data was copied.")
    raise ValueError(
        f"Nothing is painted in '{volume.frame.name}'; paint a few cells and start again."
    )


def _plain(name: str) -> str:
    """A layer's name as the name of a file."""
    return re.sub(r"[^\w.-]+", "-", name).replace(".", "-").strip("-") or "image"
