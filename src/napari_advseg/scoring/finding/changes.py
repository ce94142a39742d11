"""What differs between two segmentations of one image: which objects were joined, cut, lost and found.

Objects correspond by the voxels that they share, so ids mean nothing, and a wall that moved by a pixel is no change.
"""

from __future__ import annotations

import dataclasses
from typing import Any, Literal, get_args

import numpy as np
import numpy.typing as npt

from napari_advseg.scoring.finding.error_map import most_shared
from napari_advseg.scoring.table.contingency import Contingency, tabulate
from napari_advseg.scoring.table.pair import as_label_volume, check_alike
from napari_advseg.scoring.table.places import grouped, look_up
from napari_advseg.scoring.table.tally import Counts, Ids
from napari_advseg.volume.arrays.lazy import Derived, LazyArray, Window
from napari_advseg.volume.volume import Array, Volume

Kind = Literal["merged", "split", "gone", "new"]
CHANGES: dict[Kind, int] = {kind: number for number, kind in enumerate(get_args(Kind), 1)}
LEAST = 0.1
"""Two objects correspond where they share this part of the smaller one."""
MOST = 0.5
"""An object is gone where more than this part of it is no object any more."""

Kinds = npt.NDArray[np.uint8]
Chosen = npt.NDArray[np.bool_]


@dataclasses.dataclass(frozen=True, eq=False)
class Changes:
    """What differs between two segmentations.

    Attributes:
        layer: uint8 in the place of the labels, lazy: 0 where nothing changed, else a number of CHANGES. Of objects
            that were joined the largest stays 0, and so does the largest piece of one that was cut.
        objects: how many objects now hold several of before (merged), lie in several now (split), are no more
            (gone), or were none before (new).
        voxels: how many voxels each kind has in the layer.
    """

    layer: Volume
    objects: dict[Kind, int]
    voxels: dict[Kind, int]

    @property
    def words(self) -> str:
        """For example "3 merged, 1 split, 0 gone, 2 new"."""
        return ", ".join(f"{count:,} {kind}" for kind, count in self.objects.items())


def changes(before: Volume | Array, after: Volume | Array) -> Changes:
    """What became of the objects of `before` in `after`, both integer ids of shape (y, x) or (z, y, x), 0 no object.

    Both are read once in windows, and again where the layer is looked at. Ids must mean the same in all sections.

    Raises:
        ValueError: shapes or voxel sizes differ, or an array holds no ids.
    """
    pair = as_label_volume(before, "Labels before"), as_label_volume(after, "Labels after")
    check_alike(*pair)
    table = tabulate(pair[1], pair[0])
    kinds = np.zeros(len(table.counts), np.uint8)
    merged, split = _partners(table)
    kinds[split.smaller] = CHANGES["split"]
    kinds[merged.smaller] = CHANGES["merged"]
    gone = (table.truth != 0) & _mostly_none(table.predicted, table.counts, table.truth_sizes())
    new = (table.predicted != 0) & _mostly_none(table.truth, table.counts, table.predicted_sizes())
    kinds[gone], kinds[new] = CHANGES["gone"], CHANGES["new"]
    counted = merged.objects, split.objects, int(gone.sum()), int(new.sum())
    changed = _keys(table.predicted, table.truth)[kinds > 0]
    layer = _Layer(pair[1].array, pair[0].array, changed, kinds[kinds > 0])
    return Changes(
        Volume(layer, pair[1].frame.after("compared with the labels before"), kind="labels"),
        dict(zip(CHANGES, counted, strict=True)),
        {kind: int(table.counts[kinds == number].sum()) for kind, number in CHANGES.items()},
    )


@dataclasses.dataclass(frozen=True, eq=False)
class _Layer(Derived):
    """The kind of change of every voxel of `array`, the labels after: of the pairs (after, before) that changed,
    ascending.
    """

    array: LazyArray
    before: LazyArray
    pairs: Array
    kinds: Kinds

    @property
    def dtype(self) -> np.dtype[Any]:
        return np.dtype(np.uint8)

    def read(self, window: Window) -> Array:
        ids = [np.asarray(one[window]) for one in (self.array, self.before)]
        if not len(self.pairs) or not ids[0].size:
            return np.zeros(ids[0].shape, np.uint8)
        flat = np.stack([one.reshape(-1).astype(np.uint64, copy=False) for one in ids], 1)
        first, group = grouped(flat)
        _, kinds = look_up(_keys(*flat[first].T), self.pairs, self.kinds)
        return np.asarray(kinds[group].reshape(ids[0].shape))


@dataclasses.dataclass(frozen=True, eq=False)
class _Partners:
    """Rows in which an object meets one of several partners, but for its largest; and how many such objects are."""

    smaller: Chosen
    objects: int


def _partners(table: Contingency) -> tuple[_Partners, _Partners]:
    """What was joined, and what was cut, among the objects that correspond."""
    least = LEAST * np.minimum(table.predicted_sizes(), table.truth_sizes())
    real = (table.predicted != 0) & (table.truth != 0) & (table.counts >= least)
    rows = np.flatnonzero(real)
    sides = table.predicted[rows], table.truth[rows]
    counts = table.counts[rows]
    merged, split = (
        _several(one, other, counts, rows, len(real)) for one, other in (sides, sides[::-1])
    )
    return merged, split


def _several(group: Ids, other: Ids, counts: Counts, rows: Counts, total: int) -> _Partners:
    """Of `total` rows, those in which an id of `group` meets another than the one it shares most with."""
    _, place, partners = np.unique(group, return_inverse=True, return_counts=True)
    smaller = np.zeros(total, np.bool_)
    smaller[rows] = partners[place] > 1
    smaller[rows[most_shared(group, other, counts)]] = False
    return _Partners(smaller, int((partners > 1).sum()))


def _mostly_none(other: Ids, counts: Counts, sizes: npt.NDArray[np.float64]) -> Chosen:
    """Rows in which most of an object of this size meets no object."""
    found: Chosen = (other == 0) & (counts > MOST * sizes)
    return found


def _keys(after: Ids, before: Ids) -> Array:
    """Pairs of ids as values that can be put into order."""
    keys = np.empty(len(after), [("after", np.uint64), ("before", np.uint64)])
    keys["after"], keys["before"] = after, before
    return keys
