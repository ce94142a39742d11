"""What can be typed stays what it is, and options are what the fields of settings say."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

import pytest
import typer
from typer.testing import CliRunner

from napari_advseg import model_store
from napari_advseg.cli import COMMANDS, app
from napari_advseg.cli.options import Option, changed_by, takes
from napari_advseg.recipes import KINDS
from napari_advseg.recipes.base import Recipe, Sections, model_folder, place
from napari_advseg.settings import Settings, setting

RECORD = Path(__file__).with_name("options.txt")


def lines(name: str, command: Any) -> Iterator[str]:
    """A line a command, and below it one for each of its options."""
    for inner, inside in sorted(getattr(command, "commands", {}).items()):
        yield from lines(f"{name} {inner}".strip(), inside)
    if hasattr(command, "commands"):
        return
    yield name
    for one in sorted(command.params, key=lambda one: one.opts):
        yield f"  {' '.join(one.opts)}: {', '.join(marks(one))}"


def marks(option: Any) -> Iterator[str]:
    """What follows the name, whether it must be there, and how often it may be."""
    yield "flag" if getattr(option, "is_flag", False) else "value"
    if option.required:
        yield "required"
    if option.multiple or option.nargs != 1:
        yield "several"


def test_options_are_those_of_the_record():
    found = "\n".join(lines("", typer.main.get_command(app)))
    assert found == RECORD.read_text(encoding="utf-8").strip()


def test_the_table_of_modules_names_every_command():
    assert sorted(typer.main.get_command(app).commands) == sorted(COMMANDS)


class Steps(Settings):
    """A group within the recipe."""

    minutes: float | None = setting(None, "Minutes", "How long.", unit="min", gt=0)


class Paint(Recipe):
    """A recipe with a field of each kind."""

    task: Literal["paint"] = "paint"
    image: str = place(..., "Image", "What is painted on.")
    model: str | None = model_folder(None, "Model", "Who paints.")
    count: int = setting(3, "Count", "How many.", ge=1, le=1000)
    side: int = setting(64, "Side", "How wide.", unit="px")
    kind: Literal["wall", "cell"] = setting("wall", "Kind", "What is painted.")
    rates: tuple[float, ...] | None = setting(None, "Rates", "How fast.")
    sections: Sections = None
    thin: bool = setting(False, "Thin", "Leave walls.")
    steps: Steps = setting(Steps(), "Steps", "How long.")


@pytest.fixture
def typed():
    """Calls a command made of `Paint`: the output, and the tree that the command was given."""
    shell, trees = typer.Typer(rich_markup_mode=None), []

    @shell.command()
    @takes(
        Paint,
        *("image", "model", "count", "side", "kind", "rates", "sections"),
        Option("thin", "--leave-walls"),
        Option("steps.minutes"),
    )
    def paint(given: dict[str, Any], *, options: list[str] | None = None) -> None:
        """Paint."""
        trees.append(changed_by(given, options))

    def call(*words):
        trees.clear()
        ended = CliRunner().invoke(shell, [*words])
        return ended.output, (trees or [None])[0]

    return call


def test_only_what_is_given_is_in_the_tree(typed):
    assert typed("--image", "/a.tif")[1] == {"task": "paint", "image": "/a.tif"}


def test_what_is_given_makes_the_recipe(typed):
    words = "--image /a.tif --count 0 --side 8 --kind cell --rates 1,2 --sections 2:5 --leave-walls"
    tree = typed(*words.split(), "--minutes", "1.5", "--options", "steps.minutes=2")[1]
    assert tree["count"] == 0, "the recipe is the judge of bounds"
    assert (tree["side"], tree["kind"], tree["rates"], tree["thin"]) == (8, "cell", "1,2", True)
    assert tree["sections"] == "2:5"
    assert tree["steps"] == {"minutes": 2}, "--set wins"
    assert Paint.model_validate({**tree, "count": 1, "rates": (1, 2)}).sections == (2, 5)


def test_places_are_absolute_and_the_first_model_has_none(typed, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    tree = typed("--image", "a.tif", "--model", "first")[1]
    assert tree["image"] == str(tmp_path / "a.tif")
    assert tree["model"] == model_store.FIRST
    assert typed("--image", "first", "--model", "m")[1]["image"] == str(tmp_path / "first")


def test_help_says_choices_bounds_defaults_and_units(typed):
    said = " ".join(typed("--help")[0].split())
    assert "--image PATH What is painted on. [required]" in said
    assert "How many. [default: 3; >= 1, <= 1,000]" in said
    assert "--side PX How wide. [default: 64 px]" in said
    assert "--kind [wall|cell] What is painted. [default: wall]" in said
    assert "--sections A:B" in said
    assert "--rates LIST" in said
    assert "--minutes MIN How long. [> 0]" in said
    assert "--leave-walls Leave walls." in said


def test_a_missing_image_is_asked_for(typed):
    said, tree = typed("--count", "3")
    assert tree is None
    assert "--image" in said


def test_every_recipe_says_task_and_version_first_and_what_it_shares_alike():
    shared = ("version", "missing", "placed", "overwrite")
    for name in shared:
        fields = [kind.model_fields[name] for kind in KINDS if name in kind.model_fields]
        assert len(fields) > 1
        assert len({(one.title, one.description, one.default) for one in fields}) == 1
    assert all([*kind.model_fields][:2] == ["task", "version"] for kind in KINDS)
