"""Images and maps that do not belong together, drawn side by side."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np

from napari_advseg.examples.census import Census
from napari_advseg.examples.patches import Array, Batch, Batches, Floats, Normalise
from napari_advseg.examples.targets import Meaning
from napari_advseg.settings.examples import ExampleSettings
from napari_advseg.volume.volume import Volume

# Apart from the seed of the images, so that equal sets do not give equal places.
OTHER_SEED = 0x9E3779B9


@dataclasses.dataclass(frozen=True)
class Side:
    """Volumes and which of their sections may be used; masks with their censuses."""

    volumes: Sequence[Volume]
    sections: Sequence[Sequence[int]]
    censuses: Sequence[Census] | None = None


class Unpaired:
    """`unpaired[k]` is batch k: crops of images and, from elsewhere, targets of masks; a few pairs on request.

    Numbers, orders and sizes of images and masks need not agree.
    """

    def __init__(
        self,
        images: Side,
        masks: Side,
        settings: ExampleSettings,
        zero: Meaning,
        normaliser: Normalise,
        seed: int,
        pairs: Batches | None = None,
    ) -> None:
        nothing: list[Volume | None] = [None] * len(images.volumes)
        self._images = Batches(
            images.volumes, nothing, settings, zero, normaliser, seed, images.sections
        )
        self._masks = Batches(
            masks.volumes,
            masks.volumes,
            geometry_only(settings),
            zero,
            _untouched,
            seed ^ OTHER_SEED,
            masks.sections,
            censuses=masks.censuses,
        )
        self._pairs = pairs

    def __getitem__(self, index: int) -> Batch:
        image, mask = self._images[index], self._masks[index]
        return dataclasses.replace(
            mask,
            image=image.image,
            windows=image.windows,
            paired=False,
            pairs=None if self._pairs is None else self._pairs[index],
        )


def geometry_only(settings: ExampleSettings) -> ExampleSettings:
    """The settings without what changes grey values: nobody looks at those of a mask."""
    chances = (
        "intensity", "blur", "noise", "local_blur", "missing_part", "missing_section", "out_of_focus", "misalignment",
    )  # fmt: skip
    quiet = settings.augmentation.changed(**dict.fromkeys(chances, 0.0))
    return settings.changed(augmentation=quiet)


def _untouched(array: Array) -> Floats:
    return array.astype(np.float32)
