"""Help: the pages come with the package, are found by "?", and need no network."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from qtpy.QtCore import QUrl

from napari_advseg.gui.help import help_window, pages
from napari_advseg.gui.help.help_window import Reader, open_help
from napari_advseg.gui.opening import TITLES

SOON = 60_000
TESTS = Path(__file__).resolve().parents[1]
LINK = re.compile(r"(?<!!)\[[^]]*\]\(([^)\s]+)\)")


@pytest.mark.parametrize("file", pages.files())
def test_a_page_is_there_and_every_link_in_it_leads_somewhere(file):
    page = pages.read_page(file)
    assert page.title == pages.title_of(file)
    assert "<!--" not in page.text
    assert "{#" not in page.text
    for link in LINK.findall(page.text):
        name, _, anchor = link.partition("#")
        if "://" in link or not (name or anchor):
            continue
        other = pages.read_page(name) if name else page
        assert not anchor or anchor in other.headings, link


def test_the_pages_for_the_viewer_are_all_there():
    assert {*pages.FIRST, *pages.LAST, "workbench.md", "faq.md"} <= set(pages.files())


@pytest.mark.skipif(not TESTS.is_dir(), reason="no repository")
def test_every_test_that_the_answers_name_exists():
    text = pages.read_page("workbench.md").text
    named = re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", text)
    assert len(named) > 50
    for file, test in named:
        assert f"def {test}(" in (TESTS.parent / file).read_text("utf-8"), test
    numbers = sorted(map(int, re.findall(r"^\*\*(\d+)\.", text, re.MULTILINE)))
    assert numbers == list(range(1, 26))


def test_the_settings_page_has_its_tables_filled_in():
    assert "| `labelling.threshold` |" in pages.read_page("settings.md").text


def test_a_page_that_is_not_there_is_named():
    with pytest.raises(ValueError, match="install napari-advseg again"):
        pages.read_page("../secret.md")


def test_an_aside_becomes_a_quotation():
    text = '!!! note "Beware"\n    One line.\n\n    Another.\n\nAfter.\n'
    assert (
        pages.ASIDE.sub(pages._quoted, text) == "> **Beware**\n> One line.\n> Another.\n\nAfter.\n"
    )


@pytest.mark.parametrize(
    ("heading", "anchor"),
    [("First run!", "first-run"), ("CycleGAN: no pairs needed", "cyclegan-no-pairs-needed")],
)
def test_headings_have_the_anchors_of_the_web_pages(heading, anchor):
    assert pages.slug(heading) == anchor


def test_every_dock_has_a_section_and_every_picture_a_page():
    headings = pages.read_page("docks.md").headings
    assert {title.lower() for title in TITLES} <= headings.keys()
    text = "".join((pages.folder() / file).read_text(encoding="utf-8") for file in pages.files())
    linked = set(re.findall(r"\(images/([\w-]+\.png)\)", text))
    there = {file.name: file for file in (pages.folder() / "images").iterdir()}
    assert linked == there.keys()
    assert max(file.stat().st_size for file in there.values()) <= 150_000


def test_pictures_fit_the_page_and_nothing_is_fetched(qtbot):
    reader = Reader()
    qtbot.addWidget(reader)
    reader.resize(400, 300)
    reader.show()
    kind = 2  # QTextDocument's number for pictures
    picture = reader.loadResource(kind, QUrl("images/tune-done.png"))
    assert 0 < picture.width() <= reader.viewport().width()
    assert reader.loadResource(kind, QUrl("https://example.org/images/none.png")).isNull()
    assert reader.loadResource(3, QUrl("https://example.org/style.css")) is None


def test_the_question_mark_of_a_dock_opens_its_section_and_links_lead_on_and_back(
    stage, fake_child, qtbot
):
    viewer, _train, segment = stage()
    segment.buttons.help.click()
    shown = viewer.window._qt_window.findChild(help_window.HelpWindow)
    assert shown.page == "docks.md#segment"
    open_help(viewer, "scores.md")
    qtbot.waitUntil(lambda: "What the scores mean" in shown.text.toPlainText(), timeout=SOON)
    shown.text.anchorClicked.emit(QUrl("settings.md#scoring"))
    qtbot.waitUntil(lambda: "scoring.border" in shown.text.toPlainText(), timeout=SOON)
    qtbot.waitUntil(lambda: shown.text.verticalScrollBar().value() > 0, timeout=SOON)
    assert shown.list.currentItem().text() == "Settings"
    shown.back.click()
    assert shown.page == "scores.md"
    shown.list.setCurrentRow(0)
    assert shown.page == help_window.KEYS
    assert shown.keys.lines["start"].isVisible()
