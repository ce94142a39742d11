"""Tables of all settings, made from the settings models while mkdocs builds the pages (a hook)."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any, get_args

from pydantic.fields import FieldInfo

from napari_advseg.families import FAMILIES
from napari_advseg.recipes import Train, Tune
from napari_advseg.settings import Settings

MARK = re.compile(r"<!-- settings: (\w+) -->")
HEAD = "| name | default | allowed | what it is |\n|---|---|---|---|\n"
BOUNDS = {"ge": "≥", "gt": ">", "le": "≤", "lt": "<"}


def on_page_markdown(markdown: str, **_: Any) -> str:
    """The page with every `<!-- settings: GROUP -->` replaced by the table of that group."""
    return MARK.sub(lambda mark: section(mark[1]), markdown)


def section(group: str) -> str:
    """The Markdown of one group of a training's or a search's recipe, or of the families and their presets."""
    if group == "families":
        return "\n\n".join(family(name) for name in FAMILIES)
    field = (Tune.model_fields | Train.model_fields)[group]
    return table(type(field.default), f"{group}.")


def family(name: str) -> str:
    """Summary, settings and presets of one family."""
    entry = FAMILIES[name]
    presets = "\n".join(
        f"- `{preset}`: {', '.join(f'`{change}`' for change in flat(values)) or 'the defaults'}"
        for preset, values in entry.presets.items()
    )
    return (
        f"### {name}\n\n{entry.summary}. {entry.reference}.\n\n"
        f"{table(entry.settings, 'model.')}\n\n"
        f"What its presets set:\n\n{presets}"
    )


def table(kind: type[Settings], prefix: str) -> str:
    """All fields of a settings class, those of nested groups by their full names."""
    return HEAD + "\n".join(rows(kind, prefix))


def rows(kind: type[Settings], prefix: str) -> Iterator[str]:
    """One row per field."""
    for name, field in kind.model_fields.items():
        if isinstance(field.default, Settings):
            yield from rows(type(field.default), f"{prefix}{name}.")
        else:
            about = f"**{field.title}.** {field.description}".replace("|", "\\|")
            yield f"| `{prefix}{name}` | {shown(field)} | {allowed(field)} | {about} |"


def shown(field: FieldInfo) -> str:
    """The default with its unit."""
    extra = field.json_schema_extra
    unit = extra.get("unit", "") if isinstance(extra, dict) else ""
    return "empty" if field.default is None else f"`{json.dumps(field.default)}` {unit}".strip()


def allowed(field: FieldInfo) -> str:
    """Choices or bounds."""
    choices = [choice for choice in get_args(field.annotation) if isinstance(choice, str | int)]
    if choices:
        return ", ".join(f"`{choice}`" for choice in choices)
    bounds = [
        f"{sign} {getattr(limit, name):,.10g}"
        for limit in field.metadata
        for name, sign in BOUNDS.items()
        if getattr(limit, name, None) is not None
    ]
    return ", ".join(bounds)


def flat(values: dict[str, Any], prefix: str = "") -> Iterator[str]:
    """`name=value` of every leaf of a nested dictionary."""
    for name, value in values.items():
        if isinstance(value, dict):
            yield from flat(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}={json.dumps(value)}"
