"""Batches: crops of images, or blocks of volumes, with their targets, each a pure function of seed and number."""

from __future__ import annotations

import dataclasses
import itertools
import math
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt
from numpy.random import Generator

from napari_advseg.examples.augment import rearranged, spoiled
from napari_advseg.examples.census import Census, take_census
from napari_advseg.examples.places import Depths, Everywhere, Places, Window, longest_run
from napari_advseg.examples.resize import resized_image, resized_labels
from napari_advseg.examples.sections import Sections, as_volume, plane, read_window, spatial
from napari_advseg.examples.targets import (
    Meaning,
    depth_reach,
    reach,
    target_channels,
    targets,
    whole_ids,
)
from napari_advseg.progress import drain
from napari_advseg.settings.examples import ExampleSettings, TargetSettings
from napari_advseg.volume.units import step_nm
from napari_advseg.volume.volume import Volume

Floats = npt.NDArray[np.float32]
Array = npt.NDArray[Any]
Normalise = Callable[[Array], Floats]
"""Any array to float32 of the same shape, finite everywhere; not the array itself."""
ONLINE, FIXED, ORDER = range(3)
TOLERANCE = 1e-3
VALIDATION_BLOCKS = 12


@dataclasses.dataclass(frozen=True, eq=False)
class Batch:
    """What a family trains on: float32 arrays of shape (N, C, H, W), of volumes (N, C, Z, H, W).

    Attributes:
        image: normalised grey values, C as in the image.
        target: 1 inside a cell, 0 on its boundary; one channel, for affinities one per direction.
        weight: of the target's shape; 0 where nobody has annotated, where the image has no number,
            and outside the section.
        windows: where each crop was cut; of a block the first section.
        paired: whether image and target show the same place.
        pairs: a few that do, beside others that do not.
    """

    image: Floats
    target: Floats
    weight: Floats
    windows: tuple[Window, ...] = ()
    paired: bool = True
    pairs: Batch | None = None


class Batches:
    """`batches[k]` is batch k, the same for equal seed and k, whatever was asked before.

    Crops are read when a batch is asked for. Images and labels come in pairs; without labels (None
    for every image) target and weight are 0. Each crop is read larger by what its target needs, so
    that its target is that of the whole section. With a training scale other than 1 it is read at
    `crop / scale` pixels and resized. Several threads may ask for batches.

    With a `depth` in the settings crops are blocks of so many neighbouring sections. They hold an
    annotated section and lie in `readable` sections alone (all); what else they hold has weight 0.
    """

    def __init__(  # noqa: PLR0913 - two of them are known beforehand or found here
        self,
        images: Sequence[Volume],
        labels: Sequence[Volume | None],
        settings: ExampleSettings,
        zero: Meaning | Sequence[Meaning],
        normaliser: Normalise,
        seed: int,
        sections: Sequence[Sequence[int]] | None = None,
        *,
        censuses: Sequence[Census] | None = None,
        readable: Sequence[Sequence[int]] | None = None,
    ) -> None:
        """Batches over `sections[i]` of image i (all annotated ones).

        One pass over the labels finds the annotated places, unless its `censuses` are given.

        Raises:
            ValueError: image and labels do not fit each other, only some images have labels,
                nothing is annotated, a block is larger than what it is cut from, or the seed is
                negative.
        """
        if seed < 0:
            raise ValueError(f"Seed {seed} is negative; choose 0 or more.")
        self.settings = settings
        self.seed = seed
        truth = check_pairs(images, labels)
        self._images = Sections(images)
        self._labels = Sections(truth)
        self._zeros = [zero] * len(images) if isinstance(zero, str) else list(zero)
        self._normaliser = normaliser
        self._margin = reach(settings.targets)
        self._side = max(1, round(settings.crop / settings.scale))
        self._depths = self._find_depths(readable) if settings.depth else None
        self._places = self._find_places(sections, censuses)

    def __getitem__(self, index: int) -> Batch:
        if index < 0:
            raise IndexError(f"Batch {index} does not exist; batches are counted from 0.")
        count = self.settings.batch
        return gathered([self.example(index * count + at) for at in range(count)])

    def example(self, number: int) -> Batch:
        """Crop `number` of the endless row that the batches are cut from, as a batch of one."""
        rng = self._generator(number)
        window = self._places.draw(rng)
        if self._depths:
            begins = self._depths.holding(*window[:2])
            window = (window[0], int(rng.choice(begins)), *window[2:])
        image, ids = self._read(window)
        image, ids = rearranged(image, ids, self.settings.augmentation, rng)
        image = image[self._cut()]
        target, weight = self._target(ids, window[0])
        weight *= finite(image)
        grey = self._normaliser(image)
        grey = spoiled(grey, target[0], self.settings.augmentation, rng)
        if self._depths:
            return Batch(grey[None], target[None], weight[None], (window,))
        return Batch(grey[:, 0][None], target[:, 0][None], weight[:, 0][None], (window,))

    def _generator(self, number: int) -> Generator:
        if self.settings.mode == "fixed":
            epoch, at = divmod(number, self.settings.fixed_crops)
            crop = int(_order(self.seed, epoch, self.settings.fixed_crops)[at])
            return np.random.default_rng(np.random.SeedSequence([self.seed, FIXED, crop]))
        return np.random.default_rng(np.random.SeedSequence([self.seed, ONLINE, number]))

    def _find_places(
        self, sections: Sequence[Sequence[int]] | None, censuses: Sequence[Census] | None
    ) -> Places | Everywhere:
        images, labels = self._images.volumes, self._labels.volumes
        if not labels:
            everything = [range(image.size("z")) for image in images]
            chosen = self._reachable(sections or everything)
            return Everywhere(self._images, chosen, self._side)
        if censuses is None:
            wanted = sections or [range(volume.size("z")) for volume in labels]
            pairs = zip(labels, wanted, strict=True)
            censuses = [drain(take_census(volume, chosen)) for volume, chosen in pairs]
        annotated = [c.annotated(zero) for c, zero in zip(censuses, self._zeros, strict=True)]
        if sections is not None:
            both = zip(annotated, sections, strict=True)
            annotated = [sorted(set(known) & set(chosen)) for known, chosen in both]
        self._taught = [frozenset(own) for own in annotated]
        reachable = self._reachable(annotated)
        if any(annotated) and not any(reachable):
            raise ValueError(
                f"No annotated section lies among {self.settings.depth} neighbouring ones that are free for training; "
                "choose a smaller examples.depth, or withhold others."
            )
        annotated = reachable
        return Places(self._labels, censuses, annotated, self._zeros, self._side)

    def _find_depths(self, readable: Sequence[Sequence[int]] | None) -> Depths:
        volumes = self._images.volumes
        readable = readable or [range(volume.size("z")) for volume in volumes]
        check_blocks(volumes, readable, self.settings)
        return Depths(readable, [volume.size("z") for volume in volumes], self.settings.depth or 1)

    def _reachable(self, sections: Sequence[Sequence[int]]) -> list[list[int]]:
        """Those of the sections that some block holds; crops of sections reach all."""
        if self._depths is None:
            return [list(own) for own in sections]
        holding = self._depths.holding
        return [[z for z in own if holding(at, z).size] for at, own in enumerate(sections)]

    def _read(self, window: Window) -> tuple[Array, Array]:
        """Image (c, z, y, x) and ids (z, y, x) at the training scale, with the margin."""
        volume, index, top, left = window
        margin = round(self._margin / self.settings.scale)
        corner, outer = (top - margin, left - margin), self._side + 2 * margin
        first, end = index - self._above, index + (self.settings.depth or 1) + self._above
        count = self._images.volumes[volume].size("z")
        planes = [
            read_square(self._images, volume, z, corner, outer) for z in mirrored(first, end, count)
        ]
        image = np.stack([plane.reshape(-1, *plane.shape[-2:]) for plane in planes], axis=1)
        ids = np.full(image.shape[1:], -1, np.int64)
        if self._labels.volumes:
            for z in range(max(first, 0), min(end, count)):
                # Blocks hold sections that are not to be learnt from, too.
                if self._depths is None or z in self._taught[volume]:
                    ids[z - first] = read_ids(self._labels, volume, z, corner, outer)
        side = self.settings.crop + 2 * self._margin
        if self.settings.scale != 1:
            image, ids = resized_image(image, side, side), resized_labels(ids, side, side)
        return image, ids

    def _target(self, ids: Array, volume: int) -> tuple[Floats, Floats]:
        crop, depth = self.settings.crop, self.settings.depth
        chosen = self.settings.targets
        if not self._labels.volumes:
            shape = (target_channels(chosen, 3 if depth else 2), depth or 1, crop, crop)
            return np.zeros(shape, np.float32), np.zeros(shape, np.float32)
        if depth:
            target, weight = section_target(ids, chosen, self._zeros[volume])
            return target[self._cut()], weight[self._cut()]
        target, weight = section_target(ids[0], chosen, self._zeros[volume])
        return target[:, None][self._cut()], weight[:, None][self._cut()]

    def _cut(self) -> tuple[Any, ...]:
        inner = slice(self._margin, self._margin + self.settings.crop)
        sections = slice(self._above, self._above + (self.settings.depth or 1))
        return (..., sections, inner, inner)

    @property
    def _above(self) -> int:
        """Sections that are read before and behind each block."""
        if self._depths is None:
            return 0
        if self.settings.augmentation.swap_axes:
            return self._margin  # a cube stays one
        return depth_reach(self.settings.targets)


def whole_section(
    image: Volume,
    labels: Volume,
    index: int,
    settings: ExampleSettings,
    zero: Meaning,
    normaliser: Normalise,
) -> Batch:
    """One whole section at the training scale as a batch of one, not augmented: to validate on."""
    height, width = (max(1, round(image.size(axis) * settings.scale)) for axis in "yx")
    both = slice(None), slice(None)
    grey = read_window(image, index, *both)
    ids = whole_ids(plane(read_window(labels, index, *both)))
    if settings.scale != 1:
        grey, ids = resized_image(grey, height, width), resized_labels(ids, height, width)
    grey = grey.reshape(-1, *grey.shape[-2:])
    target, weight = section_target(ids, settings.targets, zero)
    weight *= finite(grey)
    return Batch(normaliser(grey)[None], target[None], weight[None], ((0, index, 0, 0),))


def withheld_blocks(
    image: Volume,
    labels: Volume,
    sections: Sequence[int],
    settings: ExampleSettings,
    zero: Meaning,
    normaliser: Normalise,
) -> list[Batch]:
    """Some blocks that hold these sections, each as a batch of one, not augmented: to validate on.

    A block is as large as a training patch. What it holds beside these sections has weight 0. At most
    12 of the blocks that cover the sections, evenly spread; those without any annotation are left out.
    """
    corners = block_corners(image, sections, settings)
    chosen = np.unique(np.linspace(0, len(corners) - 1, VALIDATION_BLOCKS).round().astype(int))
    blocks = []
    for corner in (corners[at] for at in chosen) if corners else ():
        grey, target, weight = _block(image, labels, corner, set(sections), settings, zero)
        if weight.any():
            parts = normaliser(grey)[None], target[None], weight[None]
            blocks.append(Batch(*parts, ((0, *corner),)))
    return blocks


def block_corners(
    image: Volume, sections: Sequence[int], settings: ExampleSettings
) -> list[tuple[int, int, int]]:
    """First section, row and column of the blocks that cover these sections."""
    depth, side = _block_shape(image, settings)
    firsts = []
    for first, end in runs(sections):
        for z in range(first, end, depth):
            middle = (z + min(z + depth, end)) // 2
            firsts.append(min(max(0, middle - depth // 2), image.size("z") - depth))
    tops, lefts = (
        range(0, max(1, image.size(axis) - side // 2), side) for axis in "yx"
    )  # a remainder of less than half a block is not looked at
    return list(itertools.product(firsts, tops, lefts))


def gathered(batches: Sequence[Batch]) -> Batch:
    """Several batches as one."""
    windows = tuple(window for batch in batches for window in batch.windows)
    return Batch(
        np.concatenate([batch.image for batch in batches]),
        np.concatenate([batch.target for batch in batches]),
        np.concatenate([batch.weight for batch in batches]),
        windows,
    )


def check_pairs(images: Sequence[Volume], labels: Sequence[Volume | None]) -> list[Volume]:
    """The labels of all images, or an empty list where there are none.

    Raises:
        ValueError: numbers, shapes or scales of images and labels differ (both are named), only
            some images have labels, or the images differ in their channels.
    """
    if not images:
        raise ValueError("There is no image; give at least one.")
    if len(images) != len(labels):
        raise ValueError(
            f"{len(images)} images and {len(labels)} labels are no pairs; give one for one."
        )
    channels = {spatial(image).size("c") for image in images}
    if len(channels) > 1:
        raise ValueError(
            f"The images have {' and '.join(map(str, sorted(channels)))} channels; give equal ones."
        )
    truth = [as_volume(one) for one in labels if one is not None]
    if truth and len(truth) < len(images):
        raise ValueError(
            f"Only {len(truth)} of {len(images)} images have labels; give labels for all or none."
        )
    for image, one in zip(images, truth, strict=False):
        _check_pair(image, one)
    return truth


def check_blocks(
    volumes: Sequence[Volume], readable: Sequence[Sequence[int]], settings: ExampleSettings
) -> None:
    """Nothing, where blocks of the settings' depth and crop fit into what may be read of every volume.

    Raises:
        ValueError: a volume is a single section, or smaller than a block, or has no run of readable sections as deep.
    """
    check_sizes(volumes, settings)
    depth = settings.depth or 1
    for volume, sections in zip(volumes, readable, strict=True):
        most = longest_run(sections)
        if most < depth:
            raise ValueError(
                f"Patches are {depth} sections deep, but no more than {most} neighbouring sections of "
                f"{_called(volume)} are free for training (others are withheld, or were not chosen); set "
                f"examples.depth to {most} or less, or withhold others."
            )


def check_sizes(volumes: Sequence[Volume], settings: ExampleSettings) -> None:
    """Nothing, where blocks of the settings' depth and crop fit into every volume.

    Raises:
        ValueError: a volume is a single section, or smaller than a block.
    """
    depth, side = settings.depth or 1, max(1, round(settings.crop / settings.scale))
    for volume in volumes:
        shape, name = tuple(volume.size(axis) for axis in "zyx"), _called(volume)
        if shape[0] == 1:
            raise ValueError(
                f"{name} is a single section, and blocks of {depth} sections are to be learnt from; give a stack, or "
                "train a family of sections such as unet."
            )
        if any(length > whole for length, whole in zip((depth, side, side), shape, strict=True)):
            raise ValueError(
                f"Patches of {(depth, side, side)} voxels (z, y, x) are larger than {name} of {shape}; choose "
                f"examples.depth up to {shape[0]} and examples.crop up to "
                f"{int(min(shape[1:]) * settings.scale)}."
            )


def _called(volume: Volume) -> str:
    return f"'{volume.frame.name}'" if volume.frame.name else "the image"


def finite(image: Array) -> Array:
    """Where the image (c, ...) has a number in all channels; a single True for integers."""
    known = np.isfinite(image).all(axis=0) if image.dtype.kind == "f" else True
    return np.asarray(known)


def section_target(ids: Array, settings: TargetSettings, zero: Meaning) -> tuple[Floats, Floats]:
    """Target and weight of one (y, x) section, or of a (z, y, x) block, with the channels in front."""
    target = targets(ids, settings, zero)
    shape = (target_channels(settings, ids.ndim), *ids.shape)
    return target.interior.reshape(shape), target.weight.reshape(shape)


def read_square(
    sections: Sections, volume: int, index: int, corner: tuple[int, int], side: int
) -> Array:
    """A square of a section, mirrored where it reaches over the edge."""
    source = sections.volumes[volume]
    spans = [
        _span(first, side, source.size(axis)) for first, axis in zip(corner, "yx", strict=True)
    ]
    window = sections.window(volume, index, spans[0][0], spans[1][0])
    if spans[0][1] is None and spans[1][1] is None:
        return window
    rows, columns = (np.arange(side) if order is None else order for _, order in spans)
    return window[..., rows[:, None], columns]


def read_ids(
    sections: Sections, volume: int, index: int, corner: tuple[int, int], side: int
) -> npt.NDArray[np.int64]:
    """A square of labels (side, side); -1, not annotated, where it reaches over the edge."""
    source = sections.volumes[volume]
    spans = [
        slice(max(0, first), min(source.size(axis), first + side))
        for first, axis in zip(corner, "yx", strict=True)
    ]
    window = sections.window(volume, index, spans[0], spans[1])
    ids = whole_ids(plane(window))
    if ids.shape == (side, side):
        return ids
    square = np.full((side, side), -1, np.int64)
    top, left = (span.start - first for span, first in zip(spans, corner, strict=True))
    square[top : top + ids.shape[0], left : left + ids.shape[1]] = ids
    return square


def mirrored(first: int, end: int, count: int) -> list[int]:
    """The sections first to end - 1 of `count`, mirrored where they lie outside."""
    folded = np.mod(np.arange(first, end), 2 * count)
    return [int(z) for z in np.where(folded < count, folded, 2 * count - 1 - folded)]


def runs(sections: Sequence[int]) -> list[tuple[int, int]]:
    """Sections that follow each other, as first and end of every run."""
    found: list[tuple[int, int]] = []
    for section in sorted(sections):
        if found and found[-1][1] == section:
            found[-1] = (found[-1][0], section + 1)
        else:
            found.append((section, section + 1))
    return found


def _block_shape(image: Volume, settings: ExampleSettings) -> tuple[int, int]:
    """Sections and side of a block to validate on, as they are read."""
    side = max(1, round(settings.crop / settings.scale))
    return min(settings.depth or 1, image.size("z")), side


def _block(
    image: Volume,
    labels: Volume,
    corner: tuple[int, int, int],
    judged: set[int],
    settings: ExampleSettings,
    zero: Meaning,
) -> tuple[Array, Floats, Floats]:
    """A block (c, z, y, x) at the training scale, its target, and its weight: 0 in sections that are not judged."""
    depth, side = _block_shape(image, settings)
    margin = -round(-reach(settings.targets) / settings.scale)
    sections, rest = range(corner[0], corner[0] + depth), []
    for first, axis in zip(corner[1:], "yx", strict=True):
        rest.append(slice(max(0, first - margin), min(image.size(axis), first + side + margin)))
    grey = np.stack([read_window(image, z, *rest) for z in sections], axis=-3)
    grey = grey.reshape(-1, *grey.shape[-3:])
    planes = [whole_ids(plane(read_window(labels, z, *rest))) for z in sections]
    ids = np.stack(
        [
            own if z in judged else np.full_like(own, -1)
            for z, own in zip(sections, planes, strict=True)
        ]
    )
    if settings.scale != 1:
        size = [max(1, round(length * settings.scale)) for length in ids.shape[-2:]]
        grey, ids = resized_image(grey, *size), resized_labels(ids, *size)
    target, weight = section_target(ids, settings.targets, zero)
    weight *= finite(grey)
    inner = [
        slice(round((first - part.start) * settings.scale), None)
        for first, part in zip(corner[1:], rest, strict=True)
    ]
    most = round(side * settings.scale)
    cut: tuple[Any, ...] = (..., *(slice(part.start, part.start + most) for part in inner))
    return grey[cut], target[cut], weight[cut]


@lru_cache(maxsize=4)
def _order(seed: int, epoch: int, count: int) -> npt.NDArray[np.int64]:
    """The order of the fixed crops in one epoch."""
    rng = np.random.default_rng(np.random.SeedSequence([seed, ORDER, epoch]))
    return rng.permutation(count)


def _span(first: int, side: int, length: int) -> tuple[slice, npt.NDArray[np.intp] | None]:
    """What to read, and which of it stands where; None where it is read as it stands."""
    if first >= 0 and first + side <= length:
        return slice(first, first + side), None
    index = np.mod(np.arange(first, first + side), 2 * length)
    index = np.where(index < length, index, 2 * length - 1 - index)
    low = int(index.min())
    return slice(low, int(index.max()) + 1), index - low


def _check_pair(image: Volume, labels: Volume) -> None:
    names = f"the image '{image.frame.name}'", f"its labels '{labels.frame.name}'"
    sizes = [tuple(volume.size(axis) for axis in "zyx") for volume in (image, labels)]
    if sizes[0] != sizes[1]:
        raise ValueError(
            f"The shapes (z, y, x) differ: {sizes[0]} of {names[0]}, {sizes[1]} of {names[1]}; "
            "give labels of the same shape."
        )
    for axis in "zyx":
        frames = image.frame, labels.frame
        ours, theirs = (step_nm(frame, axis) for frame in frames)
        if ours and theirs and not math.isclose(ours, theirs, rel_tol=TOLERANCE):
            words = [f"{one.step(axis):g} {one.units[one.axes.index(axis)]}" for one in frames]
            raise ValueError(
                f"The scales along {axis} differ: {words[0]} of {names[0]}, {words[1]} of "
                f"{names[1]}; give labels of the same scale, or correct one of them."
            )
