"""The Mend dock with the real child: regions filled, images extended and generated; what is synthetic never counts."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import numpy as np
import pytest
from napari.layers import Image, Labels
from one_viewer import come_to_rest, one_viewer
from qtpy.QtWidgets import QLabel
from test_reach import controls, open_folds, words
from waiting import LATER

from napari_advseg.engine import Finished
from napari_advseg.gui.compute import handover
from napari_advseg.gui.compute.cancellable import Cancellable
from napari_advseg.gui.docks.mend import mending
from napari_advseg.gui.help.tour import bring_to_front
from napari_advseg.gui.kit.comparison import score_alone, side_of
from napari_advseg.gui.opened import session_of
from napari_advseg.gui.viewer import results
from napari_advseg.model_store import Card
from napari_advseg.napari_io import read_layers
from napari_advseg.recipes import Mend, read_tree, train_recipe, validated
from napari_advseg.settings.scoring import ScoringSettings
from napari_advseg.volume.formats.files import read, write
from napari_advseg.volume.frame import Frame
from napari_advseg.volume.normalise import Normaliser
from napari_advseg.volume.synthetic_voxels import marked, mask_beside, without_synthetic
from napari_advseg.volume.volume import Volume

SHAPE = (3, 66, 70)
TRAINING = {"steps": 1, "validate_every": 1, "threads": 1, "device": "cpu", "precision": "fp32"}
MODELS = {
    "boundless": {"model": {"width": 4, "critic_width": 4}, "examples": {"crop": 33, "batch": 1}},
    "stylegan": {
        "model": {"widths": [8, 8, 8], "code": 8, "mapping": 2},
        "examples": {"crop": 16, "batch": 2},
    },
    "cgan": {
        "model": {
            "direction": "map_to_image",
            "width": 4,
            "depth": 3,
            "critic": {"widths": [4, 8]},
        },
        "examples": {"crop": 32, "batch": 1},
    },
}
IDLE = Cancellable(lambda: False, lambda _: None)


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    return tmp_path_factory.mktemp("home")


@pytest.fixture(scope="module")
def opened(place):
    with one_viewer(place, SHAPE, None) as (viewer, docks):
        layer = next(one for one in viewer.layers if isinstance(one, Image))
        layer.translate = (80.0, 40.0, 12.0)
        yield viewer, docks


@pytest.fixture(scope="module")
def folders(place):
    """Models of every kind that paints, trained by the child when they are first asked for."""
    return place / "models"


@pytest.fixture
def dock(opened, qtbot):
    viewer, docks = opened
    session = session_of(viewer)
    come_to_rest(session, qtbot)
    bring_to_front(docks.mend)
    yield docks.mend
    for layer in list(viewer.layers)[2:]:
        viewer.layers.remove(layer)
    docks.mend.region._is_own = False


def trained(dock, folders, qtbot, family):
    """A model of a family that has learnt for a step."""
    folder = folders / family
    if not folder.exists():
        image, labels = (dock._viewer.layers[k] for k in (0, 1))
        recipe = train_recipe(family, "quick", {**MODELS[family], "training": TRAINING, "zero": "boundary",
                                                "out": str(folder)})  # fmt: skip
        marks = handover.taken(labels) if family == "cgan" else None
        prepare = partial(handover.training, recipe, handover.taken(image), marks)
        job = dock._session.run("test", "a model", prepare)
        ended = []
        job.ended.connect(ended.append)
        qtbot.waitUntil(lambda: bool(ended), timeout=LATER)
        assert isinstance(ended[0], Finished), ended
    return folder


def choose(dock, qtbot, use, folder):
    """Switch to a use and wait until the model and a free place for the result are there."""
    dock.use.setCurrentIndex(dock.use.findData(use))
    dock.model.set(folder)
    qtbot.waitUntil(lambda: dock.model.found.path == str(folder), timeout=LATER)
    dock.forms.prediction.group("prediction").row("device").editor.write("cpu")
    dock.forms.prediction.group("prediction").row("threads").editor.write(1)


def run(dock, qtbot):
    """Press the button; the layers that came."""
    before = list(dock._viewer.layers)
    qtbot.waitUntil(dock.buttons.run.isEnabled, timeout=LATER)
    dock.buttons.run.click()
    job = dock._job
    qtbot.waitUntil(lambda: job.is_over, timeout=LATER)
    qtbot.waitUntil(lambda: len(dock._viewer.layers) > len(before), timeout=LATER)
    came = [layer for layer in dock._viewer.layers if layer not in before]
    qtbot.waitUntil(lambda: all(layer.visible for layer in came), timeout=LATER)
    return came, job


def painted_region(dock, qtbot):
    """A region made by the button, with a square in one section and another one that is missing altogether."""
    qtbot.waitUntil(dock.region.new.isEnabled, timeout=LATER)
    dock.region.new.click()
    qtbot.waitUntil(lambda: dock.region.layer is not None, timeout=LATER)
    layer = dock.region.layer
    qtbot.waitUntil(lambda: layer.mode == "paint", timeout=LATER)
    layer.data[0, 20:40, 30:70] = 1
    layer.data[2] = 1
    return layer


def replayed(dock, qtbot, job, folder):
    """What the recipe beside a result makes when it is run again."""
    out = Path(job.recipe.out)
    kept = next(
        iter([*out.parent.glob(f"{out.name.partition('.')[0]}.recipe.yaml"), out / "recipe.yaml"])
    )
    again = str(folder / f"again{''.join(out.suffixes)}")
    job = dock._session.run("test", "again", lambda _: validated({**read_tree(kept), "out": again}))
    qtbot.waitUntil(lambda: job.is_over, timeout=LATER)
    return again


def test_a_painted_region_is_filled_and_counts_nowhere(dock, folders, qtbot, tmp_path):
    folder = trained(dock, folders, qtbot, "boundless")
    choose(dock, qtbot, "mend", folder)
    image = dock.image.layer
    region = painted_region(dock, qtbot).data != 0
    (filled, shown), job = run(dock, qtbot)
    assert filled.name == f"{image.name} filled"
    made = np.asarray(filled.data)
    np.testing.assert_array_equal(made[~region], image.data[~region])
    assert (made[0][region[0]] != image.data[0][region[0]]).any()
    np.testing.assert_array_equal(made[2], made[1])  # what shows nothing is a copy, and said
    assert "Section 2 was missing altogether" in dock.buttons.log.toPlainText()
    for name in ("scale", "translate", "units"):
        assert list(getattr(filled, name)) == list(getattr(image, name))
    np.testing.assert_allclose(filled.contrast_limits, image.contrast_limits)
    np.testing.assert_array_equal(shown.data != 0, region)
    assert results.is_ours(shown)
    assert shown.contour == 1

    volume = handover.taken(filled)
    np.testing.assert_array_equal(np.asarray(volume.synthetic[...]) != 0, region)
    labels = handover.taken(dock._viewer.layers[1])
    recipe = train_recipe("unet", "quick", {"out": str(tmp_path / "model")})
    learnt = handover.training(recipe, volume, labels, IDLE)
    given = read(learnt.image)
    known = without_synthetic(read(learnt.labels), given).array[...]
    assert (known[region] == -1).all()
    assert (known[~region] >= 0).all()
    again = replayed(dock, qtbot, job, tmp_path)
    np.testing.assert_array_equal(read(again).numpy(), made)
    np.testing.assert_array_equal(read(again).synthetic[...], volume.synthetic[...])


def test_labels_of_a_filled_image_are_scored_where_it_was_seen_alone(
    dock, folders, qtbot, tmp_path
):
    truth = dock._viewer.layers[1]
    mask = np.zeros(SHAPE, np.uint8)
    mask[:, 20:40, 30:60] = 1
    wrong = truth.data.copy()
    wrong[mask != 0] = 7
    frame = handover.taken(truth).frame
    path = write(marked(Volume(wrong, frame, kind="labels"), mask), tmp_path / "labels.ome.zarr")
    data, attributes, _ = read_layers(str(path), "labels")[0]
    layer = dock._viewer.add_labels(data, **attributes)
    settings = ScoringSettings(border=0, zero="boundary")
    assert score_alone(side_of(layer), side_of(truth), settings).voi == 0
    plain = dock._viewer.add_labels(data, **{**attributes, "metadata": {}})
    assert score_alone(side_of(plain), side_of(truth), settings).voi > 0
    layer.metadata = {**layer.metadata, "path": str(tmp_path / "gone.tif")}
    dock._viewer.layers.remove(plain)
    with pytest.raises(ValueError, match="holds synthetic voxels, and which they are is not known"):
        side_of(layer)


def test_an_extended_image_lies_over_the_one_it_was_made_of(dock, folders, qtbot):
    choose(dock, qtbot, "extend", trained(dock, folders, qtbot, "boundless"))
    for side, count in (("top", 5), ("bottom", 0), ("left", 9), ("right", 4)):
        dock.forms.margins.row(side).editor.write(count)
    dock.forms.sections.row("sections").editor.write("1:3")
    image = dock.image.layer
    (grown, shown), _ = run(dock, qtbot)
    assert grown.data.shape == (2, 71, 83)
    z, y, x = image.scale
    moved = np.subtract(grown.translate, image.translate)
    np.testing.assert_allclose(moved, (z, -5 * y, -9 * x))
    np.testing.assert_allclose(shown.translate, grown.translate)
    inside = np.asarray(grown.data)[:, 5:71, 9:79]
    np.testing.assert_array_equal(inside, image.data[1:3])
    assert shown.data[:, 5:71, 9:79].max() == 0
    assert shown.data.sum() == 2 * (71 * 83 - 66 * 70)
    dock.forms.sections.row("sections").editor.write("")


def test_crops_and_pairs_are_generated(dock, folders, qtbot):
    choose(dock, qtbot, "generate", trained(dock, folders, qtbot, "stylegan"))
    dock.forms.number.row("count").editor.write(3)
    qtbot.waitUntil(lambda: not dock.labels.native.isVisibleTo(dock), timeout=LATER)
    (crops,), job = run(dock, qtbot)
    assert np.asarray(crops.data).shape == (3, 16, 16)
    np.testing.assert_allclose(crops.scale[1:], dock.image.layer.scale[1:])
    assert "synthetic" in crops.name
    assert (Path(job.recipe.out) / "recipe.yaml").is_file()

    choose(dock, qtbot, "generate", trained(dock, folders, qtbot, "cgan"))
    qtbot.waitUntil(lambda: dock.labels.native.isVisibleTo(dock), timeout=LATER)
    dock.labels.choose(dock._viewer.layers[1])
    (image, labels), _ = run(dock, qtbot)
    assert isinstance(image, Image)
    assert isinstance(labels, Labels)
    np.testing.assert_array_equal(labels.data, dock._viewer.layers[1].data)
    assert image.data.shape == labels.data.shape
    np.testing.assert_allclose(image.scale, dock._viewer.layers[1].scale)


def test_only_models_that_can_are_offered_and_others_say_what_they_do(dock, folders, qtbot):
    for family in ("boundless", "stylegan"):
        trained(dock, folders, qtbot, family)
        dock._session.learnt(str(folders / family))
        qtbot.waitUntil(lambda: not dock._session._jobs, timeout=LATER)
    choose(dock, qtbot, "mend", folders / "stylegan")
    qtbot.waitUntil(
        lambda: "generates images and fills no regions" in dock._model_problem(), timeout=LATER
    )
    dock.use.setCurrentIndex(dock.use.findData("generate"))
    qtbot.waitUntil(lambda: dock.model.path == str(folders / "stylegan"), timeout=LATER)
    dock.use.setCurrentIndex(dock.use.findData("extend"))
    qtbot.waitUntil(lambda: "stylegan" not in dock.model.path, timeout=LATER)
    listed = [dock.model.box.itemData(row) for row in range(dock.model.box.count())]
    assert not [path for path in listed if path.endswith("stylegan")]


def test_what_is_in_the_way_is_said(dock, folders, qtbot):
    choose(dock, qtbot, "mend", trained(dock, folders, qtbot, "boundless"))
    qtbot.waitUntil(lambda: "labels layer that marks" in dock.buttons.why.text(), timeout=LATER)
    small = dock._viewer.add_labels(np.zeros((2, 9, 9), np.uint8), name="elsewhere")
    dock.region.choose(small)
    assert "66 x 70 px, the region 2 of 9 x 9" in dock.buttons.why.text()
    colours = dock._viewer.add_image(
        np.zeros((2, 3, 66, 70), np.uint8), axis_labels=("c", "z", "y", "x")
    )
    dock.image.choose(colours)
    assert "2 channels, the model was trained on 1" in dock.buttons.why.text()
    dock.image.choose(dock._viewer.layers[0])
    empty = dock._viewer.add_labels(np.zeros(SHAPE, np.uint8), name="nothing yet")
    dock.region.choose(empty)
    qtbot.waitUntil(dock.buttons.run.isEnabled, timeout=LATER)
    dock.buttons.run.click()
    job = dock._job
    qtbot.waitUntil(lambda: job.is_over, timeout=LATER)
    assert (
        "Nothing is painted in 'nothing yet'; paint what is to be filled"
        in dock.buttons.log.toPlainText()
    )
    dock.use.setCurrentIndex(dock.use.findData("extend"))
    for side in ("top", "bottom", "left", "right"):
        dock.forms.margins.row(side).editor.write(0)
    assert "say by how many pixels" in dock._problem()
    dock.forms.margins.row("top").editor.write(8)


def test_a_cancelled_job_leaves_nothing(dock, folders, qtbot):
    choose(dock, qtbot, "extend", trained(dock, folders, qtbot, "boundless"))
    dock.forms.margins.row("top").editor.write(4000)
    qtbot.waitUntil(dock.buttons.run.isEnabled, timeout=LATER)
    dock.buttons.run.click()
    job = dock._job
    qtbot.waitUntil(lambda: job.state == "running", timeout=LATER)
    dock.buttons.cancel.click()
    qtbot.waitUntil(lambda: job.is_over, timeout=LATER)
    out = Path(job.recipe.out)
    assert not out.exists()
    assert not mask_beside(out).exists()
    assert not list(out.parent.glob("*extended*partial*"))
    dock.forms.margins.row("top").editor.write(8)


@pytest.mark.parametrize("use", ["mend", "extend", "generate"])
def test_every_control_of_every_use_is_explained(dock, qtbot, use):
    dock.use.setCurrentIndex(dock.use.findData(use))
    open_folds(dock)
    lacking = [words(one) for one in controls(dock) if not (one.toolTip() and words(one))]
    assert not lacking
    assert all(
        label.wordWrap() or len(label.text()) < 40
        for label in dock.findChildren(QLabel)
        if label.isVisible()
    )


def test_a_region_that_is_selected_in_the_list_is_taken(dock, monkeypatch):
    monkeypatch.setattr(
        dock.region.native, "isVisible", lambda: True
    )  # the window of these tests is never shown
    dock.use.setCurrentIndex(dock.use.findData("mend"))
    fold = dock._viewer.add_labels(np.zeros(SHAPE, np.uint8), name="fold")
    dock._viewer.layers.selection.active = dock._viewer.layers[0]
    dock._viewer.layers.selection.active = fold
    assert dock.region.layer is fold


def test_regions_of_files_and_single_labels(tmp_path):
    """A file goes by its path, with the place that the viewer has it at; the region is copied as it is."""
    frame = Frame("zyx", (40.0, 4.0, 4.0), ("nanometer",) * 3)
    path = write(Volume(np.ones((2, 8, 9), np.uint8), frame), tmp_path / "raw.tif")
    image = read(path)
    marks = np.zeros((2, 8, 9), np.uint8)
    marks[1, 2:4] = 3
    recipe = Mend(
        image="raw", model="m", out=str(tmp_path / "new.ome.zarr"), label=3, sections=(1, 2)
    )
    made = mending.painting(recipe, image, Volume(marks, frame, kind="labels"), IDLE)
    assert made.image == str(path)
    assert made.placed is None
    assert made.sections == (1, 2)
    assert made.label == 3
    np.testing.assert_array_equal(read(made.holes).numpy(), marks)
    alone = mending.painting(
        recipe, Volume(image.numpy().copy(), frame), Volume(marks, frame, kind="labels"), IDLE
    )
    assert alone.sections is None
    assert read(alone.image).shape == (1, 8, 9)
    assert read(alone.holes).shape == (1, 8, 9)


def test_what_models_can_be_used_for():
    def card(family, **model):
        recipe = train_recipe(family, "quick", {"model": model})
        return Card(recipe=recipe, normaliser=Normaliser(low=0, high=255))

    painters = {
        "holes": [card("boundless")],
        "crops": [card("stylegan")],
        "labels": [card("cgan", direction="map_to_image"), card("cyclegan"), card("seggan")],
        "nothing": [card("cgan"), card("unet"), card("boundless_transfer"), None],
    }
    for paints, cards in painters.items():
        for one in cards:
            assert mending.painted_by(one) == paints
    assert mending.why_not_model(card("unet"), "mend").startswith(
        "A unet segments images and paints nothing"
    )
    assert "fills and extends images and generates none" in mending.why_not_model(
        card("boundless"), "generate"
    )
    assert "No model here extends images" in mending.why_not_model(None, "extend")
