"""The model that comes with the package, so that one click works on a fresh install."""

from __future__ import annotations

from pathlib import Path

FOLDER = Path(__file__).parent / "models" / "first"


def is_there() -> bool:
    """Whether this copy of the package holds it."""
    return (FOLDER / "model.json").is_file()
