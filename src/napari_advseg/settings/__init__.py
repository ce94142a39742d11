"""Settings are written once: they make the form, the command-line options, the recipe file and the saved model."""

from __future__ import annotations

import json
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator
from pydantic.config import JsonDict
from pydantic.fields import FieldInfo


def setting(
    default: Any,
    title: str,
    description: str,
    *,
    unit: str = "",
    was: str = "",
    form: str = "",
    **bounds: Any,
) -> Any:
    """One field: its default, the words of its form row, its tooltip, unit and bounds (ge, gt, le, lt, ...).

    `was` is an older name of the field, under which files and options may still give it; `form` is how its text is
    written ("A:B"), or "path" for a place on disk.
    """
    words = {"unit": unit, "was": was, "format": form}
    extra: JsonDict | None = {name: word for name, word in words.items() if word} or None
    return Field(default, title=title, description=description, json_schema_extra=extra, **bounds)


def word_of(field: FieldInfo, kind: Literal["unit", "was", "format"]) -> str:
    """The unit, the older name or the format of a field; empty where it has none."""
    extra = field.json_schema_extra
    return str(extra.get(kind, "")) if isinstance(extra, dict) else ""


class Settings(BaseModel):
    """A frozen group of settings; unknown names and non-finite numbers are refused."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        allow_inf_nan=False,
        validate_default=True,
        protected_namespaces=(),
    )

    @model_validator(mode="before")
    @classmethod
    def _under_its_name_of_today(cls, given: Any) -> Any:
        """Fields by their names of today; of an older and a newer name the one that was given last counts."""
        fields = cls.model_fields.items()
        names = {was: name for name, field in fields if (was := word_of(field, "was"))}
        if not isinstance(given, dict) or not names.keys() & given.keys():
            return given
        return {names.get(name, name): value for name, value in given.items()}

    def changed(self, **fields: Any) -> Self:
        """A validated copy with some fields replaced; `None` is a value like any other."""
        return type(self).model_validate({**dict(self), **fields})


def assign(tree: dict[str, Any], option: str) -> None:
    """Write an option `a.b.c=value` into a nested dictionary, in place.

    The value is read as JSON where it is JSON (numbers, true, null, lists) and as text otherwise.

    Raises:
        ValueError: `option` has no `=` or names a place inside a plain value.
    """
    path, equals, text = option.partition("=")
    if not equals or not path.strip():
        raise ValueError(
            f"'{option}' is not of the form name=value, for example training.steps=500."
        )
    *groups, name = path.strip().split(".")
    for group in groups:
        tree = tree.setdefault(group, {})
        if not isinstance(tree, dict):
            raise ValueError(f"'{path}': '{group}' is a single value and has nothing inside it.")
    tree[name] = parse(text)


def parse(text: str) -> Any:
    """`text` as JSON where it is JSON, else the text itself; `True`, `False` and `None` are understood too."""
    words = {"true": True, "false": False, "none": None, "null": None}
    if text.strip().lower() in words:
        return words[text.strip().lower()]
    try:
        return json.loads(text)
    except json.JSONDecodeError:
        return text


def merge(below: dict[str, Any], above: dict[str, Any]) -> dict[str, Any]:
    """Two nested dictionaries as one; where both have a value, `above` wins."""
    merged = dict(below)
    for name, value in above.items():
        inner = merged.get(name)
        both = isinstance(inner, dict) and isinstance(value, dict)
        merged[name] = merge(inner, value) if both else value  # type: ignore[arg-type]
    return merged
