"""`train`: a model from an annotated image."""

from __future__ import annotations

from importlib import import_module
from typing import Annotated, Any

import typer

from napari_advseg import model_store
from napari_advseg.cli.options import Option, Set, Tree, changed_by, takes
from napari_advseg.cli.terminal import GO_ON, app, run_recipe, say
from napari_advseg.recipes import Train, read_tree, train_recipe, validated
from napari_advseg.settings import merge


@app.command()
@takes(
    Train,
    *("image", "labels", "images", "masks", "out", "zero", "sections"),
    Option("validation", "--validate"),
    Option("training.minutes"),
    *("folds", "sweep"),
    Option(
        "start_from",
        help="Folder of a model, or first: tensors that fit are taken over; its network too, where of one family and "
        "no --preset is named.",
    ),
    *("seed", "missing"),
)
def train(
    given: Tree,
    *,
    family: Annotated[
        str | None, typer.Option(help="Which kind of model; see the command families.")
    ] = None,
    preset: Annotated[
        str | None, typer.Option(help="Defaults to start from; chosen by the device unless named.")
    ] = None,
    options: Set = None,
    recipe: Annotated[
        str | None, typer.Option(help="Start from this recipe; options override it.")
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on with the training in --out.")
    ] = False,
) -> None:
    """Train a model on an annotated image; a family that learns from images alone needs no labels."""
    changes = changed_by(given, options)
    tree = resumed(changes) if resume else composed(recipe, family, preset, changes)
    if not tree.get("out"):
        raise ValueError("There is no place for the model; name a folder with --out.")
    result = run_recipe(tree, GO_ON, resume=resume)
    say(f"The model is in {result['model']}.")


def composed(
    recipe: str | None, family: str | None, preset: str | None, changes: dict[str, Any]
) -> dict[str, Any]:
    """A training recipe: the preset, above it the file, above it the options.

    Where no preset is named, what starts from a model of its own family has the network of that.
    """
    tree = merge(read_tree(recipe) if recipe else {}, changes)
    chosen = family or tree.pop("family", "unet")
    source = tree.get("start_from")
    if source and not (preset or tree.get("preset")):
        theirs = model_store.read_card(source).recipe
        own = theirs.model.model_dump(mode="json") if theirs.family == chosen else {}
        tree = merge({"model": own}, tree)
    named = (
        preset
        or tree.pop("preset", None)
        or import_module("napari_advseg.families.counts").preset_here(chosen)
    )
    tree = {name: value for name, value in tree.items() if name not in ("family", "preset")}
    return train_recipe(chosen, named, tree).model_dump(mode="json")


def resumed(changes: dict[str, Any]) -> dict[str, Any]:
    """The recipe of the training in `out`; only its number of steps can be changed.

    Raises:
        ValueError: no folder is named, or an option would make it another training.
    """
    out = changes.get("out")
    if out is None:
        raise ValueError("Name the model folder to go on with: --out.")
    stored = model_store.read_card(out).recipe.model_dump(mode="json")
    steps = changes.get("training", {}).pop("steps", None)
    wanted = merge(stored, {key: value for key, value in changes.items() if key != "out"})
    if validated(wanted) != validated(stored):
        raise ValueError(
            "--resume goes on with the recipe in --out; only training.steps may be changed with it."
        )
    return merge(stored, {"training": {"steps": steps}}) if steps else stored
