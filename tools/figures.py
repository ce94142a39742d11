"""The figures that the package is held to: long functions and files, full folders, large classes, circles, `noqa`.

Exit status 1 with --check where one misses its aim. Lines of a function are counted from its `def`, decorators left
out, its docstring apart.
"""

from __future__ import annotations

import argparse
import ast
import dataclasses
import re
import statistics
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import grimp

SOURCE = Path(__file__).resolve().parent.parent / "src" / "napari_advseg"
PLAIN = ("__init__.py", "__main__.py")
NOQA = re.compile(r"#\s*noqa\b", re.IGNORECASE)
Sized = tuple[int, str]
"""How much of something there is, and where."""


@dataclasses.dataclass(frozen=True)
class Figure:
    """A number that should be at most `aim`, and what is above it, the worst first."""

    name: str
    value: float
    aim: int
    above: tuple[Sized, ...] = ()

    @property
    def is_missed(self) -> bool:
        return self.value > self.aim

    def lines(self, most: int | None) -> Iterator[str]:
        """The figure, then what is above its aim, at most so many."""
        mark = "MISSED" if self.is_missed else ""
        yield f"{self.name:<42}{self.value:>8,g}  aim {self.aim:>7,}  {mark}".rstrip()
        yield from (f"    {size:>6,}  {place}" for size, place in self.above[:most])
        if most is not None and len(self.above) > most:
            yield f"            and {len(self.above) - most} more"


def figures(source: Path = SOURCE) -> list[Figure]:
    """All figures of the package in a folder."""
    texts = {
        path.relative_to(source).as_posix(): path.read_text(encoding="utf-8")
        for path in sorted(source.rglob("*.py"))
    }
    trees = {name: ast.parse(text) for name, text in texts.items()}
    functions = [one for name, tree in trees.items() for one in _functions(name, tree)]
    bare = sorted(without for _, without, _ in functions)
    folders: dict[str, int] = {}
    for name in texts:
        folder = Path(name).parent.as_posix()
        folders[folder] = folders.get(folder, 0) + 1
    loose = [(1, name) for name in texts if "/" not in name and name not in PLAIN]
    sizes = [(len(text.splitlines()), name) for name, text in texts.items()]
    noqa = [(len(NOQA.findall(text)), name) for name, text in texts.items() if NOQA.search(text)]
    circles = [(len(one), " <-> ".join(sorted(one))) for one in _circles(source.name)]
    return [
        Figure("lines of a function, median", statistics.median(bare), 6),
        Figure("lines of a function, 90th percentile", bare[int(0.9 * len(bare))], 16),
        _largest("lines of a function, longest", 60, [(n, name) for _, n, name in functions]),
        _largest("the same with its docstring", 75, [(n, name) for n, _, name in functions]),
        _largest("files of a folder", 20, [(n, name) for name, n in folders.items()]),
        Figure("loose modules", len(loose), 8, tuple(loose)),
        _largest(
            "methods of a class",
            25,
            [one for name, tree in trees.items() for one in _classes(name, tree)],
        ),
        _largest("lines of a file", 400, sizes),
        Figure("circles of imports", len(circles), 0, tuple(circles)),
        Figure("noqa", sum(n for n, _ in noqa), 70, tuple(sorted(noqa, reverse=True))),
        Figure("lines of src", sum(n for n, _ in sizes), 51_000),
    ]


def _largest(name: str, aim: int, sizes: Sequence[Sized]) -> Figure:
    above = sorted((one for one in sizes if one[0] > aim), reverse=True)
    return Figure(name, max(n for n, _ in sizes), aim, tuple(above))


def _functions(name: str, tree: ast.Module) -> Iterator[tuple[int, int, str]]:
    """Lines of each function with and without its docstring, and where it stands."""
    for node in ast.walk(tree):
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        whole = (node.end_lineno or node.lineno) - node.lineno + 1
        first = node.body[0]
        words = (first.end_lineno or 0) - first.lineno + 1 if ast.get_docstring(node) else 0
        yield whole, whole - words, f"{name}:{node.lineno} {node.name}"


def _classes(name: str, tree: ast.Module) -> Iterator[Sized]:
    """How many methods each class defines, and where it stands."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef):
            methods = [one for one in node.body if isinstance(one, ast.FunctionDef)]
            yield len(methods), f"{name}:{node.lineno} {node.name}"


def _circles(package: str) -> set[frozenset[str]]:
    """Modules, or packages beside each other, that import one another."""
    graph = grimp.build_graph(package, cache_dir=None)
    modules = {name: graph.find_modules_directly_imported_by(name) for name in graph.modules}
    packages = {name.rpartition(".")[0] for name in modules} - {""}
    return {
        circle
        for arrows in (modules, *(_between_children(one, modules) for one in packages))
        for circle in _connected(arrows)
    }


def _between_children(package: str, modules: dict[str, set[str]]) -> dict[str, set[str]]:
    """The imports between what lies directly in a package, packages as a whole."""
    depth = package.count(".") + 2
    arrows: dict[str, set[str]] = {}
    for name, imported in modules.items():
        if name.startswith(f"{package}."):
            child = _cut(name, depth)
            inside = {_cut(other, depth) for other in imported if other.startswith(f"{package}.")}
            arrows.setdefault(child, set()).update(inside - {child})
    return arrows


def _cut(module: str, depth: int) -> str:
    return ".".join(module.split(".")[:depth])


def _connected(arrows: dict[str, set[str]]) -> Iterator[frozenset[str]]:
    """The sets of more than one that reach each other along the arrows."""
    reached = {start: _reached(start, arrows) for start in arrows}
    yield from {
        circle
        for start, ends in reached.items()
        if len(circle := frozenset(end for end in ends if start in reached.get(end, ()))) > 1
    }


def _reached(start: str, arrows: dict[str, set[str]]) -> set[str]:
    """All that can be reached along the arrows, `start` among it only on a circle."""
    found: set[str] = set()
    waiting = list(arrows[start])
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.add(name)
            waiting += arrows.get(name, ())
    return found


def main() -> int:
    """Print all figures; the exit status comes back."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--all", action="store_true", help="list all that is above an aim")
    parser.add_argument("--check", action="store_true", help="exit status 1 where an aim is missed")
    chosen = parser.parse_args()
    sys.path.insert(0, str(SOURCE.parent))
    found = figures()
    print(*(line for one in found for line in one.lines(None if chosen.all else 3)), sep="\n")
    return int(chosen.check and any(one.is_missed for one in found))


if __name__ == "__main__":
    sys.exit(main())
