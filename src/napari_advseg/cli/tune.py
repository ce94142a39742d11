"""`tune`: thresholds searched on annotated sections."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import typer

from napari_advseg import model_store
from napari_advseg.cli.options import Option, Set, Tree, changed_by, takes
from napari_advseg.cli.terminal import Json, answer, app, run_recipe, say
from napari_advseg.recipes import Tune
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
@takes(
    Tune,
    *("labels", "out", "model", "image"),
    Option("interior_map", "--probabilities"),
    "sections",
    *("tuning.grid", "tuning.thresholds", "tuning.gaps"),
    Option("tuning.gap_thresholds", "--edge-thresholds"),
    *("tuning.minima", "tuning.radii", "tuning.statistics"),
    *("tuning.objective", "tuning.merge_weight", "choose", "save", "missing", "overwrite"),
)
def tune(given: Tree, *, options: Set = None, as_json: Json = False) -> None:
    """Search the thresholds of the labelling on annotated sections."""
    result = run_recipe(grounded(changed_by(given, options)))
    found = Tuned.from_json(json.loads(Path(result["table"]).read_text(encoding="utf-8")))
    if as_json:
        answer({**result, **summary(found)})
        return
    typer.echo(in_lines(found))
    say(
        f"The heat map is {result['picture']}, all cells are in {Path(result['out']) / 'tuning.csv'}."
    )


def grounded(tree: Tree) -> Tree:
    """The recipe with the model's own settings below those groups that --set changes a part of."""
    model = tree.get("model")
    if model is None:
        return tree
    card = model_store.read_card(model)
    own = {
        "prediction": card.recipe.prediction,
        "labelling": card.labelling,
        "scoring": card.recipe.scoring.changed(zero=card.labelling.zero),
    }
    return merge({name: own[name].model_dump() for name in own if name in tree}, tree)


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
