"""What the small JSON files of a project say: its images, its annotations, its runs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Literal, TypeVar

from pydantic import ValidationError

from napari_advseg import __version__
from napari_advseg.disk.atomic import replace_file
from napari_advseg.settings import Settings, setting
from napari_advseg.volume.refusals import reason

FORMAT = 1


class UnreadableProject(ValueError):
    """A project, or a file of one, that cannot be used, with the reason and what to do."""


class Placed(Settings):
    """Where a layer lies: what napari calls its transformation."""

    axis_labels: tuple[str, ...] = setting((), "Axes", "The name of each axis.")
    scale: tuple[float, ...] = setting((), "Scale", "Size of a step along each axis.")
    translate: tuple[float, ...] = setting((), "Translate", "Position of the first element.")
    units: tuple[str, ...] = setting((), "Units", "Of the scale.")
    rotate: tuple[tuple[float, ...], ...] = setting((), "Rotate", "Empty: not rotated.")
    shear: tuple[float, ...] = setting((), "Shear", "Empty: not sheared.")
    affine: tuple[tuple[float, ...], ...] = setting((), "Affine", "Empty: none.")


class Shown(Settings):
    """An image or labels file that belongs to a project and stays where it is."""

    name: str = setting(..., "Name", "Of its layer.")
    path: str = setting(..., "Path", "From the project folder where that can be said.")
    absolute: str = setting("", "Absolute path", "Tried where the other leads nowhere.")
    kind: Literal["image", "labels"] = setting("image", "Kind", "Which kind of layer shows it.")
    placed: Placed = setting(Placed(), "Place", "Where its layer lies.")


class Annotated(Settings):
    """What `layer.json` in the folder of an annotation says."""

    format: int = setting(FORMAT, "Format", "Version of this file.", ge=1)
    name: str = setting(..., "Name", "Of its layer.")
    image: str = setting("", "Image", "Name of the image that was annotated.")
    source: str = setting("", "Source", "The file that it began as, where it was one.")
    placed: Placed = setting(Placed(), "Place", "Where its layer lies.")
    metadata: dict[str, Any] = setting({}, "Metadata", "What our layers say of themselves.")
    made: str = setting("", "Made", "When it was begun.")
    removed: str = setting("", "Removed", "When its layer was deleted; empty: it was not.")


class Run(Settings):
    """What `run.json` in the folder of a run says."""

    format: int = setting(FORMAT, "Format", "Version of this file.", ge=1)
    task: str = setting(..., "Task", "train, segment, label or tune.")
    title: str = setting("", "Title", "What it was called.")
    started: str = setting(..., "Started", "When.")
    session: str = setting("", "Session", "Which window ran it.")
    ended: str = setting("", "Ended", "When; empty: it runs, or nobody saw its end.")
    outcome: Literal["", "finished", "cancelled", "failed"] = setting("", "Outcome", "How.")
    said: str = setting("", "Said", "Why it failed.")
    results: dict[str, Any] = setting({}, "Results", "What it made, and where.")


class Content(Settings):
    """What `project.json` says."""

    format: int = setting(FORMAT, "Format", "Version of this file.", ge=1)
    made_with: str = setting(__version__, "Made with", "Version of napari-advseg.")
    made: str = setting("", "Made", "When.")
    images: tuple[Shown, ...] = setting((), "Images", "In the order of the layers.")


Entry = TypeVar("Entry", bound=Settings)


def read_entry(file: Path, kind: type[Entry]) -> Entry:
    """What a file says.

    Raises:
        UnreadableProject: it is missing, damaged, or of a newer version.
    """
    try:
        tree = json.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise UnreadableProject(f"{file} cannot be read: {reason(error)}.") from None
    except ValueError as error:
        raise UnreadableProject(
            f"{file} is damaged ({error}); restore it from a copy. Everything else in its folder is untouched."
        ) from None
    if not isinstance(tree, dict):
        raise UnreadableProject(f"{file} is damaged: it lists no fields; restore it from a copy.")
    newest = tree.get("format")
    if isinstance(newest, int) and newest > FORMAT:
        raise UnreadableProject(
            f"{file} has format {newest}{_made_with(tree)}, this is napari-advseg {__version__} and reads up to "
            f"format {FORMAT}; install a newer napari-advseg."
        )
    try:
        return kind.model_validate(tree)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        raise UnreadableProject(
            f"{file} is damaged or was edited: {place}: {first['msg']}; restore it from a copy."
        ) from None


def write_entry(file: Path, entry: Settings) -> None:
    """Replace a file in one step.

    Raises:
        ValueError: it cannot be written.
    """
    replace_file(file, entry.model_dump_json(indent=1).encode())


def _made_with(tree: dict[str, Any]) -> str:
    return f" (made with napari-advseg {tree['made_with']})" if "made_with" in tree else ""
