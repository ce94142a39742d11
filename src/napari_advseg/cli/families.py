"""`families`: what models there are to choose from."""

from __future__ import annotations

from importlib import import_module

import typer

from napari_advseg.cli.terminal import Json, answer, app


@app.command()
def families(*, as_json: Json = False) -> None:
    """List the families of models with their presets and parameter counts."""
    listed = import_module("napari_advseg.families.counts").listed()
    if as_json:
        answer(listed)
        return
    for entry in listed:
        typer.echo(f"{entry['name']}: {entry['summary']} ({entry['reference']})")
        for name, preset in entry["presets"].items():
            counts = ", ".join(
                f"{player} {count:,}" for player, count in preset["parameters"].items()
            )
            typer.echo(f"  {name}: {counts} parameters")
