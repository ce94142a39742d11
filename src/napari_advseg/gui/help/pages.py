"""The pages of the documentation, which come with the package, as a window without a network can show them."""

from __future__ import annotations

import dataclasses
import re
import runpy
from collections.abc import Mapping
from functools import cache
from pathlib import Path

PACKAGE = Path(__file__).resolve().parents[2]
TABLES = "settings_tables.py"
LEFT_OUT = ("index.md",)
FIRST = (
    "docks.md",
    "tutorial.md",
    "annotating.md",
    "projects.md",
    "scores.md",
    "errors.md",
    "tuning.md",
)
LAST = (
    "settings.md",
    "formats.md",
    "how_it_works.md",
    "cli.md",
    "python.md",
    "benchmarks.md",
    "results.md",
)
HEADING = re.compile(r"^(#+) +(.*?)(?: +\{#([\w-]+)\})?$", re.MULTILINE)
ASIDE = re.compile(r'^!!! \w+(?: "(.*)")?\n((?:(?: {4}.*)?\n?)*)', re.MULTILINE)


@dataclasses.dataclass(frozen=True)
class Page:
    """One page.

    Attributes:
        text: Markdown without what only a web page shows.
        headings: the heading that each anchor stands at.
    """

    file: str
    title: str
    text: str
    headings: Mapping[str, str]


@cache
def folder() -> Path:
    """Where the pages lie: in an installed package, else in the repository that it is run from."""
    inside = PACKAGE / "docs"
    return inside if inside.is_dir() else PACKAGE.parents[1] / "docs"


def files() -> tuple[str, ...]:
    """The names of all pages, those for the viewer first."""
    there = {file.name for file in folder().glob("*.md")} - set(LEFT_OUT)
    middle = sorted(there - {*FIRST, *LAST})
    return tuple(file for file in (*FIRST, *middle, *LAST) if file in there)


def title_of(file: str) -> str:
    """The first heading of a page; its name where it cannot be read."""
    try:
        with (folder() / file).open(encoding="utf-8") as lines:
            return next(lines).lstrip("# ").strip()
    except (OSError, StopIteration):
        return file


def read_page(file: str) -> Page:
    """A page with the tables of settings filled in.

    Raises:
        ValueError: there is no such page.
    """
    place = folder() / Path(file).name
    try:
        text = place.read_text(encoding="utf-8")
    except OSError as error:
        raise ValueError(
            f"The page {place} cannot be read ({error.strerror}); install napari-advseg again."
        ) from None
    if "<!-- settings:" in text:
        text = str(runpy.run_path(str(folder() / TABLES))["on_page_markdown"](text))
    text = ASIDE.sub(_quoted, text)
    found = [(mark[3] or slug(mark[2]), mark[2]) for mark in HEADING.finditer(text)]
    text = HEADING.sub(r"\1 \2", text)
    return Page(place.name, found[0][1] if found else place.name, text, dict(found))


def slug(heading: str) -> str:
    """The anchor that a heading gets in the web pages: "First run!" becomes "first-run"."""
    return re.sub(r"[\s-]+", "-", re.sub(r"[^\w\s-]", "", heading).strip().lower())


def _quoted(aside: re.Match[str]) -> str:
    lines = [line.removeprefix("    ") for line in aside[2].rstrip().splitlines()]
    return "\n".join(f"> {line}" for line in [f"**{aside[1]}**", "", *lines] if line) + "\n\n"
