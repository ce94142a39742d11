"""The runs that each study is made of."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from napari_advseg.families import FAMILIES
from napari_advseg.recipes import Train
from napari_advseg.settings.training import AdamSettings
from napari_advseg.studies.plan import WAYS, Plan, segmenters, span_of
from napari_advseg.studies.study import Job
from napari_advseg.training.folds import fold_spans

EXAMPLES = (1, 2, 5, 10, 20)
FOLDS = 5
SHARES = (1, 5, 10, 25)
CROPS = {"tiny": 40, "cpu": 2000}
PAPERS_CROPS = 6000
FROZEN = (4, 6, 8, 10, 12, 14, 16)
SCENARIOS = ("random", "pretrained", "random_frozen", "pretrained_frozen")
MASKS = ("right", "center", "random")
PRETRAINED: dict[str, Any] = {"model": {"scenario": "pretrained"}}
FROZEN_ENCODER: dict[str, Any] = {"model": {"scenario": "pretrained_frozen"}}


def spread(numbers: Sequence[int], count: int) -> tuple[int, ...]:
    """So many of the numbers, well apart."""
    at = (
        np.linspace(0, len(numbers) - 1, count + 2)[1:-1]
        if count < len(numbers)
        else range(len(numbers))
    )
    return tuple(sorted({numbers[round(float(k))] for k in at}))


def run_of(plan: Plan, recipe: Train, factors: dict[str, Any], **places: Any) -> Job:
    """A run that trains, validates and tests where the study's tissue says, unless `places` say otherwise."""
    tissue = plan.tissue
    usual = {
        "learnt": span_of(tissue.training),
        "judged": span_of(tissue.validation),
        "tested": tissue.test,
    }
    return Job({**factors, "seed": recipe.seed}, recipe, **{**usual, **places})


def small_sets(plan: Plan) -> list[Job]:
    """Every family on 1, 2, 5, 10 and 20 annotated sections, as far as there are so many."""
    numbers = span_of(plan.tissue.training)
    most = 2 if plan.scale.name == "tiny" else len(numbers)
    counts = [n for n in EXAMPLES if n <= most]
    return [
        run_of(
            plan, plan.recipe(family, seed), {"family": family, "n": n}, learnt=spread(numbers, n)
        )
        for family in segmenters()
        for n in counts
        for seed in plan.seeds
    ]


def speed(plan: Plan) -> list[Job]:
    """Every family, its networks at random: one run, as chance has no say."""
    return [
        run_of(plan, plan.recipe(family, plan.seeds[0]), {"family": family})
        for family in FAMILIES
        if family in WAYS
    ]


def unet_2d_3d(plan: Plan) -> list[Job]:
    """One section at a time or several together; crops that are drawn once, as in the thesis, or always anew.

    Where the scale does not take the presets as they are, a step sees as many pixels with each. Every crop of a fixed
    set is seen ten times or more.
    """
    block = plan.recipe("unet3d", 0).examples
    sections = {"batch": (block.depth or 1) * block.batch} if plan.scale.preset == "quick" else {}
    usual = plan.recipe("unet", 0, {"examples": sections})
    seen = usual.training.steps * usual.examples.batch
    fixed = {"mode": "fixed", "fixed_crops": max(1, min(PAPERS_CROPS, seen // 10))}
    return [
        run_of(
            plan,
            plan.recipe(family, seed, {"examples": examples}),
            {"network": family, "crops": str(examples.get("mode", "online"))},
        )
        for family, examples in (
            ("unet", {**sections, **fixed}),
            ("unet", {**sections, "mode": "online"}),
            ("unet3d", {"mode": "online"}),
        )
        for seed in plan.seeds
    ]


def folds(plan: Plan) -> list[Job]:
    """Every fifth of all sections tests once; what follows it (cyclically) chooses thresholds, the rest trains.

    With every family that segments, but only three of them where the study itself is tested.
    """
    tissue = plan.tissue
    spans = fold_spans((tissue.training[0], max(tissue.test[1], tissue.validation[1])), FOLDS)
    jobs = []
    few = ("deconvnet", "unet", "unet3d")
    for family in few if plan.scale.name == "tiny" else segmenters():
        for number, tested in enumerate(spans):
            judged = span_of(spans[(number + 1) % FOLDS])[:2]
            rest = [k for span in spans for k in span_of(span) if k not in judged]
            learnt = tuple(k for k in rest if not tested[0] <= k < tested[1])
            recipe = plan.recipe(family, plan.seeds[0])
            factors = {"family": family, "fold": number + 1}
            jobs.append(run_of(plan, recipe, factors, learnt=learnt, judged=judged, tested=tested))
    return jobs


def reduced_data(plan: Plan) -> list[Job]:
    """A share of the crops from sections well apart, stopped early: with and without pre-training."""
    numbers = span_of(plan.tissue.training)
    whole = CROPS.get(plan.scale.name, PAPERS_CROPS)
    # The thesis stopped after 10 of its 200 epochs.
    whole_length = plan.recipe("boundless_transfer", 0).training.steps
    steps = max(1, whole_length // (3 if plan.scale.preset == "quick" else 20))
    jobs = []
    for start in ("unet", "random", "pretrained_frozen"):
        for share in SHARES:
            for seed in plan.seeds:
                few = {
                    "examples": {"mode": "fixed", "fixed_crops": max(1, whole * share // 100)},
                    "training": {"steps": steps, "validate_every": max(1, steps // 5)},
                }
                job = (
                    unet(plan, seed, few)
                    if start == "unet"
                    else transfer(plan, seed, {**few, "model": {"scenario": start}})
                )
                sections = spread(numbers, max(1, len(numbers) * share // 100))
                jobs.append(named(job, {"start": start, "percent": share}, learnt=sections))
    return jobs


def freeze(plan: Plan) -> list[Job]:
    """All layers taken over from Boundless, the first N held."""
    return [
        named(
            transfer(plan, seed, {"model": {"scenario": "own", "freeze_first": n}}), {"frozen": n}
        )
        for n in FROZEN
        for seed in plan.seeds
    ]


def scenarios(plan: Plan) -> list[Job]:
    """Random or taken over, held or not."""
    return [
        named(transfer(plan, seed, {"model": {"scenario": one}}), {"scenario": one})
        for one in SCENARIOS
        for seed in plan.seeds
    ]


def mask_modes(plan: Plan) -> list[Job]:
    """Boundless with each mask, then all its layers to segmentation."""
    return [
        named(transfer(plan, seed, PRETRAINED, {"mask": {"mode": mode}}, mode), {"mask": mode})
        for mode in MASKS
        for seed in plan.seeds
    ]


def empty_masks(plan: Plan) -> list[Job]:
    """Boundless with a share of crops of which nothing is hidden, then all its layers to segmentation."""
    return [
        named(
            transfer(plan, seed, FROZEN_ENCODER, {"mask": {"empty": share / 100}}, f"empty{share}"),
            {"percent_empty": share},
        )
        for share in (0, 25, 50)
        for seed in plan.seeds
    ]


def hyper_parameters(plan: Plan) -> list[Job]:
    """The two sets of hyper-parameters of the thesis; the second twice as long as well."""
    usual = {"learning_rate": AdamSettings().learning_rate}
    length = plan.recipe("boundless_transfer", 0).training.steps
    jobs = []
    for kind, times in (("segmentation", 1), ("boundless", 1), ("boundless", 2)):
        model = {"scenario": "pretrained", "hyper_parameters": kind, "optimiser": usual}
        changes = {"model": model, "training": {"steps": times * length}}
        factors = {"set": kind, "times_as_long": times}
        jobs += [named(transfer(plan, seed, changes), factors) for seed in plan.seeds]
    return jobs


def unet(plan: Plan, seed: int, changes: dict[str, Any]) -> Job:
    """A plain U-Net."""
    return run_of(plan, plan.recipe("unet", seed, changes), {})


def transfer(
    plan: Plan,
    seed: int,
    changes: dict[str, Any],
    masks: dict[str, Any] | None = None,
    name: str = "right",
) -> Job:
    """A segmenter with the layers of Boundless, which learnt before from the training sections and what has no labels.

    Scenarios that take nothing over have no run before them. Runs with equal masks and seeds share one.
    """
    recipe = plan.recipe("boundless_transfer", seed, changes)
    first = None
    if getattr(recipe.model, "loaded", 0):
        boundless = plan.recipe("boundless", seed, {"model": masks or {}})
        first = Job(
            {"family": "boundless", "mask": name, "seed": seed},
            boundless,
            span_of(plan.tissue.training),
        )
    return run_of(plan, recipe, {}, first=first)


def named(job: Job, factors: dict[str, Any], **places: Any) -> Job:
    """The same run with what makes it different from the others."""
    return Job(**{**vars(job), **places, "factors": {**factors, **job.factors}})
