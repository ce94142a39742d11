"""Errors painted: for every voxel whether it is right, split, merged, missing or extra."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_advseg.scoring.table.compared import Compared, compared
from napari_advseg.scoring.table.contingency import Contingency, merged
from napari_advseg.scoring.table.pair import paired
from napari_advseg.scoring.table.places import Gathered, grouped, look_up, run_lengths, run_starts
from napari_advseg.settings.override import override
from napari_advseg.settings.scoring import ScoringSettings
from napari_advseg.volume.arrays.lazy import Derived, LazyArray, Window
from napari_advseg.volume.by_section import in_order, read_pairs
from napari_advseg.volume.volume import Array, Volume

Ids = npt.NDArray[np.uint64]
Painted = npt.NDArray[np.uint8]

ERROR_KINDS = {"split": 1, "merge": 2, "missing": 3, "extra": 4}


def error_map(
    labels: Volume | Array,
    truth: Volume | Array,
    settings: ScoringSettings | None = None,
    **fields: Any,
) -> Volume:
    """The errors of `labels`, which `score` counts in, as labels of type uint8 in the same place.

    Values are those of ERROR_KINDS, 0 where a voxel is right or not scored. A label belongs to the
    true object with which it shares most voxels. In this order:

    - 3, missing: a true object where no label is left after the boundary handling;
    - 4, extra: a label where the truth is background;
    - 2, merge: the label belongs to another true object;
    - 1, split: the label belongs to this object, but another such label is its largest piece.

    Of equal numbers of voxels the smaller id is taken. The result is lazy: a section is painted
    when it is read, so it can be written or looked at whatever its size. By volume the two are read
    once before.

    Raises:
        ValueError: as `score`; wrong ids where they are read.
    """
    chosen = override(ScoringSettings, settings, fields)
    pair = paired(labels, truth)
    owners = _owners(_table(*pair, chosen)) if chosen.by == "volume" else None
    painted = _ErrorMap(pair[0].array, *pair, chosen, owners)
    return Volume(painted, pair[0].frame.after("compared with the truth"), kind="labels")


@dataclasses.dataclass(frozen=True, eq=False)
class _Owners:
    """Which true object each label belongs to, and which of its labels is its largest piece.

    Attributes:
        labels: predicted ids that lie in true objects, ascending.
        owner: the true object of each.
        truth: true ids that own a label, ascending.
        piece: the largest label of each.
    """

    labels: Ids
    owner: Ids
    truth: Ids
    piece: Ids

    def kinds(self, label: Ids, truth: Ids) -> Painted:
        """The kind of error of pairs of ids that are scored."""
        owned, owner = look_up(label, self.labels, self.owner)
        has_piece, piece = look_up(truth, self.truth, self.piece)
        kind = np.zeros(len(label), np.uint8)
        kind[owned & has_piece & (owner == truth) & (piece != label)] = ERROR_KINDS["split"]
        kind[owned & (owner != truth)] = ERROR_KINDS["merge"]
        kind[(truth == 0) & (label != 0)] = ERROR_KINDS["extra"]
        kind[(label == 0) & (truth != 0)] = ERROR_KINDS["missing"]
        return kind


@dataclasses.dataclass(frozen=True, eq=False)
class _ErrorMap(Derived):
    """Painted where it is read; owners are those of each section unless given for the volume."""

    array: LazyArray
    labels: Volume
    truth: Volume
    settings: ScoringSettings
    owners: _Owners | None

    @property
    def dtype(self) -> np.dtype[Any]:
        return np.dtype(np.uint8)

    def read(self, window: Window) -> Array:
        if any(one.stop <= one.start for one in window):
            return np.zeros([max(0, one.stop - one.start) for one in window], np.uint8)
        span = (window[0].start, window[0].stop) if len(window) == 3 else (0, 1)
        pairs = read_pairs(self.labels.cut(*span), self.truth.cut(*span))
        painted = in_order(lambda pair: self._paint(*pair)[window[-2:]], pairs)
        stack = np.stack(list(painted))
        return stack if len(window) == 3 else stack[0]

    def _paint(self, labels: Array, truth: Array) -> Painted:
        section = compared(labels, truth, self.settings)
        owners = _owners(section.table()) if self.owners is None else self.owners
        return _painted(section, owners)


def _painted(section: Compared, owners: _Owners) -> Painted:
    """Kinds of error of a section, run by run."""
    starts = run_starts(section.counted, section.truth, section.keep)
    ids = [one.reshape(-1)[starts].astype(np.uint64) for one in (section.counted, section.truth)]
    first, group = grouped(np.stack(ids, 1))
    kinds = owners.kinds(ids[0][first], ids[1][first])[group]
    kinds[~section.keep.reshape(-1)[starts]] = 0
    return np.repeat(kinds, run_lengths(starts, section.keep.size)).reshape(section.keep.shape)


def _table(labels: Volume, truth: Volume, settings: ScoringSettings) -> Contingency:
    table = Gathered[Contingency](merged, lambda one: len(one.counts))
    pairs = read_pairs(labels, truth)
    for part in in_order(lambda pair: compared(*pair, settings).table(), pairs):
        table.add(part)
    return table.whole()


def _owners(table: Contingency) -> _Owners:
    objects = (table.predicted != 0) & (table.truth != 0)
    label, truth, count = (one[objects] for one in (table.predicted, table.truth, table.counts))
    owned = most_shared(label, truth, count)
    pieces = most_shared(truth[owned], label[owned], count[owned])
    largest = owned[pieces]
    return _Owners(label[owned], truth[owned], truth[largest], label[largest])


def most_shared(group: Ids, other: Ids, count: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """For each id of `group`, ascending: the row with the largest count, then the smallest other."""
    order = np.lexsort((other, -count, group))
    fresh = np.ones(len(order), np.bool_)
    fresh[1:] = group[order][1:] != group[order][:-1]
    return order[fresh]
