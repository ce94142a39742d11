"""What every command shares: options, reports as a progress bar, one line of refusal, one JSON document."""

from __future__ import annotations

import json
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from types import FrameType
from typing import Annotated, Any

import typer
from rich.console import Console

import napari_advseg as advseg
from napari_advseg import model_store
from napari_advseg.cli.bar import Bar
from napari_advseg.progress import BlockDone, Report, Reports
from napari_advseg.settings import assign
from napari_advseg.volume.formats.sets import IMAGES

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
Json = Annotated[bool, typer.Option("--json", help="One JSON document on standard output.")]


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


SAVED = "what was finished is saved."
GO_ON = f"{SAVED} Go on with --resume."
START_AGAIN = f"{SAVED} Start again with --overwrite."


class Stopped(ValueError):
    """The user asked to stop; what was whole has been saved."""


def run_visibly(running: Reports[Any], stopped: str = SAVED) -> Any:
    """Drain reports into a progress bar on standard error; Ctrl-C ends after the running step and saves.

    `stopped` says what is left then.
    """
    images: list[BlockDone] = []
    with Bar(console) as bar, interruptible() as asked:

        def read(report: Report) -> None:
            bar.show(report)
            if isinstance(report, BlockDone) and report.phase == IMAGES:
                images[:] = [report]
            if asked:
                after = f" after {images[0].done} of {images[0].total} images" if images else ""
                raise Stopped(f"Stopped as asked{after}; {stopped}")

        return advseg.drain(running, read)


def run_recipe(tree: dict[str, Any], stopped: str = SAVED, *, resume: bool = False) -> Any:
    """Run a recipe as `run_visibly` does; torch is first imported here."""
    return run_visibly(import_module("napari_advseg.tasks").execute(tree, resume=resume), stopped)


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


def model_path(model: str | None) -> str | None:
    """The folder of a model as `absolute` gives it; "first" stays what it is, on every computer."""
    is_first = model is not None and model_store.is_first(model)
    return model_store.FIRST if is_first else absolute(model)


def changed_by(tree: dict[str, Any], options: list[str] | None) -> dict[str, Any]:
    """The tree with every --set NAME=VALUE written into it."""
    for option in options or []:
        assign(tree, option)
    return tree


def cut_alike(pair: list[Any], sections: tuple[int, int]) -> list[Any]:
    """Both volumes cut to the sections; one that holds only these already is taken whole."""
    first, end = sections
    cut = []
    for volume in pair:
        others = [other.size("z") for other in pair if other is not volume]
        already = volume.size("z") == end - first and others[0] != volume.size("z")
        cut.append(volume if already else volume.cut(first, end))
    return cut
