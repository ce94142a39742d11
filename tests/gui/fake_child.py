"""A child that speaks the engine's protocol without torch; seed or merge weight say how the job goes."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from napari_advseg import engine
from napari_advseg.progress import (
    BlockDone,
    Phase,
    Previewed,
    Report,
    Said,
    StepDone,
    Validated,
    Warned,
)
from napari_advseg.recipes import Tune, validated
from napari_advseg.runs import viewing

FAILS, CRASHES, ENDLESS = 13, 14, 15


def execute(tree: dict[str, Any], resume: bool) -> Iterator[Report]:
    if tree["task"] == "tune":
        return (yield from search(validated(tree)))
    seed = tree.get("seed", 0)
    yield Said(f"resume is {resume}")
    if seed == FAILS:
        raise ValueError("The image is constant; choose another.")
    if seed == CRASHES:
        raise RuntimeError("something in a library")
    steps = 100_000 if seed == ENDLESS else 5
    yield Phase("train", steps)
    for step in range(1, steps + 1):
        time.sleep(0.005)
        yield StepDone(step, steps, {"bce": 1 / step}, 0.005)
        if seed == ENDLESS and step % 20 == 0:
            yield from preview(step)
    yield Validated(steps, 0.5, {"f1": 0.25}, best=True, learning_rates={"unet": 1e-3})
    yield Warned("Almost nothing was annotated.")
    Path(tree["out"]).mkdir(parents=True, exist_ok=resume)
    return {"model": tree["out"], "calibration": {}}


def preview(step: int) -> Iterator[Report]:
    """A map that is as bright everywhere as the section's number, of the place that is looked at."""
    view = viewing.current_view()
    if view is not None:
        path = Path(view.folder) / f"preview-{step}.npy"
        np.save(path, np.full((16, 16), view.section / 10, np.float32))
        yield Previewed(step, str(path), view.section, max(0, view.row - 8), 0)


def search(recipe: Tune) -> Iterator[Report]:
    """A search on an interior map, written as `tune` writes it."""
    # Loaded by who searches: every dock of every test starts this child.
    from napari_advseg.tuning import tune
    from napari_advseg.volume.formats.files import read

    if recipe.tuning.merge_weight == FAILS:
        raise ValueError("The labels are 0 everywhere.")
    for done in range(100_000 if recipe.tuning.merge_weight == ENDLESS else 0):
        time.sleep(0.005)
        yield BlockDone("thresholds", done, 100_000)
    map_, truth = read(recipe.interior_map), read(recipe.labels)
    first, end = recipe.sections or (0, truth.size("z"))
    found = yield from tune(map_.cut(first, end), truth.cut(first, end), recipe.tuning)
    out = Path(recipe.out)
    out.mkdir(parents=True)
    (out / "tuning.json").write_text(json.dumps(found.to_json()), encoding="utf-8")
    sections = list(range(first, end))
    return {
        "out": str(out),
        "table": str(out / "tuning.json"),
        "picture": str(out / "heatmap.png"),
        "probabilities": recipe.interior_map,
        "sections": sections,
        "map_sections": sections,
        "model": recipe.model,
        "saved": recipe.save,
    }


if __name__ == "__main__":
    engine.serve(
        execute,
        lambda: {"device": "cpu", "name": "CPU", "cores": 2, "precision": "bf16", "memory_gb": 4},
        look=viewing.look,
    )
    sys.exit(0)
