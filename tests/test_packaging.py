"""What is shipped: light imports, titled settings, a valid manifest, imports that point down."""

from __future__ import annotations

import ast
import os
import pkgutil
import re
import runpy
import shlex
import subprocess
import sys
import tomllib
from contextlib import suppress
from importlib import import_module
from pathlib import Path

import click
import pytest
import typer
import yaml
from npe2 import PluginManifest
from packaging.requirements import Requirement

import napari_advseg
from napari_advseg import settings
from napari_advseg.families import FAMILIES
from napari_advseg.recipes import train_recipe
from napari_advseg.settings import Settings
from napari_advseg.settings.scoring import ScoringSettings

REPOSITORY = Path(__file__).resolve().parent.parent
PACKAGE = Path(napari_advseg.__file__).parent
MANIFEST = PACKAGE / "napari.yaml"
HEAVY = {"torch", "lightning_fabric", "napari", "qtpy", "magicgui", "superqt", "PyQt6", "PySide6"}
MODULES = {  # called otherwise than the package that brings them
    "connected-components-3d": "cc3d",
    "markdown-it-py": "markdown_it",
    "pillow": "PIL",
    "pyyaml": "yaml",
    "scikit-image": "skimage",
}
PROJECT = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))


def run(*command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command, capture_output=True, text=True, check=False, cwd=REPOSITORY, encoding="utf-8"
    )


def python(code: str) -> set[str]:
    """The modules loaded after `code` ran in a fresh interpreter."""
    done = run(sys.executable, "-W", "error", "-c", f"{code}\nimport sys\nprint(*sys.modules)")
    assert done.returncode == 0, done.stderr
    return set(done.stdout.split())


def text(name: str) -> str:
    return (REPOSITORY / name).read_text(encoding="utf-8")


def all_settings() -> list[type[Settings]]:
    """Every settings class that can be reached without torch."""
    for module in pkgutil.iter_modules(settings.__path__):
        import_module(f"{settings.__name__}.{module.name}")
    import_module("napari_advseg.recipes")
    reached, waiting = [], [Settings]
    while waiting:
        kind = waiting.pop()
        waiting += kind.__subclasses__()
        reached.append(kind)
    return [kind for kind in reached if kind.__module__.startswith("napari_advseg.")]


@pytest.mark.parametrize("module", ["napari_advseg", "napari_advseg.cli", "napari_advseg.recipes"])
def test_importing_loads_no_torch_and_no_viewer(module):
    assert not HEAVY & python(f"import {module}")


def test_score_and_label_need_no_torch():
    loaded = python("from napari_advseg import drain, label, read, score, write")
    assert not HEAVY & loaded


def test_the_public_verbs_are_all_there():
    for verb in ("read", "fit", "segment", "label", "score", "locate", "write", "drain"):
        assert callable(getattr(napari_advseg, verb))
        assert verb in dir(napari_advseg)
    with pytest.raises(AttributeError, match="guess"):
        _ = napari_advseg.guess


@pytest.mark.parametrize("kind", all_settings(), ids=lambda kind: kind.__name__)
def test_every_setting_has_a_title_and_a_description(kind):
    for name, field in kind.model_fields.items():
        if name in {"task", "kind"}:
            continue
        assert field.title, name
        assert field.description, name
        assert field.description.endswith((".", ")", "…")), field.description


def test_every_family_is_named_summed_up_and_referred_to():
    for name, entry in FAMILIES.items():
        assert entry.name == name
        assert entry.summary
        assert entry.reference
        assert entry.presets


def test_the_version_is_the_same_everywhere():
    version = napari_advseg.__version__
    assert f"\nversion: {version}\n" in text("CITATION.cff")
    assert PROJECT["tool"]["hatch"]["version"]["path"] == "src/napari_advseg/__init__.py"


def test_the_manifest_is_valid_and_all_it_names_exists():
    manifest = PluginManifest.from_file(MANIFEST)
    assert manifest.name == PROJECT["project"]["name"]
    for command in manifest.contributions.commands or []:
        module, _, name = command.python_name.partition(":")
        file = PACKAGE.parent.joinpath(*module.split("."))
        source = file.with_suffix(".py")
        source = source if source.is_file() else file / "__init__.py"
        assert re.search(rf"\b{name}\b", source.read_text(encoding="utf-8")), command.python_name


def test_the_manifest_offers_docks_samples_readers_and_writers():
    offered = yaml.safe_load(MANIFEST.read_text(encoding="utf-8"))["contributions"]
    assert {"commands", "widgets", "sample_data", "readers", "writers"} <= set(offered)


def test_the_readme_calls_the_menu_by_its_name():
    name = yaml.safe_load(MANIFEST.read_text(encoding="utf-8"))["display_name"]
    assert f"Plugins > {name}" in text("README.md")
    assert f"File > Open Sample > {name}" in text("README.md")


def test_no_qt_binding_and_no_viewer_is_required():
    names = {Requirement(line).name.lower() for line in PROJECT["project"]["dependencies"]}
    assert not names & {"napari", "pyqt5", "pyqt6", "pyside2", "pyside6", "torchvision"}


def test_every_requirement_is_imported():
    imported = {
        module
        for file in PACKAGE.rglob("*.py")
        for module in re.findall(r"^ *(?:import|from) (\w+)", file.read_text("utf-8"), re.MULTILINE)
    }
    names = [Requirement(line).name for line in PROJECT["project"]["dependencies"]]
    modules = {name: MODULES.get(name, name.replace("-", "_")) for name in names}
    assert [name for name in names if modules[name] not in imported] == []


def test_everything_required_is_pinned_in_a_version_that_fits():
    pins = dict(line.split("==") for line in text("constraints.txt").splitlines() if "==" in line)
    pinned = {name.lower().replace("_", "-"): version for name, version in pins.items()}
    extras = [
        line for group in PROJECT["project"]["optional-dependencies"].values() for line in group
    ]
    for requirement in map(Requirement, [*PROJECT["project"]["dependencies"], *extras]):
        name = requirement.name.lower().replace("_", "-")
        assert requirement.specifier.contains(pinned[name]), requirement


def test_the_hooks_use_the_pinned_versions():
    hooks = yaml.safe_load(text(".pre-commit-config.yaml"))["repos"][0]["hooks"]
    pins = text("constraints.txt").splitlines()
    assert all(pin in pins for hook in hooks for pin in hook["additional_dependencies"])


def test_the_server_runs_the_test_command_of_the_readme():
    command = text(".ci/run").splitlines()[-1]
    assert "tox -qq" in command
    assert f"\n{command}\n" in text("README.md")


def documented_commands() -> list[list[str]]:
    """Every call of the command line in the README and the documentation, as words."""
    pages = [REPOSITORY / "README.md", *(REPOSITORY / "docs").glob("*.md")]
    # A command may go on in the next line.
    texts = [page.read_text(encoding="utf-8").replace("\\\n", " ") for page in pages]
    found = [
        match for text in texts for match in re.findall(r"napari-advseg ([a-z][^`\n&]*)", text)
    ]
    commands = typer.main.get_command(import_module("napari_advseg.cli").app).commands
    return [shlex.split(line) for line in found if line.split()[0] in commands]


@pytest.mark.parametrize("words", documented_commands(), ids=" ".join)
def test_documented_commands_are_understood(words):
    command = typer.main.get_command(import_module("napari_advseg.cli").app).commands[words[0]]
    with suppress(click.exceptions.Exit):
        command.make_context(words[0], words[1:], resilient_parsing="--help" in words)


def test_documented_settings_exist():
    pages = [REPOSITORY / "README.md", *(REPOSITORY / "docs").glob("*.md")]
    groups = "examples|training|prediction|labelling|scoring"
    found = {
        name
        for page in pages
        for name in re.findall(rf"`(?:--set )?((?:{groups})\.[a-z_.]+)", page.read_text("utf-8"))
    }
    assert "labelling.thin" in found
    tree = train_recipe("unet", "quick").model_dump()
    for name in found:
        inside = tree
        for field in name.split("."):
            assert field in inside, name
            inside = inside[field]


def test_the_pages_of_commands_show_their_options():
    tables = runpy.run_path(str(REPOSITORY / "docs" / "settings_tables.py"))
    for page, names in {"cli": ["--start-from", "--iou", "--resume"], "tuning": ["--gaps"]}.items():
        shown = tables["on_page_markdown"](text(f"docs/{page}.md"))
        assert "<!--" not in shown
        for name in names:
            assert f"| `{name}" in shown


def test_the_settings_page_shows_every_setting():
    tables = runpy.run_path(str(REPOSITORY / "docs" / "settings_tables.py"))
    page = tables["on_page_markdown"](text("docs/settings.md"))
    assert "<!--" not in page
    for name in ("training.plateau.factor", "examples.augmentation.blur", "model.widths"):
        assert f"| `{name}` |" in page
    assert page.count("\n| `scoring.") == len(ScoringSettings.model_fields)


def test_imports_point_down():
    script = Path(sys.executable).with_name("lint-imports")
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY / "src")}
    done = subprocess.run(
        [script, "--no-logo", "--no-cache"],
        capture_output=True,
        text=True,
        check=False,
        cwd=REPOSITORY,
        env=environment,
    )
    assert done.returncode == 0, done.stdout


def imports_of_pages():
    pages = [*sorted((REPOSITORY / "docs").glob("*.md")), REPOSITORY / "README.md"]
    for page in pages:
        for block in re.findall(
            r"```python\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL
        ):
            for node in ast.parse(block).body:
                if isinstance(node, (ast.Import, ast.ImportFrom)):
                    yield pytest.param(ast.unparse(node), id=f"{page.name}: {ast.unparse(node)}")


@pytest.mark.parametrize("statement", list(imports_of_pages()))
def test_what_a_page_imports_is_there(statement):
    exec(statement, {})  # noqa: S102 - a line of our own documentation
