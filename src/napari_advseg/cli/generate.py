"""`generate`: synthetic images of labels, or crops drawn from noise."""

from __future__ import annotations

import typer

from napari_advseg.cli.options import Tree, takes
from napari_advseg.cli.terminal import START_AGAIN, app, run_recipe
from napari_advseg.recipes import Generate


@app.command()
@takes(
    Generate,
    *("model", "out", "labels", "sections", "count", "side", "seed"),
    *("gate", "agree", "psi", "gain", "images", "overwrite"),
)
def generate(given: Tree) -> None:
    """Write synthetic images with the labels they were painted of, or unlabelled crops."""
    for path in run_recipe(given, START_AGAIN)["written"]:
        typer.echo(path)
