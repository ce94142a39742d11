"""The command line: options become recipes, reports become a progress bar, errors become one line."""

from __future__ import annotations

import json
import os
import signal
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from types import FrameType
from typing import Annotated, Any, NoReturn

import typer
from rich.console import Console

import napari_advseg as advseg
from napari_advseg import engine, model_store
from napari_advseg.bar import Bar
from napari_advseg.progress import Report, Reports
from napari_advseg.recipe import Segment, parse_span, read_tree, train_recipe, validated
from napari_advseg.settings import assign, merge

# Newer releases of typer bring their own click; this is the usage error of whichever is in use.
UsageError: type[Any] = typer.BadParameter.__bases__[0]

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    help="Train, segment, close gaps, score and proofread electron microscopy.",
)
console = Console(stderr=True, highlight=False, soft_wrap=True)

Set = Annotated[
    list[str] | None, typer.Option("--set", metavar="NAME=VALUE", help="Any setting by its name.")
]
Sections = Annotated[
    str | None, typer.Option(metavar="A:B", help="Only sections A to B-1, counted from 0.")
]
Json = Annotated[bool, typer.Option("--json", help="One JSON document on standard output.")]
Missing = Annotated[
    str | None,
    typer.Option(help="Chunks that a zarr store has lost: refuse (the default) or fill."),
]
Overwrite = Annotated[
    bool,
    typer.Option("--overwrite", help="Replace an existing output once the new one is complete."),
]


@app.command()
def train(
    image: Annotated[
        str | None, typer.Option(help="Raw image: TIFF, zarr, OME-Zarr, HDF5 or PNG.")
    ] = None,
    labels: Annotated[str | None, typer.Option(help="Its annotation, on the same voxels.")] = None,
    family: Annotated[
        str | None, typer.Option(help="Which kind of model; see the command families.")
    ] = None,
    out: Annotated[str | None, typer.Option(help="Folder for the model; new or empty.")] = None,
    preset: Annotated[
        str | None, typer.Option(help="Defaults to start from; chosen by the device unless named.")
    ] = None,
    zero: Annotated[
        str | None, typer.Option(help="What 0 means: auto, unannotated, boundary, background.")
    ] = None,
    sections: Sections = None,
    validate: Annotated[
        str | None, typer.Option(metavar="A:B", help="Sections withheld to validate on.")
    ] = None,
    minutes: Annotated[
        float | None, typer.Option(help="Fix the number of steps from the speed of the first 20.")
    ] = None,
    options: Set = None,
    seed: Annotated[int | None, typer.Option(help="Every random draw follows from it.")] = None,
    recipe: Annotated[
        str | None, typer.Option(help="Start from this recipe; options override it.")
    ] = None,
    missing: Missing = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on with the training in --out.")
    ] = False,
) -> None:
    """Train a model on an annotated image."""
    given = {
        "image": absolute(image),
        "labels": absolute(labels),
        "out": absolute(out),
        "zero": zero,
        "missing": missing,
        "seed": seed,
        "sections": sections,
        "validation": validate,
        "training": {"minutes": minutes} if minutes else None,
    }
    changes = changed_by(
        {name: value for name, value in given.items() if value is not None}, options
    )
    tree = resumed(out, changes) if resume else composed(recipe, family, preset, changes)
    if not tree.get("out"):
        raise ValueError("There is no place for the model; name a folder with --out.")
    result = run_visibly(advseg_execute(tree, resume=resume))
    say(f"The model is in {result['model']}.")


@app.command()
def segment(
    image: Annotated[str, typer.Option(help="Raw image: TIFF, zarr, OME-Zarr, HDF5 or PNG.")],
    model: Annotated[str, typer.Option(help="Folder of a trained model.")],
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
        "model": absolute(model),
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


@app.command()
def score(
    labels: Annotated[str, typer.Argument(help="Predicted labels.")],
    truth: Annotated[str, typer.Argument(help="True labels on the same voxels.")],
    sections: Sections = None,
    by: Annotated[str | None, typer.Option(help="section or volume.")] = None,
    boundary: Annotated[
        str | None, typer.Option(help="Predicted 0: thin, ignore or count.")
    ] = None,
    border: Annotated[
        int | None, typer.Option(metavar="PX", help="Truth border left out; 0 leaves out none.")
    ] = None,
    zero: Annotated[str | None, typer.Option(help="Truth 0: boundary or background.")] = None,
    rand: Annotated[
        str | None, typer.Option(help="Rand convention: cremi, snemi or scikit-image.")
    ] = None,
    missing: Missing = None,
    as_json: Json = False,
) -> None:
    """Compare labels with the truth."""
    pair = [advseg.read(path, missing=missing or "refuse") for path in (labels, truth)]
    if sections is not None:
        pair = cut_alike(pair, sections)
    fields = {"by": by, "boundary": boundary, "border": border, "zero": zero, "rand": rand}
    result = advseg.score(
        *pair, **{name: value for name, value in fields.items() if value is not None}
    )
    if not result.scored:
        say(
            "Warning: the truth has no labelled pixel there, so nothing was compared and every value is 0."
        )
    if as_json:
        answer(result.to_json())
    else:
        typer.echo(in_lines(result))


@app.command()
def run(
    recipe: Annotated[
        str, typer.Argument(help="A recipe, for example the recipe.yaml beside a model.")
    ],
    options: Set = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on with the training it describes.")
    ] = False,
) -> None:
    """Replay a recipe: a training, a segmentation or a labelling."""
    tree = changed_by(read_tree(recipe), options)
    validated(tree)
    answer(run_visibly(advseg_execute(tree, resume=resume)))


@app.command()
def demo(
    out: Annotated[str, typer.Option(help="Folder for the results; new or empty.")] = "demo",
    steps: Annotated[int | None, typer.Option(help="Training steps.", min=1)] = None,
) -> None:
    """Train, segment, score and draw a picture on synthetic neuropil."""
    module = import_module("napari_advseg.demo")
    result = run_visibly(module.demo(Path(out), steps))
    typer.echo(in_lines(result.closed))
    say(f"See {out}: score.json, labels.ome.zarr, model/ and the pictures.")


@app.command()
def families(as_json: Json = False) -> None:
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
def sample(
    name: Annotated[str, typer.Argument(help="Name of a sample, for example neuropil.")],
    out: Annotated[str, typer.Argument(help="A folder, or the image's file: .tif or .ome.zarr.")],
    overwrite: Overwrite = False,
) -> None:
    """Write a synthetic image with its exact labels."""
    samples = import_module("napari_advseg.samples").SAMPLES
    if name not in samples:
        raise ValueError(f"There is no sample '{name}'; choose one of: {', '.join(samples)}.")
    _, make = samples[name]
    if not Path(out).suffix:
        Path(out).mkdir(parents=True, exist_ok=True)
    for path, volume in zip(sample_places(Path(out)), make(), strict=True):
        typer.echo(str(advseg.write(volume, path, overwrite=overwrite)))


@app.command()
def doctor() -> None:
    """Check this computer: versions, memory, device, Qt, display."""
    module = import_module("napari_advseg.doctor")
    findings = module.examine()
    typer.echo(module.report(findings))
    if not module.is_healthy(findings):
        raise typer.Exit(2)


@app.command()
def gui(
    paths: Annotated[list[str] | None, typer.Argument(help="Images and labels to open.")] = None,
) -> None:
    """Open napari with the docks."""
    raise typer.Exit(import_module("napari_advseg.gui.__main__").main(paths or []))


@app.command(hidden=True)
def serve() -> None:
    """Be the child process of a dock: recipes in, reports out, as JSON lines."""
    engine.serve(
        lambda tree, resume: import_module("napari_advseg.pipeline").execute(tree, resume),
        lambda: import_module("napari_advseg.device").describe_device(),
    )


def main() -> NoReturn:
    """Run the command line and exit with 0, or with 2 and one line on standard error."""
    # Read when torch is loaded: on shared cores waiting threads that spin make every step several times slower.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    try:
        code = app(standalone_mode=False)
    except typer.Exit as end:
        code = end.exit_code
    except UsageError as error:
        code = complain(f"{error.format_message()} See napari-advseg --help.")
    except (typer.Abort, KeyboardInterrupt):
        code = complain("Stopped.")
    except ValueError as error:
        code = complain(str(error))
    except Exception as error:  # noqa: BLE001 - the place where a command ends
        traceback.print_exc()
        code = complain(
            f"{type(error).__name__}: {error}. This is a fault of napari-advseg; please report it."
        )
    sys.exit(code or 0)


def sample_places(out: Path) -> tuple[Path, Path]:
    """Where image and labels go: into a folder, or to the file named and one beside it."""
    if not out.suffix:
        return out / "image.tif", out / "labels.tif"
    stem, dot, suffixes = out.name.partition(".")
    return out, out.with_name(f"{stem}_labels{dot}{suffixes}")


def in_lines(result: Any) -> str:
    """The score as a small table, the flattering numbers beside the honest ones."""
    columns = {result.settings.boundary: result}
    if result.flattering is not None:
        columns["ignore"] = result.flattering
    rows = [f"{'boundary':<22}" + "".join(f"{name:>10}" for name in columns)]
    rows += [
        f"{name:<22}" + "".join(f"{getattr(one, name):>10.4f}" for one in columns.values())
        for name in result.VALUES
    ]
    sections = (
        f"mean of {len(result.sections)} sections" if result.sections else "the volume as one"
    )
    return "\n".join(
        [*rows, f"({sections}; border {result.settings.border} px left out; lower is better)"]
    )


def complain(text: str) -> int:
    """Say one line on standard error; 2 comes back."""
    console.print(f"napari-advseg: {' '.join(text.split())}", markup=False)
    return 2


def say(text: str) -> None:
    """A line for the user that is no result."""
    console.print(text, markup=False)


def answer(document: Any) -> None:
    """The one JSON document on standard output."""
    typer.echo(json.dumps(document, indent=2, allow_nan=False))


def advseg_execute(tree: dict[str, Any], *, resume: bool = False) -> Reports[dict[str, Any]]:
    """The running recipe; torch is first imported here."""
    running: Reports[dict[str, Any]] = import_module("napari_advseg.pipeline").execute(tree, resume)
    return running


class Stopped(ValueError):
    """The user asked to stop; what was whole has been saved."""


def run_visibly(running: Reports[Any]) -> Any:
    """Drain reports into a progress bar on standard error; Ctrl-C ends after the running step and saves."""
    with Bar(console) as bar, interruptible() as asked:

        def read(report: Report) -> None:
            bar.show(report)
            if asked:
                raise Stopped("Stopped as asked; what was finished is saved. Go on with --resume.")

        return advseg.drain(running, read)


@contextmanager
def interruptible() -> Iterator[list[int]]:
    """A list that a first Ctrl-C or SIGTERM fills instead of tearing a step apart; a second one acts at once."""
    asked: list[int] = []

    def ask(number: int, frame: FrameType | None) -> None:
        if asked:
            signal.default_int_handler(number, frame)
        asked.append(number)

    kinds = (signal.SIGINT, signal.SIGTERM)
    before = [signal.signal(kind, ask) for kind in kinds]
    try:
        yield asked
    finally:
        for kind, handler in zip(kinds, before, strict=True):
            signal.signal(kind, handler)


def absolute(path: str | None) -> str | None:
    """A path that means the same from every folder, so that a recipe can be replayed."""
    return None if path is None else str(Path(path).absolute())


def changed_by(tree: dict[str, Any], options: list[str] | None) -> dict[str, Any]:
    """The tree with every --set NAME=VALUE written into it."""
    for option in options or []:
        assign(tree, option)
    return tree


def composed(
    recipe: str | None, family: str | None, preset: str | None, changes: dict[str, Any]
) -> dict[str, Any]:
    """A training recipe: the preset, above it the file, above it the options."""
    tree = merge(read_tree(recipe) if recipe else {}, changes)
    chosen = family or tree.pop("family", "unet")
    named = (
        preset
        or tree.pop("preset", None)
        or import_module("napari_advseg.families.counts").preset_here(chosen)
    )
    tree = {name: value for name, value in tree.items() if name not in ("family", "preset")}
    return train_recipe(chosen, named, tree).model_dump(mode="json")


def resumed(out: str | None, changes: dict[str, Any]) -> dict[str, Any]:
    """The recipe of the training in `out`; only its number of steps can be changed.

    Raises:
        ValueError: no folder is named, or an option would make it another training.
    """
    if out is None:
        raise ValueError("Name the model folder to go on with: --out.")
    stored = model_store.read_card(out).recipe.model_dump(mode="json")
    steps = changes.get("training", {}).pop("steps", None)
    wanted = merge(stored, {key: value for key, value in changes.items() if key != "out"})
    if validated(wanted) != validated(stored):
        raise ValueError(
            "--resume goes on with the recipe in --out; only training.steps may be changed with it."
        )
    return merge(stored, {"training": {"steps": steps}}) if steps else stored


def cut_alike(pair: list[Any], sections: str) -> list[Any]:
    """Both volumes cut to the sections; one that holds only these already is taken whole."""
    first, end = parse_span(sections)
    cut = []
    for volume in pair:
        others = [other.size("z") for other in pair if other is not volume]
        already = volume.size("z") == end - first and others[0] != volume.size("z")
        cut.append(volume if already else volume.cut(first, end))
    return cut


__all__ = ["Segment", "app", "main"]
