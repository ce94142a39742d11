"""Contacts: where two predicted ids meet inside a true one, and two true ids inside a predicted one."""

from __future__ import annotations

import dataclasses

import numpy as np
import numpy.typing as npt

from napari_advseg.scoring.table.boundary import grow_nearest
from napari_advseg.scoring.table.compared import Compared
from napari_advseg.scoring.table.places import FAR, Places, Whole, grouped
from napari_advseg.settings.scoring import ScoringSettings
from napari_advseg.volume.compiled import compiled
from napari_advseg.volume.volume import Array

# Far more than any section has faces: the sure ones decide, then all of them.
MANY = 1 << 32


@dataclasses.dataclass(frozen=True, eq=False)
class Sides:
    """Ids that may meet, and the ids inside which they do; arrays of one section, shape (y, x).

    Attributes:
        outer: ids whose contacts are looked for.
        inner: ids that must be the same on both sides of a contact.
        sure: True where `inner` was there before anything was grown: a point is taken from there.
    """

    outer: Array
    inner: Array
    sure: npt.NDArray[np.bool_]


def sides(section: Compared, settings: ScoringSettings) -> tuple[Sides, Sides]:
    """The sides of a section between which splits lie, and those between which merges lie.

    Where true 0 is a boundary, both label maps are grown into their 0 first, so that walls do not
    keep apart what they divide. Where it is background, 0 is an object and stays; only inside true
    objects the predicted ids are grown.
    """
    labels, truth = section.labels, section.truth
    grown = labels if labels.all() else grow_nearest(labels)
    if settings.zero == "background":
        everywhere = np.ones(truth.shape, np.bool_)
        pieces = np.where(truth != 0, grown, labels)
        return Sides(pieces, truth, everywhere), Sides(truth, labels, everywhere)
    around = truth if truth.all() else grow_nearest(truth)
    return Sides(grown, around, truth != 0), Sides(around, grown, labels != 0)


def touching(within: Sides, z: int) -> Places:
    """Contacts inside section `z`: keys (smaller outer id, larger outer id, inner id), counts of
    faces between two pixels.

    The point is the one nearest to the middle of the contact.
    """
    right = _faces(within, (slice(None), slice(None, -1)), (slice(None), slice(1, None)))
    down = _faces(within, (slice(None, -1),), (slice(1, None),))
    here = np.concatenate([right, down])
    there = np.concatenate([right + 1, down + within.outer.shape[1]])
    return _joined((within, here), (within, there), (z, z + 1))


def touching_between(below: Sides, above: Sides, z: int) -> Places:
    """Contacts between section `z` - 1 and section `z`, as `touching` gives them; points lie in the
    first of the two.
    """
    meet = (below.outer != above.outer) & (below.inner == above.inner)
    here = np.flatnonzero(meet)
    return _joined((below, here), (above, here), (z - 1, z + 1))


def _faces(within: Sides, here: tuple[slice, ...], there: tuple[slice, ...]) -> Whole:
    """Flat places of the pixels in `here` that touch another outer id in `there`."""
    meet = np.zeros(within.outer.shape, np.bool_)
    meet[here] = within.outer[here] != within.outer[there]
    meet[here] &= within.inner[here] == within.inner[there]
    return np.flatnonzero(meet)


def _joined(
    one: tuple[Sides, Whole], other: tuple[Sides, Whole], sections: tuple[int, int]
) -> Places:
    """One place for all faces between the same ids; a face lies between two flat places of equal
    index, one on each side.
    """
    (near, here), (far, there) = one, other
    a, b = near.outer.reshape(-1)[here], far.outer.reshape(-1)[there]
    keys = np.empty((len(here), 3), np.uint64)
    keys[:, 0], keys[:, 1] = np.minimum(a, b), np.maximum(a, b)
    keys[:, 2] = near.inner.reshape(-1)[here]
    sure = near.sure.reshape(-1)[here] & far.sure.reshape(-1)[there]
    first, group = grouped(keys)
    width = max(1, near.outer.shape[1])
    count, surely, flat, best = _summed(group, len(first), here, there - here, sure, width)
    depth = np.full((len(first), 2), sections)
    return Places(
        keys=keys[first],
        count=count,
        box=np.concatenate([depth, flat], 1),
        weight=surely + count / MANY,
        point=np.concatenate([depth[:, :1], best], 1),
    )


@compiled
def _summed(
    group: Whole, groups: int, here: Whole, step: Whole, sure: Array, width: int
) -> tuple[Whole, Whole, Whole, Whole]:
    """Faces, sure faces, box (y0, y1, x0, x1) and place nearest to the middle (y, x), by group.

    Where a group has sure faces, only they count for the middle.
    """
    count, surely = np.zeros(groups, np.int64), np.zeros(groups, np.int64)
    box = np.empty((groups, 4), np.int64)
    box[:, ::2], box[:, 1::2] = FAR, -FAR
    places, sums = np.empty((len(group), 2), np.int64), np.zeros((groups, 2, 2))
    for i in range(len(group)):
        g = group[i]
        y = here[i] // width
        x = here[i] - y * width
        places[i, 0], places[i, 1] = y, x
        count[g] += 1
        surely[g] += sure[i]
        sums[g, int(sure[i]), 0] += y
        sums[g, int(sure[i]), 1] += x
        box[g, 0], box[g, 2] = min(box[g, 0], y), min(box[g, 2], x)
        box[g, 1] = max(box[g, 1], y + 1 + (step[i] == width))
        box[g, 3] = max(box[g, 3], x + 1 + (0 < step[i] < width))
    nearest, best = np.full(groups, np.inf), np.zeros((groups, 2), np.int64)
    for i in range(len(group)):
        g = group[i]
        if sure[i] or not surely[g]:
            tier, share = int(sure[i]), surely[g] or count[g]
            away = (places[i, 0] - sums[g, tier, 0] / share) ** 2
            away += (places[i, 1] - sums[g, tier, 1] / share) ** 2
            if away < nearest[g]:
                nearest[g] = away
                best[g, 0], best[g, 1] = places[i, 0], places[i, 1]
    return count, surely, box, best
