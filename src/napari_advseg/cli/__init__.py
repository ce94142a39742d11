"""The command line: options become recipes, reports become a progress bar, errors become one line."""

from __future__ import annotations

import os
import sys
import traceback
from typing import Any, NoReturn

import typer

# Importing a module adds its commands to the application, in this order.
# fmt: off
from napari_advseg.cli import (
    errors,
    generate,
    journal,
    look,
    mend,
    run,
    score,
    segment,
    study,
    suggest,
    train,
    tune,
    viewer,
)

# fmt: on
from napari_advseg.cli.app import app, complain

# Newer releases of typer bring their own click; this is the usage error of whichever is in use.
UsageError: type[Any] = typer.BadParameter.__bases__[0]


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


__all__ = [
    "app",
    "errors",
    "generate",
    "journal",
    "look",
    "main",
    "mend",
    "run",
    "score",
    "segment",
    "study",
    "suggest",
    "train",
    "tune",
    "viewer",
]
