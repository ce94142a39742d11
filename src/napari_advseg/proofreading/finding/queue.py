"""What to look at next: places where something is probably wrong, the most rewarding first."""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Iterable, Sequence
from typing import Any, Literal, Self

import numpy as np
from scipy.stats import rankdata

from napari_advseg.progress import Reports
from napari_advseg.proofreading.editing import boxes
from napari_advseg.proofreading.editing.proof import Proof
from napari_advseg.proofreading.finding.candidates import SIGNALS, Action, Candidate, find
from napari_advseg.proofreading.store.overlay import IDS
from napari_advseg.proofreading.store.steps import Point
from napari_advseg.scoring.finding.findings import Site
from napari_advseg.volume.arrays.lazy import Array, LazyArray

REJECTED = "rejected"
NEAR = 12
"""Pixels from a place at which its objects are looked for."""

Order = Literal["evidence", "uncertainty", "critic", "mix"]


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

    def to_json(self) -> dict[str, Any]:
        """All of it, as plain JSON."""
        return {**self.key, "worth": self.worth, "source": self.source}

    @classmethod
    def from_json(cls, row: dict[str, Any]) -> Self:
        """What `to_json` gave."""
        return cls(
            row["action"],
            tuple(map(int, row["labels"])),
            tuple(tuple(map(int, point)) for point in row["points"]),
            float(row["worth"]),
            str(row["source"]),
        )

    @property
    def key(self) -> dict[str, Any]:
        """What it is remembered by when it was rejected."""
        return {
            "action": self.action,
            "labels": list(self.labels),
            "points": [list(p) for p in self.points],
        }


def by_evidence(proof: Proof, interior_map: LazyArray) -> Reports[list[Item]]:
    """Weak walls between objects and strong walls inside them, the clearest first; reports sections.

    A wall is 1 - interior. Two objects are worth merging as far as the mean wall at their contact is low; where labels
    are divided by 0 they are grown first. An object is worth splitting as far as a wall divides it in a section.
    Contacts and parts of a few pixels count less. Sections are read one by one.

    Args:
        interior: probability of being inside a cell, of the shape of the labels.

    Raises:
        ValueError: shapes differ, or the map holds no probabilities.
    """
    return ranked(proof, (yield from find(proof, interior_map)), "evidence")


def by_uncertainty(proof: Proof, interior_map: LazyArray) -> Reports[list[Item]]:
    """The same contacts and divided objects, those first at whose walls the model is least sure; reports sections.

    How unsure it is follows from the map that it made: the entropy of "inside or wall", 1 bit where it says .5. With
    the mean map of several models, where they disagree it is unsure too.

    Raises:
        ValueError: as `by_evidence`.
    """
    return ranked(proof, (yield from find(proof, interior_map)), "uncertainty")


def ranked(proof: Proof, candidates: Sequence[Candidate], order: Order) -> list[Item]:
    """Candidates in an order, the first the most urgent; "mix" goes by the mean of their ranks in all other orders.

    Raises:
        ValueError: nobody has asked a critic about them.
    """
    if order == "mix":
        worths = mixed(candidates)
    elif order == "critic" and candidates and not has_verdict(candidates):
        raise ValueError(
            "No critic has judged these places; give the model of an adversarial_unet or a cgan, or sort by evidence."
        )
    else:
        worths = [one.worth(order) for one in candidates]
    pairs = zip(candidates, worths, strict=True)
    return waiting(
        proof, (Item(one.action, one.labels, one.points, worth, order) for one, worth in pairs)
    )


def mixed(candidates: Sequence[Candidate]) -> list[float]:
    """The mean of the ranks of each candidate in the orders that there are, 1 for the first of all."""
    if not candidates:
        return []
    orders = SIGNALS if has_verdict(candidates) else SIGNALS[:-1]
    ranks = [rankdata([one.worth(order) for one in candidates]) for order in orders]
    return [float(rank) for rank in np.mean(ranks, axis=0) / len(candidates)]


def has_verdict(candidates: Sequence[Candidate]) -> bool:
    """Whether a critic was asked."""
    return not any(math.isnan(one.verdict) for one in candidates)


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
    """The items that nobody has rejected, that touch no locked object and lie in no reviewed box, the largest worth
    first.
    """
    rejected = {
        json.dumps(one.content, sort_keys=True) for one in proof.notes if one.about == REJECTED
    }
    left = [
        one
        for one in items
        if one.worth > 0
        and proof.locked.isdisjoint(one.labels)
        and not _is_reviewed(proof, one)
        and json.dumps(one.key, sort_keys=True) not in rejected
    ]
    return sorted(left, key=lambda one: (-one.worth, one.action, one.labels))


def still(proof: Proof, item: Item) -> Item | None:
    """The item as the labels are now: of the objects at its places; None where nothing is left to do there, or where
    all was reviewed since.

    Objects that were merged since are one at both places, those that were split are two.
    """
    if not item.points:
        return item
    if _is_reviewed(proof, item):
        return None
    labels = tuple(dict.fromkeys(_nearest(proof, point) for point in item.points))
    wanted = len(item.points) if item.action == "merge" else 1
    if 0 in labels or len(labels) != wanted or not proof.locked.isdisjoint(labels):
        return None
    return dataclasses.replace(item, labels=labels)


def _is_reviewed(proof: Proof, item: Item) -> bool:
    """Whether all its places lie in boxes that somebody has found right as they are."""
    return bool(item.points) and all(boxes.holds(proof.boxes, point) for point in item.points)


def reject(proof: Proof, item: Item) -> None:
    """Remember that an item is none: it does not come back, also after a restart.

    Raises:
        Unwritable: the journal cannot be written.
    """
    proof.note(REJECTED, item.key)


def beside(proof: Proof, point: Point, labels: tuple[int, ...]) -> tuple[Point, ...]:
    """The voxel of each label that is nearest to a contact; none where one is not near it."""
    found, away, corner = _around(proof, point, (1, NEAR, NEAR))
    points: list[Point] = []
    for label in labels:
        own = found == np.array(label, IDS)
        if not own.any():
            return ()
        best = np.argwhere(own)[np.argmin(away[own])]
        points.append(tuple(int(k) + at for k, at in zip(best, corner, strict=True)))
    return tuple(points)


def _nearest(proof: Proof, point: Point) -> int:
    """The label at a place; where it is 0, as between objects, the nearest one in its section, 0 where none is near."""
    label = proof.labels.at(point)
    if label:
        return label
    found, away, _ = _around(proof, point, (0, NEAR, NEAR))
    there = found != 0
    return int(found[there][np.argmin(away[there])]) if there.any() else 0


def _around(
    proof: Proof, point: Point, reach: tuple[int, int, int]
) -> tuple[Array, Array, tuple[int, ...]]:
    """The labels around a place, how far each voxel is from it (squared, in voxels), and the first corner."""
    here = tuple(slice(k, k + 1) for k in point)
    window = boxes.widened(here, reach[-len(point) :], proof.labels.shape)
    corner = tuple(one.start for one in window)
    found = np.asarray(proof.labels[window])
    steps = np.indices(found.shape) - np.reshape(
        np.subtract(point, corner), (-1, *(1,) * len(point))
    )
    return found, (steps**2).sum(0), corner
