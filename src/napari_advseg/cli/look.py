"""`demo`, `families`, `sample` and `doctor`: what there is to try, to choose and to check."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import Annotated

import typer

import napari_advseg as advseg
from napari_advseg.cli.app import Json, answer, app, run_visibly, say
from napari_advseg.cli.options import Files, Tree, takes
from napari_advseg.cli.score.text import score_lines


@app.command()
def demo(
    out: Annotated[str, typer.Option(help="Folder for the results; new or empty.")] = "demo",
    steps: Annotated[int | None, typer.Option(help="Training steps.", min=1)] = None,
) -> None:
    """Train, segment, score and draw a picture on synthetic neuropil."""
    module = import_module("napari_advseg.cli.demo")
    result = run_visibly(module.demo(Path(out), steps))
    typer.echo("\n".join(score_lines(result.closed)))
    say(f"See {out}: score.json, labels.ome.zarr, model/ and the pictures.")


@app.command()
def families(*, as_json: Json = False) -> None:
    """List the families of models with their presets and parameter counts."""
    listed = import_module("napari_advseg.families.counts").listed()
    if as_json:
        answer(listed)
        return
    for entry in listed:
        typer.echo(f"{entry['name']}: {entry['summary']} ({entry['reference']})")
        for name, preset in entry["presets"].items():
            counts = ", ".join(
                f"{player} {count:,}" for player, count in preset["parameters"].items()
            )
            typer.echo(f"  {name}: {counts} parameters")


@app.command()
@takes(Files, "overwrite")
def sample(
    given: Tree,
    name: Annotated[str, typer.Argument(help="Name of a sample, for example neuropil.")],
    out: Annotated[str, typer.Argument(help="A folder, or the image's file: .tif or .ome.zarr.")],
) -> None:
    """Write a synthetic image with its exact labels."""
    samples = import_module("napari_advseg.samples").SAMPLES
    if name not in samples:
        raise ValueError(f"There is no sample '{name}'; choose one of: {', '.join(samples)}.")
    _, make = samples[name]
    if not Path(out).suffix:
        Path(out).mkdir(parents=True, exist_ok=True)
    for path, volume in zip(sample_places(Path(out)), make(), strict=True):
        typer.echo(str(advseg.write(volume, path, **given)))


@app.command()
def doctor() -> None:
    """Check this computer: versions, memory, device, Qt, display."""
    module = import_module("napari_advseg.cli.doctor")
    findings = module.examine()
    typer.echo(module.report(findings))
    if not module.is_healthy(findings):
        raise typer.Exit(2)


def sample_places(out: Path) -> tuple[Path, Path]:
    """Where image and labels go: into a folder, or to the file named and one beside it."""
    if not out.suffix:
        return out / "image.tif", out / "labels.tif"
    stem, dot, suffixes = out.name.partition(".")
    return out, out.with_name(f"{stem}_labels{dot}{suffixes}")
