"""`run`: a recipe replayed."""

from __future__ import annotations

from typing import Annotated

import typer

from napari_advseg.cli.options import Set, changed_by
from napari_advseg.cli.terminal import GO_ON, answer, app, run_recipe
from napari_advseg.recipes import read_tree, validated


@app.command()
def run(
    recipe: Annotated[
        str, typer.Argument(help="A recipe, for example the recipe.yaml beside a model.")
    ],
    *,
    options: Set = None,
    resume: Annotated[
        bool,
        typer.Option("--resume", help="Go on with its training, or segment the images left."),
    ] = False,
) -> None:
    """Replay a recipe: a training, a segmentation, a labelling or a search for thresholds."""
    tree = changed_by(read_tree(recipe), options)
    validated(tree)
    answer(run_recipe(tree, GO_ON, resume=resume))
