"""`score`: labels or class maps compared with the truth."""

from __future__ import annotations

from typing import Annotated, Any

import typer

import napari_advseg as advseg
from napari_advseg.cli.app import Json, Missing, Sections, answer, app, cut_alike, say
from napari_advseg.cli.score_measure import OF_INSTANCES, OF_OBJECTS, Wanted, measured
from napari_advseg.cli.score_sets import document, score_sets, write_csv
from napari_advseg.cli.score_text import score_lines, several_lines
from napari_advseg.volume.formats.sets import is_set


@app.command()
def score(
    labels: Annotated[str, typer.Argument(help="Predicted labels, or a folder of them.")],
    truth: Annotated[str, typer.Argument(help="True labels on the same voxels.")],
    sections: Sections = None,
    by: Annotated[str | None, typer.Option(help="section or volume.")] = None,
    boundary: Annotated[
        str | None, typer.Option(help="Predicted 0: thin, ignore or count.")
    ] = None,
    border: Annotated[
        int | None, typer.Option(metavar="PX", help="Truth border left out; 0 leaves out none.")
    ] = None,
    edge: Annotated[
        int | None,
        typer.Option(metavar="PX", help="Only truth this near to the edge of its section; 0: all."),
    ] = None,
    zero: Annotated[str | None, typer.Option(help="Truth 0: boundary or background.")] = None,
    rand: Annotated[
        str | None, typer.Option(help="Rand convention: cremi, snemi or scikit-image.")
    ] = None,
    objects: Annotated[
        bool, typer.Option("--objects", help="Score whole objects and their outlines too.")
    ] = False,
    iou: Annotated[
        str | None,
        typer.Option(metavar="IOU", help="With --objects: 0.5, or 0.5,0.75, or 0.5:0.95."),
    ] = None,
    tolerance: Annotated[
        int | None,
        typer.Option(metavar="PX", help="With --objects or --classes: for boundaries."),
    ] = None,
    detections: Annotated[
        int | None,
        typer.Option(metavar="N", help="With --objects: looked at by the average precision."),
    ] = None,
    probabilities: Annotated[
        str | None,
        typer.Option(metavar="MAP", help="With --objects: ranks them by their mean in this map."),
    ] = None,
    classes: Annotated[
        bool, typer.Option("--classes", help="Compare class maps instead of labels.")
    ] = False,
    ignore: Annotated[
        int | None, typer.Option(metavar="N", help="With --classes: true class left out.")
    ] = None,
    missing: Missing = None,
    table: Annotated[
        str | None,
        typer.Option("--csv", metavar="FILE", help="Of folders: the rows of the images as CSV."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Compare labels with the truth: of one image, or of two folders matched by name."""
    options = {
        **dict(zip(OF_INSTANCES, (by, boundary, border, edge, zero, rand), strict=True)),
        **dict(zip(OF_OBJECTS, (iou, detections, probabilities), strict=True)),
        "tolerance": tolerance,
        "ignore": ignore,
    }
    given = {name: value for name, value in options.items() if value is not None}
    wanted = Wanted(given, objects=objects, classes=classes)
    wanted.check()
    paths = [labels, truth, *([probabilities] if probabilities else [])]
    if any(map(is_set, paths[:2])):
        found, lines = of_folders(paths, wanted, missing, sections=sections, table=table)
    else:
        found, lines = of_one(paths, wanted, missing, sections=sections, table=table)
    if as_json:
        answer(found)
    else:
        typer.echo("\n".join(lines))


def of_one(
    paths: list[str], wanted: Wanted, missing: Any, *, sections: str | None, table: str | None
) -> tuple[Any, list[str]]:
    """The scores of one image, as JSON and as lines."""
    if table is not None:
        raise ValueError("--csv is a table of several images; name two folders or patterns.")
    volumes = [advseg.read(path, missing=missing or "refuse") for path in paths]
    if sections is not None:
        volumes = cut_all(volumes, sections)
    found = measured(volumes, wanted.without_void(volumes[1:2]))
    for text in found.warnings:
        say(f"Warning: {text}")
    return found.document, found.lines


def of_folders(
    paths: list[str], wanted: Wanted, missing: Any, *, sections: str | None, table: str | None
) -> tuple[Any, list[str]]:
    """The scores of several images, as JSON and as lines."""
    if sections is not None:
        raise ValueError("Sections are chosen from one image; leave out --sections for several.")
    found = score_sets(paths, wanted, missing)
    if table is not None:
        write_csv(table, found)
    names, rows = [files[0].name for files, _ in found], [one.row for _, one in found]
    return document(found), several_lines(names, rows)


def cut_all(volumes: list[Any], sections: str) -> list[Any]:
    """Labels and truth cut alike, and the map cut as the longer of them."""
    pair = volumes[:2]
    longer = max(pair, key=lambda volume: volume.size("z"))
    maps = [cut_alike([one, longer], sections)[0] for one in volumes[2:]]
    return [*cut_alike(pair, sections), *maps]


def in_lines(result: Any) -> str:
    """The score as a small table, the flattering numbers beside the honest ones."""
    return "\n".join(score_lines(result))
