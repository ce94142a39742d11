"""From an image, its annotation and a recipe to a trained, calibrated model."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator, Sequence
from pathlib import Path

import torch

from napari_advseg import families, model_store
from napari_advseg.examples.targets import target_channels
from napari_advseg.families.counts import preset_here
from napari_advseg.model_store import Card, StoredModel
from napari_advseg.progress import Phase, Report, Reports, Said, Saved, Warned
from napari_advseg.recipes import Train, train_recipe
from napari_advseg.settings.channels import Channels, Gives
from napari_advseg.training.calibration import calibrate
from napari_advseg.training.data import Data, prepare, prepare_unlabelled, prepare_unpaired
from napari_advseg.training.folder import ModelKeeper, card_to_resume, is_under_way, sole_writer
from napari_advseg.training.loop import Best, Keeper, steps_for, tensors, train
from napari_advseg.training.preview import previewed
from napari_advseg.training.starting import take_over
from napari_advseg.training.step import Run
from napari_advseg.volume.formats.files import Source
from napari_advseg.volume.painted import classes_of
from napari_advseg.volume.units import known_distance
from napari_advseg.volume.volume import Volume

ALIKE = 1.5
"""Distances of sections that differ by less than this count as equal."""


def fit(
    image: Source | Sequence[Source] | None = None,
    labels: Source | Sequence[Source] | None = None,
    recipe: Train | None = None,
    *,
    resume: bool = False,
) -> Reports[StoredModel]:
    """Train a model on annotated images and calibrate its thresholds, or on images alone where its family can.

    `image` and `labels` are paths (files, folders of images, patterns with *), arrays or Volumes, or lists of
    them; without them the recipe's are read. Without a recipe it is
    the U-Net's preset for this computer. With `recipe.out` the model is saved there as it gets better, and closing
    the generator saves the last whole step; `resume` goes on from it.

    Raises:
        ValueError: the data cannot be trained on, or the folder holds another model; nothing was changed.
    """
    recipe = recipe or train_recipe("unet", preset_here("unet"))
    folder = Path(recipe.out) if recipe.out else None
    stored = card_to_resume(folder, resume=resume)
    if families.find(recipe.family).needs == "unlabelled":
        alone = recipe.images if image is None and recipe.image is None else image
        data = yield from prepare_unlabelled(
            required(recipe.image, "image") if alone is None else alone, recipe
        )
    elif image is None and (recipe.images or recipe.masks):
        data = yield from prepare_unpaired(recipe)
    else:
        data = yield from prepare(
            required(recipe.image, "image") if image is None else image,
            required(recipe.labels, "labels") if labels is None else labels,
            recipe,
        )
    if stored:
        recipe = recipe_to_resume(stored, recipe)
    else:
        recipe = yield from with_steps(data, (yield from with_anisotropy(data, recipe)))
    run = new_run(data, recipe)
    if stored is None or not is_under_way(folder):
        yield from begin_training(run, recipe)
    with sole_writer(folder):
        stored = card_to_resume(folder, resume=resume)  # another window may have been faster
        return (yield from train_and_calibrate(run, data, recipe, stored))


def train_and_calibrate(
    run: Run, data: Data, recipe: Train, stored: Card | None
) -> Reports[StoredModel]:
    """The model at the end of a run that begins, or goes on where `stored` says, calibrated on withheld sections."""
    folder = Path(recipe.out) if recipe.out else None
    card = stored.changed(recipe=recipe) if stored else first_card(data, recipe, run)
    best = Best(math.inf if card.best_loss is None else card.best_loss, card.best_step)
    if stored and folder:
        yield from resume_from(run, folder)
    keeper = ModelKeeper(folder, card)
    yield Phase("train", run.settings.steps)
    kept_by = Keeper(keeper.keep_best, keeper.keep_state, keeper.keep_strip)
    running = train(run, data.batches, data.withheld, kept_by, best)
    running = previewed(running, run, card, data.images, data.labels)
    yield from keeper.logged(running, run.step)
    model = keeper.model()
    alone = families.find(recipe.family).needs == "unlabelled"
    unpaired = bool(recipe.images) and not recipe.image  # nothing to judge it on
    if not any(data.validation) and (alone or not unpaired):
        yield Warned(
            "No section was withheld: the model is judged on the training sections and looks too good. Tune its "
            "thresholds on a section that it has not learnt."
        )
    card = model.card
    if alone:
        card = card.changed(calibration=measured(run, model, data))
        keeper.replace(card)
    elif not unpaired:
        is_withheld = any(data.validation)
        judged = data.validation if is_withheld else data.training
        card = yield from calibrate(
            model, data.images, data.labels, judged, is_withheld=is_withheld
        )
        keeper.replace(card)
    if folder:
        yield Saved(str(folder), "model")
    return dataclasses.replace(model, card=card)


def channels_of(data: Data, family: str) -> Channels:
    """What the model takes and gives: the image's channels, and the targets'."""
    targets = data.examples.targets
    kinds: dict[str, Gives] = {"affinities": "affinities", "classes": "classes"}
    return Channels(
        image=data.images[0].size("c"),
        output=target_channels(targets, families.find(family).dimensions),
        gives=kinds.get(targets.kind, "interior"),
    )


def with_anisotropy(data: Data, recipe: Train) -> Reports[Train]:
    """The recipe with the distance of sections that a network for volumes is built for; else as it is.

    Raises:
        ValueError: it is asked for from a voxel size that nobody knows or that the images do not share, or axes
            shall be exchanged that are not alike.
    """
    if families.find(recipe.family).dimensions == 2:
        return recipe
    found = [known_distance(image.frame) for image in data.images]
    known = [value for value in found if value is not None]
    given = getattr(recipe.model, "anisotropy", None)
    apart = given or (known[0] if known else None)
    if not given and apart is not None and max(known) > ALIKE * min(known):
        raise ValueError(
            f"The sections of the images lie {min(known):.3g} to {max(known):.3g} pixels apart, and one network is "
            "built for one distance; train on images of one kind, or set model.anisotropy."
        )
    if data.examples.augmentation.swap_axes and apart is not None and not 1 / ALIKE < apart < ALIKE:
        raise ValueError(
            f"Axes are to be exchanged, but sections lie {apart:.3g} pixels apart and look different from the side; "
            "set examples.augmentation.swap_axes to false (preset quick)."
        )
    if given or getattr(recipe.model, "isotropic", ()):
        return recipe
    if apart is None:
        name = data.images[0].frame.name or "the image"
        raise ValueError(
            f"The voxel size of '{name}' is not known, and {recipe.family} is built for it; store it with the image, "
            "or set model.anisotropy to the distance of two sections in pixels (1 for isotropic voxels, 10 for "
            "sections of 40 nm with pixels of 4 nm)."
        )
    model = recipe.model.changed(anisotropy=float(f"{apart:.4g}"))
    levels = getattr(model, "levels", ())
    yield Said(f"{in_levels(apart, levels)}; the recipe says so from now on.")
    return recipe.changed(model=model)


def in_levels(apart: float, levels: Sequence[bool]) -> str:
    """What a network for volumes does with sections that lie `apart` pixels."""
    flat = sum(not level for level in levels)
    reach = (
        "all levels reach" if not flat else f"{len(levels) - flat} of {len(levels)} levels reach"
    )
    return f"Sections lie {apart:.3g} pixels apart: {reach} from section to section"


def with_steps(data: Data, recipe: Train) -> Reports[Train]:
    """The recipe with the number of steps that makes its epochs or fits its minutes; else as it is."""
    minutes, epochs = recipe.training.minutes, recipe.training.epochs
    if epochs is not None and minutes is None:
        crops = epochs * sum(map(len, data.training))
        steps = -(-crops // recipe.examples.batch)
        yield Said(f"{epochs} epochs are {steps:,} steps; the recipe says so from now on.")
        return recipe.changed(training=recipe.training.changed(steps=steps, epochs=None))
    if minutes is None:
        return recipe
    yield Phase("time the first steps", 1)
    steps = steps_for(new_run(data, recipe), data.batches, data.withheld, 60 * minutes)
    yield Said(f"{steps} steps fit into {minutes:g} minutes; the recipe says so from now on.")
    return recipe.changed(training=recipe.training.changed(steps=steps, minutes=None, epochs=None))


def resume_from(run: Run, folder: Path) -> Iterator[Report]:
    """Go on from the saved state."""
    state = model_store.load_state(folder)
    if state is None:
        yield Warned("No training state was saved yet; starting from the first step.")
        return
    run.recall(state)
    yield Said(f"Going on from step {run.step} of {run.settings.steps}.")


def new_run(data: Data, recipe: Train) -> Run:
    """Networks with the recipe's seed, and all that trains them."""
    torch.manual_seed(recipe.seed)
    channels = channels_of(data, recipe.family)
    family = families.load(recipe.family).Model(recipe.model, channels)
    family.furnish(lambda folder: model_store.load(folder).weights)
    return Run(family, recipe.training, recipe.seed)


def begin_training(run: Run, recipe: Train) -> Iterator[Report]:
    """Take what a new training begins with from elsewhere: published weights, or those of another model."""
    words = [run.family.begin(), take_over(run.family, recipe.start_from, recipe.start_only)]
    yield from (Said(one) for one in words if one)
    run.begin_average()


def measured(run: Run, model: StoredModel, data: Data) -> dict[str, float]:
    """What the model is worth on withheld images that have no labels."""
    run.family.put_weights(model.weights)
    run.begin_average()
    judged = data.withheld or [data.batches[0]]
    return run.validate([tensors(run, batch) for batch in judged])


def first_card(data: Data, recipe: Train, run: Run) -> Card:
    """The card of a model that has learnt nothing yet; the recipe says what is really used."""
    frame = data.images[0].frame
    places = [frame.axes.index(axis) for axis in "zyx" if axis in frame.axes]
    zero = "background" if data.zero == "background" else "boundary"
    training = recipe.training.changed(
        device=run.fabric.device.type, precision=run.precision, threads=torch.get_num_threads()
    )
    return Card(
        recipe=recipe.changed(
            zero=data.recorded_zero,
            training=training,
            examples=data.examples,
            **sources(recipe, data),
        ),
        normaliser=data.normaliser,
        channels=run.family.channels,
        class_names=class_names(data),
        grey=str(data.images[0].dtype),
        voxel_size=tuple(frame.scale[place] for place in places),
        units=tuple(frame.units[place] for place in places),
        labelling=recipe.labelling.changed(zero=zero),
    )


def class_names(data: Data) -> dict[int, str]:
    """What the annotations call the classes that are learnt."""
    named: dict[int, str] = {}
    for volume in data.labels:
        named |= classes_of(volume.frame)
    return {value: name for value, name in named.items() if value in data.examples.targets.classes}


def sources(recipe: Train, data: Data) -> dict[str, str | None]:
    """Image and labels as the recipe shall name them; sets that do not belong together are no pair."""
    if recipe.images or recipe.masks:
        return {"image": recipe.image, "labels": recipe.labels}
    return {
        "image": recipe.image or only_source(data.images),
        "labels": recipe.labels or only_source(data.labels),
    }


def only_source(volumes: Sequence[Volume]) -> str | None:
    """The file of a single volume; several have no common name that a recipe could hold."""
    return volumes[0].source if len(volumes) == 1 else None


def recipe_to_resume(stored: Card, recipe: Train) -> Train:
    """The stored recipe; only its number of steps may have been changed since, and its folder moved."""
    own = stored.recipe.changed(out=recipe.out)
    if recipe.training.minutes is not None or recipe.training.epochs is not None:
        return own
    return own.changed(training=own.training.changed(steps=recipe.training.steps))


def required(path: str | None, what: str) -> str:
    """The path of an input.

    Raises:
        ValueError: the recipe names none.
    """
    if path is None:
        raise ValueError(f"The recipe names no {what}; give one with --{what}.")
    return path
