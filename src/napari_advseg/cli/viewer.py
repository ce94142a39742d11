"""`gui` opens the viewer, `serve` is the child process of its docks."""

from __future__ import annotations

from importlib import import_module
from typing import Annotated

import typer

from napari_advseg import engine
from napari_advseg.cli.terminal import app


@app.command()
def gui(
    paths: Annotated[
        list[str] | None,
        typer.Argument(
            help="Images and labels to open, or the folder of a project; a new or empty folder becomes one."
        ),
    ] = None,
) -> None:
    """Open napari with the docks."""
    raise typer.Exit(import_module("napari_advseg.gui.__main__").main(paths or []))


@app.command(hidden=True)
def serve() -> None:
    """Be the child process of a dock: recipes in, reports out, as JSON lines."""
    engine.serve(
        lambda tree, resume: import_module("napari_advseg.tasks").execute(tree, resume),
        lambda: import_module("napari_advseg.inference.device").describe_device(),
        lambda: import_module("napari_advseg.inference.device").release_memory(),
        lambda at: import_module("napari_advseg.runs.viewing").look(at),
        lambda: import_module("napari_advseg.tasks.segment"),
    )
