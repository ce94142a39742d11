"""`segment`: labels of an image by a trained model."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from napari_advseg import model_store
from napari_advseg.cli.app import (
    GO_ON,
    SAVED,
    Missing,
    Overwrite,
    Sections,
    Set,
    absolute,
    advseg_execute,
    app,
    changed_by,
    model_path,
    run_visibly,
    say,
)
from napari_advseg.settings import merge
from napari_advseg.volume.formats.sets import is_set


@app.command()
def segment(
    image: Annotated[
        str,
        typer.Option(help="Raw image: TIFF, zarr, OME-Zarr, HDF5, PNG, or a folder of them."),
    ],
    model: Annotated[
        str, typer.Option(help="Folder of a trained model, or first: the one that comes along.")
    ],
    out: Annotated[
        str,
        typer.Option(help="Labels to write (.tif or .ome.zarr), or the folder for several images."),
    ],
    sections: Sections = None,
    probabilities: Annotated[
        str | None, typer.Option(help="Keep the interior map here too.")
    ] = None,
    options: Set = None,
    missing: Missing = None,
    overwrite: Overwrite = False,
    resume: Annotated[
        bool, typer.Option("--resume", help="Of several images: only those not yet segmented.")
    ] = False,
) -> None:
    """Segment an image, or all images of a folder, with a trained model."""
    card = model_store.read_card(model)
    changes = changed_by({}, options)
    tree = {
        "task": "segment",
        "image": absolute(image),
        "model": model_path(model),
        "out": absolute(out),
        "sections": sections,
        "probabilities": absolute(probabilities),
        "overwrite": overwrite,
        "missing": missing or "refuse",
        "prediction": card.recipe.prediction.model_dump(),
        "labelling": card.labelling.model_dump(),
    }
    stopped = GO_ON if is_set(image) else f"{SAVED} Start again with --overwrite."
    result = run_visibly(advseg_execute(merge(tree, changes), resume=resume), stopped)
    say(f"{found(result)} in {result['labels']}; the recipe is {result['recipe']}.")


def found(result: dict[str, Any]) -> str:
    """What was found, in words: "3 of 4 images segmented, 120 objects"."""
    kind = "classes" if "classes" in result else "objects"
    parts = []
    if "images" in result:
        parts.append(f"{result['segmented']} of {result['images']} images segmented")
    if kind in result:
        parts.append(f"{result[kind]:,} {kind}")
    return ", ".join(parts)
