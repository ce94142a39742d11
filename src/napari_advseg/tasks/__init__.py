"""How each kind of recipe is run, from file to file."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any

from napari_advseg.progress import Reports
from napari_advseg.recipes import (
    Extend,
    Generate,
    Judge,
    Label,
    Mend,
    Recipe,
    Retrain,
    Segment,
    Suggest,
    Train,
    Tune,
    validated,
)


def execute(tree: dict[str, Any], resume: bool = False) -> Reports[dict[str, Any]]:  # noqa: FBT001, FBT002
    """Run a recipe given as a nested dictionary; the paths of what was written come back."""
    recipe = validated(tree)
    if isinstance(recipe, Train):
        return (yield from _runner(recipe)(recipe, resume=resume))
    if isinstance(recipe, Segment):
        return (yield from _runner(recipe)(recipe, resume=resume))
    if isinstance(recipe, Retrain):
        segment = import_module("napari_advseg.tasks.segment").run_segment
        return (yield from _runner(recipe)(recipe, segment, resume=resume))
    return (yield from _runner(recipe)(recipe))


RUNS: dict[type[Recipe], str] = {
    Train: "train.trained",
    Segment: "segment.run_segment",
    Retrain: "retrain.run.retrain",
    Tune: "tune.run_tune",
    Suggest: "suggest.run_suggest",
    Judge: "critic_search.run_judge",
    Label: "label.run_label",
    Extend: "mend.run_painting",
    Mend: "mend.run_painting",
    Generate: "generate.run.run_generate",
}
"""What runs each kind of recipe, loaded when the first of its kind is run: most need torch."""


def _runner(recipe: Recipe) -> Callable[..., Reports[dict[str, Any]]]:
    module, _, name = RUNS[type(recipe)].rpartition(".")
    runner: Callable[..., Reports[dict[str, Any]]] = getattr(
        import_module(f"{__name__}.{module}"), name
    )
    return runner
