"""`suggest`: where annotating next would teach a model most."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

import typer

from napari_advseg.cli.app import (
    Json,
    Missing,
    Sections,
    Set,
    absolute,
    advseg_execute,
    answer,
    app,
    changed_by,
    model_path,
    run_visibly,
    say,
)
from napari_advseg.settings import merge

COLUMNS = ("#", "section", "y", "x", "uncertainty")


@app.command()
def suggest(
    image: Annotated[
        str, typer.Option(help="Raw image: TIFF, zarr, OME-Zarr, HDF5, PNG, or a folder of them.")
    ],
    model: Annotated[
        str, typer.Option(help="Folder of a trained model, or first: the one that comes along.")
    ],
    labels: Annotated[
        str | None, typer.Option(help="What is annotated so far; 0 is not annotated.")
    ] = None,
    count: Annotated[int | None, typer.Option(help="How many places.", min=1)] = None,
    sections: Sections = None,
    out: Annotated[str | None, typer.Option(help="Write the list into this JSON file.")] = None,
    options: Set = None,
    missing: Missing = None,
    as_json: Json = False,
) -> None:
    """List the places where a model is least sure and nobody has annotated yet."""
    tree = {
        "task": "suggest",
        "image": absolute(image),
        "model": model_path(model),
        "labels": absolute(labels),
        "out": absolute(out),
        "sections": sections,
        "missing": missing or "refuse",
        **({} if count is None else {"count": count}),
    }
    result = run_visibly(advseg_execute(merge(tree, changed_by({}, options))))
    if as_json:
        answer(result["places"])
    else:
        typer.echo(in_lines(result["places"]))
    if out:
        say(f"The list is in {out}.")


def in_lines(rows: Sequence[dict[str, Any]]) -> str:
    """A line a place: where its middle is, and the image where there are several."""
    named = any("image" in row for row in rows)
    lines = [(*COLUMNS, *(("image",) if named else ()))]
    for rank, row in enumerate(rows, 1):
        y, x = (sum(span) // 2 for span in row["box"][1:])
        numbers = str(rank), str(row["section"]), str(y), str(x), f"{row['uncertainty']:.3f}"
        lines.append((*numbers, *((row["image"],) if named else ())))
    widths = [max(len(line[k]) for line in lines) for k in range(len(COLUMNS))]
    return "\n".join(
        "  ".join(
            [text.rjust(width) for text, width in zip(line, widths, strict=False)]
            + [*line[len(COLUMNS) :]]
        )
        for line in lines
    )
