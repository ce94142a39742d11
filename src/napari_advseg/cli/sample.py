"""`sample`: a synthetic image with its exact labels, to practise on."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from napari_advseg.cli.options import Files, Tree, takes
from napari_advseg.cli.terminal import app
from napari_advseg.samples import SAMPLES
from napari_advseg.volume.formats.files import write


@app.command()
@takes(Files, "overwrite")
def sample(
    given: Tree,
    name: Annotated[str, typer.Argument(help="Name of a sample, for example neuropil.")],
    out: Annotated[str, typer.Argument(help="A folder, or the image's file: .tif or .ome.zarr.")],
) -> None:
    """Write a synthetic image with its exact labels."""
    if name not in SAMPLES:
        raise ValueError(f"There is no sample '{name}'; choose one of: {', '.join(SAMPLES)}.")
    _, make = SAMPLES[name]
    if not Path(out).suffix:
        Path(out).mkdir(parents=True, exist_ok=True)
    for path, volume in zip(places_in(Path(out)), make(), strict=True):
        typer.echo(str(write(volume, path, **given)))


def places_in(out: Path) -> tuple[Path, Path]:
    """Where image and labels go: into a folder, or to the file named and one beside it."""
    if not out.suffix:
        return out / "image.tif", out / "labels.tif"
    stem, dot, suffixes = out.name.partition(".")
    return out, out.with_name(f"{stem}_labels{dot}{suffixes}")
