"""How each kind of recipe is run, from file to file."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from napari_advseg.progress import Reports
from napari_advseg.recipes import validated
from napari_advseg.tasks.once import Made, Runner

RUNNERS = {
    "train": "train",
    "segment": "segment",
    "label": "label",
    "tune": "tune",
    "suggest": "suggest",
    "extend": "mend",
    "mend": "mend",
    "generate": "generate.run",
    "judge": "critic_search",
    "retrain": "retrain.run",
}
"""The module whose `run` runs the recipes of each task, loaded when the first of them is run: most need torch."""


def execute(tree: dict[str, Any], resume: bool = False) -> Reports[Made]:  # noqa: FBT001, FBT002
    """Run a recipe given as a nested dictionary; the paths of what was written come back.

    `resume` goes on with a run that was stopped.

    Raises:
        ValueError: the recipe is wrong, what it names cannot be used, or such a run cannot be resumed.
    """
    recipe = validated(tree)
    runner: Runner = import_module(f"{__name__}.{RUNNERS[recipe.task]}").run
    return (yield from runner(recipe, resume=resume))
