"""The pages of the documentation, which come with the package, as files for a browser without a network."""

from __future__ import annotations

import html
import re
import runpy
import shutil
from functools import cache
from pathlib import Path
from string import Template

from markdown_it import MarkdownIt
from markdown_it.token import Token

PACKAGE = Path(__file__).resolve().parents[2]
TEMPLATE = Path(__file__).with_name("page.html")
TABLES = "settings_tables.py"
PICTURES = "images"
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
TURN = '<!doctype html><meta http-equiv="refresh" content="0; url={0}"><a href="{0}">{0}</a>\n'
ANCHOR = re.compile(r" +\{#([\w-]+)\}$")
ASIDE = re.compile(r'^!!! \w+(?: "(.*)")?\n((?:(?: {4}.*)?\n?)*)', re.MULTILINE)


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


def write_pages(place: Path, page: str) -> Path:
    """The file that shows a page, "docks.md" or at a heading "docks.md#train"; all pages are written into `place`.

    Raises:
        ValueError: there is no such page, or it cannot be written.
    """
    name, _, anchor = page.partition("#")
    if name not in files():
        raise ValueError(f"There is no page {name} in {folder()}; install napari-advseg again.")
    shown = _address(name)
    try:
        shutil.copytree(folder() / PICTURES, place / PICTURES, dirs_exist_ok=True)
        for file in files():
            _write(place / _address(file), as_html(file))
        if not anchor:
            return place / shown
        # What opens files on Windows and in some desktops of Linux drops the anchor.
        turn = place / f"{Path(name).stem}-{anchor}.html"
        _write(turn, TURN.format(f"{shown}#{anchor}"))
    except OSError as error:
        raise ValueError(f"The pages cannot be written to {place} ({error.strerror}).") from None
    return turn


def as_html(file: str) -> str:
    """A page with the tables of settings filled in, and the list of all pages beside it."""
    links = (
        f'<li><a href="{_address(one)}">{html.escape(title_of(one))}</a></li>' for one in files()
    )
    body = MarkdownIt().enable("table")
    tokens = body.parse(_markdown(file))
    for token, inside in zip(tokens, [*tokens[1:], None], strict=True):
        if token.type == "heading_open" and inside is not None:
            token.attrSet("id", _take_anchor(inside))
        for part in token.children or ():
            if part.type == "link_open":
                part.attrSet(
                    "href", re.sub(r"^([\w-]+)\.md\b", r"\1.html", str(part.attrGet("href")))
                )
    text = body.renderer.render(tokens, body.options, {})
    page = Template(TEMPLATE.read_text(encoding="utf-8"))
    return page.substitute(title=html.escape(title_of(file)), list="\n".join(links), text=text)


def title_of(file: str) -> str:
    """The first heading of a page."""
    with (folder() / file).open(encoding="utf-8") as lines:
        return next(lines, file).lstrip("# ").strip()


def slug(heading: str) -> str:
    """The anchor that a heading gets in the web pages: "First run!" becomes "first-run"."""
    return re.sub(r"[\s-]+", "-", re.sub(r"[^\w\s-]", "", heading).strip().lower())


def _markdown(file: str) -> str:
    """The text of a page without what only the builder of the web pages understands."""
    text = (folder() / file).read_text(encoding="utf-8")
    if "<!-- settings:" in text:
        text = str(runpy.run_path(str(folder() / TABLES))["on_page_markdown"](text))
    return ASIDE.sub(_quoted, text)


def _take_anchor(heading: Token) -> str:
    """The anchor that a heading names behind itself, which is taken away there, or the one made of its words."""
    named = ANCHOR.search(heading.content)
    if named is None:
        words = (part.content for part in heading.children or ())
        return slug("".join(words))
    last = (heading.children or [heading])[-1]
    last.content = ANCHOR.sub("", last.content)
    return named[1]


def _quoted(aside: re.Match[str]) -> str:
    lines = [line.removeprefix("    ") for line in aside[2].rstrip().splitlines()]
    return "\n".join(f"> {line}".rstrip() for line in [f"**{aside[1]}**", "", *lines]) + "\n\n"


def _address(file: str) -> str:
    return f"{Path(file).stem}.html"


def _write(file: Path, text: str) -> None:
    """Only where something is new: a browser may be reading it."""
    if not file.is_file() or file.read_text(encoding="utf-8") != text:
        file.write_text(text, encoding="utf-8")
