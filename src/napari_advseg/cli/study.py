"""`study`: a declared comparison, with its rows and its report."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import Annotated, Literal

import typer

from napari_advseg.cli.app import absolute, answer, app, run_visibly
from napari_advseg.recipe import parse_span

STUDIES = ("synthetic",)


@app.command()
def study(
    name: Annotated[str, typer.Argument(help="synthetic: does training on painted images help?")],
    image: Annotated[str, typer.Option(help="Raw image.")],
    labels: Annotated[str, typer.Option(help="Its annotation.")],
    out: Annotated[str, typer.Option(help="Folder for models, rows.csv and report.md.")],
    sections: Annotated[str, typer.Option(metavar="A:B", help="Sections that train.")],
    validate: Annotated[
        str, typer.Option(metavar="A:B", help="Sections that validate; they follow at once.")
    ],
    test: Annotated[str, typer.Option(metavar="A:B", help="Sections that nothing has seen.")],
    steps: Annotated[int, typer.Option(help="Steps of every segmenter.", min=1)] = 1000,
    painter_steps: Annotated[int, typer.Option(help="Steps of the painter.", min=1)] = 1500,
    seeds: Annotated[str, typer.Option(help="Seeds, for example 0,1,2.")] = "0,1,2",
    gate: Annotated[
        float,
        typer.Option(
            help="Least overlap by which a frozen segmenter must find the labels again.",
            min=0,
            max=1,
        ),
    ] = 0.5,
    painter: Annotated[
        Literal["cgan", "cyclegan"], typer.Option(help="Family that paints the images.")
    ] = "cgan",
    painter_targets: Annotated[
        str, typer.Option(help="What it paints of: any_diff (walls) or distance.")
    ] = "any_diff",
) -> None:
    """Answer one question by several trainings; what is there already is not run again."""
    if name not in STUDIES:
        raise ValueError(f"There is no study '{name}'; choose one of: {', '.join(STUDIES)}.")
    module = import_module(f"napari_advseg.studies.{name}")
    plan = module.Plan(
        parse_span(sections),
        parse_span(validate),
        parse_span(test),
        steps,
        painter_steps,
        tuple(int(seed) for seed in seeds.split(",")),
        gate,
        painter,
        painter_targets,
    )
    answer(run_visibly(module.synthetic(absolute(image), absolute(labels), plan, Path(out))))
