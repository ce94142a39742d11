"""What is proposed for an item of the queue: the step, made ahead, and what it would change."""

from __future__ import annotations

import dataclasses

import numpy as np

from napari_advseg.proofreading.editing import edits
from napari_advseg.proofreading.editing.proof import Proof
from napari_advseg.proofreading.editing.regions import connected
from napari_advseg.proofreading.finding.followed import FollowedScore
from napari_advseg.proofreading.finding.queue import Item, beside
from napari_advseg.proofreading.store.steps import Point, Step
from napari_advseg.scoring.table.boundary import grow_nearest
from napari_advseg.volume.arrays.lazy import LazyArray


@dataclasses.dataclass(frozen=True, eq=False)
class Proposal:
    """A step that would put an item right.

    Attributes:
        gain: by how many bits VOI would fall; None without a truth.
    """

    item: Item
    step: Step
    gain: float | None = None


def propose(
    proof: Proof,
    item: Item,
    interior_map: LazyArray | None = None,
    followed: FollowedScore | None = None,
) -> Proposal:
    """The step for an item, not yet done: a merge, or a split along the truth or along the walls of a map.

    Args:
        interior: probability of being inside a cell, for splits without a truth; without it thin places are walls.
        followed: the score that says what is gained, and whose truth cuts the items that the truth found.

    Raises:
        ValueError: the item is no longer there, or nothing can be cut.
    """
    if item.action == "merge":
        step = edits.merge(proof, ids=item.labels, points=_places(proof, item))
    elif len(item.points) > 1:
        step = edits.split(proof, [[point] for point in item.points], interior_map)
    else:
        step = _along_truth(proof, item, followed)
    return Proposal(item, step, None if followed is None else gain_of(step, proof, followed))


def gain_of(step: Step, proof: Proof, followed: FollowedScore) -> float:
    """By how many bits VOI would fall if a step were done; nothing changes.

    Where predicted 0 is grown away, voxels count where they lie: what grows from them does not.
    """
    live = followed.live
    before = live.values.voi
    done = [live.merge(new, old) for old, new in step.renames if new]
    for patch in step.patches:
        at = patch.places(proof.labels.shape)
        window = tuple(slice(int(one.min()), int(one.max()) + 1) for one in at)
        inside = tuple(one - here.start for one, here in zip(at, window, strict=True))
        truth = followed.truth_in(window)[inside]
        done.append(live.repaint(patch.old, patch.new, truth, followed.kept_in(window)[inside]))
    after = live.values.voi
    for change in reversed(done):
        live.undo(change)
    return before - after


def _places(proof: Proof, item: Item) -> tuple[Point, ...]:
    """A voxel of each object; where labels are divided by 0, one near the contact."""
    found = [proof.labels.at(point) for point in item.points]
    if found and tuple(found) == item.labels:
        return item.points
    near = beside(proof, item.points[0], item.labels) if item.points else ()
    if not near:
        raise ValueError(
            f"The objects {', '.join(map(str, item.labels))} no longer meet there; ask for the queue again."
        )
    return near


def _along_truth(proof: Proof, item: Item, followed: FollowedScore | None) -> Step:
    """The true object at the place is cut off the rest of the label around it."""
    if followed is None:
        raise ValueError("This place was found with a truth; give it to cut along it.")
    (point,) = item.points
    region = connected(proof.labels, [point])
    if int(region.labels[region.inside(point)]) != item.labels[0]:
        raise ValueError(f"At {point} object {item.labels[0]} is no more; ask for the queue again.")
    truth = followed.truth_in(region.window)
    if (
        followed.settings.zero == "boundary"
    ):  # a place between two true objects may lie on their wall
        planes = truth.reshape(-1, *truth.shape[-2:])
        truth = np.stack([grow_nearest(plane) for plane in planes]).reshape(truth.shape)
    own = truth[region.inside(point)]
    pieces = np.where(region.mask, np.where(truth == own, 1, 2), 0)
    return edits.split_along(proof, region.window, pieces)
