"""A recipe is everything one run needs, as one file: what the dock writes, the command line replays."""

from __future__ import annotations

from functools import reduce
from operator import or_
from typing import Annotated, Any

from pydantic import Field, TypeAdapter, ValidationError

from napari_advseg import families
from napari_advseg.recipes.base import VERSION, Missing, Placement, Recipe, Span, parse_span
from napari_advseg.recipes.critic_search import Judge
from napari_advseg.recipes.generate import Generate
from napari_advseg.recipes.label import Label
from napari_advseg.recipes.mend import Extend, Lost, Mend, Painting
from napari_advseg.recipes.recipe_files import read_tree, recipe_beside, to_yaml
from napari_advseg.recipes.retrain import Retrain
from napari_advseg.recipes.segment import Segment
from napari_advseg.recipes.suggest import Suggest
from napari_advseg.recipes.train import OfOneSize, Train, check_dimensions, further
from napari_advseg.recipes.tune import Tune
from napari_advseg.settings import merge

__all__ = [
    "TASKS",
    "VERSION",
    "Extend",
    "Generate",
    "Judge",
    "Label",
    "Lost",
    "Mend",
    "Missing",
    "OfOneSize",
    "Painting",
    "Placement",
    "Recipe",
    "Retrain",
    "Segment",
    "Span",
    "Suggest",
    "Train",
    "Tune",
    "check_dimensions",
    "further",
    "in_words",
    "parse_span",
    "read_tree",
    "recipe_beside",
    "to_yaml",
    "train_recipe",
    "validated",
]
KINDS: tuple[type[Recipe], ...] = (
    Train,
    Segment,
    Label,
    Tune,
    Suggest,
    Extend,
    Mend,
    Generate,
    Judge,
    Retrain,
)
TASKS: tuple[str, ...] = tuple(kind.model_fields["task"].default for kind in KINDS)
_RECIPE: TypeAdapter[Recipe] = TypeAdapter(
    Annotated[reduce(or_, KINDS), Field(discriminator="task")]
)


def train_recipe(family: str, preset: str, changes: dict[str, Any] | None = None) -> Train:
    """The recipe of a family's preset with nested `changes` on top; steps that they name win over minutes and epochs.

    Raises:
        ValueError: unknown family, preset or setting, or a value out of bounds; the message names it.
    """
    entry = families.find(family)
    if preset not in entry.presets:
        raise ValueError(
            f"{family} has no preset '{preset}'; choose one of: {', '.join(entry.presets)}."
        )
    changes = changes or {}
    if "steps" in changes.get("training", {}):
        changes = merge(changes, {"training": {"minutes": None, "epochs": None}})
    start = {"task": "train", "family": family, "preset": preset, **entry.presets[preset]}
    tree = merge(start, changes)
    recipe = validated(tree)
    if not isinstance(recipe, Train):
        raise TypeError("A training recipe cannot change its task.")
    return recipe


def validated(tree: dict[str, Any]) -> Recipe:
    """The recipe in a nested dictionary.

    Raises:
        ValueError: one line that names the first wrong field, its value and what is allowed.
    """
    try:
        return _RECIPE.validate_python(tree)
    except ValidationError as error:
        raise ValueError(first_problem(error)) from None


def first_problem(error: ValidationError) -> str:
    """The first problem of a validation as one line."""
    first = error.errors()[0]
    place = ".".join(str(part) for part in first["loc"] if part not in TASKS)
    if first["type"] == "extra_forbidden":
        return f"There is no setting '{place}'. Check the spelling; docs/settings lists them all."
    text = first["msg"].removeprefix("Value error, ")
    given = repr(first.get("input"))
    whole = isinstance(first.get("input"), dict)
    shown = "" if whole or len(given) > 60 else f" (given: {given})"
    return f"{place}: {text}{shown}." if place else f"{text}{shown}."
