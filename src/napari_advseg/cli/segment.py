"""`segment`: labels of an image by a trained model."""

from __future__ import annotations

from typing import Annotated

import typer

from napari_advseg import model_store
from napari_advseg.cli.app import (
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


@app.command()
def segment(
    image: Annotated[str, typer.Option(help="Raw image: TIFF, zarr, OME-Zarr, HDF5 or PNG.")],
    model: Annotated[
        str, typer.Option(help="Folder of a trained model, or first: the one that comes along.")
    ],
    out: Annotated[
        str, typer.Option(help="Labels to write; .tif or .ome.zarr chooses the format.")
    ],
    sections: Sections = None,
    probabilities: Annotated[
        str | None, typer.Option(help="Keep the interior map here too.")
    ] = None,
    options: Set = None,
    missing: Missing = None,
    overwrite: Overwrite = False,
) -> None:
    """Segment an image with a trained model."""
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
    result = run_visibly(advseg_execute(merge(tree, changes)))
    say(f"{result['objects']} objects in {result['labels']}; the recipe is {result['recipe']}.")
