"""The choice of a layer and of a path: what is chosen stays so while layers come, go and get other names."""

from __future__ import annotations

import numpy as np
import pytest
from napari.components import ViewerModel
from napari.layers import Image, Labels
from qtpy.QtWidgets import QPushButton

from napari_advseg.gui.kit.panel import LayerChoice, PathLine

SHAPE = (3, 4, 5)


@pytest.fixture
def viewer():
    made = ViewerModel()
    made.add_image(np.zeros(SHAPE), name="raw")
    made.add_labels(np.zeros(SHAPE, np.uint8), name="cells")
    return made


@pytest.fixture
def choice(viewer, qtbot):
    made = LayerChoice(viewer, Image)
    qtbot.addWidget(made.native)
    return made


def test_layers_of_the_kind_are_offered_the_newest_first(viewer, choice):
    viewer.add_image(np.ones(SHAPE), name="map")
    assert choice.refill()
    assert [layer.name for layer in choice.choices] == ["map", "raw"]
    assert not choice.refill()
    assert isinstance(LayerChoice(viewer, Labels).layer, Labels)


def test_a_chosen_layer_stays_chosen_under_another_name_without_a_signal(viewer, choice):
    chosen = choice.layer
    heard = []
    choice.changed.connect(heard.append)
    viewer.add_image(np.ones(SHAPE), name="map")
    chosen.name = "another name"
    assert choice.refill()
    assert choice.layer is chosen
    assert choice.current_choice == "another name"
    assert not heard


def test_a_layer_that_takes_the_name_of_one_that_went_is_another_one(viewer, choice):
    gone, new = choice.layer, viewer.add_image(np.ones(SHAPE), name="map")
    heard = []
    choice.changed.connect(heard.append)
    viewer.layers.remove(gone)
    new.name = "raw"
    choice.refill()
    assert choice.layer is new
    assert heard[-1] is new


def test_where_no_layer_is_left_none_is_chosen_and_that_is_said(viewer, choice):
    heard = []
    choice.changed.connect(heard.append)
    viewer.layers.clear()
    choice.refill()
    assert choice.layer is None
    assert heard == [None]


def test_none_can_be_chosen_where_there_are_words_for_it(viewer, qtbot):
    choice = LayerChoice(viewer, Image, "made by the model")
    qtbot.addWidget(choice.native)
    assert (choice.layer, choice.current_choice) == (None, "made by the model")
    choice.choose(viewer.layers["raw"])
    choice.choose(None)
    assert choice.layer is None


def test_a_path_that_was_browsed_for_is_chosen_by_the_user_and_one_that_is_set_is_not(qtbot):
    line = PathLine(lambda _parent, start: f"{start}/model", "Folder of a model")
    qtbot.addWidget(line)
    heard = []
    line.chosen.connect(lambda: heard.append(line.path))
    line.set("/home")
    assert not heard
    line.findChild(QPushButton).click()
    assert heard == ["/home/model"]
