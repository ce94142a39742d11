"""`train`: a model from an annotated image."""

from __future__ import annotations

from importlib import import_module
from typing import Annotated, Any

import typer

from napari_advseg import model_store
from napari_advseg.cli.app import (
    GO_ON,
    Missing,
    Sections,
    Set,
    absolute,
    advseg_execute,
    app,
    changed_by,
    model_path,
    run_visibly,
    say,
)
from napari_advseg.recipes import read_tree, train_recipe, validated
from napari_advseg.settings import merge


@app.command()
def train(
    image: Annotated[
        str | None,
        typer.Option(help="Raw image: TIFF, zarr, OME-Zarr, HDF5, PNG, or a folder of them."),
    ] = None,
    labels: Annotated[str | None, typer.Option(help="Its annotation, on the same voxels.")] = None,
    images: Annotated[
        str | None,
        typer.Option(help="Images without pairs (cyclegan): a folder, a pattern or a file."),
    ] = None,
    masks: Annotated[
        str | None, typer.Option(help="Labels that need not belong to --images.")
    ] = None,
    family: Annotated[
        str | None, typer.Option(help="Which kind of model; see the command families.")
    ] = None,
    out: Annotated[str | None, typer.Option(help="Folder for the model; new or empty.")] = None,
    preset: Annotated[
        str | None, typer.Option(help="Defaults to start from; chosen by the device unless named.")
    ] = None,
    zero: Annotated[
        str | None, typer.Option(help="What 0 means: auto, unannotated, boundary, background.")
    ] = None,
    sections: Sections = None,
    validate: Annotated[
        str | None, typer.Option(metavar="A:B", help="Sections withheld to validate on.")
    ] = None,
    minutes: Annotated[
        float | None, typer.Option(help="Fix the number of steps from the speed of the first 20.")
    ] = None,
    folds: Annotated[
        int | None, typer.Option(help="Cross-validation: so many models, and all as one.", min=2)
    ] = None,
    sweep: Annotated[
        str | None, typer.Option(metavar="RATES", help="Learning rates to try: 1e-3,1e-4,1e-5.")
    ] = None,
    start_from: Annotated[
        str | None,
        typer.Option(
            help="Folder of a model, or first: tensors that fit are taken over; its network too, where of one family "
            "and no --preset is named."
        ),
    ] = None,
    options: Set = None,
    seed: Annotated[int | None, typer.Option(help="Every random draw follows from it.")] = None,
    recipe: Annotated[
        str | None, typer.Option(help="Start from this recipe; options override it.")
    ] = None,
    missing: Missing = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on with the training in --out.")
    ] = False,
) -> None:
    """Train a model on an annotated image; a family that learns from images alone needs no labels."""
    given = {
        "image": absolute(image),
        "labels": absolute(labels),
        "images": absolute(images),
        "masks": absolute(masks),
        "out": absolute(out),
        "start_from": model_path(start_from),
        "zero": zero,
        "missing": missing,
        "seed": seed,
        "folds": folds,
        "sweep": rates_of(sweep),
        "sections": sections,
        "validation": validate,
        "training": {"minutes": minutes} if minutes else None,
    }
    changes = changed_by(
        {name: value for name, value in given.items() if value is not None}, options
    )
    tree = resumed(out, changes) if resume else composed(recipe, family, preset, changes)
    if not tree.get("out"):
        raise ValueError("There is no place for the model; name a folder with --out.")
    result = run_visibly(advseg_execute(tree, resume=resume), GO_ON)
    say(f"The model is in {result['model']}.")


def rates_of(text: str | None) -> list[float] | None:
    """Learning rates from "1e-3,1e-4".

    Raises:
        ValueError: something is no number.
    """
    if text is None:
        return None
    try:
        return [float(part) for part in text.split(",")]
    except ValueError:
        raise ValueError(f"'{text}' are no learning rates; write --sweep 1e-3,1e-4,1e-5.") from None


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


def resumed(out: str | None, changes: dict[str, Any]) -> dict[str, Any]:
    """The recipe of the training in `out`; only its number of steps can be changed.

    Raises:
        ValueError: no folder is named, or an option would make it another training.
    """
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
