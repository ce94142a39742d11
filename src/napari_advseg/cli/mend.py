"""`extend` and `mend`: images grown beyond their border, and holes in them filled."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from napari_advseg.cli.app import (
    SAVED,
    Missing,
    Overwrite,
    Sections,
    Set,
    absolute,
    advseg_execute,
    app,
    changed_by,
    run_visibly,
    say,
)

Image = Annotated[str, typer.Option(help="Raw image: TIFF, zarr, OME-Zarr, HDF5 or PNG.")]
Model = Annotated[str, typer.Option(help="Folder of a trained boundless model.")]
Out = Annotated[
    str, typer.Option(help="Image to write (.tif or .ome.zarr); its mask is written beside it.")
]


@app.command()
def extend(
    image: Image,
    model: Model,
    out: Out,
    top: Annotated[int, typer.Option(help="Rows to add above.", min=0)] = 0,
    bottom: Annotated[int, typer.Option(help="Rows to add below.", min=0)] = 0,
    left: Annotated[int, typer.Option(help="Columns to add at the left.", min=0)] = 0,
    right: Annotated[int, typer.Option(help="Columns to add at the right.", min=0)] = 0,
    sections: Sections = None,
    options: Set = None,
    missing: Missing = None,
    overwrite: Overwrite = False,
) -> None:
    """Grow an image beyond its border; what is painted is marked as synthetic."""
    margins = {"top": top, "bottom": bottom, "left": left, "right": right}
    paint({"task": "extend", **margins}, image, model, out, sections, missing, overwrite, options)


@app.command()
def mend(
    image: Image,
    model: Model,
    out: Out,
    holes: Annotated[
        str | None,
        typer.Option(
            help="Labels on the same pixels: what is not 0 is filled. Without them, what is not finite."
        ),
    ] = None,
    label: Annotated[
        int | None, typer.Option(help="Fill this label of the holes alone.", min=1)
    ] = None,
    sections: Sections = None,
    options: Set = None,
    missing: Missing = None,
    overwrite: Overwrite = False,
) -> None:
    """Fill painted regions, folds or missing parts of an image; what is painted is marked as synthetic."""
    tree = {"task": "mend", "holes": absolute(holes), "label": label}
    paint(tree, image, model, out, sections, missing, overwrite, options)


def paint(
    tree: dict[str, Any],
    image: str,
    model: str,
    out: str,
    sections: str | None,
    missing: str | None,
    overwrite: bool,
    options: list[str] | None,
) -> None:
    """Run the recipe and say what came of it."""
    both = {
        "image": absolute(image),
        "model": absolute(model),
        "out": absolute(out),
        "sections": sections,
        "missing": missing or "refuse",
        "overwrite": overwrite,
    }
    running = advseg_execute(changed_by({**tree, **both}, options))
    result = run_visibly(running, f"{SAVED} Start again with --overwrite.")
    say(
        f"The image is {result['image']}; its synthetic pixels are marked in {result['synthetic']}."
    )
