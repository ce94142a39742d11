"""What object scores are made of: counts of a section or a volume, and sums of such counts."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Sequence
from functools import partial

import edt
import numpy as np
import numpy.typing as npt

from napari_advseg.scoring.measures.assignment import assigned
from napari_advseg.scoring.measures.outlines import Whole, agreement
from napari_advseg.scoring.measures.overlaps import (
    Instances,
    Overlaps,
    compare_boxes,
    compare_labels,
    objects,
)
from napari_advseg.scoring.table.boundary import grow_nearest
from napari_advseg.scoring.table.compared import Compared, compared
from napari_advseg.scoring.table.contingency import Contingency, contingency, merged
from napari_advseg.scoring.table.places import (
    Gathered,
    Places,
    all_places,
    extents,
    run_lengths,
    run_starts,
)
from napari_advseg.settings.scoring import ObjectSettings, ScoringSettings
from napari_advseg.volume.volume import Array

Reals = npt.NDArray[np.float64]
Ids = npt.NDArray[np.uint64]


@dataclasses.dataclass(frozen=True, eq=False)
class Ranks:
    """Sum of a map of probabilities over each labelled id, and its pixels; empty without a map."""

    ids: Ids
    sums: Reals
    counts: Reals

    def __len__(self) -> int:
        return len(self.ids)

    def means(self) -> dict[int, float] | None:
        """Mean over each id; None without a map."""
        means = self.sums / self.counts
        return dict(zip(self.ids.tolist(), means.tolist(), strict=True)) or None


@dataclasses.dataclass(frozen=True, eq=False)
class Counted:
    """What is counted in one section, or in all sections of a volume.

    Attributes:
        table: pairs of labelled and true ids.
        found: where the labelled ids lie.
        true: where the true ids lie.
        contacts: true ids in contact, the smaller first, shape (pairs, 2); a pair may repeat.
        lines: agreement of the outlines.
        ranks: how sure the labelled ids are.
        around: truth grown into its 0, shape (y, x): what is in contact with the next section.
    """

    table: Contingency
    found: Places
    true: Places
    contacts: Ids
    lines: Whole
    ranks: Ranks
    around: Array


@dataclasses.dataclass(frozen=True, eq=False)
class Sums:
    """Numbers that may be added to those of other sections.

    Attributes:
        true: number of true objects.
        found: number of labelled objects.
        miscounted: how far the two are apart, never negative.
        at: by IoU threshold the number of pairs matched and the sum of their IoU, shape (n, 2).
        dice: sum over the true objects of size times Dice with their partner, sum of their sizes,
            and both of the labelled objects, shape (4,).
        pairs: number of true pairs in contact, and of those joined, shape (2,).
        lines: agreement of the outlines, shape (4,).
        masks: overlaps by mask, one for each section or volume.
        boxes: overlaps by box.
    """

    true: int
    found: int
    miscounted: int
    at: Reals
    dice: Reals
    pairs: Whole
    lines: Whole
    masks: tuple[Overlaps, ...]
    boxes: tuple[Overlaps, ...]

    def __add__(self, other: Sums) -> Sums:
        names = [one.name for one in dataclasses.fields(self)]
        return Sums(*(getattr(self, name) + getattr(other, name) for name in names))

    @staticmethod
    def none(thresholds: int) -> Sums:
        """What nothing adds up to."""
        four = np.zeros(4, np.int64)
        return Sums(0, 0, 0, np.zeros((thresholds, 2)), np.zeros(4), four[:2], four, (), ())


def count_section(
    labels: Array,
    truth: Array,
    values: Array | None,
    z: int,
    settings: ScoringSettings,
    tolerance: int,
) -> Counted:
    """The counts of section `z`; `values` is its part of the map.

    Raises:
        ValueError: an array holds no ids (`as_ids`), or the map a value that is no finite number.
    """
    section = compared(labels, truth, settings)
    around = _around(section.truth, settings, tolerance)
    beside = _meeting(around[:-1], around[1:]), _meeting(around[:, :-1], around[:, 1:])
    return Counted(
        table=section.table(),
        found=extents(section.counted, section.labels, section.keep, z),
        true=extents(section.truth, section.truth, section.keep, z),
        contacts=_all_contacts(beside),
        lines=_lines(section, around, settings, tolerance),
        ranks=_ranks(section.labels, values),
        around=around,
    )


def count_volume(sections: Iterable[Counted]) -> Counted:
    """The counts of all sections as one volume, with the contacts between them.

    Sections are dropped as soon as the next is there, so memory follows the objects.
    """
    table = Gathered(merged, lambda one: len(one.counts))
    found, true = (Gathered(partial(all_places, ids=1), len) for _ in range(2))
    contacts, ranks = Gathered(_all_contacts, len), Gathered(_all_ranks, len)
    lines, below = np.zeros(4, np.int64), np.zeros((0, 0), np.uint32)
    for part in sections:
        table.add(part.table)
        found.add(part.found)
        true.add(part.true)
        ranks.add(part.ranks)
        contacts.add(part.contacts)
        if below.size:
            contacts.add(_meeting(below, part.around))
        lines, below = lines + part.lines, part.around
    return Counted(
        table.whole(), found.whole(), true.whole(), contacts.whole(), lines, ranks.whole(), below
    )


def summed(counted: Counted, rules: ObjectSettings) -> Sums:
    """Objects matched, joined, measured, from the counts of one section or volume."""
    masks = compare_labels(counted.table, scores=counted.ranks.means())
    boxes = compare_boxes(
        Instances(boxes=_corners(counted.found), scores=masks.scores),
        Instances(boxes=_corners(counted.true), sizes=masks.true_areas),
    )
    true, found = len(masks.true_areas), len(masks.areas)
    return Sums(
        true=true,
        found=found,
        miscounted=abs(found - true),
        at=np.array([assigned(masks, iou) for iou in rules.ious], np.float64),
        dice=_dice(masks),
        pairs=_open(counted.table, counted.contacts),
        lines=counted.lines,
        masks=(masks,),
        boxes=(boxes,),
    )


def _around(truth: Array, settings: ScoringSettings, tolerance: int) -> Array:
    """Truth grown into its 0: as far as it goes where 0 is a boundary, into the background by the
    tolerance alone.
    """
    if settings.zero == "boundary":
        return grow_nearest(truth)
    if not tolerance or not truth.size:
        return truth
    return np.where(edt.edt(truth == 0) <= tolerance, grow_nearest(truth), truth)


def _meeting(one: Array, other: Array) -> Ids:
    """Different ids at the same place of two arrays, 0 never, the smaller first."""
    table = contingency(one, other, (one != other) & (one != 0) & (other != 0))
    return np.sort(np.stack([table.predicted, table.truth], axis=1), axis=1)


def _all_contacts(parts: Sequence[Ids]) -> Ids:
    return np.unique(np.concatenate([np.zeros((0, 2), np.uint64), *parts]), axis=0)


def _lines(section: Compared, around: Array, settings: ScoringSettings, tolerance: int) -> Whole:
    """Agreement of the outlines; predicted 0 is grown away unless it counts or is background."""
    if settings.zero == "background":
        return agreement(section.labels, section.truth, tolerance)
    if not around.any():
        return np.zeros(4, np.int64)
    drawn = grow_nearest(section.labels) if settings.boundary == "ignore" else section.counted
    return agreement(drawn, around, tolerance)


def _ranks(labels: Array, values: Array | None) -> Ranks:
    """Sums over the labels as given: how sure an object is does not depend on the truth."""
    if values is None or not labels.size:
        return _all_ranks([])
    if values.dtype.kind not in "biuf" or not np.isfinite(values).all():
        raise ValueError(
            "Probabilities hold something that is no finite number; "
            "give the map that the labels were made of."
        )
    starts = run_starts(labels, labels, np.ones(labels.shape, np.bool_))
    sums = np.add.reduceat(values.reshape(-1), starts, dtype=np.float64)
    counts = run_lengths(starts, labels.size).astype(np.float64)
    return _all_ranks([Ranks(labels.reshape(-1)[starts].astype(np.uint64), sums, counts)])


def _all_ranks(parts: Sequence[Ranks]) -> Ranks:
    ids = np.concatenate([np.zeros(0, np.uint64), *(part.ids for part in parts)])
    present, group = np.unique(ids, return_inverse=True)
    sums, counts = np.zeros(len(present)), np.zeros(len(present))
    np.add.at(sums, group, np.concatenate([np.zeros(0), *(part.sums for part in parts)]))
    np.add.at(counts, group, np.concatenate([np.zeros(0), *(part.counts for part in parts)]))
    return Ranks(present, sums, counts)


def _corners(places: Places) -> Reals:
    """Lower and upper corner of each object that has pixels, by ascending id."""
    there = places[(places.count > 0) & (places.keys[:, 0] != 0)]
    box = there.box[np.argsort(there.keys[:, 0])].astype(np.float64)
    return np.concatenate([box[:, ::2], box[:, 1::2]], axis=1)


def _dice(pairs: Overlaps) -> Reals:
    """`Sums.dice`. The partner is the object of largest overlap; of several that overlap alike, the
    one of largest Dice, so that numbering does not matter.
    """
    sizes = pairs.true_areas[pairs.true] + pairs.areas[pairs.found]
    dice = 2 * pairs.iou / (1 + pairs.iou)
    shared = np.rint(dice * sizes / 2)
    sums = []
    for side, areas in ((pairs.true, pairs.true_areas), (pairs.found, pairs.areas)):
        order = np.lexsort((dice, shared, side))
        best = np.zeros(len(areas))
        best[side[order]] = dice[order]
        sums += [float(areas @ best), float(areas.sum())]
    return np.array(sums)


def _open(table: Contingency, contacts: Ids) -> Whole:
    """`Sums.pairs`, of true objects that are both counted. Joined are those of which one labelled
    object holds more than half of each.
    """
    ids, _ = objects(table.truth, table.counts)
    holds = (table.predicted != 0) & (table.truth != 0)
    holds &= 2 * table.counts > table.truth_sizes()
    holder = np.zeros(len(ids), np.uint64)
    holder[np.searchsorted(ids, table.truth[holds])] = table.predicted[holds]
    known = _all_contacts([contacts[np.isin(contacts, ids).all(axis=1)]])
    one, other = holder[np.searchsorted(ids, known)].T
    return np.array([len(known), np.count_nonzero((one == other) & (one != 0))], np.int64)
