"""What the Train dock says before Start about its data: pairs or not, sections, voxels, classes."""

from __future__ import annotations

import numpy as np
import pytest
from waiting import SOON

from napari_advseg.volume.formats.files import read


@pytest.fixture
def train(stage, fake_child, qtbot):
    _, dock, _ = stage()
    counted(dock, qtbot, "sections train")
    qtbot.waitUntil(dock.buttons.run.isEnabled, timeout=SOON)
    return dock


def counted(dock, qtbot, words):
    qtbot.waitUntil(lambda: words in dock.summary.words.text(), timeout=SOON)


def drawn(dock, shape, name="drawn"):
    labels = np.zeros(shape, np.int32)
    labels[..., 5:20, 5:20] = 1
    labels[..., 5:20, 12:20] = 2
    return dock._viewer.add_labels(labels, name=name, scale=dock.image.layer.scale)


def as_classes(dock):
    """Discs in rings, as many as fit, on the image's voxels."""
    layer = dock.labels.layer
    y, x = np.mgrid[:64, :64] % 16 - 8
    far = y**2 + x**2
    classes = np.where(far < 16, 2, np.where(far < 40, 1, 0)).astype(np.uint8)
    new = dock._viewer.add_labels(np.repeat(classes[None], 4, 0), scale=layer.scale)
    dock.labels.choose(new)
    return new


def test_data_and_split_are_said_before_start_and_follow_what_is_typed(train, qtbot):
    voxels = int((train.labels.layer.data > 0).sum())
    assert (
        f"3 sections train, 1 validates; {voxels:,} annotated voxels" in train.summary.words.text()
    )
    train.forms.main.row("validation").editor.write((2, 4))
    counted(train, qtbot, "2 sections train, 2 validate")


def test_what_is_painted_is_counted_anew(train, qtbot):
    before = train.summary.words.text()
    layer = train.labels.layer
    layer.data = np.zeros_like(layer.data)
    counted(train, qtbot, "are empty in the 4 sections")
    layer.paint((1, 30, 30), 3)
    qtbot.waitUntil(lambda: "empty" not in train.summary.words.text(), timeout=SOON)
    assert train.summary.words.text() != before


def test_another_layer_is_watched_and_the_one_before_no_more(train, qtbot):
    first, second = train.labels.layer, drawn(train, (4, 64, 64))
    train.forms.main.row("zero").editor.write("unannotated")
    train.labels.choose(second)
    counted(train, qtbot, "900 annotated voxels")
    first.data = np.zeros_like(first.data)
    assert not train.summary._timer.isActive()
    second.paint((1, 30, 30), 3)
    assert train.summary._timer.isActive()
    train._viewer.layers.remove(second)
    train._viewer.layers.remove(first)
    qtbot.waitUntil(lambda: not train.summary.words.text(), timeout=SOON)


def test_labels_that_look_like_classes_are_learnt_as_such_with_one_click_and_back(train, qtbot):
    as_classes(train)
    qtbot.waitUntil(
        lambda: "look like classes (0, 1, 2)" in train.summary.offer.text(), timeout=SOON
    )
    assert not train.summary.choose.isHidden()
    train.summary.choose.click()
    counted(train, qtbot, "Learnt as classes: 0, 1, 2.")
    assert train.recipe().examples.targets.kind == "classes"
    assert train.summary.offer.isHidden()
    train.summary.choose.click()
    qtbot.waitUntil(lambda: "look like classes" in train.summary.offer.text(), timeout=SOON)
    assert train.recipe().examples.targets.kind == "any_diff"


def test_layers_that_do_not_belong_together_train_a_family_that_needs_no_pairs(train, qtbot):
    labels = drawn(train, (2, 40, 50))
    train.labels.choose(labels)
    assert "belong together" in train.buttons.why.text()
    train.network.family.setCurrentText("cyclegan")
    assert "4 sections of 64 x 64 px" in train.summary.pairing.text()
    assert "2 sections of 40 x 50 px" in train.summary.pairing.text()
    qtbot.waitUntil(lambda: "cyclegan" in train.out.path, timeout=SOON)
    qtbot.waitUntil(train.buttons.run.isEnabled, timeout=SOON)
    train.forms.main.row("sections").editor.write((0, 2))
    assert "empty the rows on sections" in train.buttons.why.text()
    train.forms.main.row("sections").editor.write(None)
    train.buttons.run.click()
    qtbot.waitUntil(lambda: train._job is not None and train._job.is_over, timeout=SOON)
    recipe = train._job.recipe
    assert (recipe.image, recipe.labels) == (None, None)
    np.testing.assert_array_equal(read(recipe.masks).numpy(), labels.data)
    np.testing.assert_array_equal(read(recipe.images).numpy(), train.image.layer.data)


def test_layers_that_belong_together_stay_a_pair_for_every_family(train, qtbot):
    assert train.summary.pairing.isHidden()
    train.network.family.setCurrentText("cyclegan")
    assert train.summary.pairing.text().startswith("As a pair: cyclegan")
    qtbot.waitUntil(lambda: "cyclegan" in train.out.path, timeout=SOON)
    qtbot.waitUntil(train.buttons.run.isEnabled, timeout=SOON)
    train.buttons.run.click()
    qtbot.waitUntil(lambda: train._job is not None and train._job.is_over, timeout=SOON)
    assert train._job.recipe.images is None
    assert train._job.recipe.image
