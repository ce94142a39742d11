"""Learning from images alone: data without annotation, and what a model of them is worth."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from napari_advseg.examples.patches import Batch, Batches, check_pairs
from napari_advseg.examples.resize import resized_image
from napari_advseg.examples.sections import Row, read_window, split_sections
from napari_advseg.model_store import Card, StoredModel
from napari_advseg.progress import Reports, Said, Warned
from napari_advseg.recipe import Train
from napari_advseg.settings.examples import ExampleSettings
from napari_advseg.training.calibration import MOST_SECTIONS, spread
from napari_advseg.training.data import Data, same_channels, several
from napari_advseg.training.loop import tensors
from napari_advseg.training.run import Run
from napari_advseg.volume.files import Source, read
from napari_advseg.volume.normalise import Normaliser
from napari_advseg.volume.sets import read_set
from napari_advseg.volume.volume import Volume


def prepare_unlabelled(image: Source | Sequence[Source] | None, recipe: Train) -> Reports[Data]:
    """As `data.prepare`, from images alone: those given, or the recipe's `image` and `images`.

    Raises:
        ValueError: there is no image, the images do not fit each other, or the sections are not there.
    """
    images = images_of(image, recipe)
    check_pairs(images, [None] * len(images))
    same_channels(images)
    if image is None and (recipe.labels or recipe.masks):
        yield Warned(f"{recipe.family} learns from images alone: the annotation is not looked at.")
    row = Row(images)
    first, end = recipe.sections or (0, len(row))
    if not 0 <= first < end <= len(row):
        raise ValueError(
            f"Sections {first}:{end} are not inside 0:{len(row)}; choose a range inside it."
        )
    training, validation = split_sections(
        range(first, end), range(*recipe.validation) if recipe.validation else None
    )
    yield Said(
        f"{len(training)} sections without annotation train, {len(validation) or 'none'} withheld."
    )
    learnt, judged = row.by_volume(training), row.by_volume(validation)
    normaliser = Normaliser.fit(images, recipe.examples.normalisation, learnt)
    batches = Batches(
        images, [None] * len(images), recipe.examples, "unannotated", normaliser, recipe.seed, learnt
    )  # fmt: skip
    withheld = [
        bare_section(images[at], index, recipe.examples, normaliser)
        for at, index in map(row.place, validation)
    ]
    return Data(
        images, [], "unannotated", recipe.examples, normaliser, learnt, judged, batches, withheld
    )


def images_of(image: Source | Sequence[Source] | None, recipe: Train) -> list[Volume]:
    """The images that are given, or those that the recipe names.

    Raises:
        ValueError: there is none, or one cannot be read.
    """
    sources: list[Source] = (
        several(image)
        if image is not None
        else [one for one in (recipe.image, recipe.images) if one is not None]
    )
    if not sources:
        raise ValueError(
            f"{recipe.family} learns from images alone: name them with --image or --images."
        )
    return [
        volume
        for one in sources
        for volume in (
            read_set(one, missing=recipe.missing) if isinstance(one, str) else [read(one)]
        )
    ]


def bare_section(
    image: Volume, index: int, settings: ExampleSettings, normaliser: Normaliser
) -> Batch:
    """One whole section at the training scale as a batch of one, with nothing annotated."""
    grey = read_window(image, index, slice(None), slice(None))
    if settings.scale != 1:
        height, width = (max(1, round(side * settings.scale)) for side in grey.shape[-2:])
        grey = resized_image(grey, height, width)
    planes = normaliser(grey.reshape(-1, *grey.shape[-2:]))[None]
    nothing = np.zeros((1, 1, *planes.shape[-2:]), np.float32)
    return Batch(planes, nothing, nothing, ((0, index, 0, 0),))


def measured(run: Run, model: StoredModel, data: Data) -> Reports[Card]:
    """The card with what the family measures on withheld sections (at most four), else on those that trained.

    The networks of the run hold the model's weights afterwards.
    """
    row = Row(data.images)
    chosen = data.validation if any(data.validation) else data.training
    numbers = spread(row.numbers(chosen), MOST_SECTIONS)
    run.family.put_weights(model.weights)
    for module in run.family.modules.values():
        module.eval()
    found: dict[str, list[float]] = {}
    for at, index in map(row.place, numbers):
        batch = bare_section(data.images[at], index, data.examples, data.normaliser)
        with torch.no_grad():
            measures = run.family.validate(tensors(run, batch))
        for name, value in measures.items():
            found.setdefault(name, []).append(float(value))
    means = {name: float(np.mean(values)) for name, values in found.items()}
    words = ", ".join(f"{name.replace('_', ' ')} {value:.4f}" for name, value in means.items())
    yield Said(f"On sections {[*numbers]}: {words}.")
    return model.card.changed(calibration=means)
