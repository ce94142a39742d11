"""Thresholds chosen on withheld sections, so that the first segmentation is already good."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import cc3d
import numpy as np
import numpy.typing as npt

from napari_advseg.model_store import Card, StoredModel
from napari_advseg.prediction import Predictor
from napari_advseg.progress import Reports, Said
from napari_advseg.settings.prediction import PredictionSettings
from napari_advseg.tuning import choose_thresholds
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
        truths.append(instances(labels.section(index)))
    recipe = model.card.recipe
    zero = "background" if model.card.labelling.zero == "background" else "boundary"
    scoring = recipe.scoring.changed(zero=zero, by="section")
    found = yield from choose_thresholds(maps, truths, model.card.labelling, scoring)
    best, plain = found.best, found.plain
    yield Said(
        f"Thresholds {best.threshold:g} and {best.edge_threshold:g} (gaps) chosen on sections {list(chosen)}: "
        f"adapted Rand error {best.adapted_rand_error:.4f}, VOI {best.voi:.4f}; the best without gap closing: "
        f"{plain.adapted_rand_error:.4f}, {plain.voi:.4f}."
    )
    labelling = model.card.labelling.changed(
        threshold=best.threshold, edge_threshold=best.edge_threshold
    )
    measured = {
        "adapted_rand_error": best.adapted_rand_error,
        "voi_split": best.voi_split,
        "voi_merge": best.voi_merge,
    }
    return model.card.changed(labelling=labelling, calibration=measured)


def instances(truth: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Instance labels of one section: a mask with a single id becomes its 4-connected components."""
    mask = truth > 0
    if not mask.any() or np.unique(truth[mask]).size > 1:
        return truth
    return np.asarray(cc3d.connected_components(mask, connectivity=4))


def spread(sections: Sequence[int], most: int) -> list[int]:
    """At most `most` of the sections, evenly spread."""
    if len(sections) <= most:
        return list(sections)
    return [sections[round(place)] for place in np.linspace(0, len(sections) - 1, most)]
