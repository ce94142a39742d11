"""`generate`: synthetic images of labels."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import Annotated

import typer

import napari_advseg as advseg
from napari_advseg import model_store
from napari_advseg.cli.app import Overwrite, Sections, app, run_visibly, say
from napari_advseg.recipe import parse_span
from napari_advseg.volume.files import as_labels
from napari_advseg.volume.volume import Volume


@app.command()
def generate(
    model: Annotated[
        str,
        typer.Option(
            help="Folder of a model that paints (cgan with direction map_to_image, cyclegan, seggan)."
        ),
    ],
    out: Annotated[str, typer.Option(help="Folder for the pairs: image and labels.")],
    labels: Annotated[
        str | None, typer.Option(help="Labels to paint; without them synthetic neuropil is drawn.")
    ] = None,
    sections: Sections = None,
    count: Annotated[
        int, typer.Option(help="Sections of synthetic neuropil to draw, without --labels.", min=1)
    ] = 4,
    side: Annotated[int, typer.Option(help="Their side in pixels.", min=32)] = 512,
    seed: Annotated[int, typer.Option(help="Of the neuropil that is drawn.", min=0)] = 0,
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
    overwrite: Overwrite = False,
) -> None:
    """Write synthetic images with the labels they were painted of."""
    stored = model_store.load(model)
    volume = labels_of(labels, sections, (count, side, side), seed)
    folder = Path(out)
    folder.mkdir(parents=True, exist_ok=True)
    image = run_visibly(import_module("napari_advseg.generation").generate(volume, stored))
    if gate is not None:
        judge, gates = model_store.load(gate), import_module("napari_advseg.gate")
        passed = run_visibly(gates.through_the_gate(image, volume, judge, agree))
        say(passed.words)
        image, volume = passed.image, passed.labels
    frame = volume.frame.after(f"labels of a synthetic image by {Path(model).name}")
    truth = Volume(volume.array, frame, kind="labels")
    for one, name in ((image, "image.tif"), (truth, "labels.tif")):
        typer.echo(str(advseg.write(one, folder / name, overwrite=overwrite)))
    say("These images are synthetic: keep them out of truth and test sets.")


def labels_of(
    path: str | None, sections: str | None, shape: tuple[int, int, int], seed: int
) -> Volume:
    """The labels to paint: from a file, or those of synthetic neuropil."""
    if path is None:
        drawn: Volume = import_module("napari_advseg.samples").neuropil(shape, seed=seed)[1]
        return drawn
    volume = as_labels(advseg.read(path))
    return volume if sections is None else volume.cut(*parse_span(sections))
