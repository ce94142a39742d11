"""The command `score`: of one image, or of two folders matched by name."""

from __future__ import annotations

from typing import Annotated, Any

import typer

import napari_advseg as advseg
from napari_advseg.cli.options import Files, Option, Tree, judged, takes
from napari_advseg.cli.score.measure import Wanted, measured
from napari_advseg.cli.score.several import document, score_sets, write_csv
from napari_advseg.cli.score.text import several_lines
from napari_advseg.cli.terminal import Json, answer, app, say
from napari_advseg.settings import setting
from napari_advseg.settings.scoring import ObjectSettings, ScoringSettings
from napari_advseg.volume.formats.sets import is_set


class Comparison(ScoringSettings, ObjectSettings, Files):
    """All that a comparison can be told: of instances, of objects, of classes."""

    objects: bool = setting(False, "Objects", "Score whole objects and their outlines too.")
    probabilities: str | None = setting(
        None,
        "Interior map",
        "With --objects: ranks them by their mean in this map.",
        form="map",
    )
    classes: bool = setting(False, "Classes", "Compare class maps instead of labels.")
    ignore: int | None = setting(None, "Ignore", "With --classes: true class left out.")


@app.command()
@takes(
    Comparison,
    *("by", "boundary", "border", "edge", "zero", "rand", "objects"),
    Option("ious", "--iou", help="With --objects: 0.5, or 0.5,0.75, or 0.5:0.95."),
    Option("tolerance", help="With --objects or --classes: how far off a boundary may be."),
    Option("detections", help="With --objects: looked at by the average precision."),
    *("probabilities", "classes", "ignore", "sections", "missing"),
)
def score(
    given: Tree,
    labels: Annotated[str, typer.Argument(help="Predicted labels, or a folder of them.")],
    truth: Annotated[str, typer.Argument(help="True labels on the same voxels.")],
    *,
    table: Annotated[
        str | None,
        typer.Option("--csv", metavar="FILE", help="Of folders: the rows of the images as CSV."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Compare labels with the truth: of one image, or of two folders matched by name."""
    files, wanted = judged(Files, given), Wanted(given)
    wanted.check()
    paths = [labels, truth, *([given["probabilities"]] if "probabilities" in given else [])]
    several = any(map(is_set, paths[:2]))
    compare = of_folders if several else of_one
    found, lines = compare(paths, wanted, files, table)
    if as_json:
        answer(found)
    else:
        typer.echo("\n".join(lines))


def of_one(
    paths: list[str], wanted: Wanted, files: Files, table: str | None
) -> tuple[Any, list[str]]:
    """The scores of one image, as JSON and as lines."""
    if table is not None:
        raise ValueError("--csv is a table of several images; name two folders or patterns.")
    volumes = [advseg.read(path, missing=files.missing) for path in paths]
    if files.sections is not None:
        volumes = cut_all(volumes, files.sections)
    found = measured(volumes, wanted.without_void(volumes[1:2]))
    for text in found.warnings:
        say(f"Warning: {text}")
    return found.document, found.lines


def of_folders(
    paths: list[str], wanted: Wanted, files: Files, table: str | None
) -> tuple[Any, list[str]]:
    """The scores of several images, as JSON and as lines."""
    if files.sections is not None:
        raise ValueError("Sections are chosen from one image; leave out --sections for several.")
    found = score_sets(paths, wanted, files.missing)
    if table is not None:
        write_csv(table, found)
    names, rows = [images[0].name for images, _ in found], [one.row for _, one in found]
    return document(found), several_lines(names, rows)


def cut_all(volumes: list[Any], sections: tuple[int, int]) -> list[Any]:
    """Labels and truth cut alike, and the map cut as the longer of them."""
    pair = volumes[:2]
    longer = max(pair, key=lambda volume: volume.size("z"))
    maps = [cut_alike([one, longer], sections)[0] for one in volumes[2:]]
    return [*cut_alike(pair, sections), *maps]


def cut_alike(pair: list[Any], sections: tuple[int, int]) -> list[Any]:
    """Both volumes cut to the sections; one that holds only these already is taken whole."""
    first, end = sections
    cut = []
    for volume in pair:
        others = [other.size("z") for other in pair if other is not volume]
        already = volume.size("z") == end - first and others[0] != volume.size("z")
        cut.append(volume if already else volume.cut(first, end))
    return cut
