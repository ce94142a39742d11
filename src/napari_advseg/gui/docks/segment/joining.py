"""Agglomerated labels at another threshold, through the table of their fragments: no voxel is labelled again."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from napari_advseg.disk.atomic import replace_file
from napari_advseg.gui.compute.checks import free_place
from napari_advseg.gui.compute.handover import GivenUp, Stopped
from napari_advseg.gui.docks.segment.segmenting import Result
from napari_advseg.gui.kit.preview import as_layer
from napari_advseg.labelling import described
from napari_advseg.labelling.stack.fragments import Fragments, open_fragments
from napari_advseg.napari_io import LayerData
from napari_advseg.progress import BlockDone, Phase, Report
from napari_advseg.recipes import Label, recipe_beside, to_yaml
from napari_advseg.settings.labelling import LabellingSettings
from napari_advseg.volume.arrays.lazy import Array
from napari_advseg.volume.formats.files import create

ALONE = "; in the stack, objects also join from section to section: apply to see it."
CUT_ANEW = "; joined from the fragments there are: apply to cut them anew."


class Joiner:
    """Labels of single sections by joining fragments; keeps the last section and the last table.

    For one thread at a time.
    """

    def __init__(self) -> None:
        self._path = ""
        self._fragments: Fragments | None = None
        self._index = -1
        self._section: Array = np.zeros((0, 0), np.int32)
        self._key: tuple[float, int] | None = None
        self._table: Array = np.zeros(1, np.int32)

    def label(self, path: str, index: int, settings: LabellingSettings) -> LayerData:
        """The objects of one section as layer data, at its place in the stack.

        Raises:
            ValueError: the fragments cannot be read.
        """
        if self._fragments is None or path != self._path:
            self._fragments, self._path = open_fragments(path), path
            self._index, self._key = -1, None
        if index != self._index:
            self._section, self._index = self._fragments.volume.section(index), index
        key = settings.agglomeration.threshold, settings.minimum_size
        if key != self._key:
            self._table, self._key = self._fragments.tree.lut(*key), key
        labels = self._table[self._section]
        objects = np.unique(self._table[np.unique(self._section)])
        return as_layer(labels, self._fragments.volume.frame, index, int((objects > 0).sum()))


def can_move(settings: LabellingSettings) -> bool:
    """Whether labels made like this depend on a merge threshold that can be moved afterwards."""
    return (
        settings.across_sections == "agglomerated" and settings.agglomeration.method != "multicut"
    )


def caveat(result: Result, settings: LabellingSettings) -> str:
    """What a preview of one section leaves out, as a sentence to add; empty where nothing."""
    if settings.across_sections == "sections" or result.sections == 1:
        return ""
    if settings.across_sections == "agglomerated" and result.fragments:
        joins = only_joins(result.labelling, settings)
        return "" if joins else CUT_ANEW
    return ALONE


def only_joins(made: LabellingSettings, now: LabellingSettings) -> bool:
    """Whether labels made with one can be made with the other by joining the same fragments."""
    if not (can_move(made) and can_move(now)):
        return False
    joined = made.agglomeration.changed(threshold=now.agglomeration.threshold)
    return now == made.changed(minimum_size=now.minimum_size, agglomeration=joined)


def join(
    kept: Result,
    settings: LabellingSettings,
    out: str,
    stopped: Stopped,
    tell: Callable[[Report], object],
) -> dict[str, Any]:
    """Labels of the whole stack in a new file, section by section; what comes back is that of a `Label` and more.

    Raises:
        ValueError: the fragments cannot be read, the labels not be written, or it was stopped.
    """
    found = open_fragments(kept.fragments)
    table = found.tree.lut(settings.agglomeration.threshold, settings.minimum_size)
    volume, path = found.volume, free_place(Path(out).expanduser())
    count = volume.size("z")
    frame = volume.frame.after(described(settings))
    path.parent.mkdir(parents=True, exist_ok=True)
    tell(Phase("label", count))
    with create(path, volume.shape, np.int32, frame, kind="labels") as writer:
        for k, section in enumerate(volume.sections()):
            if stopped():
                break
            writer.write(k, table[section])
            tell(BlockDone("label", k + 1, count))
        else:
            writer.finish()
    if stopped():
        shutil.rmtree(writer.partial, ignore_errors=True)
        raise GivenUp("Stopped before all sections were labelled.")
    recipe = Label(interior_map=kept.map_path, out=str(path), labelling=settings)
    replace_file(recipe_beside(path), to_yaml(recipe).encode())
    return {
        "labels": str(path),
        "fragments": kept.fragments,
        "probabilities": kept.map_path,
        "labelling": settings,
    }
