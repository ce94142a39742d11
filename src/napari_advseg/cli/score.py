"""`score`: labels compared with the truth."""

from __future__ import annotations

from typing import Annotated, Any

import typer

import napari_advseg as advseg
from napari_advseg.cli.app import Json, Missing, Sections, answer, app, cut_alike, say


@app.command()
def score(
    labels: Annotated[str, typer.Argument(help="Predicted labels.")],
    truth: Annotated[str, typer.Argument(help="True labels on the same voxels.")],
    sections: Sections = None,
    by: Annotated[str | None, typer.Option(help="section or volume.")] = None,
    boundary: Annotated[
        str | None, typer.Option(help="Predicted 0: thin, ignore or count.")
    ] = None,
    border: Annotated[
        int | None, typer.Option(metavar="PX", help="Truth border left out; 0 leaves out none.")
    ] = None,
    zero: Annotated[str | None, typer.Option(help="Truth 0: boundary or background.")] = None,
    rand: Annotated[
        str | None, typer.Option(help="Rand convention: cremi, snemi or scikit-image.")
    ] = None,
    missing: Missing = None,
    as_json: Json = False,
) -> None:
    """Compare labels with the truth."""
    pair = [advseg.read(path, missing=missing or "refuse") for path in (labels, truth)]
    if sections is not None:
        pair = cut_alike(pair, sections)
    fields = {"by": by, "boundary": boundary, "border": border, "zero": zero, "rand": rand}
    result = advseg.score(
        *pair, **{name: value for name, value in fields.items() if value is not None}
    )
    if not result.scored:
        say(
            "Warning: the truth has no labelled pixel there, so nothing was compared and every value is 0."
        )
    if as_json:
        answer(result.to_json())
    else:
        typer.echo(in_lines(result))


def in_lines(result: Any) -> str:
    """The score as a small table, the flattering numbers beside the honest ones."""
    columns = {result.settings.boundary: result}
    if result.flattering is not None:
        columns["ignore"] = result.flattering
    rows = [f"{'boundary':<22}" + "".join(f"{name:>10}" for name in columns)]
    rows += [
        f"{name:<22}" + "".join(f"{getattr(one, name):>10.4f}" for one in columns.values())
        for name in result.VALUES
    ]
    sections = (
        f"mean of {len(result.sections)} sections" if result.sections else "the volume as one"
    )
    return "\n".join(
        [*rows, f"({sections}; border {result.settings.border} px left out; lower is better)"]
    )
