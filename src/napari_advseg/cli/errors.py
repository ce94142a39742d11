"""`errors`: where labels differ from the truth, what each place costs, and a map of it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer

import napari_advseg as advseg
from napari_advseg.cli.options import Files, Tree, judged, share_of, takes
from napari_advseg.cli.score.command import cut_alike
from napari_advseg.cli.terminal import Json, aligned, answer, app, say
from napari_advseg.scoring.finding.locate import ERROR_KINDS, Errors, error_map
from napari_advseg.settings.scoring import ScoringSettings
from napari_advseg.volume.formats.sections import check_target

OBJECTS = ("#", "gain", "side", "id", "split", "merge", "section", "y", "x", "voxels")
SITES = ("#", "gain", "kind", "labels", "truth", "section", "y", "x", "faces")
WORDS = ("side", "kind", "labels", "truth")


class Places(ScoringSettings, Files):
    """By which rules labels are compared, and how the files are read and written."""


@app.command()
@takes(Places, "by", "boundary", "border", "zero", "sections", "missing", "overwrite")
def errors(
    given: Tree,
    labels: Annotated[str, typer.Argument(help="Predicted labels.")],
    truth: Annotated[str, typer.Argument(help="True labels on the same voxels.")],
    *,
    top: Annotated[int, typer.Option(help="How many objects and sites are listed.", min=0)] = 50,
    overlay: Annotated[
        str | None, typer.Option(help="Paint the errors into this file: .ome.zarr or .tif.")
    ] = None,
    as_json: Json = False,
) -> None:
    """List where labels are wrong, the most costly places first."""
    files = judged(Files, given)
    predicted, true = (advseg.read(path, missing=files.missing) for path in (labels, truth))
    first = 0
    if files.sections is not None:
        first = files.sections[0]
        predicted, true = cut_alike([predicted, true], files.sections)
    if overlay is not None:
        check_target(Path(overlay), predicted.shape, np.uint8, "labels", overwrite=files.overwrite)
    found = advseg.locate(predicted, true, **share_of(ScoringSettings, given)).top(top).moved(first)
    if not found.score.scored:
        say("Warning: the truth has no labelled pixel there, so nothing was compared.")
    if overlay is not None:
        advseg.write(error_map(predicted, true, found.settings), overlay, overwrite=files.overwrite)
        kinds = ", ".join(f"{number} {kind}" for kind, number in ERROR_KINDS.items())
        say(f"Painted into {overlay}: {kinds}.")
    if as_json:
        answer({**found.to_json(), **({"overlay": overlay} if overlay else {})})
    else:
        typer.echo(in_lines(found))


def in_lines(found: Errors) -> str:
    """The score in one line, then sites and objects as tables."""
    score, settings = found.score, found.settings
    whole = f"mean of {len(score.sections)} sections" if score.sections else "the volume as one"
    parts = f"split {score.voi_split:.4f} + merge {score.voi_merge:.4f} bits"
    sites = [_site(rank, one) for rank, one in enumerate(found.sites, 1)]
    objects = [_object(rank, one) for rank, one in enumerate(found.objects, 1)]
    return f"""VOI {score.voi:.4f} = {parts}
({whole}; border {settings.border} px left out; gain: what VOI falls by)

Sites, {len(sites)} of {found.sites_found}
split: the two labels are joined; merge: the smaller of the two true parts is cut off the label
{aligned([SITES, *sites], WORDS)}

Objects, {len(objects)} of {found.objects_found}
truth: the object is made one segment; labels: the label is cut along the truth
{aligned([OBJECTS, *objects], WORDS)}"""


def _site(rank: int, one: Any) -> list[str]:
    ids = [", ".join(map(str, ids)) for ids in (one.labels, one.truth)]
    return [str(rank), f"{one.gain:.6f}", one.kind, *ids, *map(str, one.point), str(one.contact)]


def _object(rank: int, one: Any) -> list[str]:
    bits = [f"{value:.6f}" for value in (one.split, one.merge)]
    place = [str(number) for number in (*one.point, one.size)]
    return [str(rank), f"{one.gain:.6f}", one.side, str(one.id), *bits, *place]
