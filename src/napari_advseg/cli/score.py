"""`score`: labels or class maps compared with the truth."""

from __future__ import annotations

from typing import Annotated, Any

import typer

import napari_advseg as advseg
from napari_advseg.cli.app import Json, Missing, Sections, answer, app, cut_alike, say
from napari_advseg.cli.score_text import class_lines, object_lines, score_lines

OF_INSTANCES = ("by", "boundary", "border", "zero", "rand")
OF_OBJECTS = ("iou", "detections", "probabilities")


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
    as_json: Json = False,
) -> None:
    """Compare labels with the truth."""
    given = {
        name: value
        for name, value in {
            **dict(zip(OF_INSTANCES, (by, boundary, border, zero, rand), strict=True)),
            **dict(zip(OF_OBJECTS, (iou, detections, probabilities), strict=True)),
            "tolerance": tolerance,
            "ignore": ignore,
        }.items()
        if value is not None
    }
    check_together(given, objects=objects, classes=classes)
    paths = [labels, truth, *([probabilities] if probabilities else [])]
    volumes = [advseg.read(path, missing=missing or "refuse") for path in paths]
    if sections is not None:
        volumes = cut_all(volumes, sections)
    if classes:
        document, lines = of_classes(volumes, given)
    else:
        document, lines = of_labels(volumes, given, objects=objects)
    if as_json:
        answer(document)
    else:
        typer.echo("\n".join(lines))


def check_together(given: dict[str, Any], *, objects: bool, classes: bool) -> None:
    """Refuse options that have no effect beside the others."""
    if classes:
        wrong = [*(name for name in (*OF_INSTANCES, *OF_OBJECTS) if name in given)]
        wrong += ["objects"] if objects else []
        if wrong:
            raise ValueError(
                f"--classes compares class maps, in which there are no objects; "
                f"leave out {_options(wrong)}."
            )
        return
    if "ignore" in given:
        raise ValueError("--ignore leaves out a class of a class map; add --classes.")
    wrong = [name for name in (*OF_OBJECTS, "tolerance") if name in given]
    if wrong and not objects:
        raise ValueError(f"{_options(wrong)} is for the score of objects; add --objects.")


def of_classes(volumes: list[Any], given: dict[str, Any]) -> tuple[Any, list[str]]:
    """The score of class maps, as JSON and as lines."""
    names = {"tolerance": "width", "ignore": "ignore"}
    result = advseg.semantic_score(
        *volumes, **{names[name]: value for name, value in given.items()}
    )
    if not result.scored:
        say("Warning: the truth has no pixel that counts, so nothing was compared.")
    return result.to_json(), class_lines(result)


def of_labels(volumes: list[Any], given: dict[str, Any], *, objects: bool) -> tuple[Any, list[str]]:
    """The score of labels, with that of their objects if asked for, as JSON and as lines."""
    pair, maps = volumes[:2], volumes[2:]
    fields = {name: given[name] for name in OF_INSTANCES if name in given}
    result = advseg.score(*pair, **fields)
    if not result.scored:
        say(
            "Warning: the truth has no labelled pixel there, so nothing was compared and every value is 0."
        )
    document, lines = result.to_json(), score_lines(result)
    if objects:
        names = {"iou": "ious", "tolerance": "tolerance", "detections": "detections"}
        fields |= {setting: given[name] for name, setting in names.items() if name in given}
        found = advseg.object_score(*pair, probabilities=maps[0] if maps else None, **fields)
        if found.masks.left_out:
            say(
                f"Average precision left out {found.masks.left_out} objects: it looks at "
                f"{found.rules.detections} in an image; --detections sets more."
            )
        document["objects"] = found.to_json()
        lines += ["", *object_lines(found)]
    return document, lines


def cut_all(volumes: list[Any], sections: str) -> list[Any]:
    """Labels and truth cut alike, and the map cut as the longer of them."""
    pair = volumes[:2]
    longer = max(pair, key=lambda volume: volume.size("z"))
    maps = [cut_alike([one, longer], sections)[0] for one in volumes[2:]]
    return [*cut_alike(pair, sections), *maps]


def in_lines(result: Any) -> str:
    """The score as a small table, the flattering numbers beside the honest ones."""
    return "\n".join(score_lines(result))


def _options(names: list[str]) -> str:
    return ", ".join(f"--{name}" for name in names)
