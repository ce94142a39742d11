"""Thresholds chosen on withheld sections, so that the first segmentation is already good."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt
import torch

from napari_advseg.examples.marks import known_truth
from napari_advseg.examples.sections import Row, plane
from napari_advseg.examples.targets import Meaning
from napari_advseg.inference.fitting import gives_classes
from napari_advseg.inference.painter import Painter, gives_images
from napari_advseg.inference.predict import map_of
from napari_advseg.inference.predictor import Predictor
from napari_advseg.model_store import Card, StoredModel, with_choice
from napari_advseg.networks.losses import structural_similarity
from napari_advseg.progress import Reports, Said
from napari_advseg.scoring.measures.semantic import semantic_score
from napari_advseg.settings.labelling import LabellingSettings
from napari_advseg.settings.prediction import PredictionSettings
from napari_advseg.tuning import choose_thresholds
from napari_advseg.tuning.grid import STEPS
from napari_advseg.tuning.search import components, is_mask
from napari_advseg.volume.volume import Volume

Item = TypeVar("Item")
Array = npt.NDArray[Any]

MOST_SECTIONS = 4
UNTUNED = (0.5, 0.2)
"""Threshold, and how far the gap threshold lies above it, where no section was withheld to choose them on.

A map is surest where it was learnt, so that there the lowest thresholds win, which join cells elsewhere; see
docs/results.md, section on one annotated section."""
FULL_PRECISION = PredictionSettings(precision="fp32")


def calibrate(
    model: StoredModel,
    images: Sequence[Volume],
    labels: Sequence[Volume],
    sections: Sequence[Sequence[int]],
    *,
    is_withheld: bool = True,
) -> Reports[Card]:
    """The model's card with what was found on these sections (a list for each image; at most four in all).

    Of a model of interior maps the two thresholds that score best, of one of classes how good it is. On sections
    that were learnt from thresholds are not chosen.
    """
    if gives_images(model):
        return (yield from _compared(model, images, labels, sections))
    row = Row(images)
    numbers = spread(row.numbers(sections), MOST_SECTIONS)
    chosen = [row.place(number) for number in numbers]
    device = model.card.recipe.training.device
    predictor = Predictor(model, FULL_PRECISION.changed(device=device))
    maps, truths = [], []
    for done, (at, index) in enumerate(chosen):
        maps.append((yield from map_of([predictor], images[at], index, done, len(chosen))))
        truths.append(plane(labels[at].section(index)))
    if gives_classes(model):
        return (yield from _judged(model, [*map(predictor.as_classes, maps)], truths, numbers))
    kept = None if is_withheld else untuned(model.card.labelling)
    return (yield from _with_thresholds(model, maps, truths, numbers, kept))


def _compared(
    model: StoredModel,
    images: Sequence[Volume],
    labels: Sequence[Volume],
    sections: Sequence[Sequence[int]],
) -> Reports[Card]:
    """The card with how like painted images are to real ones of the same labels: mean |difference| and SSIM."""
    row = Row(images)
    painter = Painter(model, FULL_PRECISION.changed(device=model.card.recipe.training.device))
    differences, likenesses = [], []
    for at, index in map(row.place, spread(row.numbers(sections), MOST_SECTIONS)):
        real = model.card.normaliser(images[at].section(index)).clip(0, 1)
        real = real.reshape(-1, *real.shape[-2:])
        made = yield from painter.section(plane(labels[at].section(index)))
        differences.append(float(np.abs(made - real).mean()))
        pair = (torch.from_numpy(one)[None] for one in (made, real))
        # Where windows are whole, as others measure it.
        likenesses.append(float(structural_similarity(*pair)[..., 3:-3, 3:-3].mean()))
    found = {"l1": float(np.mean(differences)), "ssim": float(np.mean(likenesses))}
    yield Said(f"Painted beside real images: L1 {found['l1']:.4f}, SSIM {found['ssim']:.4f}.")
    return model.card.changed(calibration=found)


def _judged(
    model: StoredModel, classes: list[Array], truths: list[Array], numbers: Sequence[int]
) -> Reports[Card]:
    """The card with the scores of class maps."""
    values = model.card.recipe.examples.targets.classes
    found, true = (np.concatenate([part.ravel() for part in maps]) for maps in (classes, truths))
    known = np.isin(true, values)
    # Sections may differ in size: as one row of pixels, so that none counts more than another.
    result = semantic_score(found[known][None], true[known].astype(found.dtype)[None])
    shares = ", ".join(f"{value}: {share:.3f}" for value, share in result.iou.items())
    yield Said(
        f"On sections {[*numbers]}: mean IoU {result.mean_iou:.4f} ({shares}), "
        f"pixel accuracy {result.pixel_accuracy:.4f}, class accuracy {result.class_accuracy:.4f}."
    )
    measured = {
        name: getattr(result, name) for name in ("mean_iou", "pixel_accuracy", "class_accuracy")
    }
    by_class = {f"iou_of_{value}": share for value, share in result.iou.items()}
    return model.card.changed(calibration=measured | by_class)


def _with_thresholds(
    model: StoredModel,
    maps: list[Array],
    truths: list[Array],
    numbers: Sequence[int],
    kept: tuple[float, float] | None,
) -> Reports[Card]:
    """The card with the thresholds that score best on these maps, or with those that are kept."""
    recipe = model.card.recipe
    zero: Meaning = "background" if model.card.labelling.zero == "background" else "boundary"
    scoring = recipe.scoring.changed(zero=zero, by="section")
    cells = [np.maximum(truth, 0) for truth in truths]
    if is_mask(cells):
        cells = [components(truth) for truth in cells]
    if any((truth < 0).any() for truth in truths):  # most may not be annotated
        cells = [known_truth(*pair, zero) for pair in zip(cells, truths, strict=True)]
        counts = "count" if zero == "background" else scoring.boundary
        scoring = scoring.changed(zero="boundary", boundary=counts)
    thresholds, steps = (None, STEPS) if kept is None else ((kept[0],), (kept[1],))
    found = yield from choose_thresholds(
        maps, cells, model.card.labelling, scoring, thresholds=thresholds, steps=steps
    )
    best, plain = found.best, found.plain
    beside = (
        ""
        if plain is None
        else (f"; the best without gap closing: {plain.adapted_rand_error:.4f}, {plain.voi:.4f}")
    )
    yield Said(
        f"Thresholds {best.threshold:g} and {best.gap_threshold:g} (gaps) "
        f"{'kept, judged' if kept else 'chosen'} on sections {[*numbers]}: "
        f"adapted Rand error {best.adapted_rand_error:.4f}, VOI {best.voi:.4f}{beside}."
    )
    found = dataclasses.replace(
        found, sections=tuple(numbers), image=recipe.image, labels=recipe.labels
    )
    return with_choice(model.card, best, found)


def untuned(labelling: LabellingSettings) -> tuple[float, float]:
    """Threshold and what the gap threshold lies above it, where none can be chosen: those that somebody has set."""
    usual = LabellingSettings()
    found = labelling.threshold, labelling.gap_threshold
    if found == (usual.threshold, usual.gap_threshold):
        return UNTUNED
    return found[0], max(0.0, round(found[1] - found[0], 6))


def spread(sections: Sequence[Item], most: int) -> list[Item]:
    """At most `most` of the sections, evenly spread."""
    if len(sections) <= most:
        return list(sections)
    return [sections[round(place)] for place in np.linspace(0, len(sections) - 1, most)]
