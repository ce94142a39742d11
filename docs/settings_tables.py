"""Tables of all settings and options, made from the settings models while mkdocs builds the pages (a hook)."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import typer
from pydantic.fields import FieldInfo

from napari_advseg.cli import commands
from napari_advseg.families import FAMILIES
from napari_advseg.recipes import Train, Tune
from napari_advseg.settings import Settings, word_of
from napari_advseg.settings.spoken import bounds_of, choices_of

MARK = re.compile(r"<!-- settings: (options of )?(\w+) -->")
ESCAPE = "|", "\\|"
HEAD = "| name | default | allowed | what it is |\n|---|---|---|---|\n"


def on_page_markdown(markdown: str, **_: Any) -> str:
    """The page with a table for every `<!-- settings: GROUP -->` and `<!-- settings: options of COMMAND -->`."""
    return MARK.sub(lambda mark: options(mark[2]) if mark[1] else section(mark[2]), markdown)


def options(command: str) -> str:
    """One row per option of a command."""
    found = typer.main.get_command(commands([command])).commands[command].params
    rows = [option(one) for one in found if one.param_type_name == "option"]
    return "\n".join(["| option | needed | meaning |", "|---|---|---|", *rows])


def option(one: Any) -> str:
    """Name and value of an option, whether it must be there, and its help."""
    typed = " ".join([*one.opts, *([one.metavar] if one.metavar else [])])
    cells = f"`{typed}`", "yes" if one.required else "", one.help
    return f"| {' | '.join(cell.replace(*ESCAPE) for cell in cells)} |"


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
            about = f"**{field.title}.** {field.description}".replace(*ESCAPE)
            yield f"| `{prefix}{name}` | {shown(field)} | {allowed(field)} | {about} |"


def shown(field: FieldInfo) -> str:
    """The default with its unit."""
    if field.default is None:
        return "empty"
    return f"`{json.dumps(field.default)}` {word_of(field, 'unit')}".strip()


def allowed(field: FieldInfo) -> str:
    """Choices or bounds."""
    choices = ", ".join(f"`{choice}`" for choice in choices_of(field))
    return choices or bounds_of(field).replace(">=", "≥").replace("<=", "≤")


def flat(values: dict[str, Any], prefix: str = "") -> Iterator[str]:
    """`name=value` of every leaf of a nested dictionary."""
    for name, value in values.items():
        if isinstance(value, dict):
            yield from flat(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}={json.dumps(value)}"
