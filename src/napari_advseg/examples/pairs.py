"""Images and labels that belong together, and whether patches fit into them."""

from __future__ import annotations

import math
from collections.abc import Sequence

from napari_advseg.examples.places import runs
from napari_advseg.examples.sections import as_volume, spatial
from napari_advseg.settings.examples import ExampleSettings
from napari_advseg.volume.units import step_nm
from napari_advseg.volume.volume import Volume

TOLERANCE = 1e-3


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
        most = max((end - first for first, end in runs(sections)), default=0)
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


def _called(volume: Volume) -> str:
    return f"'{volume.frame.name}'" if volume.frame.name else "the image"
