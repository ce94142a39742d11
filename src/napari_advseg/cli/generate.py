"""`generate`: synthetic images of labels, or crops drawn from noise."""

from __future__ import annotations

from typing import Annotated

import typer

from napari_advseg.cli.app import (
    SAVED,
    Overwrite,
    Sections,
    absolute,
    advseg_execute,
    app,
    run_visibly,
)


@app.command()
def generate(
    model: Annotated[
        str,
        typer.Option(
            help="Folder of a model that paints (cgan with direction map_to_image, cyclegan, seggan) or draws crops "
            "(stylegan)."
        ),
    ],
    out: Annotated[
        str, typer.Option(help="Folder for the pairs, image and labels, or for the crops.")
    ],
    labels: Annotated[
        str | None, typer.Option(help="Labels to paint; without them synthetic neuropil is drawn.")
    ] = None,
    sections: Sections = None,
    count: Annotated[
        int,
        typer.Option(help="Sections of synthetic neuropil, without --labels, or crops.", min=1),
    ] = 4,
    side: Annotated[int, typer.Option(help="Their side in pixels.", min=32)] = 512,
    seed: Annotated[int, typer.Option(help="Of the neuropil, or the crops.", min=0)] = 0,
    gate: Annotated[
        str | None,
        typer.Option(
            help="Folder of a segmenter trained on real images: only sections in which it finds the labels again "
            "are written."
        ),
    ] = None,
    agree: Annotated[
        float,
        typer.Option(help="Overlap (IoU) with the labels that --gate asks for.", min=0, max=1),
    ] = 0.5,
    psi: Annotated[
        float,
        typer.Option(
            help="Crops: truncation; below 1 they are more typical, of fewer kinds.", min=0, max=1
        ),
    ] = 1.0,
    gain: Annotated[
        float, typer.Option(help="Crops: contrast; 1 leaves it as it was learnt.", min=0.1, max=10)
    ] = 1.0,
    images: Annotated[
        str | None,
        typer.Option(
            help="Crops: the training images, where they have been moved; crops are compared with them."
        ),
    ] = None,
    overwrite: Overwrite = False,
) -> None:
    """Write synthetic images with the labels they were painted of, or unlabelled crops."""
    tree = {
        "task": "generate",
        "model": absolute(model),
        "out": absolute(out),
        "labels": absolute(labels),
        "sections": sections,
        "count": count,
        "side": side,
        "seed": seed,
        "gate": absolute(gate),
        "agree": agree,
        "psi": psi,
        "gain": gain,
        "images": absolute(images),
        "overwrite": overwrite,
    }
    for path in run_visibly(advseg_execute(tree), f"{SAVED} Start again with --overwrite.")[
        "written"
    ]:
        typer.echo(path)
