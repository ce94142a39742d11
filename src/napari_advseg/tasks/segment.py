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
from napari_advseg.inference.fitting import STORED, fits, gives_classes, map_frame, stored
from napari_advseg.inference.predict import predict, predict_into, ready
from napari_advseg.inference.predictor import Predictor
from napari_advseg.labelling import label
from napari_advseg.model_store import StoredModel
from napari_advseg.progress import Reports, Said, Saved, Saving
from napari_advseg.recipes import Segment, recipe_beside, validated
from napari_advseg.scoring import Score, score
from napari_advseg.settings.labelling import LabellingSettings
from napari_advseg.settings.prediction import PredictionSettings
from napari_advseg.settings.scoring import ScoringSettings
from napari_advseg.tasks.label import check_outputs, keep_recipe, write_labels
from napari_advseg.tasks.many import segment_set
from napari_advseg.tasks.placed import there
from napari_advseg.volume.arrays.lazy import LazyArray
from napari_advseg.volume.channels import one_channel
from napari_advseg.volume.formats.files import Source, create, describe, read, write_mask
from napari_advseg.volume.formats.sets import is_set
from napari_advseg.volume.frame import Frame
from napari_advseg.volume.painted import with_names
from napari_advseg.volume.part import Part
from napari_advseg.volume.synthetic import MARK, marked
from napari_advseg.volume.volume import Volume

MEMORY_SHARE = 0.25


@dataclasses.dataclass(frozen=True)
class Segmented:
    """An interior map, its labels and, where the truth was given, their score."""

    interior_map: Volume
    labels: Volume
    score: Score | None = None

    @property
    def probabilities(self) -> Volume:
        """The interior map, under the name that it had in version 0.1."""
        return self.interior_map


def segment(
    source: Source,
    model: StoredModel | str | os.PathLike[str],
    labelling: LabellingSettings | None = None,
    prediction: PredictionSettings | None = None,
    truth: Source | None = None,
    scoring: ScoringSettings | None = None,
) -> Reports[Segmented]:
    """Labels of an image (path, array or Volume) by a model (or its folder); nothing else is needed.

    `labelling` defaults to the model's calibrated settings. Everything stays in memory; a recipe (`execute`) goes from
    file to file.

    Raises:
        ValueError: the image cannot be read or does not fit the model, or the model cannot be used.
    """
    raw = read(source)
    model = model if isinstance(model, StoredModel) else model_store.load(model)
    interior_map = yield from predict(raw, model, prediction)
    if gives_classes(model):
        labels = interior_map
    else:
        labels = yield from label(interior_map, labelling or model.card.labelling)
    labels = marked(labels, raw.synthetic)
    scores = score(labels, read(truth), scoring) if truth is not None else None
    return Segmented(interior_map, labels, scores)


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
    return (yield from run_segment(recipe, resume=resume))


def run_segment(recipe: Segment, *, resume: bool = False) -> Reports[dict[str, Any]]:
    """Segment from file to file, section by section, and write the recipe beside the labels.

    Raises:
        ValueError: something does not fit or is in the way; or `resume` is asked for a single image.
    """
    model = model_store.load(recipe.model, recipe.weights)
    recipe = recipe.changed(labelling=recipe.labelling or model.card.labelling)
    if is_set(recipe.image):
        return (yield from run_set(recipe, model, resume=resume))
    if resume:
        raise ValueError(
            "Only the segmentation of several images can be resumed; start this one again with --overwrite."
        )
    raw = fitting(recipe, model)
    yield Said(f"{describe(raw)}.")
    predictors = ready(model, recipe.prediction)
    made = yield from segmented(raw, recipe, model, predictors)
    recipe = recipe.changed(prediction=predictors[0].ran)
    beside = keep_recipe(recipe, recipe_beside(recipe.out))
    yield Saved(recipe.out, "classes" if "classes" in made else "labels")
    return {**made, "recipe": str(beside)}


def run_set(recipe: Segment, model: StoredModel, *, resume: bool) -> Reports[dict[str, Any]]:
    """Segment a folder or pattern of images with the model loaded once; see `segment_set`."""
    predictors = ready(model, recipe.prediction)

    def check(one: Segment) -> Volume:
        return fitting(one, model)

    def segment_one(one: Segment) -> Reports[dict[str, Any]]:
        return segmented(fitting(one, model), one, model, predictors)

    return (yield from segment_set(recipe, check, segment_one, resume=resume))


def fitting(recipe: Segment, model: StoredModel) -> Volume:
    """The image of a recipe, of which the model can make what the recipe asks for.

    Raises:
        ValueError: it cannot be read, does not fit, or what is made of it has no place.
    """
    if Path(recipe.out).resolve() == Path(recipe.image).resolve():
        raise ValueError(f"The labels would replace the image '{recipe.out}'; name another file.")
    raw = read(recipe.image, missing=recipe.missing)
    raw = there(raw, recipe.placed)
    raw = one_channel(raw, recipe.channel)
    raw = raw.cut(*recipe.sections) if recipe.sections else raw
    fits(raw, model)
    if gives_classes(model) and recipe.interior_map:
        raise ValueError(
            "This model tells classes and makes no interior map; leave out --probabilities."
        )
    check_outputs(wanted(raw, recipe), recipe)
    return raw


def wanted(raw: Volume, recipe: Segment) -> Volume:
    """What of the image is segmented; the network looks at what is around it too."""
    return Part(*recipe.part).of(raw) if recipe.part else raw


def segmented(
    raw: Volume, recipe: Segment, model: StoredModel, predictors: Sequence[Predictor]
) -> Reports[dict[str, Any]]:
    """Labels, or classes, of one image in the file that the recipe names; what was found comes back."""
    if gives_classes(model):
        return (yield from write_classes(raw, recipe, model, predictors))
    with map_place(recipe, wanted(raw, recipe)) as place:
        interior_map = yield from predicted(raw, recipe, model, predictors, place)
        interior_map = marked(interior_map, keep_mask(raw, recipe))
        return (yield from write_labels(interior_map, recipe))


def keep_mask(raw: Volume, recipe: Segment) -> LazyArray | None:
    """The mask of an image's synthetic voxels, which now stands beside its labels too; None where it has none."""
    target = wanted(raw, recipe)
    write_mask(target, recipe.out, overwrite=recipe.overwrite)
    return target.synthetic


def predicted(
    raw: Volume,
    recipe: Segment,
    model: StoredModel,
    predictors: Sequence[Predictor],
    place: str | None,
) -> Reports[Volume]:
    """The interior map, in memory or in the store at `place`."""
    part = Part(*recipe.part) if recipe.part else None
    if place is None:
        return (yield from predict(raw, model, recipe.prediction, predictors, part))
    frame, shape = made_of(raw, recipe, model)
    with create(place, shape, STORED, frame, overwrite=recipe.overwrite) as writer:
        yield from predict_into(writer.write, raw, model, recipe.prediction, predictors, part)
        yield Saving("interior map")
        writer.finish()
    yield Saved(place, "interior map")
    return read(place)


def write_classes(
    raw: Volume, recipe: Segment, model: StoredModel, predictors: Sequence[Predictor]
) -> Reports[dict[str, Any]]:
    """The class of every pixel, section by section, into the recipe's output."""
    part = Part(*recipe.part) if recipe.part else None
    frame, shape = made_of(raw, recipe, model)
    frame = with_names(frame, model.card.class_names)
    frame = frame if keep_mask(raw, recipe) is None else frame.after(MARK)
    with create(
        recipe.out, shape, stored(model), frame, kind="labels", overwrite=recipe.overwrite
    ) as writer:
        yield from predict_into(writer.write, raw, model, recipe.prediction, predictors, part)
        yield Saving("classes")
        writer.finish()
    return {"labels": recipe.out, "classes": len(model.card.recipe.examples.targets.classes)}


def made_of(raw: Volume, recipe: Segment, model: StoredModel) -> tuple[Frame, tuple[int, ...]]:
    """Where the map of an image lies, and its shape."""
    target = wanted(raw, recipe)
    frame = map_frame(target, model)
    return frame, tuple(target.size(axis) for axis in frame.axes)


@contextmanager
def map_place(recipe: Segment, raw: Volume) -> Iterator[str | None]:
    """Where the interior map goes: where the recipe says, into memory, or beside the labels if it is too large."""
    needed = raw.size("z") * raw.size("y") * raw.size("x") * STORED.itemsize
    if recipe.interior_map or needed < MEMORY_SHARE * psutil.virtual_memory().available:
        yield recipe.interior_map
        return
    with TemporaryDirectory(prefix=".interior-", dir=Path(recipe.out).parent) as folder:
        yield str(Path(folder) / "interior.ome.zarr")
