"""`study`: a declared comparison, with its rows and its report."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from napari_advseg.cli.app import absolute, answer, app, model_path, run_visibly
from napari_advseg.recipes import parse_span

SYNTHETIC = "synthetic"
DONE = "the runs that are complete are saved. Go on with the same command."


@app.command()
def study(
    name: Annotated[
        str,
        typer.Argument(
            help="synthetic (does training on painted images help?), small-sets, speed, unet-2d-3d, folds, "
            "reduced-data, freeze, scenarios, mask-modes, hyper-parameters, empty-masks, "
            "critic (does it find errors?), proofreading (which order of the queue mends fastest?)."
        ),
    ],
    image: Annotated[
        str | None, typer.Option(help="Raw image; without one the tissue is synthetic.")
    ] = None,
    labels: Annotated[str | None, typer.Option(help="Its annotation.")] = None,
    images: Annotated[
        str | None, typer.Option(help="Further images without annotation, to learn from before.")
    ] = None,
    out: Annotated[
        str | None, typer.Option(help="Folder for models, rows.csv and report.md [study-NAME].")
    ] = None,
    scale: Annotated[
        Literal["tiny", "cpu", "gpu", "paper"], typer.Option(help="How large all is.")
    ] = "cpu",
    seed: Annotated[int, typer.Option(help="The first of the seeds.", min=0)] = 0,
    seeds: Annotated[str | None, typer.Option(help="All seeds by name, for example 0,1,2.")] = None,
    sections: Annotated[
        str | None, typer.Option(metavar="A:B", help="Sections that train.")
    ] = None,
    validate: Annotated[
        str | None, typer.Option(metavar="A:B", help="Sections that choose thresholds.")
    ] = None,
    test: Annotated[
        str | None, typer.Option(metavar="A:B", help="Sections that nothing has seen.")
    ] = None,
    steps: Annotated[
        int | None, typer.Option(help="Steps of every training; else as the scale says.", min=1)
    ] = None,
    voxel: Annotated[
        str | None,
        typer.Option(
            metavar="Z,Y,X", help="Size of a voxel in nm, where the image does not say it."
        ),
    ] = None,
    only: Annotated[
        list[str] | None,
        typer.Option(
            metavar="FACTOR=VALUE,...",
            help="Only the runs with these values of a factor, for example percent=10; may be repeated.",
        ),
    ] = None,
    models: Annotated[
        str | None,
        typer.Option(help="Folder for models that several studies share; else each has its own."),
    ] = None,
    segmentation: Annotated[
        str | None,
        typer.Option(
            help="critic, proofreading: labels of the image to be proofread; else the model's own, or made errors."
        ),
    ] = None,
    probabilities: Annotated[
        str | None,
        typer.Option(help="critic, proofreading: interior map of the image; else the model's."),
    ] = None,
    model: Annotated[
        str | None,
        typer.Option(help="critic, proofreading: folder of a trained model; else one is trained."),
    ] = None,
    by: Annotated[
        Literal["section", "volume"],
        typer.Option(help="critic, proofreading: whether objects go on in the next section."),
    ] = "section",
    edits: Annotated[
        int | None,
        typer.Option(help="proofreading: most proposals that are looked at.", min=1),
    ] = None,
    painter_steps: Annotated[
        int, typer.Option(help="synthetic: steps of the painter.", min=1)
    ] = 1500,
    gate: Annotated[
        float,
        typer.Option(
            help="synthetic: least overlap by which a frozen segmenter must find the labels again.",
            min=0,
            max=1,
        ),
    ] = 0.5,
    painter: Annotated[
        Literal["cgan", "cyclegan"], typer.Option(help="synthetic: family that paints the images.")
    ] = "cgan",
    painter_targets: Annotated[
        str, typer.Option(help="synthetic: what it paints of, any_diff (walls) or distance.")
    ] = "any_diff",
) -> None:
    """Answer one question by several trainings; what is there already is not run again."""
    place = Path(out or f"study-{name}")
    spans = parse_span(sections), parse_span(validate), parse_span(test)
    if name == SYNTHETIC:
        if image is None or labels is None or None in spans:
            raise ValueError(
                "The study synthetic needs --image, --labels, --sections, --validate and --test."
            )
        module = import_module("napari_advseg.studies.synthetic")
        chosen = seeds_of(seeds, seed, 3)
        plan: Any = module.Plan(
            *spans, steps or 1000, painter_steps, chosen, gate, painter, painter_targets
        )
        running = module.synthetic(absolute(image), absolute(labels), plan, place)
        answer(run_visibly(running, DONE))
        return
    declared = import_module("napari_advseg.studies.declared").STUDIES
    if name not in declared:
        known = ", ".join((SYNTHETIC, *declared))
        raise ValueError(f"There is no study '{name}'; choose one of: {known}.")
    plans = import_module("napari_advseg.studies.plan")
    size = declared[name].scales[scale]
    sources = absolute(image), absolute(labels), spans, absolute(images)
    tissue = plans.tissue_of(size, *sources, voxel_of(voxel))
    shared = None if models is None else Path(models)
    given = plans.given_of(segmentation, probabilities, model_path(model), by, edits)
    chosen = seeds_of(seeds, seed, size.seeds)
    plan = plans.Plan(size, tissue, chosen, place, steps, shared, given)
    queue = import_module("napari_advseg.studies.queue")
    answer(run_visibly(queue.run(declared[name], plan, values_of(only or [])), DONE))


def voxel_of(text: str | None) -> tuple[float, ...] | None:
    """Three sizes from "50,4,4".

    Raises:
        ValueError: it does not say three sizes.
    """
    if text is None:
        return None
    try:
        found = tuple(float(part) for part in text.split(","))
    except ValueError:
        found = ()
    if len(found) != 3 or min(found) <= 0:
        raise ValueError(f"'{text}' is no voxel size; write --voxel 50,4,4 for z, y and x in nm.")
    return found


def values_of(texts: list[str]) -> dict[str, list[str]]:
    """The chosen values by factor, from "percent=10".

    Raises:
        ValueError: there is no = in one.
    """
    found = {}
    for text in texts:
        name, equals, values = text.partition("=")
        if not (equals and name and values):
            raise ValueError(f"'{text}' chooses no runs; write --only percent=10.")
        found[name] = values.split(",")
    return found


def seeds_of(text: str | None, first: int, count: int) -> tuple[int, ...]:
    """The seeds that are named, or so many from the first on.

    Raises:
        ValueError: something is no number.
    """
    if text is None:
        return tuple(range(first, first + count))
    try:
        return tuple(int(part) for part in text.split(","))
    except ValueError:
        raise ValueError(f"'{text}' are no seeds; write --seeds 0,1,2.") from None
