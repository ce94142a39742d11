"""Keywords over settings: how a verb takes its settings whole, field by field, or both."""

from __future__ import annotations

from typing import Any, TypeVar

from pydantic import ValidationError

from napari_advseg.settings import Settings, word_of

Group = TypeVar("Group", bound=Settings)


def override(kind: type[Group], settings: Group | None, fields: dict[str, Any]) -> Group:
    """`settings` (the defaults of `kind` where it is None) with `fields` written over it.

    Raises:
        ValueError: a keyword is no field of `kind`, or a value is outside its bounds; one line that
            names it.
    """
    older = {word_of(field, "was") for field in kind.model_fields.values()}
    unknown = sorted(set(fields) - set(kind.model_fields) - older)
    if unknown:
        known = ", ".join(kind.model_fields)
        raise ValueError(f"There is no setting {', '.join(unknown)}; choose among {known}.")
    try:
        return (settings or kind()).changed(**fields)
    except ValidationError as error:
        raise ValueError("; ".join(map(_sentence, error.errors())) + ".") from error


def _sentence(problem: Any) -> str:
    name = ".".join(map(str, problem["loc"]))
    return f"{name}={problem['input']!r}: {problem['msg'][:1].lower()}{problem['msg'][1:]}"
