"""Targets: from instance labels to the interior map, 1 inside a cell and 0 on its boundary."""

from __future__ import annotations

import dataclasses
import math
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from napari_advseg.settings.examples import TargetSettings
from napari_advseg.volume.compiled import compiled

Meaning = Literal["unannotated", "boundary", "background"]
Ids = npt.NDArray[np.int64]
Mask = npt.NDArray[np.uint8]
Floats = npt.NDArray[np.float32]


@dataclasses.dataclass(frozen=True, eq=False)
class Target:
    """What a network shall say and how much each voxel counts.

    Attributes:
        interior: float32 of the labels' shape, 1 inside a cell and 0 on its boundary, for `distance`
            with values between; affinities have one channel per direction in front, (y, x) in 2D and
            (z, y, x) in 3D, classes one per class.
        weight: float32 of the same shape, 0 where nobody has annotated.
    """

    interior: Floats
    weight: Floats


def targets(labels: npt.NDArray[Any], settings: TargetSettings, zero: Meaning) -> Target:
    """The target of instance labels of shape (y, x) or (z, y, x), section by section unless the walls of a volume
    are asked for.

    A boundary is drawn where two cells touch. 0 is the boundary itself (`boundary`), the outside of
    every cell (`background`), or has weight 0 (`unannotated`); no boundary is drawn towards it,
    except by `connectomics` with background edges towards a background. A negative label is not
    annotated, whatever 0 means; so are the ids from 2^63 that CREMI uses for "no data".

    Source: thesis, section 3.2 (laplacian3); pytorch_connectomics, seg_to_instance_bd.

    Raises:
        ValueError: the labels are no labels, or `zero` is not resolved.
    """
    if zero not in ("unannotated", "boundary", "background"):
        raise ValueError(f"'{zero}' is no meaning of 0; let decide_zero choose one first.")
    ids = whole_ids(labels)
    if ids.ndim not in (2, 3):
        raise ValueError(f"Labels of shape {ids.shape} are neither a section nor a stack.")
    stack = ids if ids.ndim == 3 else ids[None]
    known = stack > 0 if zero == "unannotated" else stack >= 0
    if settings.kind == "classes":
        interior, weight = _one_hot(stack, known, settings)
    elif settings.kind == "affinities":
        interior, weight = _affinities(stack, known, settings.radius, volume=ids.ndim == 3)
    else:
        interior, weight = _interior(stack, settings, zero), known.astype(np.float32)
    if settings.boundary_weight != 1 and settings.kind != "classes":
        weight[interior == 0] *= np.float32(settings.boundary_weight)
    shape = (*interior.shape[:-3], *ids.shape)
    return Target(interior.reshape(shape), weight.reshape(shape))


def whole_ids(labels: npt.NDArray[Any]) -> Ids:
    """The labels as int64 in C order; whole numbers of any type are accepted.

    Raises:
        ValueError: the numbers are not whole, so that this is an image or a probability map.
    """
    if labels.dtype.kind in "iub":
        return np.ascontiguousarray(labels, dtype=np.int64)
    if labels.dtype.kind != "f":
        raise ValueError(f"Labels of type {labels.dtype} are no labels; give whole numbers.")
    if not np.isfinite(labels).all() or (labels != np.trunc(labels)).any():
        raise ValueError(
            "The labels hold fractions or NaN and look like an image or a probability map; "
            "give the label layer, whose values are whole numbers."
        )
    return np.ascontiguousarray(labels, dtype=np.int64)


def target_channels(settings: TargetSettings, dimensions: int = 2) -> int:
    """Channels of the target: one, one per direction for affinities, or one per class."""
    if settings.kind == "classes":
        return len(settings.classes)
    return dimensions if settings.kind == "affinities" else 1


def reach(settings: TargetSettings) -> int:
    """Pixels around a crop that its target depends on."""
    own = {
        "any_diff": settings.radius,
        "connectomics": settings.radius + 1,
        "laplacian3": 1,
        "distance": settings.radius + math.ceil(settings.distance),
    }
    if settings.kind in own:
        return own[settings.kind] + settings.widen
    return settings.radius if settings.kind == "affinities" else 0


def depth_reach(settings: TargetSettings) -> int:
    """Sections before and behind a block that its target depends on."""
    if settings.kind == "affinities":
        return 1
    return settings.radius if settings.kind == "any_diff" and settings.walls == "volume" else 0


def widened(wall: Mask, radius: int) -> Mask:
    """A (z, y, x) mask dilated in-plane by a (2 radius + 1)^2 square."""
    return _spread(wall, radius) if radius else wall


def _interior(stack: Ids, settings: TargetSettings, zero: Meaning) -> Floats:
    if settings.kind == "laplacian3":
        wall = _laplacian3(stack, signed=settings.signed)
    elif settings.kind == "connectomics":
        towards_zero = zero == "background" and settings.background_edges
        wall = _connectomics(stack, settings.radius, 0 if towards_zero else 1)
    else:
        wall = _any_diff(stack, settings.radius, volume=settings.walls == "volume")
    if zero != "unannotated":
        wall |= stack == 0
    inside: Floats = (widened(wall, settings.widen) == 0).astype(np.float32)
    return _distance(inside, settings.distance) if settings.kind == "distance" else inside


def _distance(inside: Floats, far: float) -> Floats:
    """Distance in-plane to the wall in units of `far`, at most 1; a section without a wall is 1."""
    share = np.ones_like(inside)
    for section, made in zip(inside, share, strict=True):
        if not section.all():
            made[...] = np.minimum(ndimage.distance_transform_edt(section) / far, 1)
    return share


def _any_diff(stack: Ids, radius: int, *, volume: bool) -> Mask:
    wall = np.zeros(stack.shape, np.uint8)
    if volume:
        _mark_touching_volume(stack, radius, wall)
    else:
        _mark_touching(stack, radius, wall)
    return wall


def _laplacian3(stack: Ids, *, signed: bool) -> Mask:
    wall = np.zeros(stack.shape, np.uint8)
    for section, marks in zip(stack, wall, strict=True):
        # the response depends on the values: 1 to K in each section, whatever the stack holds
        response = _laplacian(_ranked(section))
        marks[...] = response > 0 if signed else response != 0
    return wall


def _ranked(section: Ids) -> Ids:
    """The ids as 1 to K in their order, 0 or less where they are; runs of equal ids are one."""
    flat = section.ravel()
    starts = np.flatnonzero(np.append(True, flat[1:] != flat[:-1]))
    values, ranks = np.unique(flat[starts], return_inverse=True)
    lengths = np.diff(np.append(starts, flat.size))
    named = np.repeat(ranks.astype(np.int64), lengths) + 1 - np.searchsorted(values, 1)
    return named.reshape(section.shape)


def _connectomics(stack: Ids, radius: int, least: int) -> Mask:
    contour = np.zeros(stack.shape, np.uint8)
    _mark_differences(stack, least, contour)
    return widened(contour, radius)


def _one_hot(
    stack: Ids, known: npt.NDArray[np.bool_], settings: TargetSettings
) -> tuple[Floats, Floats]:
    """One channel per class, and the weight: 0 where the value is none of them."""
    same = np.stack([stack == value for value in settings.classes])
    weight = np.broadcast_to(known & same.any(axis=0), same.shape)
    return same.astype(np.float32), weight.astype(np.float32)


def _affinities(
    stack: Ids, known: npt.NDArray[np.bool_], distance: int, *, volume: bool
) -> tuple[Floats, Floats]:
    """Same cell `distance` px back along y and x, one section back along z, and the weight."""
    steps = {0: 1, 1: distance, 2: distance} if volume else {1: distance, 2: distance}
    same = np.ones((len(steps), *stack.shape), np.float32)
    weight = np.zeros_like(same)
    for channel, (axis, step) in enumerate(steps.items()):
        if step >= stack.shape[axis]:
            continue
        here = tuple(slice(step, None) if k == axis else slice(None) for k in range(3))
        back = tuple(slice(None, -step) if k == axis else slice(None) for k in range(3))
        same[channel][here] = (stack[here] == stack[back]) & (stack[here] > 0)
        weight[channel][here] = known[here] & known[back]
    return same, weight


@compiled
def _fill(section: Mask, top: int, bottom: int, left: int, right: int) -> None:
    for y in range(max(0, top), min(section.shape[0], bottom)):
        for x in range(max(0, left), min(section.shape[1], right)):
            section[y, x] = 1


@compiled
def _mark_touching(stack: Ids, radius: int, wall: Mask) -> None:
    """Mark every pixel whose (2 radius + 1)^2 window holds both sides of a touching pair."""
    depth, height, width = stack.shape
    for z in range(depth):
        for y in range(height):
            for x in range(width):
                here = stack[z, y, x]
                if here <= 0:
                    continue
                if x + 1 < width and 0 < stack[z, y, x + 1] != here:
                    _fill(wall[z], y - radius, y + radius + 1, x + 1 - radius, x + radius + 1)
                if y + 1 < height and 0 < stack[z, y + 1, x] != here:
                    _fill(wall[z], y + 1 - radius, y + radius + 1, x - radius, x + radius + 1)


@compiled
def _mark_touching_volume(stack: Ids, radius: int, wall: Mask) -> None:
    """Mark every voxel whose (2 radius + 1)^3 window holds both sides of a touching pair."""
    depth, height, width = stack.shape
    for z in range(depth):
        for y in range(height):
            for x in range(width):
                here = stack[z, y, x]
                if here <= 0:
                    continue
                for dz, dy, dx in ((0, 0, 1), (0, 1, 0), (1, 0, 0)):
                    v, u, w = z + dz, y + dy, x + dx
                    if v == depth or u == height or w == width or stack[v, u, w] in (0, here):
                        continue
                    if stack[v, u, w] < 0:
                        continue
                    # the window of a voxel holds both where it reaches back to the one and on to the other
                    for near in range(max(0, v - radius), min(depth, z + radius + 1)):
                        _fill(
                            wall[near],
                            u - radius,
                            y + radius + 1,
                            w - radius,
                            x + radius + 1,
                        )


@compiled
def _mark_differences(stack: Ids, least: int, contour: Mask) -> None:
    """Mark where the central difference along y or x is not 0; ids below `least` count as none."""
    depth, height, width = stack.shape
    for z in range(depth):
        for y in range(height):
            for x in range(width):
                here = stack[z, y, x]
                if here < least:
                    continue
                left, right = stack[z, y, max(x - 1, 0)], stack[z, y, min(x + 1, width - 1)]
                above, below = stack[z, max(y - 1, 0), x], stack[z, min(y + 1, height - 1), x]
                left, right = left if left >= least else here, right if right >= least else here
                above, below = above if above >= least else here, below if below >= least else here
                contour[z, y, x] = left != right or above != below


@compiled
def _laplacian(ids: Ids) -> Ids:
    """8 times the centre minus its neighbours; one that is no cell counts as the centre."""
    height, width = ids.shape
    response = np.zeros(ids.shape, np.int64)
    for y in range(height):
        for x in range(width):
            here = ids[y, x]
            if here <= 0:
                continue
            for v in range(max(0, y - 1), min(height, y + 2)):
                for u in range(max(0, x - 1), min(width, x + 2)):
                    if ids[v, u] > 0:
                        response[y, x] += here - ids[v, u]
    return response


@compiled
def _spread(wall: Mask, radius: int) -> Mask:
    """Dilation by a square, first along x, then along y."""
    depth, height, width = wall.shape
    along, both = np.zeros_like(wall), np.zeros_like(wall)
    for z in range(depth):
        for y in range(height):
            for x in range(width):
                if wall[z, y, x]:
                    along[z, y, max(0, x - radius) : x + radius + 1] = 1
        for y in range(height):
            for v in range(max(0, y - radius), min(height, y + radius + 1)):
                both[z, y] |= along[z, v]
    return both
