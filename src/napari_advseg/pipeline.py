"""The line that everything hangs on: read, predict, label, score, write."""

from __future__ import annotations

import dataclasses
import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import psutil

from napari_advseg import model_store
from napari_advseg.device import describe_device
from napari_advseg.generating import run_generate
from napari_advseg.in_turn import segment_set
from napari_advseg.labelling import (
    check_stack,
    described,
    keeps_fragments,
    label,
    label_dtype,
    label_into,
)
from napari_advseg.labelling.fragments import fragments_beside
from napari_advseg.mending import Extending, Mender, Mending, mask_frame, paint_into
from napari_advseg.model_store import StoredModel
from napari_advseg.prediction import (
    STORED,
    Predictor,
    fits,
    gives_classes,
    map_frame,
    predict,
    predict_into,
    ready,
    stored,
)
from napari_advseg.progress import Reports, Said, Saved, Saving
from napari_advseg.recipe import (
    Extend,
    Generate,
    Judge,
    Label,
    Mend,
    Placement,
    Recipe,
    Retrain,
    Segment,
    Suggest,
    Train,
    Tune,
    recipe_beside,
    to_yaml,
    validated,
)
from napari_advseg.retraining.circle import retrain
from napari_advseg.scoring import Score, score
from napari_advseg.settings.labelling import LabellingSettings
from napari_advseg.settings.prediction import PredictionSettings
from napari_advseg.settings.scoring import ScoringSettings
from napari_advseg.training.folds import train
from napari_advseg.training.remembered import watched
from napari_advseg.training.suggest import run_suggest
from napari_advseg.training.tune import run_tune
from napari_advseg.verdict import run_judge
from napari_advseg.volume.atomic import replace_file
from napari_advseg.volume.channels import one_channel
from napari_advseg.volume.files import (
    SectionWriter,
    Source,
    create,
    describe,
    read,
    write_mask,
)
from napari_advseg.volume.frame import Frame
from napari_advseg.volume.lazy import LazyArray
from napari_advseg.volume.painted import with_names
from napari_advseg.volume.part import Part
from napari_advseg.volume.sections import check_target
from napari_advseg.volume.sets import is_set
from napari_advseg.volume.synthetic import MARK, marked, mask_beside, unmarked
from napari_advseg.volume.volume import Volume

MEMORY_SHARE = 0.25


@dataclasses.dataclass(frozen=True)
class Segmented:
    """An interior map, its labels and, where the truth was given, their score."""

    probabilities: Volume
    labels: Volume
    score: Score | None = None


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
    probabilities = yield from predict(raw, model, prediction)
    if gives_classes(model):
        labels = probabilities
    else:
        labels = yield from label(probabilities, labelling or model.card.labelling)
    labels = marked(labels, raw.synthetic)
    scores = score(labels, read(truth), scoring) if truth is not None else None
    return Segmented(probabilities, labels, scores)


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
    return (yield from execute({**tree, **changes}, resume))


def execute(tree: dict[str, Any], resume: bool = False) -> Reports[dict[str, Any]]:  # noqa: FBT001, FBT002
    """Run a recipe given as a nested dictionary; the paths of what was written come back."""
    recipe = validated(tree)
    if isinstance(recipe, Train):
        return (yield from trained(recipe, resume=resume))
    if isinstance(recipe, Segment):
        return (yield from run_segment(recipe, resume=resume))
    if isinstance(recipe, Retrain):
        return (yield from retrain(recipe, run_segment, resume=resume))
    return (yield from RUNS[type(recipe)](recipe))


def trained(recipe: Train, *, resume: bool = False) -> Reports[dict[str, Any]]:
    """Train, and watch what it takes; the folder of the model and its calibration come back."""
    device = describe_device(recipe.training.device)["name"]
    model = yield from watched(train(recipe, resume=resume), recipe, device)
    return {"model": str(model.folder), "calibration": dict(model.card.calibration)}


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
    if gives_classes(model) and recipe.probabilities:
        raise ValueError(
            "This model tells classes and makes no interior map; leave out --probabilities."
        )
    check_outputs(wanted(raw, recipe), recipe)
    return raw


def there(raw: Volume, placed: Placement | None) -> Volume:
    """An image where the recipe says that it lies."""
    if placed is None:
        return raw
    return dataclasses.replace(raw, frame=dataclasses.replace(raw.frame, **dict(placed)))


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
        probabilities = yield from predicted(raw, recipe, model, predictors, place)
        probabilities = marked(probabilities, keep_mask(raw, recipe))
        return (yield from write_labels(probabilities, recipe))


def keep_mask(raw: Volume, recipe: Segment) -> LazyArray | None:
    """The mask of an image's synthetic voxels, which now stands beside its labels too; None where it has none."""
    target = wanted(raw, recipe)
    write_mask(target, recipe.out, overwrite=recipe.overwrite)
    return target.synthetic


def run_painting(recipe: Extend | Mend) -> Reports[dict[str, Any]]:
    """Extend or mend an image from file to file; the mask of what was painted and the recipe stand beside it.

    Raises:
        ValueError: something does not fit or is in the way.
    """
    if Path(recipe.out).resolve() == Path(recipe.image).resolve():
        raise ValueError(f"The image '{recipe.out}' would replace itself; name another file.")
    raw = there(read(recipe.image, missing=recipe.missing), recipe.placed)
    raw = raw.cut(*recipe.sections) if recipe.sections else raw
    yield Said(f"{describe(raw)}.")
    mender = Mender.of(recipe.model, recipe.prediction)
    work: Extending | Mending
    if isinstance(recipe, Extend):
        work = Extending(raw, mender, recipe.margins)
    else:
        holes = read(recipe.holes, missing=recipe.missing) if recipe.holes else None
        if holes is not None and recipe.sections and holes.size("z") > raw.size("z"):
            holes = holes.cut(*recipe.sections)
        work = Mending(raw, mender, holes, recipe.label, recipe.lost)
    place, overwrite = mask_beside(recipe.out), recipe.overwrite
    frame = mask_frame(unmarked(work.frame))
    spatial = tuple(n for n, axis in zip(work.shape, raw.axes, strict=True) if axis in "zyx")
    check_target(Path(recipe.out), work.shape, raw.dtype, "image", overwrite=overwrite)
    masks = create(place, spatial, np.uint8, frame, kind="labels", overwrite=overwrite)
    # Its mask stands beside it before the image does: it may say so from the start.
    marked_frame = work.frame.after(MARK)
    images = SectionWriter.create(
        Path(recipe.out), work.shape, raw.dtype, marked_frame, kind="image", overwrite=overwrite
    )
    with whole_or_nothing(masks), whole_or_nothing(images):
        painted = yield from paint_into(work, images.write, masks.write)
        yield Saving("image")
        masks.finish()
        images.finish()
    beside = keep_recipe(recipe, recipe_beside(recipe.out))
    yield Saved(recipe.out, "image")
    return {"image": recipe.out, "synthetic": str(place), "painted": painted, "recipe": str(beside)}


@contextmanager
def whole_or_nothing(writer: SectionWriter) -> Iterator[None]:
    """What a writer has begun goes where the work ends early: it cannot be resumed."""
    try:
        with writer:
            yield
    finally:
        shutil.rmtree(writer.partial, ignore_errors=True)


def run_label(recipe: Label) -> Reports[dict[str, Any]]:
    """Label an interior map from file to file and write the recipe beside the labels."""
    probabilities = read(recipe.probabilities)
    check_outputs(probabilities, recipe)
    made = yield from write_labels(probabilities, recipe)
    beside = keep_recipe(recipe, recipe_beside(recipe.out))
    yield Saved(recipe.out, "labels")
    return {**made, "recipe": str(beside)}


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
    if recipe.probabilities or needed < MEMORY_SHARE * psutil.virtual_memory().available:
        yield recipe.probabilities
        return
    with TemporaryDirectory(prefix=".interior-", dir=Path(recipe.out).parent) as folder:
        yield str(Path(folder) / "interior.ome.zarr")


def write_labels(probabilities: Volume, recipe: Segment | Label) -> Reports[dict[str, Any]]:
    """Label section by section into the recipe's output."""
    settings = recipe.labelling or LabellingSettings()
    frame = probabilities.frame.after(described(settings))
    with create(
        recipe.out,
        probabilities.shape,
        label_dtype(probabilities),
        frame,
        overwrite=recipe.overwrite,
    ) as writer:
        count = yield from label_into(writer.write, probabilities, settings, Path(recipe.out))
        yield Saving("labels")
        writer.finish()
    made = {"labels": recipe.out, "objects": count}
    if keeps_fragments(probabilities, settings):
        made["fragments"] = str(fragments_beside(recipe.out))
    return made


def keep_recipe(recipe: Segment | Label | Extend | Mend, path: Path) -> Path:
    """Write the recipe; its path comes back."""
    replace_file(path, to_yaml(recipe).encode())
    return path


def check_outputs(image: Volume, recipe: Segment | Label) -> None:
    """Nothing, where all that the recipe names can be made; hours of work should not end with that message.

    Raises:
        ValueError: something is there already, the folder cannot be written to, its disk is too small, or
            memory is too small for the labels.
    """
    shape = tuple(image.size(axis) for axis in "zyx")
    overwrite = recipe.overwrite
    check_target(Path(recipe.out), shape, label_dtype(image), "labels", overwrite=overwrite)
    if isinstance(recipe, Segment) and recipe.probabilities:
        check_target(Path(recipe.probabilities), shape, STORED, "image", overwrite=overwrite)
    settings = recipe.labelling or LabellingSettings()
    if keeps_fragments(image, settings):
        check_target(fragments_beside(recipe.out), shape, np.int32, "labels", overwrite=overwrite)
    check_stack(image, settings)


RUNS: dict[type[Recipe], Callable[[Any], Reports[dict[str, Any]]]] = {
    Tune: run_tune,
    Suggest: run_suggest,
    Judge: run_judge,
    Label: run_label,
    Extend: run_painting,
    Mend: run_painting,
    Generate: run_generate,
}
"""What runs each kind of recipe that is begun anew every time."""
