"""Layers on their way to the child: a file goes by its path, everything else is copied section by section."""

from __future__ import annotations

import dataclasses
import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from napari_advseg.gui import checks
from napari_advseg.gui.checks import NO_IMAGE, free_place
from napari_advseg.model_store import Card, read_card
from napari_advseg.napari_io import LayerData, layer_to_volume, small, volume_to_layer
from napari_advseg.recipe import Label, Segment, Train, Tune
from napari_advseg.settings.labelling import LabellingSettings
from napari_advseg.tuning.tuned import Cell, Tuned
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


def pairing(image: Any, labels: Any, family: str) -> checks.Pairing:
    """How a family would learn from these layers (None where none is chosen), or why it cannot."""
    try:
        return checks.pairing(image and taken(image), labels and taken(labels), family)
    except ValueError as error:
        return checks.Pairing(str(error))


def why_not_segment(image: Any) -> str:
    """Why this layer cannot be segmented; empty where it can."""
    if image is None:
        return NO_IMAGE
    try:
        taken(image)
    except ValueError as error:
        return str(error)
    return ""


def why_not_tune(shown: Any, truth: Any, *, names_sections: bool) -> str:
    """Why thresholds cannot be searched on these layers (None where none is chosen); empty where they can."""
    try:
        pair = shown and taken(shown), truth and taken(truth)
        return checks.why_not_tune(*pair, names_sections=names_sections)
    except ValueError as error:
        return str(error)


def training(recipe: Train, image: Volume, labels: Volume, stopped: Stopped) -> Train:
    """The recipe with its data named; copies stand beside the model, so that it can be replayed.

    Image and labels that do not belong together are named as such, for a family that needs no pairs.

    Raises:
        ValueError: nothing is painted, or a copy cannot be written.
    """
    model = Path(recipe.out or "").expanduser()
    beside = model.with_name(f"{model.name}-data")
    painted = _copied(labels, free_place(beside / f"labels{COPY}"), stopped, must_show=True)
    shown = _named(image, beside / f"image{COPY}", stopped)
    if checks.pairing(image, labels, recipe.family).is_pair:
        return recipe.changed(out=str(model), image=shown, labels=painted)
    return recipe.changed(out=str(model), images=shown, masks=painted)


def segmentation(recipe: Segment, image: Volume, folder: Path, stopped: Stopped) -> Segment:
    """The recipe with its image named; a copy stands in `folder`, which goes with the viewer.

    The interior map is kept, to label it anew; a model of classes makes none.
    """
    out = Path(recipe.out).expanduser()
    out.parent.mkdir(parents=True, exist_ok=True)
    kept: str | None = None
    card = model_at(recipe.model).card
    if card is None or card.channels.gives != "classes":
        kept = str(free_place(out.with_name(f"{out.name.partition('.')[0]}-interior{COPY}")))
    path = _named(image, folder / f"image{COPY}", stopped)
    return recipe.changed(image=path, out=str(out), probabilities=kept)


def tuning(recipe: Tune, shown: Volume, truth: Volume, folder: Path, stopped: Stopped) -> Tune:
    """The recipe with image or interior map and truth named; copies stand in `folder`.

    What the model was trained with is named as its recipe names it, so that the search knows which sections the
    model has not learnt from.
    """
    card = model_at(recipe.model or "").card
    known = card.recipe if card is not None else None
    theirs = known.labels if known is not None else None
    labels = _named(truth, folder / f"truth{COPY}", stopped, theirs)
    field = "image" if recipe.probabilities is None else "probabilities"
    theirs = known.image if known is not None and field == "image" else None
    path = _named(shown, folder / f"{field}{COPY}", stopped, theirs)
    return recipe.changed(**{field: path}, labels=labels, out=str(Path(recipe.out).expanduser()))


@dataclasses.dataclass(frozen=True, eq=False)
class Search:
    """What a search found, and the interior map that it was made on.

    Attributes:
        frame: where the map lies.
        indices: index in the map of each section that was searched.
        steps: how many sections below the map's first each of them lies.
    """

    tuned: Tuned
    map_path: str
    frame: Frame
    indices: tuple[int, ...]
    steps: tuple[int, ...]

    def choose(self, cell: Cell) -> Search:
        """The same search with another cell chosen."""
        return dataclasses.replace(self, tuned=dataclasses.replace(self.tuned, chosen=cell))


def as_search(result: dict[str, Any]) -> Search:
    """What the child wrote.

    Raises:
        ValueError: a file cannot be read.
    """
    tuned = Tuned.from_json(json.loads(Path(result["table"]).read_text(encoding="utf-8")))
    indices, sections = tuple(result["map_sections"]), tuple(result["sections"])
    is_whole = indices == sections
    steps = sections if is_whole else tuple(section - sections[0] for section in sections)
    frame = read(result["probabilities"]).frame
    return Search(tuned, result["probabilities"], frame, indices, steps)


@dataclasses.dataclass(frozen=True)
class Result:
    """Labels as layer data, and the interior map they were made from, where it lies and how large it is.

    `map_path` is empty for classes, which come from no such map. `fragments` is the store that agglomerated
    labels were joined from, empty for others.
    """

    layer: LayerData
    map_path: str
    frame: Frame
    sections: int
    labelling: LabellingSettings
    fragments: str = ""


def as_result(made: dict[str, Any], name: str) -> Result:
    """What was written; in memory, so that it can be painted on, unless it is large."""
    volume = read(made["labels"])
    if small(volume):
        volume = Volume(volume.numpy(), volume.frame, volume.source, "labels")
    _, attributes, kind = volume_to_layer(volume, "labels")
    interior = read(made["probabilities"]) if made["probabilities"] else volume
    layer = (volume.array, {**attributes, "name": name}, kind)
    return Result(
        layer,
        made["probabilities"] or "",
        interior.frame,
        interior.size("z"),
        made["labelling"],
        made.get("fragments", ""),
    )


def relabelling(recipe: Label, stopped: Stopped) -> Label:  # noqa: ARG001 - a preparation like the others
    """The recipe at a place that is free."""
    out = free_place(Path(recipe.out).expanduser())
    return recipe.changed(out=str(out))


def place_for_model(image: Any, family: str) -> str:
    """A new folder for a model of this image layer, in the user's home."""
    name = f"{_plain(image.name)}-{family}" if image is not None else family
    return str(free_place(Path.home() / HOME / "models" / name))


def place_for_tuning(image: Any) -> str:
    """A new folder for a search on this layer, in the user's home."""
    name = _plain(image.name) if image is not None else "search"
    return str(free_place(Path.home() / HOME / "tuning" / name))


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


def _named(volume: Volume, copy: Path, stopped: Stopped, twin: str | None = None) -> str:
    """The volume's own file, or `twin` where that holds just the same, or a copy."""
    if volume.source is not None and _is_same(read(volume.source), volume):
        return volume.source
    if twin is not None and _holds(twin, volume, stopped):
        return twin
    return _copied(volume, free_place(copy), stopped)


def _is_same(stored: Volume, shown: Volume) -> bool:
    """Whether the file lies where the layer lies: its scale may have been changed in the viewer."""
    return (
        (stored.shape, stored.dtype, stored.axes) == (shown.shape, shown.dtype, shown.axes)
        and np.allclose(stored.frame.scale, shown.frame.scale)
        and np.allclose(stored.frame.translate, shown.frame.translate)
        and stored.frame.units == shown.frame.units
    )


def _holds(path: str, volume: Volume, stopped: Stopped) -> bool:
    """Whether a file holds the same values at the same place."""
    try:
        stored = read(path)
        return _is_same(stored, volume) and all(
            not stopped() and np.array_equal(*pair)
            for pair in zip(planes(stored), planes(volume), strict=True)
        )
    except ValueError:  # it has gone or is damaged: then it is no twin
        return False


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
