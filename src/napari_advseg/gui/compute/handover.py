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
import zarr
from zarr.storage import LocalStore

from napari_advseg.gui.compute import checks
from napari_advseg.gui.compute.checks import free_place
from napari_advseg.model_store import Card, read_card
from napari_advseg.napari_io import layer_to_volume
from napari_advseg.progress import BlockDone, Report
from napari_advseg.project import Project
from napari_advseg.recipes import Train, Tune
from napari_advseg.tuning.tuned import Cell, Tuned
from napari_advseg.volume.arrays.lazy import Windowed
from napari_advseg.volume.formats.canvas import Canvas
from napari_advseg.volume.formats.files import create, read, write_mask
from napari_advseg.volume.formats.sections import planes
from napari_advseg.volume.frame import Frame
from napari_advseg.volume.units import unit_symbol
from napari_advseg.volume.volume import Volume

HOME = "napari-advseg"
COPY = ".ome.zarr"
PROBE = 64

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
    source = _file_of(volume, attributes) or _store_of(layer, volume)
    return dataclasses.replace(volume, source=source)


def pairing(image: Any, labels: Any, family: str) -> checks.Pairing:
    """How a family would learn from these layers (None where none is chosen), or why it cannot."""
    try:
        return checks.pairing(image and taken(image), labels and taken(labels), family)
    except ValueError as error:
        return checks.Pairing(str(error))


def why_not_tune(shown: Any, truth: Any, *, names_sections: bool) -> str:
    """Why thresholds cannot be searched on these layers (None where none is chosen); empty where they can."""
    try:
        pair = shown and taken(shown), truth and taken(truth)
        return checks.why_not_tune(*pair, names_sections=names_sections)
    except ValueError as error:
        return str(error)


def training(recipe: Train, image: Volume, labels: Volume | None, stopped: Stopped) -> Train:
    """The recipe with its data named; copies stand beside the model, so that it can be replayed.

    Image and labels that do not belong together are named as such, for a family that needs no pairs; a family that
    learns from images alone gets no labels.

    Raises:
        ValueError: nothing is painted, or a copy cannot be written.
    """
    model = Path(recipe.out or "").expanduser()
    beside = model.with_name(f"{model.name}-data")
    if labels is None:
        return recipe.changed(
            out=str(model), image=named(image, beside / f"image{COPY}", stopped), labels=None
        )
    painted = copied(
        labels, free_place(beside / f"labels{COPY}"), stopped, must_show="paint a few cells"
    )
    shown = named(image, beside / f"image{COPY}", stopped)
    if checks.pairing(image, labels, recipe.family).is_pair:
        return recipe.changed(out=str(model), image=shown, labels=painted)
    return recipe.changed(out=str(model), images=shown, masks=painted)


def tuning(recipe: Tune, shown: Volume, truth: Volume, folder: Path, stopped: Stopped) -> Tune:
    """The recipe with image or interior map and truth named; copies stand in `folder`.

    What the model was trained with is named as its recipe names it, so that the search knows which sections the
    model has not learnt from.
    """
    card = model_at(recipe.model or "").card
    known = card.recipe if card is not None else None
    theirs = known.labels if known is not None else None
    labels = named(truth, folder / f"truth{COPY}", stopped, theirs)
    field = "image" if recipe.interior_map is None else "interior_map"
    theirs = known.image if known is not None and field == "image" else None
    path = named(shown, folder / f"{field}{COPY}", stopped, theirs)
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


def place_for_model(image: Any, family: str, project: Project | None = None) -> str:
    """A new folder for a model of this image layer, in the open project or in the user's home."""
    name = f"{plain(image.name)}-{family}" if image is not None else family
    folder = Path.home() / HOME / "models" if project is None else project.models
    return str(free_place(folder / name))


def place_for_tuning(image: Any, project: Project | None = None) -> str:
    """A new folder for a search on this layer, in the open project or in the user's home."""
    name = plain(image.name) if image is not None else "search"
    if project is not None:
        return str(free_place(project.results / f"{name}-thresholds"))
    return str(free_place(Path.home() / HOME / "tuning" / name))


def place_beside(path: str) -> str:
    """The next free name beside a path that is taken."""
    return str(free_place(Path(path).expanduser()))


def place_for_labels(image: Any, project: Project | None = None) -> str:
    """A new path for the labels of this image layer: in the open project, beside its file, or in the user's home."""
    name = plain(image.name) if image is not None else "image"
    return str(free_place(folder_for(image, project) / f"{name}-labels{COPY}"))


def folder_for(image: Any, project: Project | None) -> Path:
    """Where what is made of an image layer goes: into the open project, beside its file, or into the user's home."""
    if project is not None:
        return project.results
    source = image.metadata.get("path") if image is not None else None
    return Path(source).parent if source and Path(source).exists() else Path.home() / HOME


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
        unit = unit_symbol(self.card.units[-1]) if self.card.units else ""
        was_validated = self.card.best_loss is not None
        steps = self.card.best_step if was_validated else self.card.last_step
        judged = "on validation" if was_validated else "on what it was trained on"
        found = ", ".join(
            f"{name.replace('_', ' ')} {value:.3g}" for name, value in self.card.calibration.items()
        )
        parts = (
            f"{self.card.recipe.family}, {steps:,} steps",
            f"voxel {size} {unit}".strip() if size else "",
            f"{judged}: {found}" if found else "",
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
    is_fixed = (isinstance(array, Windowed) and not isinstance(array, Canvas)) or (
        isinstance(array, np.ndarray) and not array.flags.writeable
    )
    path = (attributes.get("metadata") or {}).get("path")
    return str(path) if is_fixed and path else None


def _store_of(layer: Any, volume: Volume) -> str | None:
    """The store that a lazy array of another reader comes from; whether it holds the same is seen on a thread."""
    array = volume.array
    if isinstance(array, zarr.Array) and isinstance(array.store, LocalStore):
        return str(Path(array.store.root) / array.path)
    is_lazy = hasattr(array, "dask")
    path = getattr(getattr(layer, "source", None), "path", None)
    return str(path) if is_lazy and path else None


def named(volume: Volume, copy: Path, stopped: Stopped, twin: str | None = None) -> str:
    """The volume's own file, or `twin` where that holds just the same, or a copy."""
    stored = stored_as(volume)
    if stored is not None and lies_as(stored, volume):
        return str(volume.source)
    if twin is not None and holds(twin, volume, stopped):
        return twin
    return copied(volume, free_place(copy), stopped)


def stored_as(shown: Volume) -> Volume | None:
    """The volume in the file that a layer comes from; None where it does not hold what the layer shows."""
    if shown.source is None:
        return None
    try:
        stored = read(shown.source)
    except ValueError:  # of a format that only the other reader knows
        return None
    is_same = (stored.shape, stored.dtype, stored.axes) == (shown.shape, shown.dtype, shown.axes)
    is_ours = isinstance(shown.array, Windowed | np.ndarray | zarr.Array)
    return stored if is_same and (is_ours or _shows(stored, shown)) else None


def _shows(stored: Volume, shown: Volume) -> bool:
    """Whether both are equal, and not even, where they are looked at: in the middle of three sections."""
    rows, columns = (_middle(shown.size(axis)) for axis in "yx")
    count = shown.size("z")
    is_uneven = False
    for index in sorted({0, count // 2, count - 1}):
        place = {"z": index, "y": rows, "x": columns}
        key = tuple(place.get(axis, slice(None)) for axis in shown.axes)
        one, other = np.asarray(stored.array[key]), np.asarray(shown.array[key])
        if not np.array_equal(one, other):
            return False
        is_uneven = is_uneven or bool(one.min() != one.max())
    return is_uneven


def _middle(length: int) -> slice:
    first = max(0, (length - PROBE) // 2)
    return slice(first, first + PROBE)


def lies_as(stored: Volume, shown: Volume) -> bool:
    """Whether a file lies where the layer lies: its scale may have been changed in the viewer."""
    return (
        np.allclose(stored.frame.scale, shown.frame.scale)
        and np.allclose(stored.frame.translate, shown.frame.translate)
        and stored.frame.units == shown.frame.units
    )


def holds(path: str, volume: Volume, stopped: Stopped) -> bool:
    """Whether a file holds the same values at the same place."""
    try:
        stored = read(path)
        is_same = (stored.shape, stored.dtype, stored.axes) == (
            volume.shape,
            volume.dtype,
            volume.axes,
        )
        return (
            is_same
            and lies_as(stored, volume)
            and all(
                not stopped() and np.array_equal(*pair)
                for pair in zip(planes(stored), planes(volume), strict=True)
            )
        )
    except ValueError:  # it has gone or is damaged: then it is no twin
        return False


def copied(
    volume: Volume,
    path: Path,
    stopped: Stopped,
    *,
    must_show: str = "",
    tell: Callable[[Report], object] | None = None,
) -> str:
    """A copy at `path`, section by section; `must_show` says what to do where nothing is painted, which is refused.

    Raises:
        ValueError: it was stopped, the disk is too small, or it must show something and nothing is painted.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    shows_something = False
    write_mask(volume, path)
    with create(path, volume.shape, volume.dtype, volume.frame, kind=volume.kind) as writer:
        for index, section in enumerate(planes(volume)):
            if stopped():
                break
            shows_something = shows_something or bool(section.any())
            writer.write(index, section)
            if tell is not None:
                tell(BlockDone("copy", index + 1, writer.total))
        else:
            if shows_something or not must_show:
                writer.finish()
                return str(path)
    shutil.rmtree(writer.partial, ignore_errors=True)
    if stopped():
        raise GivenUp("Stopped before the data was copied.")
    raise ValueError(f"Nothing is painted in '{volume.frame.name}'; {must_show} and start again.")


def plain(name: str) -> str:
    """A layer's name as the name of a file."""
    return re.sub(r"[^\w.-]+", "-", name).replace(".", "-").strip("-") or "image"
