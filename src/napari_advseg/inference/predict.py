"""A model applied to a volume: normalise, tile, infer, blend, section by section or slab by slab."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_advseg.inference.fitting import STORED, Map, blank_map, fits, gives_classes
from napari_advseg.inference.predictor import Predictor
from napari_advseg.inference.slabs import Pile, block, slabs, surrounded
from napari_advseg.model_store import StoredModel
from napari_advseg.progress import Reports
from napari_advseg.settings.prediction import PredictionSettings
from napari_advseg.volume.formats.target import MEMORY, Keep, Target
from napari_advseg.volume.part import Part
from napari_advseg.volume.volume import Volume


def predict(
    volume: Volume,
    model: StoredModel,
    settings: PredictionSettings | None = None,
    predictors: Sequence[Predictor] | None = None,
    part: Part | None = None,
    target: Target = MEMORY,
) -> Reports[Volume]:
    """The interior map of every section, or of a part of them, float16 in [0, 1], NaN where the image was not finite.

    Of a model of classes: the class of every pixel, the value it had in the annotation (`stored`).

    The result has the frame of `volume` without channels. A model of sections goes over a stack section by section,
    one of volumes slab by slab. Affinities become an interior map: the least of the directions.
    `predictors` are those of the model and settings, where several volumes are predicted (`ready`). With a `target`
    the sections go to its file, and the map is read from there.

    Raises:
        ValueError: the image's channels or axes do not fit the model, a tile is too small, or memory does not
            suffice for the smallest tile.
    """
    like = blank_map(part.of(volume) if part else volume, model)
    what = "classes" if gives_classes(model) else "interior map"
    made, _ = yield from target.filled(
        like,
        what,
        lambda keep: predict_into(keep, volume, model, settings, predictors, part),
    )
    return made


def predict_into(
    keep: Keep,
    volume: Volume,
    model: StoredModel,
    settings: PredictionSettings | None = None,
    predictors: Sequence[Predictor] | None = None,
    part: Part | None = None,
) -> Reports[None]:
    """`predict`, but each section goes to `keep(index, section)`: memory does not grow with their number.

    A model of volumes sees the sections beside a volume that was cut out of a stack. With a `part` only that of every
    section is made, from as much around it as the network looks at, so that it equals the same part of whole sections.
    """
    fits(volume, model)
    predictors = predictors or ready(model, settings)
    yield from turn_to(volume, predictors)
    lead, count = predictors[0], volume.size("z")
    volume, before = (
        surrounded(volume, lead.tiling.sections_around) if lead.is_volume else (volume, 0)
    )
    volume, wanted = _surroundings(volume, part, predictors)
    yield from prepare(volume, predictors)

    def keep_map(index: int, found: Map) -> None:
        found = found[(..., *wanted)]
        keep(index, found.astype(STORED) if found.ndim == 2 else lead.as_classes(found))

    if lead.is_volume:
        yield from _by_slab(keep_map, volume, predictors, range(before, before + count))
        return
    for index, section in enumerate(volume.sections()):
        keep_map(index, (yield from averaged(predictors, section, index, count)))


def turn_to(volume: Volume, predictors: Sequence[Predictor]) -> Reports[None]:
    """Show the predictors a volume as they know images: its pixel size, its grey values."""
    said = [predictor.shown.match(volume.frame) for predictor in predictors]
    yield from said[0]
    for predictor in predictors:
        predictor.shown.take_grey(volume)


def prepare(volume: Volume, predictors: Sequence[Predictor]) -> Reports[None]:
    """Choose the precision in which all predictors go over a volume."""
    yield from predictors[0].prepare(volume)
    for other in predictors[1:]:
        other.ready.precision = predictors[0].ready.precision


def _by_slab(
    keep: Keep, volume: Volume, predictors: Sequence[Predictor], wanted: range
) -> Reports[None]:
    """The maps of the wanted sections of a volume, blended where slabs overlap; the first one is kept as 0."""
    lead, shape = predictors[0], [volume.size(axis) for axis in "zyx"]
    depth = lead.slab_depth(len(wanted), shape[1], shape[2])
    halo, overlap = lead.tiling.sections_around, lead.tiling.footprint.depth_stride
    plan, pile = slabs(wanted, shape[0], depth, halo, overlap), Pile()
    for at, slab in enumerate(plan):
        image = block(volume, slab.begin, slab.stop)
        found = yield from averaged(predictors, image, at, len(plan))
        following = plan[at + 1].first if at + 1 < len(plan) else None
        for index, section in pile.add(slab, found, following):
            keep(index - wanted.start, section)


def map_of(
    predictors: Sequence[Predictor], volume: Volume, index: int, done: int = 0, total: int = 1
) -> Reports[Map]:
    """The mean of what several models make of one section of a volume; models of volumes look at a block around it."""
    if not predictors[0].is_volume:
        return (yield from averaged(predictors, volume.section(index), done, total))
    sections = predictors[0].around(index, volume.size("z"))
    image = block(volume, sections.start, sections.stop)
    found = yield from averaged(predictors, image, done, total)
    return found[..., index - sections.start, :, :]


def _surroundings(
    volume: Volume, part: Part | None, predictors: Sequence[Predictor]
) -> tuple[Volume, tuple[slice, slice]]:
    """What is read for a part of every section, and where the part lies in it."""
    if part is None:
        return volume, (slice(None), slice(None))
    shape = volume.size("y"), volume.size("x")
    seen = [predictor.sees(part, shape) for predictor in predictors]
    tops, bottoms, lefts, rights = zip(*(one.box for one in seen), strict=True)
    read = Part(min(tops), max(bottoms), min(lefts), max(rights))
    return read.of(volume), part.inside(read)


def ready(model: StoredModel, settings: PredictionSettings | None = None) -> list[Predictor]:
    """The model, or all its members, in the memory of the device; they serve any number of volumes."""
    chosen = settings or model.card.recipe.prediction
    return [Predictor(one, chosen) for one in model.members or (model,)]


def averaged(
    predictors: Sequence[Predictor], section: npt.NDArray[Any], index: int, count: int
) -> Reports[Map]:
    """The mean of what several models make of a section (or slab); BlockDone counts the pieces of all."""
    total = np.zeros((), np.float32)
    for at, predictor in enumerate(predictors):
        place = index * len(predictors) + at
        total = total + (yield from predictor.section(section, place, count * len(predictors)))
    return total / np.float32(len(predictors))
