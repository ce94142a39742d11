"""Keys: offered to napari, changed, remembered, never in the way of napari's own."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from napari.settings import get_settings
from napari.utils.action_manager import action_manager
from napari.utils.notifications import notification_manager
from qtpy.QtWidgets import QApplication, QTableWidget
from waiting import SOON

from napari_advseg.gui.help import shortcuts
from napari_advseg.gui.help.keys import NO_KEY, KeyList
from napari_advseg.gui.help.shortcuts import Shortcut, keys_of, offered, register, withdraw
from napari_advseg.gui.help.tour import bring_to_front
from napari_advseg.gui.kit import preferences
from napari_advseg.gui.opening import open_docks

KEYS = st.sampled_from("GJKNQUW;'") | st.sampled_from(["Enter", "Escape", "F3", "é", "", "-"])
MODIFIERS = st.sets(st.sampled_from(["Ctrl", "Shift", "Alt"])).map(sorted)


@pytest.fixture
def file(tmp_path, monkeypatch):
    """The settings file, in a folder of the test's own."""
    place = tmp_path / "config" / "settings.json"
    monkeypatch.setattr(preferences, "place", lambda: place)
    return place


@pytest.fixture
def forgotten(file):
    """napari knows no action of ours, as in a process that has not opened a dock yet."""

    def forget_all() -> None:
        for action in [one for one in action_manager._actions if one.startswith(shortcuts.PREFIX)]:
            forget(action)

    forget_all()
    yield file
    forget_all()


def forget(action: str) -> None:
    with shortcuts._quiet():
        action_manager.unbind_shortcut(action)
    del action_manager._actions[action]


def press(viewer, keys: str) -> bool:
    return viewer.window._qt_viewer._key_map_handler.press_key(keys)


def test_a_key_does_what_the_newest_dock_offers_and_nothing_after_it_is_closed(
    make_napari_viewer, forgotten
):
    viewer, done = make_napari_viewer(), []
    old = Shortcut("try_it", "Try it", "Shift-Q", lambda: done.append("old"))
    new = Shortcut("try_it", "Try it", "Shift-Q", lambda: done.append("new"))
    register(viewer, old)
    press(viewer, "Shift-Q")
    register(viewer, new)
    withdraw(viewer, old)
    press(viewer, "Shift-Q")
    withdraw(viewer, new)
    press(viewer, "Shift-Q")
    assert done == ["old", "new"]
    assert notification_manager.records[-1].message == "The dock that does this is not open."


def test_a_key_works_in_the_viewer_that_it_is_pressed_in(make_napari_viewer, forgotten):
    done = []
    viewers = make_napari_viewer(), make_napari_viewer()
    for number, viewer in enumerate(viewers):
        register(viewer, Shortcut("tell", "Tell", "Q", lambda number=number: done.append(number)))
    for viewer in viewers:
        press(viewer, "Q")
    assert done == [0, 1]


def change(name: str, keys: str) -> None:
    """What the editor of napari's preferences does."""
    action_manager.unbind_shortcut(f"{shortcuts.PREFIX}{name}")
    action_manager.bind_shortcut(f"{shortcuts.PREFIX}{name}", keys)


def test_a_changed_key_is_remembered_by_the_next_process(make_napari_viewer, forgotten):
    viewer, action = make_napari_viewer(), Shortcut("try_it", "Try it", "Q", print)
    register(viewer, action)
    change("try_it", "Ctrl-J")
    forget(f"{shortcuts.PREFIX}try_it")
    register(viewer, action)
    assert keys_of("try_it") == "Ctrl+J"
    assert json.loads(forgotten.read_text("utf-8"))["shortcuts"] == {"try_it": "Ctrl+J"}
    assert not press(viewer, "Q")


@pytest.mark.parametrize("keys", ["W", "Ctrl-R", "Ctrl-Z", "Ctrl-O", "F3", "Hyper-Q", "é"])
def test_an_action_whose_key_is_taken_or_none_of_napari_has_none(
    make_napari_viewer, forgotten, keys
):
    viewer = make_napari_viewer()
    register(viewer, Shortcut("other", "Other", "W", print))
    register(viewer, Shortcut("try_it", "Try it", keys, print))
    assert keys_of("try_it") == ""
    assert keys_of("other") == "W"


@settings(max_examples=60, deadline=None)
@given(st.tuples(MODIFIERS, KEYS))
def test_whatever_key_is_taken_can_be_written_and_taken_again(parts):
    written = shortcuts._free("nothing", "-".join([*parts[0], parts[1]]))
    assert shortcuts._free("nothing", written) == written


def test_a_key_changed_in_the_preferences_of_napari_is_ours_to_keep(
    make_napari_viewer, forgotten, qtbot
):
    viewer = make_napari_viewer()
    register(viewer, Shortcut("try_it", "Try it", "Q", print))
    name = f"{shortcuts.PREFIX}try_it"
    theirs = get_settings().shortcuts
    before = dict(theirs.shortcuts)
    change("try_it", "Shift-W")
    theirs.update({"shortcuts": {**before, name: ["Shift-W"]}})
    qtbot.waitUntil(lambda: name not in get_settings().shortcuts.shortcuts, timeout=SOON)
    assert get_settings().shortcuts.shortcuts == before
    assert json.loads(forgotten.read_text("utf-8"))["shortcuts"] == {"try_it": "Shift+W"}


def test_a_dock_leads_to_where_its_keys_are_changed_and_gives_the_first_ones_back(
    make_napari_viewer, forgotten, qtbot
):
    viewer = make_napari_viewer()
    mine = Shortcut("try_it", "Try it", "Q", print), Shortcut("other", "Other", "W", print)
    register(viewer, *mine)
    listed = KeyList(viewer, mine)
    qtbot.addWidget(listed)
    listed.change.click()
    dialog = viewer.window._pref_dialog
    (table,) = (one for one in dialog.findChildren(QTableWidget) if one.isVisible())
    titles = [table.item(row, 0).text() for row in range(table.rowCount())]
    for action, keys in ((mine[0], ""), (mine[1], "Q"), (mine[0], "Ctrl+J")):
        table.item(titles.index(f"{shortcuts.TITLE}: {action.title}"), 2).setText(keys)
    assert [keys_of(one.name) for one in mine] == ["Ctrl+J", "Q"]
    assert "J</b>" in listed.words.text()
    listed.reset.click()
    assert [keys_of(one.name) for one in mine] == ["Q", "W"]
    assert preferences.remembered().shortcuts == {}
    change("other", "")
    assert NO_KEY in listed.words.text()
    dialog.close()


@pytest.mark.parametrize("content", ["", "{", '{"shortcuts": 3}', "\udcff", '{"later": 1}'])
def test_a_damaged_settings_file_costs_nothing_but_the_choices(file, content):
    file.parent.mkdir()
    file.write_bytes(content.encode("utf-8", "surrogateescape"))
    assert preferences.remembered().shortcuts == {}
    preferences.remember(tour_dismissed=True)
    assert preferences.remembered().tour_dismissed
    if "later" in content:
        assert json.loads(file.read_text("utf-8"))["later"] == 1


def test_a_choice_that_cannot_be_kept_is_said(file):
    file.parent.parent.joinpath("config").write_text("a file where the folder should be")
    with pytest.raises(ValueError, match="cannot be kept"):
        preferences.remember(tour_dismissed=True)


def test_no_key_of_the_docks_is_in_the_way_of_napari(make_napari_viewer, home, fake_child, file):
    viewer = make_napari_viewer()
    open_docks(viewer)
    every = offered(viewer)
    assert {"start", "cancel", "help"} <= every.keys()
    keys = {name: one.keys for name, one in every.items() if one.keys}
    for name, key in keys.items():
        assert shortcuts.taken_by(key, name) == "", name
        assert not key.startswith("Alt-"), f"{name}: Alt with a letter opens a menu"
        assert keys_of(name), f"{name}: napari does not take {key}"
    assert len(set(keys.values())) == len(keys)


def is_in_front(dock) -> bool:
    bring_to_front(dock)  # again and again: Qt shows the newest tab once the window is laid out
    return not dock.visibleRegion().isEmpty()


def test_keys_start_and_cancel_what_is_in_front_and_say_why_not(
    stage, fake_child, file, browser, qtbot
):
    viewer, train, _ = stage()
    viewer.window.show()
    qtbot.waitUntil(train.buttons.run.isEnabled, timeout=SOON)
    qtbot.waitUntil(lambda: is_in_front(train), timeout=SOON)
    press(viewer, "Ctrl-Shift-Enter")
    assert notification_manager.records[-1].message == "Nothing is running."
    press(viewer, "Ctrl-Enter")
    qtbot.waitUntil(lambda: train._job is not None and train._job.is_over, timeout=SOON)
    QApplication.processEvents()
    press(viewer, "Shift-H")
    qtbot.waitUntil(lambda: bool(browser.opened), timeout=SOON)
    assert [file.name for file in browser.opened] == ["docks-train.html"]
