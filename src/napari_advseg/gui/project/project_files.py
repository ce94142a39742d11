"""Between layers and the files of a project; everything here may take long and runs on threads."""

from __future__ import annotations

import contextlib
import dataclasses
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
from napari.layers import Image, Labels

from napari_advseg import project as projects
from napari_advseg.gui.viewer import results
from napari_advseg.napari_io import (
    OURS,
    LayerData,
    ProjectLayers,
    annotation_layer,
    layer_to_volume,
    placed_of,
    project_layers,
)
from napari_advseg.project import Held, Project, Shown
from napari_advseg.volume.formats.files import read, write
from napari_advseg.volume.volume import Kind, Volume


@dataclasses.dataclass(frozen=True, eq=False)
class Opened:
    """A project that this window holds now, with what it shows; one that was just made shows nothing.

    Attributes:
        removed: folders and names of annotations whose layers were deleted.
    """

    project: Project
    found: ProjectLayers | None = None
    removed: dict[Path, str] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(frozen=True)
class Refused:
    """A project that is open elsewhere."""

    folder: Path
    why: str
    may_take_over: bool


def open_project(folder: Path, *, takes_over: bool = False) -> Opened | Refused:
    """Open a project and read what it shows.

    Raises:
        ValueError: there is none, or it cannot be used.
    """
    try:
        project = projects.open_project(folder, takes_over=takes_over)
    except Held as held:
        return Refused(folder.absolute(), str(held), held.may_take_over)
    try:
        session = project.left_open.session if project.left_open is not None else ""
        found = project_layers(project.folder, session)
    except ValueError:
        project.release()
        raise
    removed = {
        place: one.name for place, one in projects.annotations_in(project.folder) if one.removed
    }
    return Opened(project, found, removed)


def make_project(folder: Path) -> Opened | Refused:
    """A new project in a new or empty folder.

    Raises:
        ValueError: it cannot be made there.
    """
    return Opened(projects.create(folder))


def open_or_make(folder: Path) -> Opened | Refused:
    """The project in a folder where there is one, else a new one.

    Raises:
        ValueError: it cannot be used, or none can be made there.
    """
    return open_project(folder) if projects.is_project(folder) else make_project(folder)


def annotation(project: Project, place: Path) -> list[LayerData]:
    """An annotation whose layer was deleted, as it was.

    Raises:
        ValueError: it cannot be read.
    """
    problems: list[str] = []
    layer = annotation_layer(project.folder, place, problems)
    if layer is None:
        raise ValueError(f"Nothing was ever painted in '{place.name}'.")
    if problems:
        raise ValueError(" ".join(problems))
    return [layer]


def copy_image(project: Project, layer: Any) -> str:
    """Copy an image that is only in memory into the project; returns the path of its store.

    Raises:
        ValueError: its axes cannot be told, or the disk is full.
    """
    volume = layer_to_volume(*layer.as_layer_data_tuple())
    target = project.place_for_image(str(layer.name))
    target.parent.mkdir(exist_ok=True)
    return str(write(Volume(volume.array, volume.frame), target, kind="image"))


def place_of(project: Project, layer: Any) -> Path | None:
    """The folder of the annotation that a layer was read from; None where it is none of this project."""
    ours = layer.metadata.get(OURS) or {}
    if not isinstance(layer, Labels) or ours.get("project") != str(project.folder):
        return None
    place = project.annotations / str(ours.get("annotation", ""))
    return place if ours.get("annotation") and place.is_dir() else None


def origin_of(layer: Any) -> Path | None:
    """The folder of the project that a layer was read from; None where it was read from none."""
    folder = (layer.metadata.get(OURS) or {}).get("project")
    return Path(folder) if folder else None


def path_of(layer: Any) -> str:
    """The file that a layer came from; empty where it came from none."""
    path = layer.metadata.get("path") or getattr(getattr(layer, "source", None), "path", None)
    return str(path) if path else ""


class Files:
    """Which layers of a window are files that the project can name."""

    def __init__(self, project: Project, unseen: Iterable[Shown]) -> None:
        self.project = project
        self.unseen = list(unseen)
        self._judged: dict[tuple[str, int], bool] = {}

    def record(self, layers: Iterable[Any]) -> None:
        """Let project.json name the files of these layers, and those that cannot be read now; on the saver's thread.

        Raises:
            ValueError: it cannot be written.
        """
        shown = [self._shown(layer) for layer in layers if self._is_file(layer)]
        self.project.show([*shown, *self.unseen])

    def only_in_memory(self, layers: Iterable[Any]) -> list[Any]:
        """The images that would be lost with the window."""
        return [
            layer
            for layer in layers
            if isinstance(layer, Image)
            and not results.is_ours(layer)
            and not (path_of(layer) and self._judged.get(_key(layer), True))
        ]

    def _shown(self, layer: Any) -> Shown:
        _, attributes, _ = layer.as_layer_data_tuple()
        path, absolute = self.project.named(path_of(layer))
        kind: Kind = "labels" if isinstance(layer, Labels) else "image"
        return Shown(
            name=str(layer.name),
            path=path,
            absolute=absolute,
            kind=kind,
            placed=placed_of(attributes),
        )

    def _is_file(self, layer: Any) -> bool:
        """Whether our readers find in the layer's file what the layer shows."""
        if not isinstance(layer, (Image, Labels)) or not path_of(layer):
            return False
        key = _key(layer)
        if key not in self._judged:
            self._judged[key] = _is_same(path_of(layer), layer)
        return self._judged[key]


class RunLog:
    """A run that is written into the project when it starts and when it ends."""

    def __init__(self, project: Project, task: str, title: str, recipe: str) -> None:
        self._project = project
        self._task = task
        self._title = title
        self._recipe = recipe
        self._place: Path | None = None

    def begin(self) -> None:
        """Write down the recipe.

        Raises:
            ValueError: it cannot be written.
        """
        self._place = self._project.begin_run(self._task, self._title, self._recipe)

    def end(self, outcome: str, said: str, made: dict[str, Any]) -> None:
        """Write down what came of it.

        Raises:
            ValueError: it cannot be written.
        """
        if self._place is not None:
            self._project.end_run(self._place, outcome, said, _plain(made))


def _key(layer: Any) -> tuple[str, int]:
    return path_of(layer), id(layer.data)


def _is_same(path: str, layer: Any) -> bool:
    """Whether a file holds what a layer shows, judged by shape, type and the middle section."""
    with contextlib.suppress(ValueError, OSError):
        stored, shown = read(path), layer_to_volume(*layer.as_layer_data_tuple())
        if (stored.shape, stored.axes) != (shown.shape, shown.axes):
            return False
        middle = stored.size("z") // 2
        return bool(np.array_equal(stored.section(middle), shown.section(middle)))
    return False


def _plain(made: dict[str, Any]) -> dict[str, Any]:
    """What of a result JSON can say."""
    found = {}
    for name, value in made.items():
        with contextlib.suppress(TypeError, ValueError):
            found[name] = json.loads(json.dumps(value, allow_nan=False))
    return found
