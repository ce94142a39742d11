"""Sections linked into a stack: labels of neighbouring sections that overlap enough are one object."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

import fastremap
import numpy as np
import numpy.typing as npt
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from napari_advseg.labelling.section.gap_closing import as_probability, label_section
from napari_advseg.labelling.section.watershed import grow
from napari_advseg.labelling.stack.spool import Spool
from napari_advseg.labelling.stack.stack_map import is_grown, said_distance
from napari_advseg.progress import BlockDone, Phase, Reports
from napari_advseg.settings.labelling import LabellingSettings, LinkingSettings
from napari_advseg.settings.override import override
from napari_advseg.volume.by_section import in_order, read_sections
from napari_advseg.volume.formats.files import as_labels, read
from napari_advseg.volume.volume import Array, Volume

Ids = npt.NDArray[np.int64]
Values = npt.NDArray[np.float64]


def link(
    labels: Volume | Array, settings: LinkingSettings | None = None, **fields: Any
) -> Reports[Volume]:
    """Labels 1..N that run through a stack whose sections were labelled each on its own; reports sections.

    Which id a label has in its section means nothing; 0 stays 0. The result is int32 (int64 where
    that does not suffice), numbered in the order of appearance. Keywords are fields of the settings.

    Raises:
        ValueError: these are no labels of axes z, y, x, or a keyword is no setting.
    """
    chosen = override(LinkingSettings, settings, fields)
    volume = as_labels(read(labels))
    if volume.axes != "zyx":
        raise ValueError(f"Linking takes labels of axes 'zyx', not '{volume.axes}'.")
    distance = yield from said_distance(volume.frame)
    linker = Linker(chosen, distance)
    stack = np.zeros(volume.shape, np.int64)
    yield Phase("link", len(stack))
    for k, section in enumerate(volume.sections()):
        stack[k] = linker.add(section)
        yield BlockDone("link", k + 1, len(stack))
    objects = linker.objects()
    dtype = np.int32 if len(objects) <= np.iinfo(np.int32).max else np.int64
    return volume.like(objects.astype(dtype)[stack], f"linked {chosen.match}")


def linked_into(
    keep: Callable[[int, Array], object],
    volume: Volume,
    settings: LabellingSettings,
    scratch: Path | None = None,
) -> Reports[int]:
    """Label each section of an interior map, link them, and give the linked sections to `keep`.

    The minimum size counts the pixels of an object over all its sections. What is too small is
    removed and, where walls are grown away, grown over by its neighbours in the section. Sections
    wait on the disk of the folder `scratch` until all are linked. The number of objects comes back.
    """
    distance = yield from said_distance(volume.frame, settings.anisotropy)
    linker, count = Linker(settings.linking, distance), volume.size("z")
    each = settings.changed(minimum_size=0)
    found = in_order(lambda section: label_section(section, each), read_sections(volume))
    with Spool(scratch) as spool:
        yield Phase("label", count)
        for k, section in enumerate(found):
            spool.add(linker.add(section))
            yield BlockDone("label", k + 1, count)
        objects, removed = _large(linker.objects(), linker.pixels(), settings.minimum_size)
        yield Phase("link", count)
        for k in range(count):
            ids = spool.read(k)
            linked = objects[ids]
            if is_grown(settings) and removed[ids].any():
                linked = _grown_over(linked, _section(volume, k))
            keep(k, linked)
            yield BlockDone("link", k + 1, count)
    return int(objects.max())


@dataclasses.dataclass(frozen=True, eq=False)
class _Section:
    """A section whose ids first + 1, first + 2, ... have `pixels[1], pixels[2], ...` pixels."""

    ids: Ids
    first: int
    pixels: Ids

    def size(self, ids: Ids) -> Ids:
        found: Ids = self.pixels[ids - self.first]
        return found


@dataclasses.dataclass(frozen=True, eq=False)
class _Branches:
    """Labels `own` that could join labels `other` of a neighbouring section, all of shape (n,)."""

    own: Ids
    other: Ids
    share: Values
    overlap: Ids


class Linker:
    """Sections come first to last; the object that each of their labels belongs to comes out at the end.

    Two labels of neighbouring sections that overlap each other most are linked where they share
    enough, so that rows arise with one label a section. Under many-to-one each row then joins one
    label more, before its first or behind its last: the one that covers most of it. So branches
    join their stem, but no row joins two others, as a sliver between two cells would.

    Memory grows with the number of labels, not of pixels: only the last section that had labels is
    kept.
    """

    def __init__(self, settings: LinkingSettings, distance: float = 1.0) -> None:
        """`distance` is that of two sections in pixels."""
        self._settings = settings
        self._step = settings.drift * distance
        self._links: list[Ids] = [np.zeros((0, 2), np.int64)]
        self._branches: list[_Branches] = []
        self._pixels: list[Ids] = [np.zeros(1, np.int64)]
        self._count = 0
        self._before: _Section | None = None
        self._sections = 0

    def add(self, section: Array) -> Ids:
        """The next section with ids 1.. that no other section has, in the order in which they appear."""
        renumbered, _ = fastremap.renumber(section, preserve_zero=True, in_place=False)
        own: Ids = renumbered.astype(np.int64)
        pixels = np.bincount(own.reshape(-1), minlength=1)
        here = _Section(np.where(own > 0, own + self._count, 0), self._count, pixels)
        self._pixels.append(pixels[1:])
        self._sections += 1
        if len(pixels) > 1:
            if self._before is not None and self._sections <= 1 + self._settings.bridge:
                self._link(self._before, here)
            self._before, self._sections = here, 0
            self._count += len(pixels) - 1
        return here.ids

    def pixels(self) -> Ids:
        """How many pixels each id has, shape (ids + 1,); 0 for 0."""
        return np.concatenate(self._pixels)

    def objects(self) -> Ids:
        """The object 1..N of each id, shape (ids + 1,), in the order in which they appear; 0 for 0."""
        links = np.concatenate(self._links)
        if self._settings.match == "many-to-one" and self._branches:
            rows = _grouped(links, self._count + 1)
            links = np.concatenate([links, _one_for_each(self._branches, rows)])
        return _grouped(links, self._count + 1)

    def _link(self, before: _Section, here: _Section) -> None:
        pairs, overlap = _overlaps(before.ids, here.ids)
        sizes = before.size(pairs[:, 0]), here.size(pairs[:, 1])
        best = _best(pairs[:, 0], overlap, sizes[1]), _best(pairs[:, 1], overlap, sizes[0])
        shares = [overlap / size for size in sizes]
        mutual = best[0] & best[1]
        for share, size in zip(shares, sizes, strict=True):
            moved = disc_overlap(size, self._step * self._sections)
            mutual &= share >= self._settings.overlap * moved
        self._links.append(pairs[mutual])
        for side in (0, 1):
            may = best[side] & ~mutual & (shares[side] >= self._settings.branch)
            own, other = pairs[may, side], pairs[may, 1 - side]
            self._branches.append(_Branches(own, other, shares[side][may], overlap[may]))


def disc_overlap(areas: Array, shift: float) -> Values:
    """Share of a disc of each area that it still covers after moving by `shift` pixels, in [0, 1]."""
    radius = np.sqrt(np.asarray(areas, np.float64) / np.pi)
    apart = np.minimum(shift / (2 * radius), 1.0)
    share: Values = 2 / np.pi * (np.arccos(apart) - apart * np.sqrt(1 - apart**2))
    return share


def _overlaps(before: Ids, here: Ids) -> tuple[Ids, Ids]:
    """Pairs of ids that share pixels, shape (n, 2), and how many; a run of a pair is counted at once."""
    one, other = before.reshape(-1), here.reshape(-1)
    changes = (one[1:] != one[:-1]) | (other[1:] != other[:-1])
    begins = np.concatenate([[0], np.flatnonzero(changes) + 1])
    lengths = np.diff(begins, append=len(one))
    runs = np.stack([one[begins], other[begins]], axis=1)
    inside = runs.all(axis=1)
    pairs, which = np.unique(runs[inside], axis=0, return_inverse=True)
    return pairs, np.bincount(which.reshape(-1), lengths[inside], len(pairs)).astype(np.int64)


def _best(own: Ids, overlap: Ids, partner_size: Ids) -> npt.NDArray[np.bool_]:
    """True for the pair of each id with the most overlap; of equal ones, with the smaller partner."""
    order = np.lexsort((partner_size, -overlap, own))
    best = np.zeros(len(own), np.bool_)
    best[order[np.unique(own[order], return_index=True)[1]]] = True
    return best


def _one_for_each(branches: list[_Branches], rows: Ids) -> Ids:
    """For each row of linked labels the pair with the largest share, then overlap, shape (n, 2)."""
    own, other, share, overlap = (
        np.concatenate([getattr(part, field.name) for part in branches])
        for field in dataclasses.fields(_Branches)
    )
    order = np.lexsort((-overlap, -share, rows[own]))
    chosen = order[np.unique(rows[own[order]], return_index=True)[1]]
    return np.stack([own[chosen], other[chosen]], axis=1)


def _grouped(links: Ids, count: int) -> Ids:
    """The group 0.. of each id 0..count - 1, numbered in the order of their lowest ids."""
    linked = np.ones(len(links), np.bool_), (links[:, 0], links[:, 1])
    groups = connected_components(coo_array(linked, shape=(count, count)), directed=False)[1]
    found: Ids = groups.astype(np.int64)
    return found


def _large(objects: Ids, pixels: Ids, minimum: int) -> tuple[Ids, npt.NDArray[np.bool_]]:
    """The object of each id, 0 where it is too small and the rest 1..N, and for which ids it is."""
    whole = np.bincount(objects, pixels)
    kept = whole >= minimum
    kept[0] = False
    numbers = np.where(kept, np.cumsum(kept), 0)
    removed = ~kept[objects]
    removed[0] = False
    return numbers[objects], removed


def _grown_over(linked: Ids, interior_map: Array) -> Ids:
    """Labels of a section grown over what was removed."""
    present, own = np.unique(linked, return_inverse=True)
    if present[0] > 0:
        return linked
    probability = as_probability(interior_map)
    labels = own.reshape(linked.shape).astype(np.int32)
    grown: Ids = present[grow(labels, probability, ~np.isnan(probability))]
    return grown


def _section(volume: Volume, index: int) -> Array:
    section = volume.section(index)
    return section[0] if "c" in volume.axes else section
