"""`tune`: thresholds searched on annotated sections."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from napari_advseg import model_store
from napari_advseg.cli.app import (
    Json,
    Missing,
    Overwrite,
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
from napari_advseg.tuning import Cell, Tuned

SHOWN = {
    "split": "voi_split",
    "merge": "voi_merge",
    "VOI": "voi",
    "ARand": "adapted_rand_error",
    "CREMI": "cremi_score",
    "ignored": "ignored_fraction",
}


@app.command()
def tune(
    labels: Annotated[str, typer.Option(help="True labels of the sections to tune on.")],
    out: Annotated[str, typer.Option(help="Folder for tables and heat map; new or empty.")],
    model: Annotated[
        str | None, typer.Option(help="Folder of the model that makes the interior map.")
    ] = None,
    image: Annotated[
        str | None, typer.Option(help="Raw image: TIFF, zarr, OME-Zarr, HDF5 or PNG.")
    ] = None,
    probabilities: Annotated[
        str | None, typer.Option(metavar="MAP", help="An interior map instead of an image.")
    ] = None,
    sections: Sections = None,
    grid: Annotated[
        str | None, typer.Option(help="wide (the default) or thesis: the values to try.")
    ] = None,
    thresholds: Annotated[
        str | None, typer.Option(metavar="LIST", help="Thresholds: .73,.80 or .5:.95:.05.")
    ] = None,
    gaps: Annotated[
        str | None, typer.Option(metavar="LIST", help="Gap thresholds, above the threshold.")
    ] = None,
    gap_thresholds: Annotated[
        str | None,
        typer.Option("--edge-thresholds", metavar="LIST", help="Gap thresholds by themselves."),
    ] = None,
    minima: Annotated[
        str | None, typer.Option(metavar="LIST", help="Seeds by: depth, distance, number.")
    ] = None,
    radii: Annotated[
        str | None, typer.Option(metavar="LIST", help="Edge neighbourhoods in px: 0,1,2.")
    ] = None,
    statistics: Annotated[
        str | None, typer.Option(metavar="LIST", help="Edge statistics: mean, median, quantile.")
    ] = None,
    objective: Annotated[
        str | None,
        typer.Option(help="voi, adapted_rand_error, cremi_score (the default) or weighted."),
    ] = None,
    merge_weight: Annotated[
        float | None, typer.Option(metavar="W", help="weighted is split + W x merge; 2 by default.")
    ] = None,
    choose: Annotated[
        str | None, typer.Option(metavar="T,E", help="Choose this pair instead of the best.")
    ] = None,
    save: Annotated[
        bool, typer.Option("--save", help="Write the chosen pair into the model.")
    ] = False,
    options: Set = None,
    missing: Missing = None,
    overwrite: Overwrite = False,
    as_json: Json = False,
) -> None:
    """Search the thresholds of the labelling on annotated sections."""
    lists = {
        "grid": grid,
        "thresholds": thresholds,
        "gaps": gaps,
        "gap_thresholds": gap_thresholds,
        "minima": minima,
        "radii": radii,
        "statistics": statistics,
        "objective": objective,
        "merge_weight": merge_weight,
    }
    tree = {
        "task": "tune",
        "model": model_path(model),
        "image": absolute(image),
        "probabilities": absolute(probabilities),
        "labels": absolute(labels),
        "out": absolute(out),
        "sections": sections,
        "choose": pair(choose),
        "save": save,
        "missing": missing or "refuse",
        "overwrite": overwrite,
        "tuning": {name: value for name, value in lists.items() if value is not None},
    }
    changes = changed_by({}, options)
    result = run_visibly(advseg_execute(merge(grounded(tree, model, changes), changes)))
    found = Tuned.from_json(json.loads(Path(result["table"]).read_text(encoding="utf-8")))
    if as_json:
        answer({**result, **summary(found)})
        return
    typer.echo(in_lines(found))
    say(
        f"The heat map is {result['picture']}, all cells are in {Path(result['out']) / 'tuning.csv'}."
    )


def grounded(tree: dict[str, Any], model: str | None, changes: dict[str, Any]) -> dict[str, Any]:
    """The recipe with the model's own settings below those groups that --set changes a part of."""
    if model is None:
        return tree
    card = model_store.read_card(model)
    own = {
        "prediction": card.recipe.prediction,
        "labelling": card.labelling,
        "scoring": card.recipe.scoring.changed(zero=card.labelling.zero),
    }
    return {**tree, **{name: own[name].model_dump() for name in own if name in changes}}


def pair(text: str | None) -> list[float] | None:
    """Two numbers written as T,E.

    Raises:
        ValueError: they are not.
    """
    if text is None:
        return None
    try:
        first, second = (float(number) for number in text.split(","))
    except ValueError:
        raise ValueError(
            f"'{text}' is no pair of thresholds; write --choose T,E, for example .81,.91."
        ) from None
    return [first, second]


def named(found: Tuned) -> dict[str, Cell]:
    """The cells worth a line, by name; each once."""
    cells = {"best": found.best, "plain threshold": found.plain, "chosen": found.chosen}
    if found.chosen == found.best:
        del cells["chosen"]
    cells["walls left out"] = found.flattering_best
    return {name: cell for name, cell in cells.items() if cell is not None}


def summary(found: Tuned) -> dict[str, Any]:
    """The cells of `named` and the sentence about their disagreement as JSON."""
    tree = found.to_json()
    cells = {name: tree[name] for name in ("best", "plain", "flattering_best", "chosen")}
    return {**cells, "objective": tree["settings"]["objective"], "note": found.disagreement}


def in_lines(found: Tuned) -> str:
    """The marked cells as a small table, the flattering scores in a second row of each."""
    rows = [
        f"{'':<16}{'threshold':>10}{'gap':>8}  {'walls':<9}"
        + "".join(f"{name:>9}" for name in SHOWN)
    ]
    for name, cell in named(found).items():
        start = f"{name:<16}{cell.threshold:>10g}{cell.gap_threshold:>8g}"
        for walls, values in {"honest": cell.honest, "left out": cell.flattering}.items():
            if values is not None:
                numbers = "".join(f"{getattr(values, score):>9.4f}" for score in SHOWN.values())
                rows.append(f"{start}  {walls:<9}{numbers}")
                start = " " * len(start)
    count = len(found.sections)
    mean = f"mean of {count} section{'s' if count != 1 else ''}"
    rows.append(
        f"({mean}; border {found.scoring.border} px left out; lower is better; optimistic: these sections chose)"
    )
    return "\n".join(rows)
