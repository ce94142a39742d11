"""The command line: options become recipes, reports become a progress bar, errors become one line."""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Iterable
from importlib import import_module
from typing import Any, NoReturn

import typer

from napari_advseg.cli import terminal

COMMANDS = {
    "train": "train",
    "segment": "segment",
    "tune": "tune",
    "score": "score",
    "errors": "errors",
    "suggest": "suggest",
    "run": "run",
    "generate": "generate",
    "extend": "mend",
    "mend": "mend",
    "study": "study",
    "demo": "demo",
    "sample": "sample",
    "families": "families",
    "doctor": "doctor",
    "gui": "viewer",
    "serve": "viewer",
    "journal": "journal",
}
"""The module that adds each command, in the order of the help."""

# Newer releases of typer bring their own click; this is the usage error of whichever is in use.
UsageError: type[Any] = typer.BadParameter.__bases__[0]


def commands(names: Iterable[str] = COMMANDS) -> typer.Typer:
    """The application with these commands; only what they need is loaded, so that `doctor` helps a broken install."""
    for name in names:
        import_module(f"{__name__}.{COMMANDS[name]}")
    return terminal.app


def main() -> NoReturn:
    """Run the command line and exit with 0, or with 2 and one line on standard error."""
    # Read when torch is loaded: on shared cores waiting threads that spin make every step several times slower.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    called = [word for word in sys.argv[1:2] if word in COMMANDS]
    try:
        code = commands(called or COMMANDS)(standalone_mode=False)
    except typer.Exit as end:
        code = end.exit_code
    except UsageError as error:
        code = terminal.complain(f"{error.format_message()} See napari-advseg --help.")
    except (typer.Abort, KeyboardInterrupt):
        code = terminal.complain("Stopped.")
    except ValueError as error:
        code = terminal.complain(str(error))
    except Exception as error:  # noqa: BLE001 - the place where a command ends
        traceback.print_exc()
        code = terminal.complain(
            f"{type(error).__name__}: {error}. This is a fault of napari-advseg; please report it."
        )
    sys.exit(code or 0)


def __getattr__(name: str) -> Any:
    if name == "app":
        return commands()
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
