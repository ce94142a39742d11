"""The tour: offered where nothing is open, goes on when a step has happened, and can be sent away for good."""

from __future__ import annotations

import numpy as np
import pytest
from waiting import SOON

from napari_advseg.gui.help.tour import OVER, STEPS, Guide, Tour, dock_named, tour_of
from napari_advseg.gui.kit import preferences
from napari_advseg.gui.opened import session_of
from napari_advseg.gui.opening import open_docks
from napari_advseg.gui.viewer import results


@pytest.fixture
def file(tmp_path, monkeypatch):
    """The settings file, in a folder of the test's own."""
    place = tmp_path / "config" / "settings.json"
    monkeypatch.setattr(preferences, "place", lambda: place)
    return place


@pytest.fixture
def empty(make_napari_viewer, home, fake_child, file):
    """An empty viewer with all docks."""
    viewer = make_napari_viewer()
    open_docks(viewer)
    return viewer


def guides(viewer) -> list[Guide]:
    return viewer.window._qt_window.findChildren(Guide)


def paint(layer) -> None:
    layer.selected_label = 3
    layer.mode = "paint"
    layer.paint([0, 4, 4], 3)


def test_the_tour_goes_on_when_each_step_has_happened(empty, qtbot):
    tour, guide = tour_of(empty), guides(empty)[0]
    assert not guide.isHidden()
    guide.start.click()
    assert "Step 1 of 4" in guide.words.text()
    guide.sample.click()
    assert not guide.sample.isEnabled()
    qtbot.waitUntil(lambda: tour.number == 1, timeout=SOON)
    _, labels = empty.layers
    annotate = dock_named(empty, "Annotate")
    assert tour._marked.control is annotate.tour_stop()
    paint(labels)
    qtbot.waitUntil(lambda: tour.number == 2, timeout=SOON)
    train = dock_named(empty, "Train")
    assert tour._marked.control is train.buttons.run
    session_of(empty).learnt("somewhere")
    qtbot.waitUntil(lambda: tour.number == 3, timeout=SOON)
    preview = results.OwnLayer(empty, "A preview is no result")
    preview.show((np.zeros((1, 8, 8), np.int32), {"scale": [1, 1, 1], "translate": [0, 0, 0]}, ""))
    qtbot.wait(50)
    assert tour.number == 3
    empty.add_labels(np.zeros((8, 8), np.int32), name="the result")
    qtbot.waitUntil(lambda: tour.number == len(STEPS), timeout=SOON)
    assert guide.words.text() == OVER
    assert tour._marked.control is None
    guide.stop.click()
    assert guide.isHidden()


def test_every_step_can_be_skipped_and_the_tour_left(empty):
    tour, guide = tour_of(empty), guides(empty)[-1]
    for number in range(len(STEPS)):
        tour.begin() if number == 0 else guide.skip.click()
        assert f"Step {number + 1} of 4" in guide.words.text()
    guide.stop.click()
    assert tour.number is None
    assert tour.offers


def test_the_offer_goes_with_the_first_layer_and_comes_back_with_an_empty_viewer(empty):
    assert len(guides(empty)) >= 4
    assert all(not guide.isHidden() for guide in guides(empty))
    layer = empty.add_image(np.zeros((8, 8)))
    assert all(guide.isHidden() for guide in guides(empty))
    empty.layers.remove(layer)
    assert all(not guide.isHidden() for guide in guides(empty))


def test_what_was_sent_away_stays_away(empty, file, qtbot):
    guides(empty)[0].never.click()
    assert all(guide.isHidden() for guide in guides(empty))
    qtbot.waitUntil(file.is_file, timeout=SOON)
    qtbot.waitUntil(lambda: preferences.remembered().tour_dismissed, timeout=SOON)
    assert not Tour(empty).offers


def test_a_sample_that_cannot_be_made_is_said_and_offered_again(empty, qtbot, monkeypatch):
    from napari.utils.notifications import notification_manager

    from napari_advseg.gui.viewer import sample_layers

    def fail():
        raise ValueError("There is no memory left; close something.")

    monkeypatch.setattr(sample_layers, "neuropil", fail)
    guide = guides(empty)[0]
    guide.sample.click()
    qtbot.waitUntil(guide.sample.isEnabled, timeout=SOON)
    assert notification_manager.records[-1].message == "There is no memory left; close something."
    assert not empty.layers
