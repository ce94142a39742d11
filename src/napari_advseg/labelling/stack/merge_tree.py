"""Which fragments join first: one tree of merges that answers for every threshold."""

from __future__ import annotations

import dataclasses
import heapq

import numpy as np
import numpy.typing as npt

from napari_advseg.labelling.section.seeds import root_of
from napari_advseg.labelling.stack.contacts import Contacts
from napari_advseg.labelling.stack.pair_table import EMPTY, pair_key, place_of
from napari_advseg.volume.compiled import compiled
from napari_advseg.volume.volume import Array

NONE = GONE = -1
MEAN = -1.0
Ids = npt.NDArray[np.int64]
Values = npt.NDArray[np.float64]
Sums = tuple[Array, Array, Array]
Lists = tuple[Array, Array, Array, Array]
Table = tuple[Array, Array]


@dataclasses.dataclass(frozen=True, eq=False)
class MergeTree:
    """Merges of fragments 1..K, from the surest to the last.

    Attributes:
        pairs: two fragments that touch, one of each side of a merge, shape (n, 2), int64.
        heights: boundary evidence between the two sides as they are then, shape (n,), ascending.
        sizes: voxels of fragment k at index k, shape (K + 1,), int64; what index 0 holds is ignored.
    """

    pairs: Ids
    heights: Values
    sizes: Ids

    def lut(self, threshold: float, minimum_size: int = 0) -> npt.NDArray[np.int32]:
        """The object 1..N of each fragment, shape (K + 1,); 0 for 0 and for fragments without a voxel.

        Sides with less evidence between them than the threshold are one object: 0 leaves every
        fragment on its own, 1 and more join all that touch, and a higher threshold only joins. An
        object smaller than the minimum goes on along the tree until it is large enough; where
        nothing is left to join it is 0. Objects are numbered in the order of their first fragment.
        """
        joins = self.heights < threshold if threshold < 1 else self.heights >= 0
        count = int(np.count_nonzero(joins))
        sizes = self.sizes.copy()
        sizes[:1] = 0
        roots, voxels = _joined(self.pairs, count, sizes, minimum_size)
        shown = (sizes > 0) & (voxels[roots] >= minimum_size)
        first = np.sort(np.unique(roots[shown], return_index=True)[1])
        numbers = np.zeros(len(roots), np.int32)
        numbers[roots[shown][first]] = np.arange(1, len(first) + 1)
        return np.where(shown, numbers[roots], np.int32(0))


def merge_tree(contacts: Contacts, sizes: Ids, quantile: float | None = None) -> MergeTree:
    """The tree in which always the two groups with the least evidence between them join.

    The evidence between groups is the mean over all their common sides (average linkage; Bailoni et
    al. 2022) or, with `quantile`, that quantile of it (Funke et al. 2019). Either lies between the
    values of the contacts that it sums up, so the heights ascend.
    """
    sums = (contacts.area.copy(), contacts.wall.copy(), contacts.spread.copy())
    share = MEAN if quantile is None else float(quantile)
    pairs, heights = _merges(contacts.pairs, sums, share, len(sizes))
    return MergeTree(pairs, np.maximum.accumulate(heights), sizes)


def grouped_tree(contacts: Contacts, sizes: Ids, groups: Ids) -> MergeTree:
    """The tree in which connected groups of fragments join at 0, and then each other at 1.

    Above 0 and below 1 every threshold gives the groups; objects that are too small still go on
    in the order of the mean evidence.
    """
    within = groups[contacts.pairs[:, 0]] == groups[contacts.pairs[:, 1]]
    wall = np.where(within, -contacts.area, contacts.wall)
    tree = merge_tree(dataclasses.replace(contacts, wall=wall), sizes)
    return dataclasses.replace(tree, heights=(tree.heights >= 0).astype(np.float64))


@compiled
def _joined(pairs: Array, count: int, sizes: Array, minimum: int) -> tuple[Array, Array]:
    """Roots after the first `count` merges and all those of something too small, and their voxels."""
    parent, voxels = np.arange(len(sizes)), sizes.copy()
    for k in range(len(pairs)):
        one, other = root_of(pairs[k, 0], parent), root_of(pairs[k, 1], parent)
        if one != other and (k < count or min(voxels[one], voxels[other]) < minimum):
            parent[max(one, other)] = min(one, other)
            voxels[min(one, other)] += voxels[max(one, other)]
    for k in range(len(parent)):
        parent[k] = root_of(k, parent)
    return parent, voxels


@compiled
def _merges(pairs: Array, sums: Sums, share: float, count: int) -> tuple[Array, Array]:
    """Two touching fragments of each merge in turn, and its evidence.

    An edge that changes goes onto the heap again under a new version; the group with fewer edges
    moves them to the other, so that no edge moves more often than the logarithm of their number.
    """
    ends, touching = pairs.copy(), pairs.copy()
    values = _values(sums, share)
    version, lists = np.zeros(len(pairs), np.int64), _lists(pairs, count)
    heap = [(values[k], k, 0) for k in range(len(pairs))]
    heapq.heapify(heap)
    table, used = _table(ends, version)
    merges, heights = np.empty((count, 2), np.int64), np.empty(count, np.float64)
    done = 0
    while len(heap) > 0:
        value, edge, which = heapq.heappop(heap)
        if version[edge] != which:
            continue
        version[edge] = GONE
        merges[done, 0], merges[done, 1] = touching[edge, 0], touching[edge, 1]
        heights[done] = value
        done += 1
        kept, lost = _longer_first(ends[edge, 0], ends[edge, 1], lists)
        if 2 * (used + lists[3][lost]) > len(table[0]):
            table, used = _table(ends, version)
        entry = lists[0][lost]
        while entry != NONE:
            following, moving = lists[2][entry], entry // 2
            if version[moving] != GONE:
                other = ends[moving, 0] + ends[moving, 1] - lost
                into = _found(pair_key(kept, other), moving, table)
                if into == moving:
                    ends[moving, 0], ends[moving, 1] = kept, other
                    _append(entry, kept, lists)
                    used += 1
                else:
                    _add(moving, into, sums, values, touching)
                    version[moving], version[into] = GONE, version[into] + 1
                    heapq.heappush(heap, (_value(sums, into, share), into, version[into]))
            entry = following
    return merges[:done].copy(), heights[:done].copy()


@compiled
def _add(edge: int, into: int, sums: Sums, values: Array, touching: Array) -> None:
    """Add an edge to another; the fragments with the surer contact stand for both."""
    area, wall, spread = sums
    area[into] += area[edge]
    wall[into] += wall[edge]
    for step in range(spread.shape[1]):
        spread[into, step] += spread[edge, step]
    if values[edge] < values[into]:
        values[into] = values[edge]
        touching[into, 0], touching[into, 1] = touching[edge, 0], touching[edge, 1]


@compiled
def _table(ends: Array, version: Array) -> tuple[Table, int]:
    """The edges that are not gone by their ends, and how many they are.

    Ends that no longer exist stay in the table until it is made anew; there is always room for as
    many again.
    """
    room = 4 * len(ends) + 8
    table = np.zeros(room, np.uint64), np.zeros(room, np.int64)
    used = 0
    for edge in range(len(ends)):
        if version[edge] != GONE:
            _found(pair_key(ends[edge, 0], ends[edge, 1]), edge, table)
            used += 1
    return table, used


@compiled
def _found(key: np.uint64, edge: int, table: Table) -> int:
    """The edge under `key`; `edge` itself, put there, where there was none."""
    keys, edges = table
    place = place_of(key, keys)
    if keys[place] == EMPTY:
        keys[place], edges[place] = key, edge
    return int(edges[place])


@compiled
def _lists(pairs: Array, count: int) -> Lists:
    """The edges of each node as a linked list: first and last entry, follower of each entry, length.

    Edge k has the entries 2k and 2k + 1, one in the list of either end.
    """
    first, last = np.full(count, NONE, np.int64), np.full(count, NONE, np.int64)
    lists = first, last, np.full(2 * len(pairs), NONE, np.int64), np.zeros(count, np.int64)
    for k in range(len(pairs)):
        _append(2 * k, pairs[k, 0], lists)
        _append(2 * k + 1, pairs[k, 1], lists)
    return lists


@compiled
def _append(entry: int, node: int, lists: Lists) -> None:
    first, last, follower, length = lists
    if first[node] == NONE:
        first[node] = entry
    else:
        follower[last[node]] = entry
    last[node], follower[entry] = entry, NONE
    length[node] += 1


@compiled
def _longer_first(one: int, other: int, lists: Lists) -> tuple[int, int]:
    length = lists[3]
    return (one, other) if length[one] >= length[other] else (other, one)


@compiled
def _values(sums: Sums, share: float) -> Values:
    values = np.empty(len(sums[0]), np.float64)
    for edge in range(len(values)):
        values[edge] = _value(sums, edge, share)
    return values


@compiled
def _value(sums: Sums, edge: int, share: float) -> float:
    """Evidence of an edge: the mean, or the quantile `share`, linear within a step."""
    area, wall, spread = sums
    if share < 0:
        return float(wall[edge] / area[edge])
    steps = spread.shape[1]
    whole = 0.0
    for step in range(steps):
        whole += spread[edge, step]
    below = 0.0
    for step in range(steps):
        here = spread[edge, step]
        if here > 0 and below + here >= share * whole:
            return float((step + (share * whole - below) / here) / steps)
        below += here
    return 1.0
