"""A project: one folder of plain files that holds everything that belongs to a piece of work.

project.json (its images, by path), recipe.yaml (the last one used), annotations/, models/, runs/ and results/. One
window at a time works in it.
"""

from __future__ import annotations

import errno
import os
import re
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from napari_advseg.disk import lock
from napari_advseg.disk.atomic import replace_file
from napari_advseg.disk.lock import Held, Holder, Lock, now
from napari_advseg.project.entries import (
    Annotated,
    Content,
    Placed,
    Run,
    Shown,
    UnreadableProject,
    read_entry,
    write_entry,
)
from napari_advseg.volume.refusals import reason

FILE = "project.json"
RECIPE = "recipe.yaml"
LAYER = "layer.json"
RUN = "run.json"
ANNOTATIONS, MODELS, RUNS, RESULTS, IMAGES = "annotations", "models", "runs", "results", "images"
MODEL_CARD = "model.json"
IN_RESULTS = (".zarr", ".tif", ".tiff", ".csv", ".json")


class Project:
    """An open project; its lock is held until `release`.

    Attributes:
        folder: where it lies.
        content: what project.json says.
        left_open: who had it open before and did not close it properly; None where all went well.
    """

    def __init__(self, folder: Path, content: Content, held: Lock, left: Holder | None) -> None:
        self.folder = folder
        self.content = content
        self.left_open = left
        self._lock = held

    @property
    def name(self) -> str:
        """What the folder is called."""
        return self.folder.name

    @property
    def session(self) -> str:
        """What names this opening of the project, in journals and runs."""
        return self._lock.holder.session

    @property
    def is_ours(self) -> bool:
        """Whether this window still holds the project."""
        return self._lock.is_ours

    @property
    def annotations(self) -> Path:
        return self.folder / ANNOTATIONS

    @property
    def models(self) -> Path:
        return self.folder / MODELS

    @property
    def results(self) -> Path:
        return self.folder / RESULTS

    def show(self, images: Sequence[Shown]) -> None:
        """Let the project have just these images, and write that down where it is new.

        Raises:
            ValueError: it cannot be written.
        """
        content = self.content.changed(images=tuple(images))
        if content != self.content:
            write_entry(self.folder / FILE, content)
            self.content = content

    def named(self, path: str) -> tuple[str, str]:
        """A path as project.json says it, from the folder on where that is possible, and as it is."""
        return relative(self.folder, path), absolute(path)

    def place_for_annotation(self, name: str) -> Path:
        """A folder for a new annotation that is not there yet."""
        return free(self.annotations / plain(name))

    def place_for_image(self, name: str) -> Path:
        """A store for an image that was only in memory."""
        return free(self.folder / IMAGES / f"{plain(name)}.ome.zarr")

    def begin_run(self, task: str, title: str, recipe: str) -> Path:
        """Write down that a run starts, with its recipe; returns the folder that says so.

        Raises:
            ValueError: it cannot be written.
        """
        stamp = f"{datetime.now().astimezone():%Y-%m-%d_%H-%M-%S}"
        place = free(self.folder / RUNS / f"{stamp}_{plain(task)}")
        replace_file(place / RECIPE, recipe.encode())
        replace_file(self.folder / RECIPE, recipe.encode())
        run = Run(task=task, title=title, started=now(), session=self.session)
        write_entry(place / RUN, run)
        return place

    def end_run(self, place: Path, outcome: str, said: str, results: dict[str, Any]) -> None:
        """Write down what came of a run: finished, cancelled or failed.

        Raises:
            ValueError: it cannot be written.
        """
        run = read_entry(place / RUN, Run)
        ended = run.changed(ended=now(), outcome=outcome, said=said, results=results)
        write_entry(place / RUN, ended)

    def release(self) -> None:
        """Close it: others may open it now."""
        self._lock.release()


def is_project(folder: Path) -> bool:
    """Whether a folder calls itself a project."""
    return (folder / FILE).is_file()


def create(folder: Path) -> Project:
    """A new project in a folder that is not there yet or is empty; it is open.

    Raises:
        UnreadableProject: it is a file, or holds something.
        ValueError: it cannot be written to.
    """
    folder = folder.absolute()
    if folder.exists() and not folder.is_dir():
        raise UnreadableProject(f"{folder} is a file; a project is a folder. Choose another name.")
    if is_project(folder):
        raise UnreadableProject(f"{folder} holds a project already; open it.")
    found = [path.name for path in folder.iterdir()] if folder.is_dir() else []
    if found:
        raise UnreadableProject(_foreign(folder, sorted(found)))
    for name in (ANNOTATIONS, MODELS, RUNS, RESULTS):
        _make(folder / name)
    write_entry(folder / FILE, Content(made=now()))
    return open_project(folder)


def open_project(folder: Path, *, takes_over: bool = False) -> Project:
    """The project in a folder, locked for this window.

    Args:
        takes_over: also where another computer holds it, or its lock cannot be read.

    Raises:
        UnreadableProject: there is no project, or it is damaged, or of a newer version.
        Held: it is open in another window.
        ValueError: it cannot be written to.
    """
    folder = folder.absolute()
    content = content_of(folder)
    try:
        held, left = lock.take(folder, f"Project '{folder.name}'", takes_over=takes_over)
    except OSError as fault:
        raise _read_only(folder, fault) from None
    return Project(folder, content, held, left)


def content_of(folder: Path) -> Content:
    """What the project in a folder says of itself, whoever has it open.

    Raises:
        UnreadableProject: there is no project, or it is damaged, or of a newer version.
    """
    if not folder.exists():
        raise UnreadableProject(f"{folder} does not exist; check its name.")
    if not folder.is_dir():
        raise UnreadableProject(f"{folder} is a file; a project is a folder.")
    if not is_project(folder):
        found = sorted(path.name for path in folder.iterdir())
        raise UnreadableProject(
            _foreign(folder, found) if found else f"{folder} is empty and no project yet."
        )
    return read_entry(folder / FILE, Content)


def annotations_in(folder: Path) -> list[tuple[Path, Annotated]]:
    """The annotations of a project with the folder of each, in the order in which they were made.

    A folder whose layer.json cannot be read is left out; `problems_in` names it.
    """
    found = []
    for place in _folders(folder / ANNOTATIONS, LAYER):
        try:
            found.append((place, read_entry(place / LAYER, Annotated)))
        except UnreadableProject:
            continue
    return sorted(found, key=lambda pair: (pair[1].made, pair[0].name))


def problems_in(folder: Path) -> list[str]:
    """Why some annotations of a project cannot be shown, one sentence each."""
    problems = []
    for place in _folders(folder / ANNOTATIONS, LAYER):
        try:
            read_entry(place / LAYER, Annotated)
        except UnreadableProject as error:
            problems.append(str(error))
    return problems


def save_annotation(place: Path, entry: Annotated) -> None:
    """Write what is known of an annotation into its folder.

    Raises:
        ValueError: it cannot be written.
    """
    write_entry(place / LAYER, entry)


def annotation_at(place: Path) -> Annotated:
    """What is known of the annotation in a folder.

    Raises:
        UnreadableProject: nothing, or it is damaged.
    """
    return read_entry(place / LAYER, Annotated)


def models_in(folder: Path) -> list[Path]:
    """The folders of models in a project, by name."""
    return _folders(folder / MODELS, MODEL_CARD)


def results_in(folder: Path) -> list[Path]:
    """The results in a project, by name; what is not complete is left out."""
    place = folder / RESULTS
    found = place.iterdir() if place.is_dir() else ()
    return sorted(path for path in found if path.suffix.lower() in IN_RESULTS)


def runs_in(folder: Path) -> list[tuple[Path, Run]]:
    """The runs of a project, oldest first; one whose end nobody saw has no outcome."""
    found = []
    for place in _folders(folder / RUNS, RUN):
        try:
            found.append((place, read_entry(place / RUN, Run)))
        except UnreadableProject:
            continue
    return found


def located(folder: Path, shown: Shown) -> str:
    """Where a file of a project is now: where project.json says, seen from the folder, or else where it was."""
    near = os.path.normpath(folder / shown.path)
    if _is_there(near) or not shown.absolute or not _is_there(shown.absolute):
        return near
    return shown.absolute


def relative(folder: Path, path: str) -> str:
    """A path seen from a folder, with forward slashes; as it is where it lies on another drive."""
    try:
        return Path(os.path.relpath(absolute(path), folder)).as_posix()
    except ValueError:
        return absolute(path)


def absolute(path: str) -> str:
    """A path from the root on."""
    return str(Path(path).expanduser().absolute())


def plain(name: str) -> str:
    """A layer's name as the name of a file."""
    return re.sub(r"[^\w.-]+", "-", name).replace(".", "-").strip("-") or "layer"


def free(path: Path) -> Path:
    """`path` itself where nothing is there, else with the first free number."""
    stem, dot, suffix = path.name.partition(".")
    count, found = 1, path
    while found.exists():
        count += 1
        found = path.with_name(f"{stem}-{count}{dot}{suffix}")
    return found


def _is_there(path: str) -> bool:
    """Whether a file is there, or the file that a dataset is named inside of."""
    outer = Path(path.rpartition("::")[0] or path)
    return outer.exists() or any(parent.is_file() for parent in outer.parents)


def _folders(place: Path, with_file: str) -> list[Path]:
    found = place.iterdir() if place.is_dir() else ()
    return sorted(path for path in found if (path / with_file).is_file())


def _foreign(folder: Path, names: list[str]) -> str:
    shown = ", ".join(names[:3]) + (", …" if len(names) > 3 else "")
    return (
        f"{folder} holds other files ({shown}) and no project ({FILE} is missing). "
        "Choose an empty or new folder for a project, or the files themselves to look at them."
    )


def _make(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as fault:
        raise _read_only(folder, fault) from None


def _read_only(folder: Path, fault: OSError) -> ValueError:
    if fault.errno in (errno.EROFS, errno.EACCES, errno.EPERM):
        return ValueError(
            f"{folder} cannot be written to ({reason(fault)}), and a project is written to while it is open. "
            "Copy it to a folder of your own, or ask for write access."
        )
    return ValueError(f"{folder} cannot be written to: {reason(fault)}.")


__all__ = [
    "Annotated",
    "Content",
    "Held",
    "Holder",
    "Placed",
    "Project",
    "Run",
    "Shown",
    "UnreadableProject",
    "absolute",
    "annotation_at",
    "annotations_in",
    "content_of",
    "create",
    "free",
    "is_project",
    "located",
    "models_in",
    "now",
    "open_project",
    "plain",
    "problems_in",
    "relative",
    "results_in",
    "runs_in",
    "save_annotation",
]
