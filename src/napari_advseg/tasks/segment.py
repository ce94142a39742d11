"""The line that everything hangs on: read, predict, label, score, write."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, cast

import psutil

from napari_advseg import model_store
from napari_advseg.inference.fitting import STORED, fits, gives_classes
from napari_advseg.inference.predict import predict, ready
from napari_advseg.inference.predictor import Predictor
from napari_advseg.model_store import StoredModel
from napari_advseg.progress import Reports, Said, Saved
from napari_advseg.recipes import Segment, recipe_beside, validated
from napari_advseg.scoring import Score, score
from napari_advseg.settings.labelling import LabellingSettings
from napari_advseg.settings.prediction import PredictionSettings
from napari_advseg.settings.scoring import ScoringSettings
from napari_advseg.tasks.label import check_outputs, keep_recipe, labelled, summarise
from napari_advseg.tasks.many import segment_set
from napari_advseg.tasks.placed import image_of
from napari_advseg.volume.channel_choice import one_channel
from napari_advseg.volume.formats.files import Source, describe, read
from napari_advseg.volume.formats.sets import is_set
from napari_advseg.volume.formats.target import MEMORY, Target
from napari_advseg.volume.part import Part
from napari_advseg.volume.synthetic_voxels import marked
from napari_advseg.volume.volume import Volume

MEMORY_SHARE = 0.25


@dataclasses.dataclass(frozen=True)
class Segmented:
    """An interior map, its labels and, where the truth was given, their score.

    Of a model of classes map and labels are one volume, and `objects` is their number.
    """

    interior_map: Volume
    labels: Volume
    score: Score | None = None
    objects: int = 0

    @property
    def probabilities(self) -> Volume:
        """The interior map, under the name that it had in version 0.1."""
        return self.interior_map


@dataclasses.dataclass(frozen=True)
class Wanted:
    """What is wanted of an image: a part of every section or all, and where the map and the labels go.

    Classes go where the map would.
    """

    part: Part | None = None
    interior_map: Target = MEMORY
    labels: Target = MEMORY

    def of(self, raw: Volume) -> Volume:
        """The part of an image that is wanted; the network looks at what is around it too."""
        return raw if self.part is None else self.part.of(raw)


def segment(
    source: Source,
    model: StoredModel | str | os.PathLike[str],
    labelling: LabellingSettings | None = None,
    prediction: PredictionSettings | None = None,
    truth: Source | None = None,
    scoring: ScoringSettings | None = None,
    predictors: Sequence[Predictor] | None = None,
    wanted: Wanted = Wanted(),
) -> Reports[Segmented]:
    """Labels of an image (path, array or Volume) by a model (or its folder); nothing else is needed.

    `labelling` defaults to the model's calibrated settings. Everything stays in memory, unless `wanted` names files.
    `predictors` are those of the model and settings, where several images are segmented (`ready`).

    Raises:
        ValueError: the image cannot be read or does not fit the model, or the model cannot be used.
    """
    raw = read(source)
    model = model if isinstance(model, StoredModel) else model_store.load(model)
    interior_map = yield from predict(
        raw, model, prediction, predictors, wanted.part, wanted.interior_map
    )
    known = marked(interior_map, wanted.of(raw).synthetic)
    labels, objects = yield from labels_of(known, model, labelling, wanted)
    scores = score(labels, read(truth), scoring) if truth is not None else None
    return Segmented(interior_map, labels, scores, objects)


def labels_of(
    interior_map: Volume, model: StoredModel, labelling: LabellingSettings | None, wanted: Wanted
) -> Reports[tuple[Volume, int]]:
    """The labels of a model's interior map and their number; classes are labels already."""
    if gives_classes(model):
        return interior_map, len(model.card.recipe.examples.targets.classes)
    if wanted.interior_map.path is not None:
        yield Saved(str(wanted.interior_map.path), "interior map")
    return (yield from labelled(interior_map, labelling or model.card.labelling, wanted.labels))


def segment_folder(
    images: str | os.PathLike[str],
    model: str | os.PathLike[str],
    out: str | os.PathLike[str],
    *,
    overwrite: bool = False,
    resume: bool = False,
    **changes: Any,
) -> Reports[dict[str, Any]]:
    """Labels of every image of a folder or pattern, in files of their names in the folder `out`; see `segment_set`.

    `changes` are further fields of the recipe (`labelling`, `prediction`, `probabilities`).

    Raises:
        ValueError: `images` names a single image, or as `segment_set`.
    """
    if not is_set(images):
        raise ValueError(f"'{images}' is no folder of images and no pattern; segment it alone.")
    place = Path(model)
    tree = {
        "task": "segment",
        "image": str(Path(images).absolute()),
        "model": str(place.absolute() if place.exists() else model),
        "out": str(Path(out).absolute()),
        "overwrite": overwrite,
    }
    recipe = cast("Segment", validated({**tree, **changes}))
    return (yield from run(recipe, resume=resume))


def run(recipe: Segment, *, resume: bool = False) -> Reports[dict[str, Any]]:
    """Segment from file to file, section by section, and write the recipe beside the labels.

    Of a folder or pattern of images every one, with the model loaded once; see `segment_set`.

    Raises:
        ValueError: something does not fit or is in the way; or `resume` is asked for a single image.
    """
    model = model_store.load(recipe.model, recipe.weights)
    recipe = recipe.changed(labelling=recipe.labelling or model.card.labelling)
    if is_set(recipe.image):
        predictors = ready(model, recipe.prediction)
        return (
            yield from segment_set(
                recipe,
                lambda one: fitting(one, model),
                lambda one: segment_file(fitting(one, model), one, model, predictors),
                resume=resume,
            )
        )
    if resume:
        raise ValueError(
            "Only the segmentation of several images can be resumed; start this one again with --overwrite."
        )
    raw = fitting(recipe, model)
    yield Said(f"{describe(raw)}.")
    predictors = ready(model, recipe.prediction)
    made = yield from segment_file(raw, recipe, model, predictors)
    recipe = recipe.changed(prediction=predictors[0].ran)
    beside = keep_recipe(recipe, recipe_beside(recipe.out))
    yield Saved(recipe.out, "classes" if "classes" in made else "labels")
    return {**made, "recipe": str(beside)}


def fitting(recipe: Segment, model: StoredModel) -> Volume:
    """The image of a recipe, of which the model can make what the recipe asks for.

    Raises:
        ValueError: it cannot be read, does not fit, or what is made of it has no place.
    """
    if Path(recipe.out).resolve() == Path(recipe.image).resolve():
        raise ValueError(f"The labels would replace the image '{recipe.out}'; name another file.")
    raw = one_channel(image_of(recipe), recipe.channel)
    raw = raw.cut(*recipe.sections) if recipe.sections else raw
    fits(raw, model)
    if gives_classes(model) and recipe.interior_map:
        raise ValueError(
            "This model tells classes and makes no interior map; leave out --probabilities."
        )
    check_outputs(Wanted(part_of(recipe)).of(raw), recipe)
    return raw


def segment_file(
    raw: Volume, recipe: Segment, model: StoredModel, predictors: Sequence[Predictor]
) -> Reports[dict[str, Any]]:
    """Labels, or classes, of one image in the file that the recipe names; what was found comes back."""
    out, part = Target(recipe.out, recipe.overwrite), part_of(recipe)
    how = recipe.labelling, recipe.prediction
    if gives_classes(model):
        wanted = Wanted(part, out)
        made = yield from segment(raw, model, *how, predictors=predictors, wanted=wanted)
        return {"labels": recipe.out, "classes": made.objects}
    target = Wanted(part).of(raw)
    with map_place(recipe, target) as place:
        wanted = Wanted(part, Target(place, recipe.overwrite), out)
        made = yield from segment(raw, model, *how, predictors=predictors, wanted=wanted)
    return summarise(made.objects, target, recipe)


def part_of(recipe: Segment) -> Part | None:
    """What of every section is segmented; None for all."""
    return Part(*recipe.part) if recipe.part else None


@contextmanager
def map_place(recipe: Segment, raw: Volume) -> Iterator[str | None]:
    """Where the interior map goes: where the recipe says, into memory, or beside the labels if it is too large."""
    needed = raw.size("z") * raw.size("y") * raw.size("x") * STORED.itemsize
    if recipe.interior_map or needed < MEMORY_SHARE * psutil.virtual_memory().available:
        yield recipe.interior_map
        return
    with TemporaryDirectory(prefix=".interior-", dir=Path(recipe.out).parent) as folder:
        yield str(Path(folder) / "interior.ome.zarr")
