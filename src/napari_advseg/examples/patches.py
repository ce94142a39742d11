"""Batches: crops of images, or blocks of volumes, with their targets, each a pure function of seed and number."""

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
from napari_advseg.examples.pairs import check_blocks, check_pairs
from napari_advseg.examples.places import Depths, Everywhere, Places, Window
from napari_advseg.examples.resize import resized_image, resized_labels
from napari_advseg.examples.sections import Sections, mirrored, read_ids, read_square
from napari_advseg.examples.targets import Meaning, depth_reach, reach, target_channels, targets
from napari_advseg.progress import drain
from napari_advseg.settings.examples import ExampleSettings, TargetSettings
from napari_advseg.volume.volume import Volume

Floats = npt.NDArray[np.float32]
Array = npt.NDArray[Any]
Normalise = Callable[[Array], Floats]
"""Any array to float32 of the same shape, finite everywhere; not the array itself."""
ONLINE, FIXED, ORDER = range(3)


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
        if not self._depths:
            grey, target, weight = grey[:, 0], target[:, 0], weight[:, 0]
        return Batch(grey[None], target[None], weight[None], (window,))

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
            read_square(self._images, volume, z, corner, outer)
            for z in mirrored(np.arange(first, end), count).tolist()
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
        target, weight = section_target(ids if depth else ids[0], chosen, self._zeros[volume])
        if not depth:
            target, weight = target[:, None], weight[:, None]
        return target[self._cut()], weight[self._cut()]

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


def gathered(batches: Sequence[Batch]) -> Batch:
    """Several batches as one."""
    windows = tuple(window for batch in batches for window in batch.windows)
    return Batch(
        np.concatenate([batch.image for batch in batches]),
        np.concatenate([batch.target for batch in batches]),
        np.concatenate([batch.weight for batch in batches]),
        windows,
    )


def finite(image: Array) -> Array:
    """Where the image (c, ...) has a number in all channels; a single True for integers."""
    known = np.isfinite(image).all(axis=0) if image.dtype.kind == "f" else True
    return np.asarray(known)


def section_target(ids: Array, settings: TargetSettings, zero: Meaning) -> tuple[Floats, Floats]:
    """Target and weight of one (y, x) section, or of a (z, y, x) block, with the channels in front."""
    target = targets(ids, settings, zero)
    shape = (target_channels(settings, ids.ndim), *ids.shape)
    return target.interior.reshape(shape), target.weight.reshape(shape)


@lru_cache(maxsize=4)
def _order(seed: int, epoch: int, count: int) -> npt.NDArray[np.int64]:
    """The order of the fixed crops in one epoch."""
    rng = np.random.default_rng(np.random.SeedSequence([seed, ORDER, epoch]))
    return rng.permutation(count)
