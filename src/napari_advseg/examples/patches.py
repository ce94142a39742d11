"""Batches: crops of images with their targets, each a pure function of the seed and a number."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt
from numpy.random import Generator

from napari_advseg.examples.augment import rearranged, spoiled
from napari_advseg.examples.census import Census, take_census
from napari_advseg.examples.places import Everywhere, Places, Window
from napari_advseg.examples.resize import resized_image, resized_labels
from napari_advseg.examples.sections import Sections, as_volume, plane, read_window, spatial
from napari_advseg.examples.targets import Meaning, reach, target_channels, targets, whole_ids
from napari_advseg.progress import drain
from napari_advseg.settings.examples import ExampleSettings, TargetSettings
from napari_advseg.volume.volume import Volume

Floats = npt.NDArray[np.float32]
Array = npt.NDArray[Any]
Normalise = Callable[[Array], Floats]
"""Any array to float32 of the same shape, finite everywhere; not the array itself."""
ONLINE, FIXED, ORDER = range(3)
TOLERANCE = 1e-3


@dataclasses.dataclass(frozen=True, eq=False)
class Batch:
    """What a family trains on: float32 arrays of shape (N, C, H, W).

    Attributes:
        image: normalised grey values, C as in the image.
        target: 1 inside a cell, 0 on its boundary; one channel, for affinities one per direction.
        weight: of the target's shape; 0 where nobody has annotated, where the image has no number,
            and outside the section.
        windows: where each crop was cut.
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
    """

    def __init__(
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
    ) -> None:
        """Batches over `sections[i]` of image i (all annotated ones).

        One pass over the labels finds the annotated places, unless its `censuses` are given.

        Raises:
            ValueError: image and labels do not fit each other, only some images have labels,
                nothing is annotated, or the seed is negative.
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
        image, ids = self._read(window)
        image, ids = rearranged(image, ids, self.settings.augmentation, rng)
        image = image[self._cut()]
        target, weight = self._target(ids, window[0])
        weight *= finite(image)
        grey = self._normaliser(image)
        grey = spoiled(grey, target[0], self.settings.augmentation, rng)
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
            return Everywhere(self._images, sections or everything, self._side)
        if censuses is None:
            wanted = sections or [range(volume.size("z")) for volume in labels]
            pairs = zip(labels, wanted, strict=True)
            censuses = [drain(take_census(volume, chosen)) for volume, chosen in pairs]
        annotated = [c.annotated(zero) for c, zero in zip(censuses, self._zeros, strict=True)]
        if sections is not None:
            both = zip(annotated, sections, strict=True)
            annotated = [sorted(set(known) & set(chosen)) for known, chosen in both]
        return Places(self._labels, censuses, annotated, self._zeros, self._side)

    def _read(self, window: Window) -> tuple[Array, Array]:
        """Image (c, 1, y, x) and ids (1, y, x) at the training scale, with the margin."""
        volume, index, top, left = window
        margin = round(self._margin / self.settings.scale)
        corner, outer = (top - margin, left - margin), self._side + 2 * margin
        image = read_square(self._images, volume, index, corner, outer)
        image = image.reshape(-1, 1, *image.shape[-2:])
        if self._labels.volumes:
            ids = read_ids(self._labels, volume, index, corner, outer)[None]
        else:
            ids = np.full((1, *image.shape[-2:]), -1, np.int64)
        side = self.settings.crop + 2 * self._margin
        if self.settings.scale != 1:
            image, ids = resized_image(image, side, side), resized_labels(ids, side, side)
        return image, ids

    def _target(self, ids: Array, volume: int) -> tuple[Floats, Floats]:
        if not self._labels.volumes:
            shape = (
                target_channels(self.settings.targets),
                1,
                self.settings.crop,
                self.settings.crop,
            )
            return np.zeros(shape, np.float32), np.zeros(shape, np.float32)
        target, weight = section_target(ids[0], self.settings.targets, self._zeros[volume])
        cut = self._cut()
        return target[:, None][cut], weight[:, None][cut]

    def _cut(self) -> tuple[Any, ...]:
        inner = slice(self._margin, self._margin + self.settings.crop)
        return (..., inner, inner)


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


def finite(image: Array) -> Array:
    """Where the image (c, ...) has a number in all channels; a single True for integers."""
    known = np.isfinite(image).all(axis=0) if image.dtype.kind == "f" else True
    return np.asarray(known)


def section_target(ids: Array, settings: TargetSettings, zero: Meaning) -> tuple[Floats, Floats]:
    """Target and weight of one (y, x) section with the channels in front."""
    target = targets(ids, settings, zero)
    shape = (target_channels(settings), *ids.shape)
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
    theirs = f"the image '{image.frame.name}'", f"its labels '{labels.frame.name}'"
    sizes = [tuple(volume.size(axis) for axis in "zyx") for volume in (image, labels)]
    if sizes[0] != sizes[1]:
        raise ValueError(
            f"The shapes (z, y, x) differ: {sizes[0]} of {theirs[0]}, {sizes[1]} of {theirs[1]}; "
            "give labels of the same shape."
        )
    for axis in "zyx":
        steps = [_step(volume, axis) for volume in (image, labels)]
        if all(steps) and abs(steps[0] - steps[1]) > TOLERANCE * max(steps):
            words = [f"{v.frame.step(axis):g} {_unit(v, axis)}" for v in (image, labels)]
            raise ValueError(
                f"The scales along {axis} differ: {words[0]} of {theirs[0]}, {words[1]} of "
                f"{theirs[1]}; give labels of the same scale, or correct one of them."
            )


METERS = {
    "angstrom": 1e-10,
    "picometer": 1e-12,
    "nanometer": 1e-9,
    "micrometer": 1e-6,
    "millimeter": 1e-3,
    "centimeter": 1e-2,
    "meter": 1.0,
}


def _unit(volume: Volume, axis: str) -> str:
    return volume.frame.units[volume.axes.index(axis)] if axis in volume.axes else "pixel"


def _step(volume: Volume, axis: str) -> float:
    """The step in meters; 0 where no length is known."""
    return METERS.get(_unit(volume, axis), 0.0) * volume.frame.step(axis)
