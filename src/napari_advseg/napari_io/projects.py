"""Projects as layers: their images, and their annotations as they were after the last edit."""

from __future__ import annotations

import dataclasses
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from napari_advseg.napari_io.files import read_layers
from napari_advseg.napari_io.layers import OURS, LayerData, fits_in_memory
from napari_advseg.project import (
    Annotated,
    Placed,
    Shown,
    UnreadableProject,
    annotation_at,
    annotations_in,
    content_of,
    located,
    problems_in,
)
from napari_advseg.proofreading.store.journal import look
from napari_advseg.volume.arrays.lazy import LazyArray
from napari_advseg.volume.formats.files import Unreadable, as_labels, read


def read_project(path: str | Sequence[str]) -> list[LayerData]:
    """The images and annotations of a project as layers; a warning for each that cannot be shown.

    Their metadata says which project they come from, so that a window with our docks works in it from now on.

    Raises:
        Unreadable: the project is damaged, of a newer version, or holds nothing that could be shown.
    """
    folder = Path(path if isinstance(path, str) else path[0])
    try:
        found = project_layers(folder)
    except UnreadableProject as fault:
        raise Unreadable(str(fault)) from fault
    for problem in found.problems:
        warnings.warn(problem, stacklevel=2)
    if not found.layers:
        raise Unreadable(
            f"Project '{folder.name}' holds no images or annotations yet; open it from the lower right corner of the "
            "window, or with `napari-advseg gui`, and add an image."
        )
    return found.layers


@dataclasses.dataclass(frozen=True)
class ProjectLayers:
    """What a project shows.

    Attributes:
        problems: a sentence for each image or annotation that cannot be shown as it should.
        unseen: images whose file cannot be read now.
        recovered: for each annotation its name and the number of edits of the session that was asked about.
    """

    layers: list[LayerData]
    problems: list[str]
    unseen: list[Shown]
    recovered: dict[str, int]


def project_layers(folder: Path, session: str = "") -> ProjectLayers:
    """The images and annotations of a project, in this order; `session` counts the edits of one.

    Raises:
        UnreadableProject: there is none, or it is damaged or of a newer version.
    """
    found = ProjectLayers([], problems_in(folder), [], {})
    for shown in content_of(folder).images:
        try:
            found.layers.append(_shown_layer(folder, shown))
        except ValueError as fault:
            found.problems.append(f"'{shown.name}' is not shown: {fault}")
            found.unseen.append(shown)
    for place, entry in annotations_in(folder):
        if entry.removed:
            continue
        try:
            layer = annotation_layer(folder, place, found.problems)
            stored = look(place)
        except ValueError as fault:
            found.problems.append(f"'{entry.name}' is not shown: {fault}")
            continue
        if layer is not None and stored is not None:
            found.layers.append(layer)
            edits = stored.edits_of(session)
            found.recovered.update({entry.name: edits} if edits else {})
    return found


def annotation_layer(folder: Path, place: Path, problems: list[str]) -> LayerData | None:
    """An annotation of a project as it was after its last edit; None where nothing of it was ever written.

    Raises:
        ValueError: it cannot be read.
    """
    entry, stored = annotation_at(place), look(place)
    if stored is None:
        return None
    beneath = None
    if stored.base is None:
        beneath = _beneath(folder, entry, problems)
    if stored.damaged:
        problems.append(
            f"{_counted(stored.damaged, 'edit')} of '{entry.name}' cannot be read and is left out; the file is kept in "
            f"{place}."
        )
    if stored.strange:
        problems.append(
            f"{_counted(stored.strange, 'edit')} of '{entry.name}' belong to other data that were never complete, and "
            f"are left out; the file is kept in {place}."
        )
    labels = stored.array(beneath)
    is_small = fits_in_memory(labels.nbytes)
    said = {**entry.metadata, "project": str(folder), "annotation": place.name}
    attributes = {"name": entry.name, **attributes_of(entry.placed), "metadata": {OURS: said}}
    return (labels[...] if is_small else labels, attributes, "labels")


def placed_of(attributes: Mapping[str, Any]) -> Placed:
    """Where a layer lies, from its attributes; what does nothing is left out."""
    count = len(np.ravel(attributes.get("scale", ())))
    matrices = {name: np.asarray(attributes.get(name, ()), float) for name in ("rotate", "affine")}
    shear = np.ravel(np.asarray(attributes.get("shear", ()), float))
    told: dict[str, Any] = {
        name: tuple(map(tuple, matrix.tolist()))
        for name, matrix in matrices.items()
        if matrix.ndim == 2 and not np.allclose(matrix, np.eye(len(matrix)))
    }
    if shear.size and shear.any() and count:
        told["shear"] = tuple(shear.tolist())
    return Placed(
        axis_labels=tuple(str(one) for one in attributes.get("axis_labels") or ()),
        scale=tuple(np.ravel(attributes.get("scale", ())).astype(float).tolist()),
        translate=tuple(np.ravel(attributes.get("translate", ())).astype(float).tolist()),
        units=tuple(str(unit) for unit in attributes.get("units") or ()),
        **told,
    )


def attributes_of(placed: Placed) -> dict[str, Any]:
    """A layer's attributes that put it where it lies."""
    told = {name: getattr(placed, name) for name in type(placed).model_fields}
    return {name: list(value) for name, value in told.items() if value}


def _shown_layer(folder: Path, shown: Shown) -> LayerData:
    """A file of a project as it was shown."""
    (data, attributes, kind), *_ = read_layers(located(folder, shown), shown.kind)
    metadata = attributes["metadata"]
    metadata[OURS]["project"] = str(folder)
    placed = attributes_of(shown.placed)
    if len(placed.get("scale", ())) == len(attributes["scale"]):
        attributes = {**attributes, **placed}
    return data, {**attributes, "name": shown.name, "metadata": metadata}, kind


def _beneath(folder: Path, entry: Annotated, problems: list[str]) -> LazyArray | None:
    """The labels that an annotation began as, where they are in a file."""
    if not entry.source:
        problems.append(
            f"'{entry.name}' was still being copied into the project when the last session ended: what was painted "
            "since is shown, what was there before is not."
        )
        return None
    path = located(folder, Shown(name=entry.name, path=entry.source, absolute=entry.source))
    return as_labels(read(path)).array


def _counted(count: int, what: str) -> str:
    return f"{count} {what}{'s' if count > 1 else ''}"
