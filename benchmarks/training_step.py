"""What a training step costs beside the bare torch operations it consists of.

Run `python benchmarks/training_step.py [--family unet|cgan|unet3d] [--steps 30] [--preset quick] [--json]`.
The bare step is forward, loss,
backward and Adam on a batch that is ready; ours reads crops, augments, makes targets, averages weights and reports.
Both take turns in one process; the ratio of the medians counts (1 would be free). `examples` is the processor time of
one batch, with `augmentation` as the part of it that changing crops at random takes.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from typing import Any

import torch
from torch.nn import functional as F

from napari_advseg import families
from napari_advseg.examples.augment import NO_AUGMENTATION
from napari_advseg.examples.patches import Batches
from napari_advseg.examples.targets import Meaning
from napari_advseg.networks.losses import binary_cross_entropy
from napari_advseg.recipes import train_recipe
from napari_advseg.samples import neuropil
from napari_advseg.training.loop import prefetched, tensors
from napari_advseg.training.step import Run, adam
from napari_advseg.volume.normalise import Normaliser

NAME_OF = {entry.settings: name for name, entry in families.FAMILIES.items()}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--family", choices=("unet", "cgan", "unet3d"), default="unet")
    parser.add_argument("--steps", type=int, default=30)
    parser.add_argument("--preset", default="quick")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    recipe = train_recipe(options.family, options.preset)
    shape = (6, 512, 512)
    if recipe.examples.depth:
        side = 2 * recipe.examples.crop
        shape = (recipe.examples.depth + 8, side, side)
    is_cube = recipe.examples.augmentation.swap_axes
    image, labels = neuropil(
        shape,
        seed=0,
        wall=0 if is_cube else 1,
        voxel_nm=(8.0,) * 3 if is_cube else (40.0, 4.0, 4.0),
    )
    normaliser = Normaliser.fit(image, recipe.examples.normalisation)
    zero: Meaning = "unannotated" if is_cube else "boundary"
    plain = recipe.examples.changed(augmentation=NO_AUGMENTATION)
    batches, unchanged = (
        Batches([image], [labels], settings, zero, normaliser, 0)
        for settings in (recipe.examples, plain)
    )
    run = Run(families.load(options.family).Model(recipe.model), recipe.training, 0)
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
    medians["examples"] = seconds_of(batches)
    medians["augmentation"] = medians["examples"] - seconds_of(unchanged)
    medians["augmentation / bare"] = medians["augmentation"] / medians["bare"]
    if options.json:
        print(json.dumps(medians))
        return
    for name, value in medians.items():
        print(f"{name:<20}{value:.4f}")


def seconds_of(batches: Batches) -> float:
    """Processor time of a batch: the mean of ten, after one to compile."""
    batches[0]
    begin = time.process_time()
    for k in range(1, 11):
        batches[k]
    return (time.process_time() - begin) / 10


class Bare:
    """The same network, batch and precision with nothing around them."""

    def __init__(self, run: Run, batch: Any) -> None:
        family = families.load(NAME_OF[type(run.family.settings)]).Model(
            run.family.settings, run.family.channels
        )
        self.networks = {
            name: module.to(memory_format=family.memory_format).train()
            for name, module in family.modules.items()
        }
        self.optimisers = {
            name: adam(module, family.optimisers[name]) for name, module in self.networks.items()
        }
        self.batch = batch
        self.reduced = run.precision == "bf16"

    def step(self) -> None:
        """Forward, loss, backward, Adam, for each player."""
        if "unet" in self.networks:
            with self._fast():
                logits = self.networks["unet"](self.batch.image)
            self._learn("unet", binary_cross_entropy(logits, self.batch.target, self.batch.weight))
            return
        image, target = 2 * self.batch.image - 1, 2 * self.batch.target - 1
        with self._fast():
            made = torch.tanh(self.networks["generator"](image))
            real = self.networks["critic"](torch.cat((image, target), 1)).float()
            fake = self.networks["critic"](torch.cat((image, made.detach()), 1)).float()
        self._learn("critic", 0.5 * (F.softplus(-real).mean() + F.softplus(fake).mean()))
        with self._fast():
            judged = self.networks["critic"](torch.cat((image, made), 1)).float()
        loss = F.softplus(-judged).mean() + 100 * (made.float() - target).abs().mean()
        self._learn("generator", loss)

    def _fast(self) -> Any:
        return torch.autocast("cpu", torch.bfloat16, enabled=self.reduced)

    def _learn(self, player: str, loss: torch.Tensor) -> None:
        optimiser = self.optimisers[player]
        optimiser.zero_grad(set_to_none=True)
        loss.backward(inputs=list(self.networks[player].parameters()))
        optimiser.step()


if __name__ == "__main__":
    main()
