"""`generate`: synthetic images of labels, or crops drawn from noise."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import Annotated

import typer

import napari_advseg as advseg
from napari_advseg import families, model_store
from napari_advseg.cli.app import Overwrite, Sections, app, run_visibly, say
from napari_advseg.model_store import StoredModel
from napari_advseg.recipe import parse_span
from napari_advseg.volume.files import as_labels
from napari_advseg.volume.volume import Volume


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
    stored = model_store.load(model)
    if families.find(stored.family).needs == "unlabelled":
        if labels is not None or gate is not None:
            raise ValueError(
                f"A {stored.family} draws crops without labels; leave out --labels and --gate."
            )
        write_crops(stored, Path(out), (count, seed, psi, gain), images, overwrite=overwrite)
        return
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


def write_crops(
    model: StoredModel,
    folder: Path,
    how: tuple[int, int, float, float],
    images: str | None,
    *,
    overwrite: bool,
) -> None:
    """Draw crops (number, seed, truncation, gain), compare them with the training images, and write both."""
    crops = import_module("napari_advseg.crops")
    drawn = run_visibly(crops.draw(model, *how))
    found = run_visibly(crops.compared(drawn, model, images))
    for path in crops.keep(drawn, found, folder, overwrite=overwrite):
        typer.echo(str(path))
    say("These crops are synthetic and carry no labels: keep them out of truth and test sets.")


def labels_of(
    path: str | None, sections: str | None, shape: tuple[int, int, int], seed: int
) -> Volume:
    """The labels to paint: from a file, or those of synthetic neuropil."""
    if path is None:
        drawn: Volume = import_module("napari_advseg.samples").neuropil(shape, seed=seed)[1]
        return drawn
    volume = as_labels(advseg.read(path))
    return volume if sections is None else volume.cut(*parse_span(sections))
