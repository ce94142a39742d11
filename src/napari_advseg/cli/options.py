"""Options made of the fields of settings: their names, types, choices, bounds, defaults and words."""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Annotated, Any, TypeVar, get_origin

import typer
from pydantic import ValidationError
from pydantic.fields import FieldInfo

from napari_advseg import model_store
from napari_advseg.recipes import first_problem
from napari_advseg.recipes.base import Missing, Overwrite, Sections
from napari_advseg.settings import Settings, assign, merge, word_of
from napari_advseg.settings.spoken import bounds_of, choices_of, default_of, types_of

Group = TypeVar("Group", bound=Settings)
Tree = dict[str, Any]
Set = Annotated[
    list[str] | None, typer.Option("--set", metavar="NAME=VALUE", help="Any setting by its name.")
]


def absolute(path: str) -> str:
    """A path that means the same from every folder, so that a recipe can be replayed."""
    return str(Path(path).absolute())


def model_path(model: str) -> str:
    """The folder of a model as `absolute` gives it; "first" stays what it is, on every computer."""
    return model_store.FIRST if model_store.is_first(model) else absolute(model)


READ: dict[str, Callable[[str], Any]] = {"path": absolute, "model": model_path}
"""How a text is read, by the format of its field."""


class Files(Settings):
    """How files are read and written by commands that run no recipe."""

    sections: Sections = None
    missing: Missing = "refuse"
    overwrite: Overwrite = False


@dataclasses.dataclass(frozen=True)
class Option:
    """An option for the field at `path` ("training.minutes"); its name and words where they are not the field's."""

    path: str
    name: str = ""
    help: str = ""

    @property
    def key(self) -> str:
        """The name as an argument: --edge-thresholds becomes edge_thresholds."""
        name = self.name or self.path.rpartition(".")[2]
        return name.removeprefix("--").replace("-", "_")

    def parameter(self, field: FieldInfo) -> inspect.Parameter:
        """What typer makes the option of; without an answer it is None, or False for a flag."""
        numbers = (bool, int, float)
        kind = next((kind for kind in types_of(field.annotation) if kind in numbers), str)
        needed, is_flag = field.is_required(), kind is bool
        about = typer.Option(
            f"--{self.key.replace('_', '-')}",
            help=self.help or f"{field.description}{allowed(field)}",
            metavar=None if is_flag else metavar_of(field),
            show_default=False,
        )
        return inspect.Parameter(
            self.key,
            inspect.Parameter.KEYWORD_ONLY,
            default=inspect.Parameter.empty if needed else False if is_flag else None,
            annotation=Annotated[kind if needed or is_flag else kind | None, about],
        )


def takes(
    kind: type[Settings], *options: str | Option
) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """A command with an option for each of these fields of `kind`; its first argument is what is given of them.

    That begins with the task of a recipe, and places on disk are absolute in it. `kind` alone judges the values and
    says what is wrong with one; here they are only read as numbers or text.
    """
    chosen = [one if isinstance(one, Option) else Option(one) for one in options]
    fields = {one.key: field_at(kind, one.path) for one in chosen}
    task = kind.model_fields.get("task")

    def with_options(command: Callable[..., None]) -> Callable[..., None]:
        signature = inspect.signature(command, eval_str=True)
        own = [one.replace(kind=one.KEYWORD_ONLY) for one in signature.parameters.values()][1:]

        @wraps(command)
        def call(**typed: Any) -> None:
            given: Tree = {"task": task.default} if task else {}
            for one in chosen:
                value = read(fields[one.key], typed.pop(one.key, None))
                given = given if value is None else merge(given, nested(one.path, value))
            command(given, **typed)

        made = [one.parameter(fields[one.key]) for one in chosen]
        call.__signature__ = signature.replace(parameters=[*made, *own])  # type: ignore[attr-defined]
        return call

    return with_options


def judged(kind: type[Group], given: Tree) -> Group:
    """Settings of `kind` with what was given of its fields.

    Raises:
        ValueError: one line that names the first wrong field.
    """
    try:
        return kind.model_validate(share_of(kind, given))
    except ValidationError as error:
        raise ValueError(first_problem(error)) from None


def share_of(kind: type[Settings], given: Tree) -> Tree:
    """What was given of the fields of `kind`."""
    return {name: value for name, value in given.items() if name in kind.model_fields}


def field_at(kind: type[Settings], path: str) -> FieldInfo:
    """The field of `kind` at a path."""
    group, _, inner = path.partition(".")
    field = kind.model_fields[group]
    return field_at(types_of(field.annotation)[0], inner) if inner else field


def metavar_of(field: FieldInfo) -> str | None:
    """What stands for the value in the help; None leaves it to the type."""
    form, choices = word_of(field, "format"), choices_of(field)
    if form or choices:
        return form.upper() or f"[{'|'.join(map(str, choices))}]"
    is_list = any(get_origin(kind) is tuple for kind in types_of(field.annotation))
    return "LIST" if is_list else word_of(field, "unit").upper() or None


def allowed(field: FieldInfo) -> str:
    """Default and bounds behind the description: " [default: 20; >= 1, <= 1,000]"."""
    default = default_of(field) if field.default is not False else ""
    parts = [f"default: {default}" if default else "", bounds_of(field)]
    said = "; ".join(part for part in parts if part)
    return f" [{said}]" if said else ""


def read(field: FieldInfo, value: Any) -> Any:
    """The value for the recipe; None where nothing was given."""
    if value is None or value is False:
        return None
    reader = READ.get(word_of(field, "format"))
    return reader(value) if reader else value


def nested(path: str, value: Any) -> Tree:
    """The value in a tree, at a path."""
    *groups, name = path.split(".")
    tree = {name: value}
    for group in reversed(groups):
        tree = {group: tree}
    return tree


def changed_by(tree: dict[str, Any], options: list[str] | None) -> dict[str, Any]:
    """The tree with every --set NAME=VALUE written into it."""
    for option in options or []:
        assign(tree, option)
    return tree
