"""What was reviewed in one segmentation, put into another: there too the labels are those that somebody has seen."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from napari_advseg.proofreading.editing.boxes import window_of
from napari_advseg.proofreading.editing.edits import Subject
from napari_advseg.proofreading.store.overlay import IDS
from napari_advseg.proofreading.store.records import Patch, masked
from napari_advseg.proofreading.store.steps import Box, Step
from napari_advseg.scoring.finding.error_map import most_shared
from napari_advseg.scoring.table.contingency import tabulate
from napari_advseg.volume.arrays.lazy import Array, LazyArray, Window
from napari_advseg.volume.part import boxed
from napari_advseg.volume.volume import Volume

Names = tuple[Array, Array]


def as_reviewed(subject: Subject, reviewed: LazyArray, box: Box) -> Step:
    """A step after which the objects in a box are those of `reviewed`, labels on the same voxels, and are reviewed.

    An object keeps the label of the one there that shares most with it, where that is mutual; others get new ones.
    Objects marked as correct are not spared: they were in what was reviewed.
    """
    names = _names(subject, reviewed, box)
    patches = tuple(_patches(subject, reviewed, box, names))
    return Step("review", (), patches=patches, box=box)


def _names(subject: Subject, reviewed: LazyArray, box: Box) -> Names:
    """The objects in a box, ascending, and the label that each gets there."""
    pair = (boxed(Volume(one, subject.frame), box) for one in (subject.labels, reviewed))
    table = tabulate(*pair)
    objects = table.where((table.predicted != 0) & (table.truth != 0))
    theirs = most_shared(objects.predicted, objects.truth, objects.counts)
    ours = most_shared(objects.truth, objects.predicted, objects.counts)
    mutual = np.intersect1d(ours, theirs)
    ids = np.unique(table.truth[table.truth != 0])
    labels = subject.fresh() + np.arange(len(ids), dtype=IDS)
    labels[np.searchsorted(ids, objects.truth[mutual])] = objects.predicted[mutual]
    return np.append(IDS.type(0), ids), np.append(IDS.type(0), labels)


def _patches(subject: Subject, reviewed: LazyArray, box: Box, names: Names) -> Iterator[Patch]:
    """What has to be painted, section by section."""
    for window in _sections(box):
        found = np.asarray(subject.labels[window])
        place = np.searchsorted(names[0], np.asarray(reviewed[window]).astype(IDS))
        wanted = names[1][place]
        differs = wanted != found
        if differs.any():
            yield masked(subject.labels.grid, window, differs, found[differs], wanted[differs])


def _sections(box: Box) -> Iterator[Window]:
    window = window_of(box)
    if len(box) == 2:
        yield window
        return
    for z in range(*box[0]):
        yield (slice(z, z + 1), *window[1:])
