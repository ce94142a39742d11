"""A training, and what it takes on this computer."""

from __future__ import annotations

from typing import Any

from napari_advseg.inference.device import describe_device
from napari_advseg.progress import Reports
from napari_advseg.recipes import Train
from napari_advseg.runs.remembered import watched
from napari_advseg.training.folds import train


def run(recipe: Train, *, resume: bool = False) -> Reports[dict[str, Any]]:
    """Train, and watch what it takes; the folder of the model and its calibration come back."""
    device = describe_device(recipe.training.device)["name"]
    model = yield from watched(train(recipe, resume=resume), recipe, device)
    return {"model": str(model.folder), "calibration": dict(model.card.calibration)}
