"""What a user has chosen once for all viewers: keys, and whether the tour was dismissed. A JSON file of a few lines."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from qtpy.QtCore import QStandardPaths

FOLDER, FILE = "napari-advseg", "settings.json"


class Remembered(BaseModel):
    """What the file holds; anything in it that we do not know is left as it is."""

    model_config = ConfigDict(extra="allow", frozen=True)

    shortcuts: dict[str, str] = Field(default_factory=dict)
    tour_dismissed: bool = False


def place() -> Path:
    """The file, in the user's config folder."""
    kind = QStandardPaths.StandardLocation.GenericConfigLocation
    return Path(QStandardPaths.writableLocation(kind)) / FOLDER / FILE


def remembered() -> Remembered:
    """What was chosen; nothing where the file is absent or damaged."""
    try:
        return Remembered.model_validate_json(place().read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, ValidationError):
        return Remembered()


def remember(**chosen: Any) -> None:
    """Keep these choices beside the others.

    Raises:
        ValueError: the file cannot be written.
    """
    file = place()
    document = remembered().model_copy(update=chosen).model_dump()
    fresh = file.with_name(f"{file.name}.new")
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        fresh.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")
        fresh.replace(file)
    except OSError as error:
        raise ValueError(
            f"The choice cannot be kept in {file} ({error.strerror}); it holds until the viewer is closed."
        ) from None
