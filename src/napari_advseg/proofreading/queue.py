"""What to look at next: places where something is probably wrong, the most rewarding first."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator
from typing import Any, Literal

import cc3d
import numpy as np
import numpy.typing as npt

from napari_advseg.labelling.gap_closing import as_probability
from napari_advseg.progress import BlockDone, Phase, Reports
from napari_advseg.proofreading.overlay import IDS
from napari_advseg.proofreading.proof import Proof
from napari_advseg.proofreading.steps import Point
from napari_advseg.scoring.boundary import grow_nearest
from napari_advseg.scoring.findings import Site
from napari_advseg.volume.lazy import Array, LazyArray

LEVELS = (0.3, 0.5, 0.7)
SMALLEST = 30
"""Faces, or pixels of a section, that are half the way to being trusted."""
CORE = 12
"""Fewer pixels of a section are no part of their own."""
REJECTED = "rejected"

Action = Literal["merge", "split"]
FACES: list[Any] = [
    ("one", "u8"),
    ("other", "u8"),
    ("area", "f8"),
    ("wall", "f8"),
    ("weakest", "f8"),
    ("here", "i8", (3,)),
    ("there", "i8", (3,)),
]


@dataclasses.dataclass(frozen=True)
class Item:
    """A place to look at.

    Attributes:
        action: what would put it right.
        labels: the objects to merge, or the one to split.
        points: a voxel of each part: of each object to merge, or a seed on each side of a split; of axes zyx or yx.
        worth: larger is more urgent: bits of VOI with a truth, evidence in [0, 1] without.
        source: where the worth comes from: "truth", "evidence", or another ranking's name.
    """

    action: Action
    labels: tuple[int, ...]
    points: tuple[Point, ...]
    worth: float
    source: str = "evidence"

    @property
    def key(self) -> dict[str, Any]:
        """What it is remembered by when it was rejected."""
        return {
            "action": self.action,
            "labels": list(self.labels),
            "points": [list(p) for p in self.points],
        }


def by_evidence(proof: Proof, interior: LazyArray) -> Reports[list[Item]]:
    """Weak walls between objects and strong walls inside them, the clearest first; reports sections.

    A wall is 1 - interior. Two objects are worth merging as far as the mean wall at their contact is low; where labels
    are divided by 0 they are grown first. An object is worth splitting as far as a wall divides it in a section.
    Contacts and parts of a few pixels count less. Sections are read one by one.

    Args:
        interior: probability of being inside a cell, of the shape of the labels.

    Raises:
        ValueError: shapes differ, or the map holds no probabilities.
    """
    if tuple(interior.shape) != proof.labels.shape:
        raise ValueError(
            f"The map of shape {tuple(interior.shape)} does not lie on labels of shape {proof.labels.shape}; "
            "choose the map that the labels were made from."
        )
    count = proof.labels.shape[0] if proof.labels.ndim == 3 else 1
    yield Phase("queue", count)
    faces: list[Array] = []
    inside: dict[int, Item] = {}
    above: tuple[Array, Array] | None = None
    for z, (labels, wall) in enumerate(_sections(proof, interior)):
        grown = labels if labels.all() else grow_nearest(labels)
        faces += [_faces((grown, wall), above, z, flat=proof.labels.ndim == 2)]
        for item in _divided(labels, wall, z, flat=proof.labels.ndim == 2):
            known = inside.get(item.labels[0])
            if known is None or item.worth > known.worth:
                inside[item.labels[0]] = item
        above = grown, wall
        yield BlockDone("queue", z + 1, count)
    return waiting(proof, [*_weak(faces, proof.labels.ndim), *inside.values()])


def by_truth(proof: Proof, sites: Iterable[Site]) -> list[Item]:
    """The sites that `locate` found, of labels as they are now, by what putting them right gains.

    Args:
        sites: of `locate(proof.volume, truth, by="volume")`.
    """
    found = []
    for site in sites:
        action: Action = "merge" if site.kind == "split" else "split"
        point = site.point[-proof.labels.ndim :]
        points = beside(proof, point, site.labels) if action == "merge" else (point,)
        found.append(Item(action, site.labels, points, site.gain, "truth"))
    return waiting(proof, found)


def waiting(proof: Proof, items: Iterable[Item]) -> list[Item]:
    """The items that nobody has rejected and that touch no locked object, the largest worth first."""
    rejected = [one.content for one in proof.notes if one.about == REJECTED]
    left = [
        one
        for one in items
        if one.key not in rejected and not proof.locked & set(one.labels) and one.worth > 0
    ]
    return sorted(left, key=lambda one: (-one.worth, one.action, one.labels))


def reject(proof: Proof, item: Item) -> None:
    """Remember that an item is none: it does not come back, also after a restart.

    Raises:
        Unwritable: the journal cannot be written.
    """
    proof.note(REJECTED, item.key)


def beside(proof: Proof, point: Point, labels: tuple[int, ...]) -> tuple[Point, ...]:
    """The voxel of each label that is nearest to a contact; none where one is not near it."""
    window = tuple(
        slice(max(0, k - reach), min(length, k + reach + 1))
        for k, length, reach in zip(
            point, proof.labels.shape, (1, 12, 12)[-len(point) :], strict=True
        )
    )
    found = np.asarray(proof.labels[window])
    points: list[Point] = []
    for label in labels:
        places = np.argwhere(found == np.array(label, IDS))
        if not len(places):
            return ()
        places += [one.start for one in window]
        best = places[np.argmin(((places - np.array(point)) ** 2).sum(1))]
        points.append(tuple(int(k) for k in best))
    return tuple(points)


def _sections(proof: Proof, interior: LazyArray) -> Iterator[tuple[Array, Array]]:
    """Each section of labels with its wall, float32 in [0, 1]; where there is no data a sure wall."""
    if proof.labels.ndim == 2:
        places: list[Any] = [...]
    else:
        places = list(range(proof.labels.shape[0]))
    for place in places:
        map_ = as_probability(np.asarray(interior[place]))
        yield np.asarray(proof.labels[place]), np.nan_to_num(1 - map_, nan=1.0)


def _faces(
    here: tuple[Array, Array], above: tuple[Array, Array] | None, z: int, *, flat: bool
) -> Array:
    """Contacts of a section and with the one before, one row a pair of labels."""
    labels, wall = here
    parts = [_between(here, here, (0, 1), z), _between(here, here, (1, 0), z)]
    if above is not None and not flat:
        parts.append(_between((labels, wall), above, (0, 0), z))
    return _joined(np.concatenate(parts))


def _between(
    near: tuple[Array, Array], far: tuple[Array, Array], step: tuple[int, int], z: int
) -> Array:
    """Faces between a section and itself a step on, or (step 0, 0) the section before it; a row a face."""
    dy, dx = step
    height, width = near[0].shape
    one, other = near[0][: height - dy, : width - dx], far[0][dy:, dx:]
    wall = np.maximum(near[1][: height - dy, : width - dx], far[1][dy:, dx:])
    y, x = np.nonzero((one != other) & (one != 0) & (other != 0))
    found = np.zeros(len(y), FACES)
    a, b = one[y, x], other[y, x]
    found["one"], found["other"] = np.minimum(a, b), np.maximum(a, b)
    found["area"], found["wall"] = 1, wall[y, x]
    found["weakest"] = wall[y, x]
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
    for name in ("area", "wall"):
        rows[name] = np.add.reduceat(faces[name], first)
    return rows


def _weak(faces: list[Array], axes: int) -> Iterator[Item]:
    for row in _joined(np.concatenate(faces)):
        area = float(row["area"])
        worth = (1 - float(row["wall"]) / area) * area / (area + SMALLEST)
        points = tuple(tuple(int(k) for k in row[end][-axes:]) for end in ("here", "there"))
        yield Item("merge", (int(row["one"]), int(row["other"])), points, worth)


def _divided(labels: Array, wall: Array, z: int, *, flat: bool) -> Iterator[Item]:
    """Objects that a wall divides in this section: two parts that a low threshold keeps apart."""
    dense = np.unique(labels, return_inverse=True)[1].reshape(labels.shape).astype(np.uint32)
    dense[labels == 0] = 0
    whole = cc3d.connected_components(dense, connectivity=4, out_dtype=np.uint32)
    done: set[int] = set()
    for level in LEVELS:
        cores, count = cc3d.connected_components(
            np.where(wall < 1 - level, whole, 0), connectivity=4, out_dtype=np.uint32, return_N=True
        )
        for part, ends, size in _pairs(whole, cores, count):
            if part not in done:
                done.add(part)
                points = tuple((y, x) if flat else (z, y, x) for y, x in ends)
                worth = (1 - level) * size / (size + SMALLEST)
                yield Item("split", (int(labels[ends[0]]),), points, worth)


def _pairs(
    whole: Array, cores: Array, count: int
) -> Iterator[tuple[int, list[tuple[int, int]], int]]:
    """Parts of a section with two cores or more: the middles of the two largest, and the size of the smaller."""
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
        pair = [
            _middle(order[ends[c] - sizes[c + 1] : ends[c]], whole.shape[1])
            for c in large[k : k + 2]
        ]
        yield part, pair, int(sizes[large[k + 1] + 1])


def _middle(places: npt.NDArray[np.intp], width: int) -> tuple[int, int]:
    """The pixel of a core that is nearest to its middle."""
    y, x = np.divmod(places, width)
    best = int(np.argmin((y - y.mean()) ** 2 + (x - x.mean()) ** 2))
    return int(y[best]), int(x[best])
