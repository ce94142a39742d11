"""What can be typed stays what it is: commands, options, flags, what is required, choices."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import typer

from napari_advseg.cli import app

RECORD = Path(__file__).with_name("options.txt")


def lines(name: str, command: Any) -> Iterator[str]:
    """A line a command, and below it one for each of its options."""
    for inner, inside in sorted(getattr(command, "commands", {}).items()):
        yield from lines(f"{name} {inner}".strip(), inside)
    if hasattr(command, "commands"):
        return
    yield name
    for one in sorted(command.params, key=lambda one: one.opts):
        yield f"  {' '.join(one.opts)}: {', '.join(marks(one))}"


def marks(option: Any) -> Iterator[str]:
    """What follows the name, whether it must be there, and how often it may be."""
    yield "flag" if getattr(option, "is_flag", False) else "value"
    if option.required:
        yield "required"
    if option.multiple or option.nargs != 1:
        yield "several"


def test_options_are_those_of_the_record():
    found = "\n".join(lines("", typer.main.get_command(app)))
    assert found == RECORD.read_text(encoding="utf-8").strip()
