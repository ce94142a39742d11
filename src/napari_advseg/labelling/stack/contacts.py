"""Which fragments touch, over what area, and how much wall stands between them."""

from __future__ import annotations

import dataclasses

import numpy as np
import numpy.typing as npt

from napari_advseg.labelling.stack.pair_table import EMPTY, pair_key, pairs_of, place_of
from napari_advseg.volume.compiled import compiled
from napari_advseg.volume.volume import Array

STEPS = 32
ROOM = 1 << 10
Table = tuple[Array, Array]
Sums = tuple[Array, Array, Array]
Section = tuple[Array, Array]


@dataclasses.dataclass(frozen=True, eq=False)
class Contacts:
    """Pairs of fragments that touch by their sides, ordered by their ids (a region adjacency graph).

    Attributes:
        pairs: ids of both fragments, the smaller first, shape (n, 2), int64.
        area: of all touching sides, in sides of a pixel of a section, shape (n,), float64.
        wall: boundary evidence in [0, 1] times area, summed over the sides, shape (n,), float64.
        spread: area in each of `STEPS` equal steps of evidence, shape (n, STEPS), float32; shape
            (n, 0) where it was not asked for.
    """

    pairs: npt.NDArray[np.int64]
    area: npt.NDArray[np.float64]
    wall: npt.NDArray[np.float64]
    spread: npt.NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.pairs)


def weighed_by_overlap(contacts: Contacts, sizes: Array, ends: Array) -> Contacts:
    """The same contacts, where those between two sections count as a wall as far as they do not overlap.

    What speaks against a wall, 1 - evidence, is multiplied by the shared area over the geometric
    mean of both fragments' areas: fragments that merely graze each other are hardly one object.

    Args:
        contacts: of fragments that each lie in one section.
        sizes: pixels of fragment k at index k.
        ends: the last id of each section, ascending.
    """
    sections = np.searchsorted(ends, contacts.pairs)
    one, other = sizes[contacts.pairs[:, 0]], sizes[contacts.pairs[:, 1]]
    share = np.where(
        sections[:, 0] == sections[:, 1],
        1.0,
        contacts.area / np.sqrt(one.astype(np.float64) * other),
    )
    wall = contacts.area - (contacts.area - contacts.wall) * share
    return Contacts(contacts.pairs, contacts.area, wall, _raised(contacts.spread, share))


class ContactCounter:
    """Contacts of a stack whose sections come one after the other, first to last.

    A side between two sections has the area 1, a side inside a section `anisotropy`, the distance
    of two sections in pixels. The evidence at a side is that of the higher of its two voxels, as a
    wall may be a single voxel thick.
    """

    def __init__(self, anisotropy: float = 1.0, *, spread: bool = False) -> None:
        self._across = float(anisotropy)
        self._steps = STEPS if spread else 0
        self._table: Table = (np.zeros(2 * ROOM, np.uint64), np.zeros(2 * ROOM, np.int64))
        self._sums: Sums = (
            np.zeros(ROOM, np.float64),
            np.zeros(ROOM, np.float64),
            np.zeros((ROOM, self._steps), np.float32),
        )
        self._count = 0
        self._above: Section | None = None

    def add(self, fragments: Array, evidence: Array) -> None:
        """Count the next section: ids below 2**32, of which 0 touches nothing, and evidence, uint8, 255 for 1."""
        here = (fragments, evidence)
        above = self._above or (np.zeros_like(fragments), evidence)
        row = 0
        while row < len(fragments):
            if 2 * (self._count + 3 * fragments.shape[1]) > len(self._table[0]):
                self._grow(3 * fragments.shape[1])
            row, self._count = _count(
                here, above, self._across, row, self._table, self._sums, self._count
            )
        self._above = here

    def contacts(self) -> Contacts:
        """What was counted so far."""
        keys, rows = self._table
        used = np.flatnonzero(keys)
        used = used[np.argsort(keys[used])]
        area, wall, spread = (part[rows[used]] for part in self._sums)
        return Contacts(pairs_of(keys[used]), area, wall, spread)

    def _grow(self, more: int) -> None:
        room = 2 * (self._count + more)
        keys, rows = self._table
        self._table = (np.zeros(2 * room, np.uint64), np.zeros(2 * room, np.int64))
        _rehash(keys, rows, self._table)
        area, wall, spread = self._sums
        self._sums = (_longer(area, room), _longer(wall, room), _longer(spread, room))


@compiled
def _raised(spread: Array, share: Array) -> Array:
    """Each row of a spread with its evidence e, the middle of a step, moved to 1 - (1 - e) * share."""
    steps = spread.shape[1]
    raised = np.zeros_like(spread)
    for row in range(len(spread)):
        for step in range(steps):
            kept = (1 - (step + 0.5) / steps) * share[row]
            raised[row, min(int((1 - kept) * steps), steps - 1)] += spread[row, step]
    return raised


def _longer(part: Array, room: int) -> Array:
    longer: Array = np.zeros((room, *part.shape[1:]), part.dtype)
    longer[: len(part)] = part
    return longer


@compiled
def _count(
    here: Section, above: Section, across: float, begin: int, table: Table, sums: Sums, count: int
) -> tuple[int, int]:
    """Count rows from `begin` until one might not fit the table: where to go on, and the pairs known."""
    fragments, evidence = here
    fragments_above, evidence_above = above
    height, width = fragments.shape
    for y in range(begin, height):
        if 2 * (count + 3 * width) > len(table[0]):
            return y, count
        for x in range(width):
            one, wall = fragments[y, x], evidence[y, x]
            if one == 0:
                continue
            if x + 1 < width and _differs(fragments[y, x + 1], one):
                high = max(wall, evidence[y, x + 1])
                count = _add(one, fragments[y, x + 1], high, across, table, sums, count)
            if y + 1 < height and _differs(fragments[y + 1, x], one):
                high = max(wall, evidence[y + 1, x])
                count = _add(one, fragments[y + 1, x], high, across, table, sums, count)
            if _differs(fragments_above[y, x], one):
                high = max(wall, evidence_above[y, x])
                count = _add(one, fragments_above[y, x], high, 1.0, table, sums, count)
    return height, count


@compiled
def _differs(other: int, one: int) -> bool:
    return bool(other > 0) and bool(other != one)


@compiled
def _add(one: int, other: int, wall: int, side: float, table: Table, sums: Sums, count: int) -> int:
    """Add a side to the sums of its pair; the number of pairs known comes out."""
    keys, rows = table
    area, walls, spread = sums
    key = pair_key(one, other)
    place = place_of(key, keys)
    if keys[place] == EMPTY:
        keys[place], rows[place] = key, count
        count += 1
    row = rows[place]
    area[row] += side
    walls[row] += side * wall / 255.0
    steps = spread.shape[1]
    if steps > 0:
        spread[row, wall * steps // 256] += side
    return count


@compiled
def _rehash(keys: Array, rows: Array, table: Table) -> None:
    for k in range(len(keys)):
        if keys[k] != EMPTY:
            place = place_of(keys[k], table[0])
            table[0][place], table[1][place] = keys[k], rows[k]
