"""What every command says: reports as a progress bar, one line of refusal, one JSON document."""

from __future__ import annotations

import json
import signal
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib import import_module
from types import FrameType
from typing import Annotated, Any

import typer
from rich.console import Console

from napari_advseg.cli.bar import Bar
from napari_advseg.progress import IMAGES, BlockDone, Report, Reports, drain

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)
console = Console(stderr=True, highlight=False, soft_wrap=True)

Json = Annotated[bool, typer.Option("--json", help="One JSON document on standard output.")]


@app.callback()
def every_command() -> None:
    """Train, segment, close gaps, score and proofread electron microscopy."""


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


def aligned(lines: Sequence[Sequence[str]], words: Sequence[str] = ()) -> str:
    """Lines of equal columns under names in the first; numbers to the right, the columns of `words` to the left."""
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    columns = list(zip(lines[0], widths, strict=True))
    return "\n".join(
        "  ".join(
            text.ljust(width) if name in words else text.rjust(width)
            for text, (name, width) in zip(line, columns, strict=True)
        ).rstrip()
        for line in lines
    )


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

        return drain(running, read)


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
