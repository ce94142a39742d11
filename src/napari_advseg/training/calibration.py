"""Thresholds chosen on withheld sections, so that the first segmentation is already good."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np

from napari_advseg.model_store import Card, StoredModel, with_choice
from napari_advseg.prediction import Predictor
from napari_advseg.progress import Reports, Said
from napari_advseg.settings.prediction import PredictionSettings
from napari_advseg.tuning import choose_thresholds
from napari_advseg.tuning.search import components, is_mask
from napari_advseg.volume.volume import Volume

MOST_SECTIONS = 4
FULL_PRECISION = PredictionSettings(precision="fp32")


def calibrate(
    model: StoredModel, image: Volume, labels: Volume, sections: Sequence[int]
) -> Reports[Card]:
    """The model's card with the two thresholds that score best on these sections (at most four of them)."""
    chosen = spread(sections, MOST_SECTIONS)
    device = model.card.recipe.training.device
    predictor = Predictor(model, FULL_PRECISION.changed(device=device))
    maps, truths = [], []
    for done, index in enumerate(chosen):
        maps.append((yield from predictor.section(image.section(index), done, len(chosen))))
        truths.append(labels.section(index))
    if is_mask(truths):
        truths = [components(truth) for truth in truths]
    recipe = model.card.recipe
    zero = "background" if model.card.labelling.zero == "background" else "boundary"
    scoring = recipe.scoring.changed(zero=zero, by="section")
    found = yield from choose_thresholds(maps, truths, model.card.labelling, scoring)
    best, plain = found.best, found.plain
    beside = (
        ""
        if plain is None
        else (f"; the best without gap closing: {plain.adapted_rand_error:.4f}, {plain.voi:.4f}")
    )
    yield Said(
        f"Thresholds {best.threshold:g} and {best.edge_threshold:g} (gaps) chosen on sections {list(chosen)}: "
        f"adapted Rand error {best.adapted_rand_error:.4f}, VOI {best.voi:.4f}{beside}."
    )
    found = dataclasses.replace(
        found, sections=tuple(chosen), image=recipe.image, labels=recipe.labels
    )
    return with_choice(model.card, best, found)


def spread(sections: Sequence[int], most: int) -> list[int]:
    """At most `most` of the sections, evenly spread."""
    if len(sections) <= most:
        return list(sections)
    return [sections[round(place)] for place in np.linspace(0, len(sections) - 1, most)]
