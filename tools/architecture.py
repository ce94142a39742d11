"""The page for developers: `python tools/architecture.py` writes into docs/architecture.md what the code itself says.

Rooms come from the first sentences of packages, storeys from the import contracts in pyproject.toml. With --check
nothing is written: exit status 1 where the page is out of date or names something that is not there. A name in
backticks is looked for where it holds a slash: `tasks/segment.py` below the package or in the repository,
`tasks/segment.py:Segmented` as a class or function defined there.
"""

from __future__ import annotations

import argparse
import ast
import re
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

REPOSITORY = Path(__file__).resolve().parent.parent
SOURCE = REPOSITORY / "src" / "napari_advseg"
PAGE = REPOSITORY / "docs" / "architecture.md"
DEEP = ("families",)
"""Rooms whose folders are alike and not listed one by one."""
GENERATED = re.compile(
    r"(<!-- (\w+): written by tools/architecture.py -->\n).*?(<!-- end -->)", re.DOTALL
)
CODE = re.compile(r"`([\w./-]+?)(?::([\w.]+))?`")


def main() -> int:
    """Write the page, or say what is wrong with it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true")
    is_check = parser.parse_args().check
    now = PAGE.read_text(encoding="utf-8")
    new = written(now)
    problems = [f"{name} is not there" for name in absent(new)]
    if is_check and new != now:
        problems.append("it is out of date: run python tools/architecture.py")
    for problem in problems:
        sys.stdout.write(f"{PAGE.relative_to(REPOSITORY)}: {problem}\n")
    if not is_check:
        PAGE.write_text(new, encoding="utf-8")
    return int(bool(problems))


def written(page: str) -> str:
    """The page with the parts between its marks made anew."""
    parts = {"rooms": rooms, "storeys": storeys}
    return GENERATED.sub(
        lambda found: found[1] + "\n".join(parts[found[2]]()) + "\n" + found[3], page
    )


def rooms() -> Iterator[str]:
    """A table of all packages and loose modules with their first sentences."""
    yield from ("| room | what is in it |", "|---|---|")
    for path in sorted(SOURCE.rglob("__init__.py"), key=lambda path: path.parent.as_posix()):
        place = path.parent.relative_to(SOURCE)
        if place.parts and not (len(place.parts) > 1 and place.parts[0] in DEEP):
            indent = "&emsp;" * (len(place.parts) - 1)
            yield f"| {indent}`{place.as_posix()}/` | {first_sentence(path)} |"
    for path in sorted(SOURCE.glob("[!_]*.py")):
        yield f"| `{path.name}` | {first_sentence(path)} |"


def storeys() -> Iterator[str]:
    """The import contracts of layers, the top first."""
    for contract in contracts():
        if contract["type"] == "layers":
            container = contract["containers"][0].removeprefix("napari_advseg").lstrip(".")
            storeys = (storey_of(layer, SOURCE / container) for layer in contract["layers"])
            yield f"**{contract['name']}** (`{container or 'src/napari_advseg'}/`):"
            yield f"`{' > '.join(filter(None, storeys))}`"
            yield ""
    others = [one["name"] for one in contracts() if one["type"] != "layers"]
    yield "Besides: " + "; ".join(name[0].lower() + name[1:] for name in others) + "."


def storey_of(layer: str, room: Path) -> str:
    """The rooms of a storey that are there: one in brackets may be missing."""
    names = [name.strip(" ()") for name in layer.split("|")]
    there = [name for name in names if (room / name).is_dir() or (room / f"{name}.py").is_file()]
    return " | ".join(there)


def contracts() -> list[dict[str, Any]]:
    """The import contracts, in the order of pyproject.toml."""
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))
    found: list[dict[str, Any]] = project["tool"]["importlinter"]["contracts"]
    return found


def first_sentence(path: Path) -> str:
    """The first sentence of a module's docstring, which may run over several lines."""
    text = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
    return " ".join(text.split("\n\n")[0].split())


def absent(page: str) -> list[str]:
    """Files, folders, classes and functions that the page names and that are not there."""
    named = (match for match in CODE.finditer(page) if "/" in match[1])
    return sorted({match[0] for match in named if not is_there(match[1], match[2])})


def is_there(place: str, name: str | None) -> bool:
    """Whether a file or folder exists, below the package or in the repository, and defines a name (or Class.name)."""
    path = next((one for one in (SOURCE / place, REPOSITORY / place) if one.exists()), None)
    if path is None or name is None:
        return path is not None
    scope: Any = ast.parse(path.read_text(encoding="utf-8"))
    for part in name.split("."):
        scope = next((node for node in scope.body if part in names_of(node)), None)
        if scope is None:
            return False
    return True


def names_of(node: ast.stmt) -> list[str]:
    """What a statement defines."""
    if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
        return [node.name]
    targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
    return [target.id for target in targets if isinstance(target, ast.Name)]


if __name__ == "__main__":
    sys.exit(main())
