"""What recipes of several tasks have in common, written once."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, PlainSerializer, field_validator

from napari_advseg.settings import Settings, setting

VERSION = 1
SPAN = re.compile(r"\s*(\d*)\s*:\s*(\d+)\s*")


def place(default: Any, title: str, description: str, *, was: str = "") -> Any:
    """A field that names a file, store, folder or pattern; what a command is given for it is made absolute."""
    return setting(default, title, description, was=was, form="path")


def model_folder(default: Any, title: str, description: str) -> Any:
    """A field that names the folder of a model, or the one that comes along, which has no place."""
    return setting(default, title, description, form="model")


def parse_span(value: Any) -> Any:
    """`"A:B"` as (A, B); a pair passes through.

    Raises:
        ValueError: it is neither, or empty. YAML reads a bare 15:17 as the number 917, hence the hint.
    """
    found = SPAN.fullmatch(value) if isinstance(value, str) else None
    pair = (int(found[1] or 0), int(found[2])) if found else value
    if pair is not None and (
        isinstance(pair, (str, int, float)) or not 0 <= int(pair[0]) < int(pair[1])
    ):
        raise ValueError(
            f"sections {value!r} must be A:B with A < B, counted from 0, for example 0:17 ([0, 17] in a file)"
        )
    return pair


def numbers(kind: type[int | float], refusal: str, count: int | None = None) -> BeforeValidator:
    """A text such as "1e-3,1e-4" as numbers, `count` of them; what is no text passes through.

    Raises:
        ValueError: the text says something else; `refusal` follows it: "'x' are no seeds".
    """

    def read(value: Any) -> Any:
        if not isinstance(value, str):
            return value
        try:
            found = [kind(part) for part in value.split(",")]
        except ValueError:
            found = []
        if len(found) != (count or max(1, len(found))):
            raise ValueError(f"'{value}' {refusal}")
        return found

    return BeforeValidator(read)


Span = Annotated[
    tuple[int, int] | None,
    BeforeValidator(parse_span),
    PlainSerializer(lambda span: list(span) if span else None),
]


class Placement(Settings):
    """Where a volume lies, one number an axis, in place of what its file says."""

    scale: tuple[float, ...] = setting(..., "Scale", "Size of a voxel along every axis.")
    units: tuple[str, ...] = setting(..., "Units", "Its unit along every axis.")
    translate: tuple[float, ...] = setting(..., "Translate", "Position of the first voxel.")


Image = Annotated[str, place(..., "Image", "Raw image: TIFF, zarr, OME-Zarr, HDF5 or PNG.")]
Images = Annotated[
    str,
    place(..., "Image", "Raw image: TIFF, zarr, OME-Zarr, HDF5, PNG, or a folder of them."),
]
Model = Annotated[
    str,
    model_folder(..., "Model", "Folder of a trained model, or first: the one that comes along."),
]
Sections = Annotated[
    Span,
    setting(..., "Sections", "Only sections A to B-1, counted from 0; empty for all.", form="A:B"),
]
Missing = Annotated[
    Literal["refuse", "fill"],
    setting(
        ..., "Missing chunks", "Chunks that a zarr store has lost: refuse the image, or fill them."
    ),
]
Placed = Annotated[
    Placement | None,
    setting(
        ..., "Placed", "Where the image lies, if not where its file says; empty: as the file says."
    ),
]
Overwrite = Annotated[
    bool, setting(..., "Overwrite", "Replace an existing output once the new one is complete.")
]


class Recipe(Settings):
    """One run of one task, told apart by `task`."""

    task: str
    version: int = setting(VERSION, "Version", "Version of the recipe's format.", ge=1)

    @field_validator("version")
    @classmethod
    def _is_known(cls, version: int) -> int:
        if version > VERSION:
            raise ValueError(
                f"this recipe has format {version}, this napari-advseg knows up to {VERSION}; install a newer one"
            )
        return version
