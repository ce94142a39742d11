"""A child that suggests places without torch: the left half of every section is in doubt. `count` says how it goes."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from typing import Any

import numpy as np

from napari_advseg import engine
from napari_advseg.annotation.suggestions import candidates, spread
from napari_advseg.progress import BlockDone, Report, Said
from napari_advseg.recipes import validated
from napari_advseg.volume.formats.files import read

FAILS, ENDLESS = 13, 14


def execute(tree: dict[str, Any], _resume: bool) -> Iterator[Report]:
    recipe = validated(tree)
    if recipe.count == FAILS:
        raise ValueError("The image has 3 channels, the model was trained with 1.")
    for done in range(100_000 if recipe.count == ENDLESS else 0):
        time.sleep(0.005)
        yield BlockDone("predict", done, 100_000)
    image = read(recipe.image)
    labels = read(recipe.labels) if recipe.labels else None
    found = []
    for index in range(image.size("z")):
        doubt = np.full((image.size("y"), image.size("x")), 0.25)
        doubt[:, : doubt.shape[1] // 2] = 0.9 - 0.1 * index
        known = labels.section(index) != 0 if labels else None
        found += candidates(index, doubt, known, side=recipe.window, most=recipe.count)
    rows = [place.to_json() for place in spread(found, recipe.count)]
    yield Said(f"{len(rows)} places")
    return {"places": rows, "out": recipe.out, "sections": image.size("z")}


if __name__ == "__main__":
    engine.serve(
        execute,
        lambda: {"device": "cpu", "name": "CPU", "cores": 2, "precision": "bf16", "memory_gb": 4},
    )
    sys.exit(0)
