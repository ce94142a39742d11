"""`journal`: what proofreaders did, listed, exported, done again on other labels, and baked into a file."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import Annotated, Any

import typer

import napari_advseg as advseg
from napari_advseg.cli.app import Json, Missing, Overwrite, answer, app, run_visibly, say
from napari_advseg.proofreading.bake import bake as bake_labels
from napari_advseg.proofreading.identity import identity
from napari_advseg.proofreading.kept import Kept, beside, kept_in
from napari_advseg.proofreading.proof import OpenProof, Proof, reopened
from napari_advseg.proofreading.replay import Conflict, Replayed, in_words
from napari_advseg.proofreading.replay import replay as replay_steps
from napari_advseg.proofreading.steps import Step
from napari_advseg.volume.atomic import replace_file
from napari_advseg.volume.files import as_labels, read

COLUMNS = ("number", "time", "author", "operation", "ids", "voxels", "box", "reason")
journal = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode=None,
    help="List, export, replay and bake what was done in proofreading.",
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
def list_(where: Where, as_json: Json = False) -> None:
    """List the edits that count, oldest first."""
    kept = found(where)
    warn(kept)
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
            ids,
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
    kept = found(where)
    warn(kept)
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
def replay(
    where: Where,
    onto: Annotated[str, typer.Option(help="Another segmentation of the same image.")],
    out: Annotated[str | None, typer.Option(help="Write its labels with the edits here.")] = None,
    keep: Annotated[
        str | None, typer.Option(help="Folder for its own journal, to go on proofreading.")
    ] = None,
    conflicts: Annotated[
        str | None, typer.Option(help="Write what did not fit into this file (.json).")
    ] = None,
    labels: Labels = None,
    missing: Missing = None,
    overwrite: Overwrite = False,
    as_json: Json = False,
) -> None:
    """Do the edits again on another segmentation; without --out and --keep it is only said what would happen."""
    kept = found(where)
    warn(kept)
    base = advseg.read(onto, missing=missing or "refuse")
    proof = Proof(base) if keep is None else OpenProof(base, Path(keep))
    try:
        replayed: Replayed = run_visibly(replay_steps(kept, proof, original(kept, labels)))
        if conflicts is not None:
            listed = [one.to_json() for one in replayed.conflicts]
            replace_file(Path(conflicts), json.dumps(listed, indent=2).encode())
        if out is not None:
            run_visibly(bake_labels(proof, out, overwrite=overwrite))
    finally:
        if isinstance(proof, OpenProof):
            proof.close()
    if as_json:
        answer(outcome(replayed))
    else:
        typer.echo("\n".join(in_words(replayed)))


@journal.command()
def bake(
    where: Where,
    out: Annotated[str, typer.Option(help="Labels to write: .ome.zarr or .tif.")],
    labels: Labels = None,
    missing: Missing = None,
    overwrite: Overwrite = False,
) -> None:
    """Write the labels with all edits into a file of their own."""
    kept = found(where)
    warn(kept)
    path = labels or kept.source
    if not path:
        raise ValueError("The labels of this journal were in no file; name them with --labels.")
    proof = reopened(kept, advseg.read(path, missing=missing or "refuse"))
    run_visibly(bake_labels(proof, out, overwrite=overwrite))
    say(f"{len(proof.steps)} edits are baked into {out}.")


def found(where: str) -> Kept:
    """The journal in a folder, or beside labels."""
    path = Path(where)
    kept = kept_in(path) or kept_in(beside(path))
    if kept is None:
        raise ValueError(
            f"'{where}' holds no journal, and there is none in '{beside(path)}'; name the folder that ends in "
            ".proofreading."
        )
    return kept


def warn(kept: Kept) -> None:
    if kept.warning:
        say(f"Warning: {kept.warning}")


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
        box = " ".join(f"{begin}:{end}" for begin, end in one["box"] or ())
        writer.writerow({**one, "ids": " ".join(map(str, one["ids"])), "box": box})
    return text.getvalue()


def outcome(replayed: Replayed) -> dict[str, Any]:
    """What became of a replay as plain JSON."""
    listed: list[Conflict] = list(replayed.conflicts)
    return {
        "done": len(replayed.done),
        "already": replayed.already,
        "conflicts": [one.to_json() for one in listed],
    }
