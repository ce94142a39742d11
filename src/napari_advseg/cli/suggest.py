"""`suggest`: where annotating next would teach a model most."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import typer

from napari_advseg.cli.options import Set, Tree, changed_by, takes
from napari_advseg.cli.terminal import Json, aligned, answer, app, run_recipe, say
from napari_advseg.recipes import Suggest

COLUMNS = ("#", "section", "y", "x", "uncertainty")


@app.command()
@takes(Suggest, "image", "model", "labels", "count", "sections", "out", "missing")
def suggest(given: Tree, *, options: Set = None, as_json: Json = False) -> None:
    """List the places where a model is least sure and nobody has annotated yet."""
    tree = changed_by(given, options)
    result = run_recipe(tree)
    if as_json:
        answer(result["places"])
    else:
        typer.echo(in_lines(result["places"]))
    if tree.get("out"):
        say(f"The list is in {tree['out']}.")


def in_lines(rows: Sequence[dict[str, Any]]) -> str:
    """A line a place: where its middle is, and the image where there are several."""
    named = any("image" in row for row in rows)
    lines = [(*COLUMNS, *(("image",) if named else ()))]
    for rank, row in enumerate(rows, 1):
        y, x = (sum(span) // 2 for span in row["box"][1:])
        numbers = str(rank), str(row["section"]), str(y), str(x), f"{row['uncertainty']:.3f}"
        lines.append((*numbers, *((row["image"],) if named else ())))
    return aligned(lines, ("image",))
