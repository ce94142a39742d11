"""Help: the pages come with the package, open in the browser at the dock that is asked about, and need no network."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path

import pytest
from waiting import SOON

from napari_advseg.gui.help import pages
from napari_advseg.gui.opening import TITLES
from napari_advseg.gui.viewer import window

TESTS = Path(__file__).resolve().parents[1]


class Html(HTMLParser):
    """What a page links to, shows, and can be turned to."""

    def __init__(self, file: Path) -> None:
        super().__init__()
        self.links, self.pictures, self.anchors = [], [], set()
        self.feed(file.read_text("utf-8"))

    def handle_starttag(self, tag, attrs):
        found = dict(attrs)
        self.anchors.add(found.get("id"))
        self.links += [found["href"]] if tag == "a" else []
        self.pictures += [found["src"]] if tag == "img" else []


@pytest.fixture(scope="module")
def place(tmp_path_factory) -> Path:
    """A folder with all pages."""
    place = tmp_path_factory.mktemp("help")
    pages.write_pages(place, "docks.md")
    return place


@pytest.mark.parametrize("file", pages.files())
def test_a_page_is_there_and_every_link_and_picture_in_it_leads_somewhere(place, file):
    page = Html(place / pages._address(file))
    assert len(page.links) >= len(pages.files())
    for link in page.links:
        name, _, anchor = link.partition("#")
        if "://" not in link:
            other = Html(place / name) if name else page
            assert not anchor or anchor in other.anchors, link
    assert all((place / picture).is_file() for picture in page.pictures)


@pytest.mark.parametrize("file", pages.files())
def test_a_page_shows_nothing_that_only_the_builder_of_the_web_pages_reads(place, file):
    text = (place / pages._address(file)).read_text("utf-8")
    assert f"<title>{pages.title_of(file)[:4]}" in text
    assert not re.search(r"settings: \w+ --|\{#|^!!! ", text, re.MULTILINE)


def test_the_pages_for_the_viewer_are_all_there():
    assert {*pages.FIRST, *pages.LAST, "workbench.md", "faq.md"} <= set(pages.files())


@pytest.mark.skipif(not TESTS.is_dir(), reason="no repository")
def test_every_test_that_the_answers_name_exists():
    text = (pages.folder() / "workbench.md").read_text("utf-8")
    named = re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", text)
    assert len(named) > 50
    for file, test in named:
        assert f"def {test}(" in (TESTS.parent / file).read_text("utf-8"), test
    numbers = sorted(map(int, re.findall(r"^\*\*(\d+)\.", text, re.MULTILINE)))
    assert numbers == list(range(1, 26))


def test_the_settings_page_has_its_tables_filled_in(place):
    text = (place / "settings.html").read_text("utf-8")
    assert "<td><code>labelling.threshold</code></td>" in text


def test_a_page_that_is_not_there_is_named(tmp_path):
    with pytest.raises(ValueError, match="install napari-advseg again"):
        pages.write_pages(tmp_path, "../secret.md")


def test_pages_that_cannot_be_written_are_said(tmp_path):
    taken = tmp_path / "help"
    taken.write_text("a file where the folder should be")
    with pytest.raises(ValueError, match="cannot be written to"):
        pages.write_pages(taken, "docks.md")


def test_a_page_that_is_open_is_not_written_again(tmp_path):
    file = pages.write_pages(tmp_path, "docks.md#train")
    before = file.stat().st_mtime_ns
    assert pages.write_pages(tmp_path, "docks.md#train").stat().st_mtime_ns == before


def test_an_aside_becomes_a_quotation():
    text = '!!! note "Beware"\n    One line.\n\n    Another.\n\nAfter.\n'
    quoted = "> **Beware**\n>\n> One line.\n>\n> Another.\n\nAfter.\n"
    assert pages.ASIDE.sub(pages._quoted, text) == quoted


@pytest.mark.parametrize(
    ("heading", "anchor"),
    [("First run!", "first-run"), ("CycleGAN: no pairs needed", "cyclegan-no-pairs-needed")],
)
def test_headings_have_the_anchors_of_the_web_pages(heading, anchor):
    assert pages.slug(heading) == anchor


def test_every_dock_has_a_section_and_every_picture_a_page(place):
    assert {title.lower() for title in TITLES} <= Html(place / "docks.html").anchors
    linked = {
        Path(picture).name for page in place.glob("*.html") for picture in Html(page).pictures
    }
    there = {file.name: file for file in (pages.folder() / "images").iterdir()}
    assert linked == there.keys()
    assert max(file.stat().st_size for file in there.values()) <= 150_000


@pytest.mark.parametrize("dock", range(2))
def test_the_question_mark_of_a_dock_opens_its_section_in_the_browser(
    stage, fake_child, home, browser, qtbot, dock
):
    assert browser.opened == []
    _viewer, *docks = stage()
    docks[dock].buttons.help.click()
    qtbot.waitUntil(lambda: bool(browser.opened), timeout=SOON)
    (file,) = browser.opened
    assert home in file.parents
    assert not any(part.startswith(".") for part in file.relative_to(home).parts)
    link = Html(file).links[0]
    assert f'content="0; url={link}"' in file.read_text("utf-8")
    name, _, anchor = link.partition("#")
    assert anchor == docks[dock].kind
    assert anchor in Html(file.with_name(name)).anchors


def test_where_nothing_opens_files_the_page_is_named(qapp, tmp_path):
    page = tmp_path / "none.unheard_of"
    window.open_file(page)
    from napari.utils.notifications import notification_manager

    assert str(page) in notification_manager.records[-1].message
