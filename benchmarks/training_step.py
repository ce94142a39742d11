"""What a training step costs beside the bare torch operations it consists of.

Run `python benchmarks/training_step.py [--steps 30] [--preset quick] [--json]`. The bare step is forward, loss,
backward and Adam on a batch that is ready; ours reads crops, augments, makes targets, averages weights and reports.
Both take turns in one process; the ratio of the medians counts (1 would be free).
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from typing import Any

import torch

from napari_advseg import families
from napari_advseg.examples.patches import Batches
from napari_advseg.losses import binary_cross_entropy
from napari_advseg.recipe import train_recipe
from napari_advseg.samples import neuropil
from napari_advseg.training.loop import prefetched, tensors
from napari_advseg.training.run import Run, adam
from napari_advseg.volume.normalise import Normaliser


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--steps", type=int, default=30)
    parser.add_argument("--preset", default="quick")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    recipe = train_recipe("unet", options.preset)
    image, labels = neuropil((6, 512, 512), seed=0, wall=1)
    normaliser = Normaliser.fit(image, recipe.examples.normalisation)
    batches = Batches([image], [labels], recipe.examples, "boundary", normaliser, 0)
    run = Run(families.load("unet").Model(recipe.model), recipe.training, 0)
    bare = Bare(run, tensors(run, batches[0]))
    seconds: dict[str, list[float]] = {"bare": [], "ours": []}
    with prefetched(batches) as batch_at:
        for k in range(options.steps + 3):
            begin = time.perf_counter()
            bare.step()
            middle = time.perf_counter()
            run.take_step(tensors(run, batch_at(k)))
            seconds["bare"].append(middle - begin)
            seconds["ours"].append(time.perf_counter() - middle)
    medians = {name: statistics.median(taken[3:]) for name, taken in seconds.items()}
    medians["bare / ours"] = medians["bare"] / medians["ours"]
    if options.json:
        print(json.dumps(medians))
        return
    for name, value in medians.items():
        print(f"{name:<12}{value:.4f}")


class Bare:
    """The same network, batch and precision with nothing around them."""

    def __init__(self, run: Run, batch: Any) -> None:
        family = families.load("unet").Model(run.family.settings)
        self.network = family.modules["unet"].to(memory_format=torch.channels_last).train()
        self.optimiser = adam(self.network, family.optimisers["unet"])
        self.batch = batch
        self.reduced = run.precision == "bf16"

    def step(self) -> None:
        """Forward, loss, backward, Adam."""
        with torch.autocast("cpu", torch.bfloat16, enabled=self.reduced):
            logits = self.network(self.batch.image)
        loss = binary_cross_entropy(logits, self.batch.target, self.batch.weight)
        self.optimiser.zero_grad(set_to_none=True)
        loss.backward()
        self.optimiser.step()


if __name__ == "__main__":
    main()
