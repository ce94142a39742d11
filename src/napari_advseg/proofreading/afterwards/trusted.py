"""What proofreaders have reviewed as an annotation: voxels to learn from, and others to judge what was learnt by."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from scipy import ndimage

from napari_advseg.examples.targets import Meaning, depth_reach, reach, targets
from napari_advseg.progress import BlockDone, Phase, Reports
from napari_advseg.proofreading.editing.boxes import Boxes, box_of, inside, size, widened, within
from napari_advseg.proofreading.editing.proof import Proof
from napari_advseg.proofreading.editing.reviewed import Mask, is_one_of
from napari_advseg.proofreading.store.steps import Box
from napari_advseg.settings.examples import TargetSettings
from napari_advseg.volume.arrays.lazy import Array, Window
from napari_advseg.volume.formats.canvas import Canvas
from napari_advseg.volume.painted import BACKGROUND, BOUNDARY, painted_frame

WITHHELD = 0.2
"""Part of the reviewed blocks that is kept from a training, at least."""
TILE = (4, 1024, 1024)
UNKNOWN = -1
NOTHING = (
    "Nothing is reviewed that could be learnt from; mark objects as correct, or a section or box as reviewed, and try "
    "again."
)


@dataclasses.dataclass(frozen=True)
class Judged:
    """The blocks that a new model is judged by, and whether they are kept from its training."""

    blocks: Boxes
    is_withheld: bool


@dataclasses.dataclass(frozen=True)
class Learnt:
    """What an annotation holds: how many voxels, and in which sections."""

    voxels: int
    sections: tuple[int, ...]


def judged_blocks(boxes: Boxes) -> Judged:
    """The last reviewed blocks, a fifth of their voxels at least, one at least, but never all.

    A block is a section of a reviewed box: neighbours look alike, so what is withheld hangs together. A single one
    cannot be divided; it is learnt from and judged by.
    """
    units = sorted(unit for box in boxes for unit in _sections_of(box))
    if len(units) < 2:
        return Judged(boxes, is_withheld=False)
    sizes = np.cumsum([size([unit]) for unit in units[:0:-1]])
    count = min(len(sizes), 1 + int(np.searchsorted(sizes, WITHHELD * size(units))))
    return Judged(_joined(units[-count:]), is_withheld=True)


def write_learnt(
    proof: Proof, path: Path, settings: TargetSettings, zero: Meaning, withheld: Boxes = ()
) -> Reports[Learnt]:
    """An annotation of all that is reviewed and not withheld, 0 elsewhere: not annotated; reports tiles.

    Objects are numbered anew, and what is 0 and reviewed is marked as boundary or background, as `zero` says. Around
    objects marked as correct the first voxels of their neighbours are written too, for a wall lies there. Where the
    target of a voxel would depend on labels that nobody has reviewed, the voxel is left out. Only reviewed boxes are
    read, or all where objects are marked.

    Raises:
        ValueError: nothing is reviewed, or all of it is withheld.
        Unwritable: the path is taken, or cannot be written to.
    """
    trust = _Trust(proof, settings, zero, withheld)
    tiles = list(_tiles((_whole(proof),) if proof.locked else proof.boxes))
    if not tiles:
        raise ValueError(NOTHING)
    writer = _Writer(_canvas(proof, path), zero)
    yield Phase("annotation", len(tiles))
    for done, window in enumerate(tiles, 1):
        writer.put(window, *trust.known(window))
        yield BlockDone("annotation", done, len(tiles))
    if not writer.voxels:
        raise ValueError(NOTHING)
    return Learnt(writer.voxels, tuple(sorted(writer.sections)))


def write_judged(proof: Proof, path: Path, zero: Meaning, blocks: Boxes) -> Reports[None]:
    """An annotation of what is reviewed in some blocks, to judge labels by; reports tiles.

    Raises:
        Unwritable: as `write_learnt`.
    """
    writer, reviewed = _Writer(_canvas(proof, path), zero), proof.reviewed.array
    tiles = list(_tiles(blocks))
    yield Phase("blocks to judge by", len(tiles))
    for done, window in enumerate(tiles, 1):
        writer.put(window, np.asarray(proof.labels[window]), np.asarray(reviewed[window]) > 0)
        yield BlockDone("blocks to judge by", done, len(tiles))


class _Trust:
    """Which voxels can be learnt from."""

    def __init__(
        self, proof: Proof, settings: TargetSettings, zero: Meaning, withheld: Boxes
    ) -> None:
        self._proof = proof
        self._settings = settings
        self._zero = zero
        self._withheld = withheld
        self._wall = _wall(settings)
        across = reach(settings) + self._wall
        self._halo = (depth_reach(settings) + self._deep, across, across)[-proof.labels.ndim :]

    @property
    def _deep(self) -> int:
        """Sections that the wall around an object reaches."""
        return self._wall if self._settings.walls == "volume" else 0

    def known(self, window: Window) -> tuple[Array, Mask]:
        """Labels in a window, and where they can be learnt from."""
        outer = widened(window, self._halo, self._proof.labels.shape)
        here = inside(box_of(window), outer)
        labels = np.asarray(self._proof.labels[outer])
        reviewed = self._free(np.asarray(self._proof.reviewed.array[outer]) > 0, outer)
        if not reviewed.any():
            return labels[here], reviewed[here]
        around = self._free(self._beside(labels) & ~reviewed, outer)
        return labels[here], self._certain(labels, reviewed, around)[here]

    def _free(self, mask: Mask, window: Window) -> Mask:
        """The mask without what is withheld."""
        for box in within(self._withheld, box_of(window)):
            mask[inside(box, window)] = False
        return mask

    def _beside(self, labels: Array) -> Mask:
        """Objects marked as correct and the walls around them."""
        locked = is_one_of(labels, self._proof.locked)
        if not (self._wall and locked.any()):
            return locked
        by = (2 * self._deep + 1, 2 * self._wall + 1, 2 * self._wall + 1)[-labels.ndim :]
        grown: Mask = ndimage.maximum_filter(locked, by)
        return grown

    def _certain(self, labels: Array, reviewed: Mask, around: Mask) -> Mask:
        """Voxels whose target is the same whatever lies where nobody has looked; `around` only walls."""
        ids = np.unique(labels, return_inverse=True)[1].reshape(labels.shape).astype(np.int64)
        ids += int(labels.min(initial=1) > 0)
        known = reviewed | around
        stack = labels.shape if labels.ndim == 3 else (1, *labels.shape)
        own, whole = (
            targets(one.reshape(stack), self._settings, self._zero)
            for one in (np.where(known, ids, UNKNOWN), ids)
        )
        weighed = own.weight > 0
        differs = _anywhere((own.interior != whole.interior) & weighed, labels.shape)
        is_inside = _anywhere((own.interior > 0) & weighed, labels.shape)
        certain: Mask = known & ~differs & ~(around & is_inside)
        return certain


class _Writer:
    """Puts labels into an annotation, numbered from 1 in the order in which they come."""

    def __init__(self, canvas: Canvas, zero: Meaning) -> None:
        self._canvas = canvas
        self._numbers: dict[int, int] = {0: BACKGROUND if zero == "background" else BOUNDARY}
        self.voxels = 0
        self.sections: set[int] = set()

    def put(self, window: Window, labels: Array, mask: Mask) -> None:
        """Write the labels of a window where the mask is True."""
        if not mask.any():
            return
        ids, place = np.unique(labels[mask], return_inverse=True)
        numbers = [self._numbers.setdefault(int(one), len(self._numbers)) for one in ids]
        made = np.zeros(labels.shape, np.uint32)
        made[mask] = np.array(numbers, np.uint32)[place]
        self._canvas[window] = made
        self.voxels += int(np.count_nonzero(mask))
        depths = mask.any(axis=(-2, -1)).reshape(-1)
        first = window[0].start if labels.ndim == 3 else 0
        self.sections.update(first + int(z) for z in np.flatnonzero(depths))


def _anywhere(mask: Array, shape: tuple[int, ...]) -> Mask:
    """Where a mask of targets is True in any of their channels."""
    return np.asarray(mask.reshape(-1, *shape).any(axis=0))


def _canvas(proof: Proof, path: Path) -> Canvas:
    return Canvas.create(path, proof.labels.shape, np.uint32, painted_frame(proof.frame))


def _wall(settings: TargetSettings) -> int:
    """Voxels beside an object that are wall for sure; affinities have pairs and no walls."""
    if settings.kind in ("affinities", "classes"):
        return 0
    return (1 if settings.kind == "laplacian3" else settings.radius) + settings.widen


def _tiles(boxes: Sequence[Box]) -> Iterator[Window]:
    """Windows of some million voxels at most that cover boxes that do not overlap."""
    for box in boxes:
        steps = TILE[-len(box) :]
        starts = [range(*span, step) for span, step in zip(box, steps, strict=True)]
        for corner in itertools.product(*starts):
            yield tuple(
                slice(first, min(first + step, end))
                for first, step, (_, end) in zip(corner, steps, box, strict=True)
            )


def _whole(proof: Proof) -> Box:
    return tuple((0, length) for length in proof.labels.shape)


def _sections_of(box: Box) -> list[Box]:
    """A box section by section."""
    if len(box) == 2:
        return [box]
    return [((z, z + 1), *box[1:]) for z in range(*box[0])]


def _joined(units: Sequence[Box]) -> Boxes:
    """Sections of one place that follow each other as one block."""
    blocks: list[Box] = []
    for unit in sorted(units, key=lambda one: (one[1:], one[0])):
        last = blocks[-1] if blocks else unit
        if len(unit) == 3 and last[1:] == unit[1:] and last[0][1] == unit[0][0]:
            blocks[-1] = ((last[0][0], unit[0][1]), *unit[1:])
        else:
            blocks.append(unit)
    return tuple(sorted(blocks))
