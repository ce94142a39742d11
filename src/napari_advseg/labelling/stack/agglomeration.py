"""Fragments of a watershed, joined by the boundary evidence between them."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from importlib import import_module
from pathlib import Path

import edt
import numpy as np

from napari_advseg.labelling.section.gap_closing import as_probability, label_section
from napari_advseg.labelling.section.seeds import find_seeds, quantise
from napari_advseg.labelling.section.watershed import Bytes, Labels, Mask, evidence_of, flood
from napari_advseg.labelling.stack.contacts import ContactCounter, Contacts, weighed_by_overlap
from napari_advseg.labelling.stack.fragments import Fragments, fragments_beside, save_fragments
from napari_advseg.labelling.stack.merge_tree import Ids, MergeTree, grouped_tree, merge_tree
from napari_advseg.labelling.stack.stack_map import (
    afford_stack,
    is_grown,
    read_stack,
    said_distance,
)
from napari_advseg.progress import BlockDone, Phase, Reports, Saved
from napari_advseg.settings.labelling import AgglomerationSettings, LabellingSettings
from napari_advseg.volume.by_section import in_order, read_sections
from napari_advseg.volume.volume import Array, Volume

FLAT_ABOVE = 2.0
DEEP = 255


@dataclasses.dataclass(frozen=True, eq=False)
class _Cut:
    """A stack cut into fragments 1..K.

    Attributes:
        fragments: ids, shape (z, y, x), int32; 0 where there is no data and nothing to start from.
        evidence: boundary evidence, 255 for a sure wall.
        interior: True where the map exceeds the threshold.
        ends: the last id of each section, where no fragment lies in two; else None.
    """

    fragments: Labels
    evidence: Bytes
    interior: Mask
    ends: Ids | None = None


def agglomerated_into(
    keep: Callable[[int, Array], object],
    volume: Volume,
    settings: LabellingSettings,
    out: Path | None = None,
) -> Reports[int]:
    """Give the sections of agglomerated labels to `keep`; the number of objects comes back.

    With `out`, the file of the labels, fragments and tree are saved beside it if the settings say so.

    Raises:
        ValueError: the map is none, or memory or disk do not suffice.
    """
    found = yield from agglomerate(volume, settings)
    if out is not None and settings.agglomeration.keep:
        path = yield from save_fragments(found, fragments_beside(out), overwrite=True)
        yield Saved(str(path), "fragments")
    table, count = found.lut(), volume.size("z")
    yield Phase("label", count)
    for k, section in enumerate(found.volume.sections()):
        keep(k, table[section])
        yield BlockDone("label", k + 1, count)
    return int(table.max())


def agglomerate(volume: Volume, settings: LabellingSettings) -> Reports[Fragments]:
    """Fragments of an interior map of axes z, y, x and the tree in which they join; reports stages.

    Raises:
        ValueError: the map is none, the voxel size mixes units, or memory does not suffice.
    """
    chosen = settings.agglomeration
    afford_stack(volume)
    distance = yield from said_distance(volume.frame, settings.anisotropy)
    if _are_flat(settings, distance):
        cut = yield from _cut_by_section(volume, settings)
    else:
        cut = yield from _cut_whole(volume, settings, distance)
    sizes = _sizes(cut.fragments)
    contacts = yield from _count_contacts(cut, sizes, chosen, distance)
    if not is_grown(settings):
        cut.fragments[~cut.interior] = 0
        sizes = _sizes(cut.fragments, len(sizes))
    tree = yield from _joined(contacts, sizes, chosen)
    ids = volume.like(cut.fragments, f"cut into {len(tree.sizes) - 1} fragments")
    ids = dataclasses.replace(ids, kind="labels")
    return Fragments(ids, tree, chosen.threshold, settings.minimum_size)


def _are_flat(settings: LabellingSettings, distance: float) -> bool:
    """Whether fragments are cut section by section."""
    chosen = settings.agglomeration.fragments
    return distance > FLAT_ABOVE if chosen == "auto" else chosen == "2d"


def _cut_by_section(volume: Volume, settings: LabellingSettings) -> Reports[_Cut]:
    """Fragments of each section: its labels with every watershed line taken as a wall, grown together."""
    every = settings.changed(
        gap_threshold=1.01, min_edge_length=0, minimum_size=0, thin=True, zero="boundary"
    )

    def work(section: Array) -> tuple[Labels, Bytes, Mask]:
        interior_map = as_probability(section)
        return (
            label_section(section, every),
            evidence_of(interior_map),
            interior_map > np.float32(every.threshold),
        )

    count = volume.size("z")
    shape = (count, *volume.shape[-2:])
    ends = np.zeros(count, np.int64)
    cut = _Cut(
        np.empty(shape, np.int32), np.empty(shape, np.uint8), np.empty(shape, np.bool_), ends
    )
    yield Phase("cut", count)
    highest = 0
    for k, (found, evidence, interior) in enumerate(in_order(work, read_sections(volume))):
        cut.fragments[k] = np.where(found > 0, found + highest, 0)
        cut.evidence[k], cut.interior[k] = evidence, interior
        highest = ends[k] = highest + int(found.max(initial=0))
        yield BlockDone("cut", k + 1, count)
    return cut


def _cut_whole(volume: Volume, settings: LabellingSettings, distance: float) -> Reports[_Cut]:
    """Fragments of the whole stack: a watershed of the evidence from the maxima of the distance to walls.

    Where the evidence is even, the distance decides, so that fragments meet at necks.
    """
    stack = yield from read_stack(volume, settings.threshold)
    yield Phase("cut", 3)
    heights = quantise(edt.edt(stack.interior, anisotropy=(distance, 1.0, 1.0), black_border=False))
    yield BlockDone("cut", 1, 3)
    seeds = find_seeds(heights, settings, distance)
    yield BlockDone("cut", 2, 3)
    levels = DEEP - np.minimum(heights, DEEP, out=heights)
    for _ in range(2):
        levels += stack.evidence
    fragments = flood(levels, seeds, stack.data)
    yield BlockDone("cut", 3, 3)
    return _Cut(fragments, stack.evidence, stack.interior)


def _sizes(fragments: Labels, count: int = 0) -> Ids:
    """Voxels of fragment k at index k, at least `count` entries; section by section, as bincount copies."""
    count = max(count, int(fragments.max(initial=0)) + 1)
    sizes = np.zeros(count, np.int64)
    for section in fragments:
        sizes += np.bincount(section.reshape(-1), minlength=count)
    return sizes


def _count_contacts(
    cut: _Cut, sizes: Ids, chosen: AgglomerationSettings, distance: float
) -> Reports[Contacts]:
    count = len(cut.fragments)
    counter = ContactCounter(distance, spread=chosen.method == "quantile")
    yield Phase("contacts", count)
    for k, (fragments, evidence) in enumerate(zip(cut.fragments, cut.evidence, strict=True)):
        counter.add(fragments, evidence)
        yield BlockDone("contacts", k + 1, count)
    contacts = counter.contacts()
    if cut.ends is None:
        return contacts
    return weighed_by_overlap(contacts, sizes, cut.ends)


def _joined(contacts: Contacts, sizes: Ids, chosen: AgglomerationSettings) -> Reports[MergeTree]:
    yield Phase("join", 1)
    if chosen.method == "multicut":
        library = import_module("napari_advseg.labelling.stack.multicut")
        groups = library.multicut(contacts, len(sizes), chosen.threshold)
        tree = grouped_tree(contacts, sizes, groups)
    else:
        tree = merge_tree(contacts, sizes, chosen.quantile if chosen.method == "quantile" else None)
    yield BlockDone("join", 1, 1)
    return tree
