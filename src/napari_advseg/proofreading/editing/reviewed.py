"""Which voxels somebody has reviewed: those of objects marked as correct, and those in reviewed boxes."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Iterable
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from napari_advseg.proofreading.editing.boxes import Boxes, added, box_of, inside, within, without
from napari_advseg.proofreading.store.overlay import IDS, Edited
from napari_advseg.proofreading.store.steps import Step
from napari_advseg.volume.arrays.lazy import Array, Window, Windowed

Mask = npt.NDArray[np.bool_]


class Subject(Protocol):
    """What is reviewed."""

    @property
    def labels(self) -> Edited: ...
    @property
    def locked(self) -> Collection[int]: ...
    @property
    def boxes(self) -> Boxes: ...


@dataclasses.dataclass(frozen=True, eq=False)
class Reviewed(Windowed):
    """1 where a voxel is reviewed, else 0, as uint8, lazy and always as the labels are now.

    Labels are read only where objects are marked and a window is not reviewed whole.
    """

    subject: Subject

    @property
    def shape(self) -> tuple[int, ...]:
        return self.subject.labels.shape

    @property
    def dtype(self) -> np.dtype[Any]:
        return np.dtype(np.uint8)

    @property
    def chunks(self) -> Any:
        """Those of the labels."""
        return self.subject.labels.chunks

    def read(self, window: Window) -> Array:
        found = np.zeros([one.stop - one.start for one in window], np.uint8)
        for box in within(self.subject.boxes, box_of(window)):
            found[inside(box, window)] = 1
        if self.subject.locked and not found.all():
            found |= is_one_of(np.asarray(self.subject.labels[window]), self.subject.locked)
        return found


def after(step: Step, locked: set[int], boxes: Boxes) -> Boxes:
    """The boxes that are reviewed after a step; `locked`, the objects that are marked as correct, follows in place."""
    if step.operation == "mark":
        locked.update(step.ids)
    elif step.operation == "unmark":
        locked.difference_update(step.ids)
    elif step.operation == "review" and step.box is not None:
        return added(boxes, step.box)
    elif step.operation == "unreview" and step.box is not None:
        return without(boxes, step.box)
    return boxes


def check_free(ids: Iterable[int], locked: Collection[int]) -> None:
    """Nothing, where no object is marked as correct.

    Raises:
        ValueError: one is.
    """
    for one in ids:
        if one in locked:
            raise ValueError(
                f"Object {one} is marked as correct and stays as it is; unmark it first."
            )


def is_one_of(labels: Array, ids: Collection[int]) -> Mask:
    """Where labels are among some ids."""
    return np.asarray(np.isin(labels, np.fromiter(ids, IDS, len(ids))), np.bool_)
