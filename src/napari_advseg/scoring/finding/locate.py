"""Where a segmentation is wrong: every object and every contact with what putting it right gains."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any

import numpy as np

from napari_advseg.scoring.finding.contacts import Sides, sides, touching, touching_between
from napari_advseg.scoring.finding.error_map import ERROR_KINDS, error_map
from napari_advseg.scoring.finding.findings import (
    NO_SECTION,
    OBJECT,
    SITE,
    Errors,
    Rows,
    Site,
    WrongObject,
    site,
    wrong_object,
)
from napari_advseg.scoring.finding.gains import Ledger, Shares
from napari_advseg.scoring.measures.instances import score
from napari_advseg.scoring.table.compared import compared
from napari_advseg.scoring.table.contingency import Contingency, merged
from napari_advseg.scoring.table.pair import as_label_volume
from napari_advseg.scoring.table.places import Gathered, Places, all_places, extents
from napari_advseg.settings.override import override
from napari_advseg.settings.scoring import ScoringSettings
from napari_advseg.volume.by_section import in_order, read_pairs
from napari_advseg.volume.synthetic_voxels import blanked
from napari_advseg.volume.volume import Array, Volume

__all__ = ["ERROR_KINDS", "Errors", "Site", "WrongObject", "error_map", "locate"]

Found = tuple[Array, Array]

# Bits times pixels: less is the rounding of a gain that is 0.
NOTHING = 1e-6


def locate(
    labels: Volume | Array,
    truth: Volume | Array,
    settings: ScoringSettings | None = None,
    **fields: Any,
) -> Errors:
    """Where `labels` differ from `truth`, both as `score` takes them, and what each place costs.

    Everything is counted on the voxels that `score` counts and divided as it divides: by section,
    shares and gains are those of the mean over the sections with scored pixels. Contacts are faces
    inside sections, by volume also between them. Sections are read one by one and twice.

    Raises:
        ValueError: as `score`.
    """
    chosen = override(ScoringSettings, settings, fields)
    pair = blanked(as_label_volume(labels, "Labels"), as_label_volume(truth, "Truth"))
    measured = score(*pair, chosen)
    found = _by_section if chosen.by == "section" else _by_volume
    objects, sites = found(*pair, chosen)
    return Errors(Rows(objects, wrong_object), Rows(sites, site), measured, chosen)


def _by_section(labels: Volume, truth: Volume, settings: ScoringSettings) -> Found:
    """Objects and sites of every section on its own, shared out over the mean."""
    parts = list(in_order(lambda item: _of_section(*item, settings), _numbered(labels, truth)))
    none = np.zeros(0, OBJECT), np.zeros(0, SITE)
    objects, sites = (np.concatenate(kind) for kind in zip(none, *parts, strict=True))
    _divide((objects, sites), sum(len(part[0]) > 0 for part in parts))
    return _ranked((objects, sites), ("section",))


def _by_volume(labels: Volume, truth: Volume, settings: ScoringSettings) -> Found:
    """Objects and sites of the volume as one; sections are dropped as soon as the next is there."""
    table = Gathered(merged, lambda one: len(one.counts))
    objects = [Gathered(partial(all_places, ids=1), len) for _ in range(2)]
    contacts = [Gathered(partial(all_places, ids=3), len) for _ in range(2)]
    parts = in_order(lambda item: _part(*item, settings), _numbered(labels, truth))
    for part, between in in_order(lambda pair: _linked(*pair), _from_below(parts)):
        table.add(part.table)
        for kept, one in zip([*objects, *contacts], [*part.objects, *part.contacts], strict=True):
            kept.add(one)
        for kept, one in zip(contacts, between, strict=False):
            kept.add(one)
    places = [kept.whole() for kept in (*objects, *contacts)]
    return _ranked(_found(table.whole(), places[:2], places[2:], settings), ())


@dataclasses.dataclass(frozen=True, eq=False)
class _Part:
    """What one section adds: pairs of ids, true and predicted objects, contacts of splits and merges."""

    z: int
    table: Contingency
    objects: tuple[Places, ...]
    contacts: tuple[Places, ...]
    sides: tuple[Sides, ...]


def _numbered(labels: Volume, truth: Volume) -> Iterator[tuple[int, Array, Array]]:
    return ((z, *pair) for z, pair in enumerate(read_pairs(labels, truth)))


def _part(z: int, labels: Array, truth: Array, settings: ScoringSettings) -> _Part:
    section = compared(labels, truth, settings)
    between = sides(section, settings)
    objects = (
        extents(section.truth, section.truth, section.keep, z),
        extents(section.counted, section.labels, section.keep, z),
    )
    contacts = tuple(touching(one, z) for one in between)
    return _Part(z, section.table(), objects, contacts, between)


def _from_below(parts: Iterator[_Part]) -> Iterator[tuple[tuple[Sides, ...], _Part]]:
    """Every section with the sides of the one before it, none for the first."""
    below: tuple[Sides, ...] = ()
    for part in parts:
        yield below, part
        below = part.sides


def _linked(below: tuple[Sides, ...], part: _Part) -> tuple[_Part, list[Places]]:
    """A section, and its contacts with the one before it."""
    pairs = zip(below, part.sides, strict=False)
    return part, [touching_between(*pair, part.z) for pair in pairs]


def _of_section(z: int, labels: Array, truth: Array, settings: ScoringSettings) -> Found:
    part = _part(z, labels, truth, settings)
    found = _found(part.table, part.objects, part.contacts, settings)
    for table in found:
        table["section"] = z
    return found


def _found(
    table: Contingency,
    objects: Sequence[Places],
    contacts: Sequence[Places],
    settings: ScoringSettings,
) -> Found:
    """Objects and sites of one group of voxels, in bits of its own VOI."""
    ledger = Ledger(table)
    background = settings.zero == "background"
    found = (
        _objects(ledger.of_truth(), objects[0], predicted=False),
        _objects(ledger.of_labels(), objects[1], predicted=True),
    )
    sites = (
        _splits(ledger, contacts[0], background=background),
        _merges(ledger, contacts[1]),
    )
    whole = np.concatenate(found), np.concatenate(sites)
    _divide(whole, ledger.total)
    return whole


def _divide(found: Found, number: int) -> None:
    """Divide every share and gain, in place."""
    for table in found:
        for name in {"split", "merge", "gain"} & set(table.dtype.names or ()):
            table[name] /= max(1, number)


def _ranked(found: Found, first: tuple[str, ...]) -> Found:
    """Largest gain first; equal ones by the names in `first`, then by kind and ids."""
    by = ((*first, "predicted", "id"), (*first, "merged", "inside", "first", "second"))
    objects, sites = (
        table[np.lexsort([*(table[name] for name in reversed(names)), -table["gain"]])]
        for table, names in zip(found, by, strict=True)
    )
    return objects, sites


def _objects(shares: Shares, places: Places, *, predicted: bool) -> Array:
    there = places[places.count > 0]
    there = there[np.argsort(there.keys[:, 0])]
    found = np.zeros(len(shares.ids), OBJECT)
    found["section"] = NO_SECTION
    found["predicted"], found["id"], found["size"] = predicted, shares.ids, there.count
    found["split"], found["merge"], found["gain"] = shares.split, shares.merge, shares.gain
    found["box"], found["point"] = there.box, there.point
    return found


def _splits(ledger: Ledger, places: Places, *, background: bool) -> Array:
    """A site for each two predicted ids that are better joined, in the true object that gains most."""
    first, second, inside = places.keys.T
    within = ledger.within(inside, first, second)
    usable = (within > 0) & (background | (first != 0))
    chosen = places[usable]
    order = np.lexsort((chosen.keys[:, 2], -within[usable], chosen.keys[:, 1], chosen.keys[:, 0]))
    chosen = chosen[order]
    pairs = chosen.keys[:, :2]
    fresh = np.ones(len(pairs), np.bool_)
    fresh[1:] = (pairs[1:] != pairs[:-1]).any(1)
    chosen = chosen[fresh]
    return _sites(chosen, ledger.of_join(chosen.keys[:, 0], chosen.keys[:, 1]), merged=False)


def _merges(ledger: Ledger, places: Places) -> Array:
    """A site for each two true ids that meet inside a predicted one."""
    first, second, inside = places.keys.T
    return _sites(places, ledger.of_cut(inside, first, second), merged=True)


def _sites(places: Places, gain: Array, *, merged: bool) -> Array:
    places, gain = places[gain > NOTHING], gain[gain > NOTHING]
    found = np.zeros(len(places), SITE)
    found["section"] = NO_SECTION
    found["merged"], found["gain"], found["contact"] = merged, gain, places.count
    found["first"], found["second"], found["inside"] = places.keys.T
    found["box"], found["point"] = places.box, places.point
    return found
