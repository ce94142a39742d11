"""The training loop: steps, validations and saves of any family, as a generator of reports."""

from __future__ import annotations

import dataclasses
import math
import time
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import Protocol

import numpy as np
from torch import Tensor

from napari_advseg.examples.patches import Batch
from napari_advseg.families.family import TensorBatch
from napari_advseg.model_store import State
from napari_advseg.progress import (
    Report,
    Reports,
    Saved,
    Saving,
    StepDone,
    Strip,
    Validated,
    Warned,
)
from napari_advseg.training.step import NonFiniteLossError, Run
from napari_advseg.training.watch import Watch

TIMED_STEPS = 20
UNTIMED_STEPS = 3
SAMPLES = 4
SAMPLE_SIDE = 192


class Examples(Protocol):
    """Batch k, a pure function of k."""

    def __getitem__(self, k: int) -> Batch: ...


class Diverged(ValueError):
    """A training that does not stay finite even at a lower learning rate."""


@dataclasses.dataclass
class Best:
    """The lowest validation loss so far and its step."""

    loss: float = math.inf
    step: int = 0


@dataclasses.dataclass(frozen=True)
class Sample:
    """A withheld crop: what is given (image, or map to paint), what is made of it, what is true; each (., H, W)."""

    given: Tensor
    made: Tensor
    true: Tensor


@dataclasses.dataclass(frozen=True)
class Keeper:
    """Where the loop puts what must survive; each call is one atomic save and returns the path."""

    best: Callable[[Run, Best], str]
    state: Callable[[Run], str]
    strip: Callable[[int, list[Sample]], str]


def train(
    run: Run, examples: Examples, withheld: Iterable[Batch], keeper: Keeper, best: Best
) -> Reports[None]:
    """Take the steps that are left, validating and saving on the way.

    Closing the generator saves the last whole step. An error saves nothing: it must never replace a good state.

    Raises:
        Diverged: the loss was not finite more often than the settings allow.
    """
    judged = [tensors(run, batch) for batch in withheld]
    watch = Watch()
    try:
        is_healthy = True
        if is_owed(run) and judged:  # it was broken off between a step and its validation
            is_healthy = yield from judge(run, judged, keeper, best, watch)
        good = run.state()
        with prefetched(examples) as batch_at:
            while run.step < run.settings.steps:
                started = time.perf_counter()
                try:
                    losses = run.take_step(tensors(run, batch_at(run.step)))
                except NonFiniteLossError as error:
                    yield go_back(run, good, error)
                    continue
                yield StepDone(run.step, run.settings.steps, losses, time.perf_counter() - started)
                if run.contest is not None:
                    yield run.contest
                    yield from (Warned(alarm.text) for alarm in watch.see(run.contest))
                if is_owed(run) and judged:
                    is_healthy = yield from judge(run, judged, keeper, best, watch)
                    if not is_healthy and run.settings.roll_back:
                        watch.forget()
                        if (yield from retreated(run, good, keeper)):
                            return
                        continue
                if is_due(run, run.settings.save_every) and is_healthy:
                    good = run.state()
                    yield Saving("training state")
                    yield Saved(keeper.state(run), "training state")
    except GeneratorExit:
        keeper.state(run)
        raise


def judge(
    run: Run, withheld: list[TensorBatch], keeper: Keeper, best: Best, watch: Watch
) -> Generator[Report, None, bool]:
    """Validate and look at samples; whether the run is still healthy."""
    found = yield from validate(run, withheld, keeper, best)
    yield from (Warned(alarm.text) for alarm in watch.measure(found))
    return (yield from look_at_samples(run, withheld, keeper, watch))


def validate(
    run: Run, withheld: list[TensorBatch], keeper: Keeper, best: Best
) -> Generator[Report, None, dict[str, float]]:
    """Measure, lower the rate if the loss stands still, keep the weights if they are the best yet."""
    measures = run.validate(withheld)
    loss = measures.pop("loss")
    better = math.isfinite(loss) and loss < best.loss
    if better:
        yield Saving("best model")
    # Whoever stops here has either all of the following or none of it, and then it is done on resuming.
    run.see(loss)
    if better:
        best.loss, best.step = loss, run.step
        keeper.best(run, best)
    yield Validated(run.step, loss, measures, better, run.learning_rates)
    return measures


def look_at_samples(
    run: Run, withheld: list[TensorBatch], keeper: Keeper, watch: Watch
) -> Generator[Report, None, bool]:
    """Show what an adversarial family makes of withheld crops; whether it is still healthy."""
    if not run.family.is_adversarial:
        return True
    samples = sample_withheld(run, withheld)
    yield Strip(run.step, keeper.strip(run.step, samples))
    alarms = watch.look([one.made for one in samples], [one.true for one in samples])
    yield from (Warned(alarm.text) for alarm in alarms)
    return not any(alarm.is_fatal for alarm in alarms)


def sample_withheld(run: Run, withheld: list[TensorBatch]) -> list[Sample]:
    """Up to four crops of withheld sections and what is made of them."""
    crops = []
    stride = run.family.footprint.stride
    for batch in withheld[:SAMPLES]:
        # Half a side at most, so that two corners of a section are two different samples.
        sides = [min(SAMPLE_SIDE, side // 2) for side in batch.image.shape[-2:]]
        sides = [max(stride, side - side % stride) for side in sides]
        for corner in ("start", "end") if len(withheld) < SAMPLES else ("start",):
            cut = tuple(slice(0, n) if corner == "start" else slice(-n, None) for n in sides)
            first = (slice(0, 1), ..., *cut)
            parts = batch.image[first], batch.target[first], batch.weight[first]
            crops.append(TensorBatch(*parts))
    return [Sample(given[0], made[0], true[0]) for given, made, true in run.shown(crops[:SAMPLES])]


def retreated(run: Run, good: State, keeper: Keeper) -> Generator[Report, None, bool]:
    """Go back to the last healthy state at half the rate; whether that was done too often, so that the run ends."""
    restarts = run.restarts + 1
    is_over = restarts > run.settings.nan_retries
    run.recall(good)
    run.restarts = restarts
    if is_over:
        keeper.state(run)
        yield Warned(
            f"It collapsed {restarts} times, each time at half the learning rate. The training ends with the last "
            f"healthy model, of step {run.step}."
        )
    else:
        yield Warned(f"Went back to step {run.step} with half the learning rate.")
    return is_over


def is_owed(run: Run) -> bool:
    """Whether the step last taken is to be validated and was not yet."""
    return run.validated < run.step and is_due(run, run.settings.validate_every)


def is_due(run: Run, every: int) -> bool:
    """Whether the step just taken is a multiple of `every`, or the last."""
    return run.step % every == 0 or run.step == run.settings.steps


def go_back(run: Run, good: State, error: NonFiniteLossError) -> Warned:
    """Restore the last good state and halve the learning rate.

    Raises:
        Diverged: that was done as often as allowed.
    """
    restarts = run.restarts + 1
    if restarts > run.settings.nan_retries:
        raise Diverged(
            f"{error} It stayed so at {2 ** (restarts - 1)} times smaller learning rates. Lower the learning rate "
            "tenfold or check the image for extreme values; the last good state is kept."
        ) from None
    run.recall(good)
    run.restarts = restarts
    return Warned(f"{error} Went back to step {run.step} with half the learning rate.")


def tensors(run: Run, batch: Batch) -> TensorBatch:
    """The batch on the run's device, padded to the family's stride; nothing counts in the padding."""
    below, right = (-side % run.family.footprint.stride for side in batch.image.shape[-2:])
    image, target, weight = batch.image, batch.target, batch.weight
    if below or right:
        margin = [*[(0, 0)] * (image.ndim - 2), (0, below), (0, right)]
        image = np.pad(image, margin, mode="symmetric")
        target, weight = (np.pad(array, margin) for array in (target, weight))
    pairs = None if batch.pairs is None else tensors(run, batch.pairs)
    image_, target_, weight_ = run.to_device(image, target, weight)
    return TensorBatch(image_, target_, weight_, batch.paired, pairs)


@contextmanager
def prefetched(examples: Examples) -> Iterator[Callable[[int], Batch]]:
    """Batch k by call; batch k + 1 is made on another thread meanwhile."""
    with ThreadPoolExecutor(1, thread_name_prefix="examples") as pool:
        ahead: dict[int, Future[Batch]] = {}

        def batch_at(k: int) -> Batch:
            future = ahead.pop(k, None) or pool.submit(examples.__getitem__, k)
            ahead.clear()
            batch = future.result()
            ahead[k + 1] = pool.submit(examples.__getitem__, k + 1)
            return batch

        yield batch_at


def steps_for(run: Run, examples: Examples, withheld: Iterable[Batch], seconds: float) -> int:
    """How many steps fit into `seconds`, validations included, from the median of the first 20.

    The steps taken here are thrown away with the run, so that a replay of the fixed count equals this training.
    """
    started = time.perf_counter()
    spent = []
    with prefetched(examples) as batch_at:
        for k in range(TIMED_STEPS):
            before = time.perf_counter()
            run.take_step(tensors(run, batch_at(k)))
            spent.append(time.perf_counter() - before)
    before = time.perf_counter()
    judged = [tensors(run, batch) for batch in withheld]
    if judged:
        run.validate(judged)
    validation = time.perf_counter() - before
    step = sorted(spent[UNTIMED_STEPS:])[(TIMED_STEPS - UNTIMED_STEPS) // 2]
    left = seconds - (time.perf_counter() - started)
    return max(TIMED_STEPS, int(left / (step + validation / run.settings.validate_every)))
