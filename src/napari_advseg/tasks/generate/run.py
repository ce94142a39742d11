"""From a recipe to synthetic images in a folder: pairs of image and labels, or unlabelled crops."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from napari_advseg import families, model_store
from napari_advseg.disk.atomic import replace_file
from napari_advseg.inference.painter import generate
from napari_advseg.model_store import StoredModel
from napari_advseg.progress import Reports, Said, Saved, Saving
from napari_advseg.recipes import Generate, to_yaml
from napari_advseg.samples import neuropil
from napari_advseg.tasks.generate import crops
from napari_advseg.tasks.generate.gate import through_the_gate
from napari_advseg.tasks.once import at_once
from napari_advseg.volume.formats.files import as_labels, read, write
from napari_advseg.volume.formats.sections import check_target
from napari_advseg.volume.volume import Volume

IMAGE, LABELS, RECIPE = "image.tif", "labels.tif", "recipe.yaml"
KEEP_OUT = "keep them out of truth and test sets."


@at_once
def run(recipe: Generate) -> Reports[dict[str, Any]]:
    """Paint labels or draw crops into the recipe's folder; the paths of what was written come back.

    Raises:
        ValueError: the model generates nothing, labels or a gate are named for crops, none passes the gate, or
            something is in the way.
    """
    model = model_store.load(recipe.model)
    folder = Path(recipe.out)
    if families.find(model.family).needs == "unlabelled":
        made = yield from _crops(recipe, model, folder)
    else:
        made = yield from _pairs(recipe, model, folder)
    replace_file(folder / RECIPE, to_yaml(recipe).encode())
    yield Saved(str(folder), "images")
    return {**made, "recipe": str(folder / RECIPE)}


def _crops(recipe: Generate, model: StoredModel, folder: Path) -> Reports[dict[str, Any]]:
    """Draw crops, compare them with the training images, and write both."""
    if recipe.labels is not None or recipe.gate is not None:
        raise ValueError(
            f"A {model.family} draws crops without labels; leave out --labels and --gate."
        )
    _make_room(folder, (recipe.count, recipe.side, recipe.side), recipe)
    drawn = yield from crops.draw(model, recipe.count, recipe.seed, recipe.psi, recipe.gain)
    found = yield from crops.compare_with_training(drawn, model, recipe.images)
    yield Saving("crops")
    paths = crops.write_crops(drawn, found, folder, overwrite=recipe.overwrite)
    yield Said(f"These crops are synthetic and carry no labels: {KEEP_OUT}")
    return {"image": str(paths[0]), "labels": None, "written": [str(path) for path in paths]}


def _pairs(recipe: Generate, model: StoredModel, folder: Path) -> Reports[dict[str, Any]]:
    """Paint labels, let through what the gate finds again, and write pairs."""
    labels = _labels(recipe)
    _make_room(folder, labels.shape, recipe)
    image = yield from generate(labels, model)
    if recipe.gate is not None:
        judge = model_store.load(recipe.gate)
        passed = yield from through_the_gate(image, labels, judge, recipe.agree)
        yield Said(passed.words)
        image, labels = passed.image, passed.labels
    frame = labels.frame.after(f"labels of a synthetic image by {Path(recipe.model).name}")
    yield Saving("images")
    paths = [
        str(write(one, folder / name, overwrite=recipe.overwrite))
        for one, name in (
            (image, IMAGE),
            (Volume(labels.array, frame, kind="labels"), LABELS),
        )
    ]
    yield Said(f"These images are synthetic: {KEEP_OUT}")
    return {"image": paths[0], "labels": paths[1], "written": paths}


def _labels(recipe: Generate) -> Volume:
    """The labels to paint: from a file, or those of synthetic neuropil."""
    if recipe.labels is None:
        return neuropil((recipe.count, recipe.side, recipe.side), seed=recipe.seed)[1]
    volume = as_labels(read(recipe.labels))
    return volume if recipe.sections is None else volume.cut(*recipe.sections)


def _make_room(folder: Path, shape: tuple[int, ...], recipe: Generate) -> None:
    """The folder is there, and what shall be written may be: hours of work should not end with a refusal."""
    folder.mkdir(parents=True, exist_ok=True)
    overwrite = recipe.overwrite
    check_target(folder / IMAGE, shape, np.dtype(np.uint8), "image", overwrite=overwrite)
