"""`journal`: what proofreaders did: listed, exported, reported, done again elsewhere, baked, and learnt from."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import Annotated, Any

import typer

import napari_advseg as advseg
from napari_advseg import model_store
from napari_advseg.cli.options import Files, Option, Set, Tree, absolute, changed_by, judged, takes
from napari_advseg.cli.terminal import GO_ON, Json, answer, app, run_recipe, run_visibly, say
from napari_advseg.disk.atomic import replace_file
from napari_advseg.proofreading.afterwards.bake import bake as bake_labels
from napari_advseg.proofreading.afterwards.replay import Replayed, describe
from napari_advseg.proofreading.afterwards.replay import replay as replay_steps
from napari_advseg.proofreading.afterwards.review import record_of, write_record
from napari_advseg.proofreading.editing.proof import (
    OpenProof,
    Proof,
    find_journal,
    path_of_labels,
    reopened,
)
from napari_advseg.proofreading.store.identity import identity
from napari_advseg.proofreading.store.kept import Kept
from napari_advseg.proofreading.store.steps import Step
from napari_advseg.recipes import Retrain, further
from napari_advseg.settings import merge
from napari_advseg.volume.formats.files import as_labels, read

REFUSED = 1
"""Exit code where the new model is not taken."""
COLUMNS = ("number", "time", "author", "operation", "ids", "voxels", "box", "reason")
journal = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode=None,
    help="List, export, replay, bake, report and learn from what was done in proofreading.",
)
app.add_typer(journal, name="journal")

Where = Annotated[
    str, typer.Argument(help="Folder of the journal (ends in .proofreading), or the labels.")
]
Labels = Annotated[
    str | None,
    typer.Option(help="The labels that the journal belongs to, where they have moved."),
]


@journal.command("list")
def list_(where: Where, *, as_json: Json = False) -> None:
    """List the edits that count, oldest first."""
    kept = opened(where)
    rows = [row(number, step) for number, step in enumerate(kept.steps, 1)]
    if as_json:
        answer({**about(kept), "edits": rows})
        return
    typer.echo(f"{len(rows)} edits of {kept.source or 'labels'} ({kept.identity.words})")
    for one in rows:
        ids = ", ".join(map(str, one["ids"]))
        voxels = f"{one['voxels']} voxels" if one["voxels"] else ""
        parts = (
            one["number"],
            one["time"],
            one["author"],
            one["operation"],
            ids or f"box {spelled(one['box'])}",
            voxels,
            one["reason"],
        )
        typer.echo("  ".join(str(part) for part in parts if part != ""))


@journal.command()
def export(
    where: Where,
    out: Annotated[str, typer.Option(help="File to write: .json, or .csv for a table.")],
) -> None:
    """Write the edits that count into a file that other programs read."""
    kept = opened(where)
    path = Path(out)
    rows = [row(number, step) for number, step in enumerate(kept.steps, 1)]
    if path.suffix.lower() == ".csv":
        content = table(rows)
    elif path.suffix.lower() == ".json":
        content = json.dumps({**about(kept), "edits": rows}, indent=2)
    else:
        raise ValueError(f"'{path.name}' has no known ending; choose .json or .csv.")
    replace_file(path, content.encode())
    say(f"{len(rows)} edits are in {path}.")


@journal.command()
@takes(Files, "missing", "overwrite")
def replay(
    given: Tree,
    where: Where,
    *,
    onto: Annotated[str, typer.Option(help="Another segmentation of the same image.")],
    out: Annotated[str | None, typer.Option(help="Write its labels with the edits here.")] = None,
    keep: Annotated[
        str | None, typer.Option(help="Folder for its own journal, to go on proofreading.")
    ] = None,
    conflicts: Annotated[
        str | None, typer.Option(help="Write what did not fit into this file (.json).")
    ] = None,
    labels: Labels = None,
    as_json: Json = False,
) -> None:
    """Do the edits again on another segmentation; without --out and --keep it is only said what would happen."""
    files = judged(Files, given)
    kept = opened(where)
    base = advseg.read(onto, missing=files.missing)
    proof = Proof(base) if keep is None else OpenProof(base, Path(keep))
    try:
        replayed: Replayed = run_visibly(replay_steps(kept, proof, original(kept, labels)))
        if conflicts is not None:
            listed = [one.to_json() for one in replayed.conflicts]
            replace_file(Path(conflicts), json.dumps(listed, indent=2).encode())
        if out is not None:
            run_visibly(bake_labels(proof, out, overwrite=files.overwrite))
    finally:
        if isinstance(proof, OpenProof):
            proof.close()
    if as_json:
        answer(replayed.to_json())
    else:
        typer.echo("\n".join(describe(replayed)))


@journal.command()
@takes(Files, "missing", "overwrite")
def bake(
    given: Tree,
    where: Where,
    out: Annotated[str, typer.Option(help="Labels to write: .ome.zarr or .tif.")],
    labels: Labels = None,
) -> None:
    """Write the labels with all edits into a file of their own."""
    files = judged(Files, given)
    kept = opened(where)
    path = path_of_labels(kept, labels)
    proof = reopened(kept, advseg.read(path, missing=files.missing))
    run_visibly(bake_labels(proof, out, overwrite=files.overwrite))
    say(f"{len(proof.steps)} edits are baked into {out}.")


@journal.command()
@takes(Files, "missing")
def report(
    given: Tree,
    where: Where,
    *,
    out: Annotated[str, typer.Option(help="Folder for review.md and review.csv.")],
    truth: Annotated[
        str | None, typer.Option(help="True labels on the same voxels: the score before and after.")
    ] = None,
    by: Annotated[str, typer.Option(help="Score by section or volume.")] = "volume",
    labels: Labels = None,
    as_json: Json = False,
) -> None:
    """Report the time spent, edits by kind, what is reviewed and, with a truth, the score before and after."""
    files = judged(Files, given)
    kept = opened(where)
    proof = true = None
    if truth is not None:
        path = path_of_labels(kept, labels)
        base, true = (advseg.read(one, missing=files.missing) for one in (path, truth))
        proof = reopened(kept, base)
    record = record_of(kept, proof, true, by=by)
    text, table = write_record(record, Path(out))
    if as_json:
        answer({**about(kept), **record.to_json()})
    say(f"The review is in {text} and {table}.")


@journal.command()
@takes(
    Retrain,
    *("image", "model", "out"),
    Option("training.steps", help="Steps of training; without it as many as the model had."),
    *("seed", "labels", "missing"),
)
def retrain(
    given: Tree,
    where: Where,
    *,
    options: Set = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on with what was stopped in --out.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Train a model on what is reviewed, and take it where it is no worse; else nothing changes (exit code 1)."""
    recipe = model_store.read_card(given["model"]).recipe
    own = {
        "journal": absolute(where),
        "prediction": recipe.prediction.model_dump(),
        "training": further(recipe.training).model_dump(),
    }
    made = run_recipe(changed_by(merge(own, given), options), GO_ON, resume=resume)
    if as_json:
        answer(made)
    if not made["is_taken"]:
        raise typer.Exit(REFUSED)
    say(
        f"The new model is {made['model']}, its labels with your edits are {made['labels']}, and what changed is "
        f"{made['changed']}."
    )


def opened(where: str) -> Kept:
    """The journal in a folder or beside labels; what is odd about it is said."""
    kept = find_journal(where)
    if kept.warning:
        say(f"Warning: {kept.warning}")
    return kept


def original(kept: Kept, labels: str | None) -> Any:
    """The labels that the journal belongs to, where they can be read and are still the same."""
    path = labels or kept.source
    if not path or not Path(path.split("::")[0]).exists():
        return None
    base = as_labels(read(path)).array
    return base if identity(base) == kept.identity else None


def about(kept: Kept) -> dict[str, Any]:
    """What a journal says of the labels that it belongs to."""
    return {"journal": str(kept.folder), "labels": kept.source, **kept.identity.to_json()}


def row(number: int, step: Step) -> dict[str, Any]:
    """An edit as plain JSON."""
    return {"number": number, **step.to_json()}


def table(rows: list[dict[str, Any]]) -> str:
    """Edits as CSV; several ids are divided by spaces."""
    text = io.StringIO()
    writer = csv.DictWriter(text, COLUMNS, extrasaction="ignore", lineterminator="\n")
    writer.writeheader()
    for one in rows:
        ids = " ".join(map(str, one["ids"]))
        writer.writerow({**one, "ids": ids, "box": spelled(one["box"])})
    return text.getvalue()


def spelled(box: Any) -> str:
    """A box in words: "3:4 0:512 0:512"."""
    return " ".join(f"{begin}:{end}" for begin, end in box or ())
