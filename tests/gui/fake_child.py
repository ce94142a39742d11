"""A child that speaks the engine's protocol without torch; the recipe's seed says how the job goes."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from napari_advseg import engine
from napari_advseg.progress import Phase, Report, Said, StepDone, Validated, Warned

FAILS, CRASHES, ENDLESS = 13, 14, 15


def execute(tree: dict[str, Any], resume: bool) -> Iterator[Report]:
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
    yield Validated(steps, 0.5, {"f1": 0.25}, best=True, learning_rates={"unet": 1e-3})
    yield Warned("Almost nothing was annotated.")
    Path(tree["out"]).mkdir(parents=True)
    return {"model": tree["out"], "calibration": {}}


if __name__ == "__main__":
    engine.serve(
        execute,
        lambda: {"device": "cpu", "name": "CPU", "cores": 2, "precision": "bf16", "memory_gb": 4},
    )
    sys.exit(0)
