"""Where something may be wrong without a truth: contacts of objects, and walls inside them, with what speaks for it.

Candidates are found once; the queue sorts them by one signal or another.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import Any, Literal, get_args

import cc3d
import edt
import numpy as np
import numpy.typing as npt
from scipy.ndimage import find_objects

from napari_advseg.labelling.section.gap_closing import as_probability
from napari_advseg.progress import BlockDone, Phase, Reports
from napari_advseg.proofreading.editing.proof import Proof
from napari_advseg.proofreading.store.steps import Point
from napari_advseg.scoring.table.boundary import grow_nearest
from napari_advseg.volume.arrays.lazy import Array, LazyArray

LEVELS = (0.3, 0.5, 0.7)
SMALLEST = 30
"""Faces, or pixels of a section, that are half the way to being trusted."""
CORE = 12
"""Fewer pixels of a section are no part of their own."""

Action = Literal["merge", "split"]
Signal = Literal["evidence", "uncertainty", "critic"]
SIGNALS: tuple[Signal, ...] = get_args(Signal)
MEASURED = ("area", "wall", "doubt", "verdict")
FACES: list[Any] = [
    ("one", "u8"),
    ("other", "u8"),
    *((name, "f8") for name in MEASURED),
    ("weakest", "f8"),
    ("here", "i8", (3,)),
    ("there", "i8", (3,)),
]


@dataclasses.dataclass(frozen=True, slots=True)
class Candidate:
    """Two objects that may be one, or one that may be two.

    Attributes:
        action: what would put it right.
        labels: the objects that meet, or the one that is divided.
        points: a voxel of each object, or of each side of a divided one.
        size: faces of the contact, or pixels of the smaller side in its section.
        evidence: in [0, 1]: 1 - the mean wall at the contact, or the height of the wall that divides.
        uncertainty: mean entropy of the map at the contact, or where the sides meet, in bits.
        verdict: how false the critic takes labels to be there, in [0, 1]; NaN where none was asked.
    """

    action: Action
    labels: tuple[int, ...]
    points: tuple[Point, ...]
    size: float
    evidence: float
    uncertainty: float
    verdict: float

    def worth(self, signal: Signal) -> float:
        """What speaks for it, in [0, 1]; less where it is small."""
        found = self.verdict if signal == "critic" else getattr(self, signal)
        return float(found * self.size / (self.size + SMALLEST))


@dataclasses.dataclass(frozen=True, eq=False)
class Section:
    """Labels (y, x) and what is known of every pixel, float32 in [0, 1]: wall, doubt (entropy, bits) and verdict."""

    labels: Array
    wall: Array
    doubt: Array
    verdict: Array


def find(
    proof: Proof, interior_map: LazyArray, verdict: LazyArray | None = None
) -> Reports[list[Candidate]]:
    """All contacts between objects, and for each object the clearest wall that divides it in a section.

    Where labels are divided by 0 they are grown first. Sections are read one by one and reported.

    Args:
        interior: probability of being inside a cell, of the shape of the labels.
        verdict: how false the labels look, of the same shape, in [0, 1].

    Raises:
        ValueError: shapes differ, or the map holds no probabilities.
    """
    for one in (interior_map, *([] if verdict is None else [verdict])):
        if tuple(one.shape) != proof.labels.shape:
            raise ValueError(
                f"The map of shape {tuple(one.shape)} does not lie on labels of shape {proof.labels.shape}; "
                "choose the map that the labels were made from."
            )
    flat = proof.labels.ndim == 2
    count = 1 if flat else proof.labels.shape[0]
    yield Phase("queue", count)
    faces: list[Array] = []
    inside: dict[int, Candidate] = {}
    above: Section | None = None
    for z, section in enumerate(_sections(proof, interior_map, verdict)):
        here = section
        if not section.labels.all():
            here = dataclasses.replace(section, labels=grow_nearest(section.labels))
        faces += [_faces(here, above, z)]
        for found in _divided(section, z, flat=flat):
            known = inside.get(found.labels[0])
            if known is None or found.worth("evidence") > known.worth("evidence"):
                inside[found.labels[0]] = found
        above = here
        yield BlockDone("queue", z + 1, count)
    return [*_contacts(faces, proof.labels.ndim), *inside.values()]


def _sections(
    proof: Proof, interior_map: LazyArray, verdict: LazyArray | None
) -> Iterator[Section]:
    """Each section; where there is no data a sure wall."""
    places: list[Any] = [...] if proof.labels.ndim == 2 else list(range(proof.labels.shape[0]))
    for place in places:
        inside = np.nan_to_num(as_probability(np.asarray(interior_map[place])), nan=0.0)
        labels = np.asarray(proof.labels[place])
        said = np.full_like(inside, np.nan) if verdict is None else np.asarray(verdict[place])
        yield Section(labels, 1 - inside, entropy(inside), said)


def entropy(share: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Of a choice between two, in bits: 1 at .5, 0 at 0 and 1."""
    sure = np.clip(share, 1e-6, 1 - 1e-6)
    return np.asarray(-(sure * np.log2(sure) + (1 - sure) * np.log2(1 - sure)), np.float32)


def _faces(here: Section, above: Section | None, z: int) -> Array:
    """Contacts of a section and with the one before, one row a pair of labels."""
    parts = [_between(here, here, (0, 1), z), _between(here, here, (1, 0), z)]
    if above is not None:
        parts.append(_between(here, above, (0, 0), z))
    return _joined(np.concatenate(parts))


def _between(near: Section, far: Section, step: tuple[int, int], z: int) -> Array:
    """Faces between a section and itself a step on, or (step 0, 0) the section before it; a row a face."""
    dy, dx = step
    height, width = near.labels.shape
    here, there = (slice(height - dy), slice(width - dx)), (slice(dy, None), slice(dx, None))
    one, other = near.labels[here], far.labels[there]
    y, x = np.nonzero((one != other) & (one != 0) & (other != 0))
    found = np.zeros(len(y), FACES)
    a, b = one[y, x], other[y, x]
    found["one"], found["other"], found["area"] = np.minimum(a, b), np.maximum(a, b), 1
    found["wall"] = np.maximum(near.wall[here][y, x], far.wall[there][y, x])
    found["doubt"] = (near.doubt[here][y, x] + far.doubt[there][y, x]) / 2
    found["verdict"] = (near.verdict[here][y, x] + far.verdict[there][y, x]) / 2
    found["weakest"] = found["wall"]
    this = np.stack([np.full(len(y), z), y, x], 1)
    that = np.stack([np.full(len(y), z - (step == (0, 0))), y + dy, x + dx], 1)
    is_first = (a < b)[:, None]
    found["here"], found["there"] = np.where(is_first, this, that), np.where(is_first, that, this)
    return found


def _joined(faces: Array) -> Array:
    """One row a pair: sums, and the place where the wall is weakest."""
    if not len(faces):
        return faces
    order = np.lexsort((faces["weakest"], faces["other"], faces["one"]))
    faces = faces[order]
    is_new = (np.diff(faces["one"], prepend=0) != 0) | (np.diff(faces["other"], prepend=0) != 0)
    is_new[0] = True
    first = np.flatnonzero(is_new)
    rows = faces[first].copy()
    for name in MEASURED:
        rows[name] = np.add.reduceat(faces[name], first)
    return rows


def _contacts(faces: list[Array], axes: int) -> Iterator[Candidate]:
    for row in _joined(np.concatenate(faces)):
        area, wall, doubt, verdict = (float(row[name]) for name in MEASURED)
        points = tuple(tuple(int(k) for k in row[end][-axes:]) for end in ("here", "there"))
        labels = int(row["one"]), int(row["other"])
        yield Candidate(
            "merge", labels, points, area, 1 - wall / area, doubt / area, verdict / area
        )


def _divided(section: Section, z: int, *, flat: bool) -> Iterator[Candidate]:
    """Objects that a wall divides in this section: two parts that a low threshold keeps apart."""
    labels = section.labels
    dense = np.unique(labels, return_inverse=True)[1].reshape(labels.shape).astype(np.uint32)
    dense[labels == 0] = 0
    whole = cc3d.connected_components(dense, connectivity=4, out_dtype=np.uint32)
    boxes = find_objects(whole.view(np.int32))
    done: set[int] = set()
    for level in LEVELS:
        cores, count = cc3d.connected_components(
            np.where(section.wall < 1 - level, whole, 0),
            connectivity=4,
            out_dtype=np.uint32,
            return_N=True,
        )
        for part, pair, ends, size in _pairs(whole, cores, count):
            if part not in done:
                done.add(part)
                box = boxes[part - 1]
                meet = _meeting(whole[box] == part, cores[box], pair)
                doubt, verdict = (
                    float(one[box][meet].mean()) for one in (section.doubt, section.verdict)
                )
                points = tuple((y, x) if flat else (z, y, x) for y, x in ends)
                label = int(labels[ends[0]])
                yield Candidate("split", (label,), points, size, 1 - level, doubt, verdict)


def _meeting(
    mask: npt.NDArray[np.bool_], cores: Array, pair: tuple[int, int]
) -> npt.NDArray[np.bool_]:
    """Pixels of a part that lie half way between its two cores, on either side."""
    one, other = (edt.edt(np.ascontiguousarray(cores != core)) for core in pair)
    is_nearer = one < other
    meet = np.zeros(mask.shape, np.bool_)
    for axis in (0, 1):
        first, second = (np.moveaxis(array, axis, 0) for array in (is_nearer, mask))
        apart = (first[1:] != first[:-1]) & second[1:] & second[:-1]
        along = np.moveaxis(meet, axis, 0)
        along[1:] |= apart
        along[:-1] |= apart
    return meet


def _pairs(
    whole: Array, cores: Array, count: int
) -> Iterator[tuple[int, tuple[int, int], list[tuple[int, int]], int]]:
    """Parts of a section with two cores or more: its two largest, their middles, and the size of the smaller."""
    if not count:
        return
    flat = cores.reshape(-1)
    sizes = np.bincount(flat, minlength=count + 1)
    places = np.flatnonzero(flat)
    order = places[np.argsort(flat[places], kind="stable")]
    ends = np.cumsum(sizes[1:])
    owner = whole.reshape(-1)[order[ends - sizes[1:]]]
    large = np.flatnonzero(sizes[1:] >= CORE)
    large = large[np.lexsort((-sizes[1:][large], owner[large]))]
    same = np.flatnonzero(owner[large][1:] == owner[large][:-1])
    seen: set[int] = set()
    for k in same:
        part = int(owner[large[k]])
        if part in seen:
            continue
        seen.add(part)
        first, second = (int(c) for c in large[k : k + 2])
        middles = [
            _middle(order[ends[c] - sizes[c + 1] : ends[c]], whole.shape[1])
            for c in (first, second)
        ]
        yield part, (first + 1, second + 1), middles, int(sizes[second + 1])


def _middle(places: npt.NDArray[np.intp], width: int) -> tuple[int, int]:
    """The pixel of a core that is nearest to its middle."""
    y, x = np.divmod(places, width)
    best = int(np.argmin((y - y.mean()) ** 2 + (x - x.mean()) ** 2))
    return int(y[best]), int(x[best])
