"""All docks: every control is explained, named, inside a window of 1280 x 800, and reached by the keyboard."""

from __future__ import annotations

import sys
from pathlib import Path

import napari
import pytest
from napari.layers import Layer
from one_viewer import of_a_module
from qtpy.QtCore import QEvent, QPoint, Qt
from qtpy.QtGui import QColor, QKeyEvent
from qtpy.QtWidgets import (
    QAbstractButton,
    QAbstractItemView,
    QAbstractScrollArea,
    QAbstractSlider,
    QAbstractSpinBox,
    QApplication,
    QComboBox,
    QLabel,
    QLineEdit,
    QPlainTextEdit,
    QPushButton,
    QScrollArea,
    QTabBar,
    QWidget,
)
from waiting import SOON

from napari_advseg.gui.compute.session import Session
from napari_advseg.gui.docks.job_dock import JobDock
from napari_advseg.gui.help.tour import bring_to_front
from napari_advseg.gui.kit import preferences
from napari_advseg.gui.kit.form import Fold, Form
from napari_advseg.gui.kit.panel import TONES
from napari_advseg.gui.kit.ring import FocusRing
from napari_advseg.gui.opening import open_docks
from napari_advseg.napari_io import volume_to_layer
from napari_advseg.samples import neuropil
from napari_advseg.settings.examples import ExampleSettings

HERE = Path(__file__).resolve().parent
WINDOW = (1280, 800)
CONTROLS = (
    QAbstractButton,
    QAbstractItemView,
    QAbstractSlider,
    QAbstractSpinBox,
    QComboBox,
    QLineEdit,
    QPlainTextEdit,
)
PARTS_OF = (QAbstractSpinBox, QComboBox, QAbstractItemView, QTabBar)


@pytest.fixture(scope="module")
def docks(tmp_path_factory):
    """Every dock of a viewer of the size of a small laptop's screen, shared by the tests of this file."""
    with of_a_module() as patch:
        home = tmp_path_factory.mktemp("home")
        patch.setenv("HOME", str(home))
        patch.setattr(preferences, "place", lambda: home / "settings.json")
        patch.setattr(Session, "command", (sys.executable, str(HERE / "fake_child.py")))
        viewer = napari.Viewer()
        viewer.window.resize(*WINDOW)
        for volume, kind in zip(neuropil((4, 64, 64)), ("image", "labels"), strict=True):
            viewer.add_layer(Layer.create(*volume_to_layer(volume, kind)))
        found = list(open_docks(viewer))
        settle()
        yield found
        found.clear()
        viewer.close()
        settle()


def is_part(widget: QWidget) -> bool:
    """Whether it belongs to a control: the line of a spin box, a scroll bar, the arrows of a row of tabs."""
    parent = widget.parentWidget()
    while parent is not None and not isinstance(parent, JobDock):
        if isinstance(parent, PARTS_OF):
            return True
        is_bar = isinstance(parent, QAbstractScrollArea) and widget in (
            parent.verticalScrollBar(),
            parent.horizontalScrollBar(),
        )
        if is_bar:
            return True
        parent = parent.parentWidget()
    return False


def controls(dock: QWidget) -> list[QWidget]:
    """The controls of a dock, without those that a job or a result brings."""
    return [
        one
        for kind in CONTROLS
        for one in dock.findChildren(kind)
        if one.isVisibleTo(dock) and not is_part(one)
    ]


def named(widget: QWidget) -> str:
    parent = widget.parentWidget()
    return f"{type(widget).__name__} {words(widget)!r} in {type(parent).__name__} {parent.objectName()}"


def words(widget: QWidget) -> str:
    text = widget.text() if isinstance(widget, QAbstractButton) else ""
    return widget.accessibleName() or text


def open_folds(dock: QWidget) -> None:
    """Open what folds, and what that brings."""
    for _ in range(3):
        for fold in dock.findChildren(Fold):
            fold.open()
    for scroll in dock.findChildren(QScrollArea):
        scroll.widget().adjustSize()


def settle() -> None:
    for _ in range(5):
        QApplication.processEvents()


def test_the_tabs_of_the_docks_show_their_whole_names(docks):
    bars = docks[0].window().findChildren(QTabBar)
    bar = next(one for one in bars if "Annotate" in map(one.tabText, range(one.count())))
    assert bar.count() == len(docks)
    for k in range(bar.count()):
        place = bar.tabRect(k)
        assert place.height() > bar.fontMetrics().horizontalAdvance(bar.tabText(k))
        assert bar.rect().contains(place)


def test_every_control_says_what_it_is_and_what_it_does(docks):
    lacking = []
    for dock in docks:
        open_folds(dock)
        lacking += [
            f"{type(dock).__name__}: {named(one)}"
            for one in controls(dock)
            if not (one.toolTip() and words(one).strip("… "))
        ]
    assert not lacking, "\n".join(lacking)


def test_a_button_that_is_off_says_why(docks):
    for dock in docks:
        for button in dock.findChildren(QPushButton):
            if button.isVisibleTo(dock) and not button.isEnabled():
                assert button.toolTip(), f"{type(dock).__name__}: {named(button)}"


def test_every_field_tells_its_title_its_range_and_its_unit(qtbot):
    form = Form(ExampleSettings())
    qtbot.addWidget(form)
    tip = form.row("crop").editor.widget.toolTip()
    assert "<b>Crop (px)</b>" in tip
    assert "At least 16, at most 4096." in tip


def test_nothing_is_cut_off_in_a_small_window(docks, qtbot):
    window = docks[0].window()
    for dock in docks:
        bring_to_front(dock)
        open_folds(dock)
        settle()
        assert window.width() <= WINDOW[0]
        assert window.height() <= WINDOW[1]
        for area in dock.findChildren(QScrollArea):
            if area.isVisible():
                inside, room = area.widget().minimumSizeHint().width(), area.viewport().width()
                assert inside <= room, f"{type(dock).__name__} needs {inside} of {room} px"
        for one in controls(dock):
            left = one.mapTo(dock, QPoint(0, 0)).x()
            assert left >= 0, named(one)
            assert left + one.width() <= dock.width(), f"{type(dock).__name__}: {named(one)}"
            if isinstance(one, QPushButton) and one.isVisible():
                needed = one.fontMetrics().horizontalAdvance(one.text())
                assert needed <= one.width(), f"{type(dock).__name__}: {named(one)}"


def test_the_tab_key_visits_every_control(docks, qtbot):
    window = docks[0].window()
    window.activateWindow()
    for dock in docks:
        bring_to_front(dock)
        qtbot.waitUntil(lambda dock=dock: not dock.visibleRegion().isEmpty(), timeout=SOON)
        expected = {one for one in controls(dock) if wants_tab(one)}
        visited = tabbed(window, dock, len(expected))
        missed = [named(one) for one in expected - visited]
        assert not missed, f"{type(dock).__name__}: {missed}"


def wants_tab(widget: QWidget) -> bool:
    takes = widget.focusPolicy() & Qt.FocusPolicy.TabFocus
    return widget.isEnabled() and widget.isVisible() and bool(takes)


def tabbed(window: QWidget, dock: QWidget, count: int) -> set[QWidget]:
    """What has the focus while Tab is pressed over and over, from the first control of the dock on."""
    first = next(one for one in in_chain(window) if dock.isAncestorOf(one) and wants_tab(one))
    first.setFocus(Qt.FocusReason.TabFocusReason)
    visited = {first}
    for _ in range(3 * count):
        now = window.focusWidget() or first
        QApplication.sendEvent(now, key(Qt.Key.Key_Tab))
        visited.add(window.focusWidget())
    return visited


def in_chain(window: QWidget):
    one = window.nextInFocusChain()
    while one is not window:
        yield one
        one = one.nextInFocusChain()


def key(which: Qt.Key) -> QKeyEvent:
    return QKeyEvent(QEvent.Type.KeyPress, which, Qt.KeyboardModifier.NoModifier)


def test_the_control_with_the_focus_has_a_ring(docks, qtbot):
    dock = docks[0]
    bring_to_front(dock)
    dock.window().activateWindow()
    qtbot.waitUntil(dock.buttons.help.isVisible, timeout=SOON)
    dock.buttons.help.setFocus(Qt.FocusReason.TabFocusReason)
    qtbot.waitUntil(dock.buttons.help.hasFocus, timeout=SOON)
    ring = dock.window().findChild(FocusRing)
    assert ring.control is dock.buttons.help
    ring_box = ring._marked._ring
    assert ring_box.isVisible()
    assert ring_box.rect().contains(
        ring_box.mapFromGlobal(dock.buttons.help.mapToGlobal(dock.buttons.help.rect().center()))
    )
    dock.buttons.help.clearFocus()
    assert ring.control is None


def test_space_presses_the_control_with_the_focus(docks, qtbot):
    dock = docks[0]
    bring_to_front(dock)
    fold = next(one for one in dock.findChildren(Fold) if one.isVisibleTo(dock))
    button = fold.findChild(QAbstractButton)
    was = button.isChecked()
    qtbot.keyClick(button, Qt.Key.Key_Space)
    assert button.isChecked() is not was


def test_the_order_is_the_same_in_every_dock(docks, qtbot):
    """Data and settings above Run, what comes of it below."""
    for dock in docks:
        bring_to_front(dock)
        settle()
        run = dock.buttons.run.mapTo(dock, QPoint(0, 0)).y()
        areas = [one for one in dock.findChildren(QScrollArea) if one.isVisible()]
        assert areas[0].mapTo(dock, QPoint(0, 0)).y() < run
        result = dock._halves.widget(1)
        if result is not None:
            dock._reveal()
            settle()
            assert (
                result.mapTo(dock, QPoint(0, 0)).y()
                > dock.buttons.run.mapTo(dock, QPoint(0, 0)).y()
            )
            assert dock.window().height() <= WINDOW[1]


@pytest.mark.parametrize("theme", ["dark", "light"])
def test_words_can_be_read_on_the_ground_of_the_theme(docks, theme):
    docks[0]._viewer.theme = theme
    settle()
    for dock in docks:
        bring_to_front(dock)
        settle()
        ground = dock.palette().window().color()
        for label in dock.findChildren(QLabel):
            if label.isVisible() and label.text():
                ink = label.palette().windowText().color()
                assert contrast(ink, ground) >= 4.5, f"{type(dock).__name__}: {label.text()}"
        for tone in ("warning", "problem"):
            shade = QColor(TONES[tone][0 if theme == "dark" else 1])
            assert contrast(shade, ground) >= 4.5


def contrast(ink, ground) -> float:
    """The ratio of luminances (WCAG 2, 1.4.3)."""
    light, dark = sorted((luminance(ink), luminance(ground)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def luminance(colour) -> float:
    parts = (colour.redF(), colour.greenF(), colour.blueF())
    red, green, blue = (
        part / 12.92 if part <= 0.03928 else ((part + 0.055) / 1.055) ** 2.4 for part in parts
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
