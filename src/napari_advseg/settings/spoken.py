"""What may be typed into a field, in words: its choices, its bounds and its default."""

from __future__ import annotations

import json
from types import UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic.fields import FieldInfo

from napari_advseg.settings import word_of

SIGNS = {"ge": ">=", "gt": ">", "le": "<=", "lt": "<"}


def types_of(annotation: Any) -> list[Any]:
    """The types that an annotation allows beside None."""
    origin, inside = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return types_of(inside[0])
    if origin in (Union, UnionType):
        return [found for part in inside for found in types_of(part)]
    return [] if annotation is type(None) else [annotation]


def choices_of(field: FieldInfo) -> list[Any]:
    """The values that a field may have, where they can be counted."""
    kinds = [kind for kind in types_of(field.annotation) if get_origin(kind) is Literal]
    return [choice for kind in kinds for choice in get_args(kind)]


def bounds_of(field: FieldInfo) -> str:
    """The bounds of a number: ">= 1, <= 1,000"; empty where there are none."""
    return ", ".join(
        f"{sign} {getattr(limit, name):,.10g}"
        for limit in field.metadata
        for name, sign in SIGNS.items()
        if getattr(limit, name, None) is not None
    )


def default_of(field: FieldInfo) -> str:
    """The default as it would be typed, with its unit; empty where there is none."""
    if field.is_required() or field.default in (None, ()):
        return ""
    typed = field.default if isinstance(field.default, str) else json.dumps(field.default)
    return f"{typed} {word_of(field, 'unit')}".strip()
