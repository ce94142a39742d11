"""The line that everything hangs on: read, predict, label, score, write."""

from __future__ import annotations

import dataclasses
import os
from pathlib import Path
from typing import Any

import numpy as np

import napari_advseg
from napari_advseg import model_store
from napari_advseg.labelling import label
from napari_advseg.model_store import StoredModel
from napari_advseg.prediction import STORED, predict
from napari_advseg.progress import Reports, Said, Saved
from napari_advseg.recipe import Label, Recipe, Segment, Train, to_yaml, validated
from napari_advseg.scoring import Score, score
from napari_advseg.settings.labelling import LabellingSettings
from napari_advseg.settings.prediction import PredictionSettings
from napari_advseg.settings.scoring import ScoringSettings
from napari_advseg.volume.files import Source, create, describe, read, write
from napari_advseg.volume.volume import Volume


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
    probabilities: str | os.PathLike[str] | None = None,
) -> Reports[Segmented]:
    """Labels of an image (path, array or Volume) by a model (or its folder); nothing else is needed.

    `labelling` defaults to the model's calibrated settings. With the path `probabilities` the interior map goes to
    that store section by section instead of memory.

    Raises:
        ValueError: the image cannot be read or does not fit the model, or the model cannot be used.
    """
    raw = read(source)
    model = model if isinstance(model, StoredModel) else model_store.load(model)
    yield Said(describe(raw) + ".")
    if probabilities is None:
        interior = yield from predict(raw, model, prediction)
    else:
        interior = yield from predict_to(raw, model, prediction, probabilities)
    labels = yield from label(interior, labelling or model.card.labelling)
    scores = score(labels, read(truth), scoring) if truth is not None else None
    return Segmented(interior, labels, scores)


def predict_to(
    raw: Volume, model: StoredModel, settings: PredictionSettings | None, path: str | os.PathLike[str]
) -> Reports[Volume]:
    """The interior map written to `path` section by section, and read back lazily."""
    frame = raw.frame.without("c") if "c" in raw.axes else raw.frame
    shape = tuple(raw.size(axis) for axis in frame.axes)
    with create(path, shape, STORED, frame.after(f"interior map by {model.family}")) as writer:
        yield from predict(raw, model, settings, into=writer.write)
        writer.finish()
    yield Saved(str(path), "interior map")
    return read(path)


def execute(tree: dict[str, Any], resume: bool = False) -> Reports[dict[str, Any]]:  # noqa: FBT001, FBT002
    """Run a recipe given as a nested dictionary; the paths of what was written come back."""
    recipe = validated(tree)
    if isinstance(recipe, Train):
        model = yield from napari_advseg.fit(recipe=recipe, resume=resume)
        return {"model": str(model.folder), "calibration": dict(model.card.calibration)}
    if isinstance(recipe, Segment):
        return (yield from run_segment(recipe))
    return (yield from run_label(recipe))


def run_segment(recipe: Segment) -> Reports[dict[str, Any]]:
    """Segment files to files and write the recipe beside the labels."""
    free_place(recipe.out, overwrite=recipe.overwrite)
    if recipe.probabilities:
        free_place(recipe.probabilities, overwrite=recipe.overwrite)
    raw = read(recipe.image)
    raw = raw.cut(*recipe.sections) if recipe.sections else raw
    model = model_store.load(recipe.model)
    labelling = recipe.labelling or model.card.labelling
    done = yield from segment(raw, model, labelling, recipe.prediction, probabilities=recipe.probabilities)
    return (yield from put_labels(done.labels, recipe.changed(labelling=labelling)))


def run_label(recipe: Label) -> Reports[dict[str, Any]]:
    """Label an interior map from file to file and write the recipe beside the labels."""
    free_place(recipe.out, overwrite=recipe.overwrite)
    labels = yield from label(read(recipe.probabilities), recipe.labelling)
    return (yield from put_labels(labels, recipe))


def put_labels(labels: Volume, recipe: Segment | Label) -> Reports[dict[str, Any]]:
    """Write labels where the recipe says, and the recipe beside them."""
    write(labels, recipe.out, overwrite=recipe.overwrite)
    beside = recipe_beside(recipe.out)
    model_store.replace_file(beside, to_yaml(recipe).encode())
    yield Saved(recipe.out, "labels")
    count = int(np.max(labels.array[...], initial=0)) if isinstance(labels.array, np.ndarray) else 0
    return {"labels": recipe.out, "recipe": str(beside), "objects": count}


def recipe_beside(path: str | os.PathLike[str]) -> Path:
    """Where the recipe of an output goes: labels.ome.zarr -> labels.recipe.yaml."""
    out = Path(path)
    return out.with_name(f"{out.name.split('.')[0] or out.name}.recipe.yaml")


def free_place(path: str, *, overwrite: bool) -> None:
    """Nothing, where an output may be written to `path`.

    Raises:
        ValueError: something is there already; hours of work should not end with that message.
    """
    if Path(path).exists() and not overwrite:
        raise ValueError(f"{path} exists already; choose another name or --overwrite.")


__all__ = ["Recipe", "Segmented", "execute", "predict_to", "segment"]
