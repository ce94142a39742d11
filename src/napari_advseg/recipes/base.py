"""What recipes of several tasks have in common, written once."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, PlainSerializer

from napari_advseg.settings import Settings, setting

VERSION = 1
Missing = Literal["refuse", "fill"]


def parse_span(value: Any) -> Any:
    """`"A:B"` as (A, B); a pair passes through.

    Raises:
        ValueError: it is neither, or empty. YAML reads a bare 15:17 as the number 917, hence the hint.
    """
    if value is None or (isinstance(value, (tuple, list)) and len(value) == 2):
        pair: Any = value
    elif (
        isinstance(value, str)
        and value.count(":") == 1
        and value.replace(":", "").strip().isdigit()
    ):
        first, end = value.split(":")
        pair = (int(first or 0), int(end)) if end.strip() else value
    else:
        pair = value
    if pair is not None and (
        isinstance(pair, (str, int, float)) or not 0 <= int(pair[0]) < int(pair[1])
    ):
        raise ValueError(
            f"sections {value!r} must be A:B with A < B, counted from 0, for example 0:17 ([0, 17] in a file)"
        )
    return pair


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
