"""Faults with the real child, in one viewer with one small model: what is lost, what is kept, what is refused."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from napari.utils.notifications import notification_manager
from one_viewer import come_to_rest, one_viewer
from waiting import LATER

from napari_advseg import model_store
from napari_advseg.disk import lock
from napari_advseg.gui.viewer.results import is_ours
from napari_advseg.recipes import read_tree, recipe_beside
from napari_advseg.runs.continuing import LOCK
from napari_advseg.volume.formats.files import read

ROOM_PX = 70


@pytest.fixture(scope="module")
def room(tmp_path_factory):
    """A file that says how wide a tile may be; without it all fit."""
    return tmp_path_factory.mktemp("room") / "px"


@pytest.fixture(scope="module")
def bench(qapp, tmp_path_factory, room):
    command = (sys.executable, str(Path(__file__).with_name("scarce_child.py")), str(room))
    with one_viewer(tmp_path_factory.mktemp("home"), (4, 72, 80), command) as found:
        yield found


@pytest.fixture(scope="module")
def own(bench):
    """The image and the labels that were there at first."""
    viewer, _ = bench
    return tuple(viewer.layers)


@pytest.fixture(scope="module")
def trained():
    """Where the small model is, once a test has needed it."""
    return []


@pytest.fixture
def docks(bench, own, room, qtbot, tmp_path):
    """Train and Segment, ready to start with a tiny network, on the layers that were there at first and no others."""
    viewer, found = bench
    train, segment = found.train, found.segment
    come_to_rest(train._session, qtbot)
    tidy(viewer, segment, own)
    for dock in (train, segment):
        dock.image.choose(own[0])
        dock.buttons.log.clear()
    train.labels.choose(own[1])
    train.out.set(tmp_path / "learnt")
    train.out.chosen.emit()
    train.forms.length.row("steps").editor.write(6)
    for group, name, value in (
        ("model", "widths", (8, 16)),
        ("examples", "crop", 32),
        ("examples", "batch", 2),
        ("training", "validate_every", 3),
        ("training", "save_every", 2),
    ):
        train.forms.advanced.group(group).row(name).editor.write(value)
    segment.sections.row("sections").editor.write(None)
    segment.labelling.more.row("across_sections").editor.write("sections")
    notification_manager.records.clear()
    yield train, segment
    come_to_rest(train._session, qtbot)
    room.unlink(missing_ok=True)


@pytest.fixture
def segment(docks, trained, qtbot):
    """The Segment dock with the small model; trained by the first that asks."""
    train, dock = docks
    if not trained:
        click(train, qtbot)
        over(train, qtbot)
        assert model_store.read_card(train.out.path).last_step == 6
        trained.append(train.out.path)
    dock.model.set(trained[0])
    qtbot.waitUntil(lambda: dock.model.found.path == trained[0], timeout=LATER)
    notification_manager.records.clear()
    return dock


def tidy(viewer, segment, own):
    """Take away what tests have added; what shows something of ours goes by its switch."""
    segment.live_preview.live.setChecked(False)
    for layer in tuple(viewer.layers):
        if layer not in own and not is_ours(layer):
            viewer.layers.remove(layer)


def click(dock, qtbot):
    """Start, as soon as nothing is in the way and a new place was found for what comes."""

    def is_ready():
        assert dock.buttons.run.isEnabled(), dock.buttons.run.toolTip()
        assert not Path(dock.out.path).exists()

    qtbot.waitUntil(is_ready, timeout=LATER)
    dock.buttons.run.click()


def over(dock, qtbot):
    qtbot.waitUntil(lambda: not dock._is_running, timeout=LATER)


def noticed(words):
    return any(words in record.message for record in notification_manager.records)


def refused(words, qtbot):
    """Wait until it is said what is wrong."""
    qtbot.waitUntil(lambda: noticed(words), timeout=LATER)


def segmented(dock, qtbot):
    """Segment all; the result comes back."""
    before = dock._result
    click(dock, qtbot)
    qtbot.waitUntil(lambda: dock._result is not before, timeout=LATER)
    return dock.live_preview.result


def replayed(recipe, folder, **places):
    """Run a recipe again, by the command line and to other places."""
    changed = [f"--set={name}={folder / place}" for name, place in places.items()]
    ran = subprocess.run(
        [sys.executable, "-m", "napari_advseg", "run", str(recipe), *changed],
        capture_output=True,
        text=True,
        env={**os.environ, "OMP_WAIT_POLICY": "PASSIVE"},
        check=False,
    )
    assert ran.returncode == 0, ran.stderr


def test_the_recipes_of_docks_replay_weights_map_and_labels_bit_by_bit(segment, qtbot, tmp_path):
    model, layer = Path(segment.model.path), segmented(segment, qtbot)
    recipe = recipe_beside(layer.metadata["path"])
    used = read_tree(recipe)["prediction"]
    assert None not in (used["threads"], used["tile"])
    assert "auto" not in (used["device"], used["precision"])
    replayed(model / model_store.RECIPE, tmp_path, out="model")
    replayed(recipe, tmp_path, out="labels.ome.zarr", interior_map="map.ome.zarr")
    expected, found = (model_store.load(place).weights for place in (model, tmp_path / "model"))
    for key, value in expected.items():
        np.testing.assert_array_equal(found[key], value)
    for ours, theirs in ((segment._result.map_path, "map"), (layer.metadata["path"], "labels")):
        again = read(tmp_path / f"{theirs}.ome.zarr").numpy()
        np.testing.assert_array_equal(again, read(ours).numpy())


def test_out_of_memory_halves_the_tile_and_says_so(segment, qtbot, room):
    segmented(segment, qtbot)
    plain = read(segment._result.map_path).numpy()
    room.write_text(str(ROOM_PX))
    segmented(segment, qtbot)
    assert "Memory did not suffice for a tile of" in segment.buttons.log.toPlainText()
    cramped = read(segment._result.map_path).numpy()
    np.testing.assert_allclose(cramped.astype(float), plain.astype(float), atol=1e-3)


def test_a_result_never_lands_in_a_layer_that_is_there(bench, segment, qtbot):
    viewer, _ = bench
    image = segment.image.layer
    shown = viewer.add_image(
        np.asarray(image.data).copy(), name="gone soon", scale=image.scale, units=image.units
    )
    others = {one: np.asarray(one.data).copy() for one in viewer.layers if not is_ours(one)}
    segment.image.choose(shown)
    before = segment._result
    click(segment, qtbot)
    viewer.layers.remove(shown)
    qtbot.waitUntil(lambda: segment._result is not before, timeout=LATER)
    result = segment.live_preview.result
    assert result in viewer.layers
    assert result not in others
    assert result.name.startswith("gone soon")
    assert result.data.shape == shown.data.shape
    for layer, data in others.items():
        np.testing.assert_array_equal(layer.data, data)


def test_a_result_that_is_renamed_or_deleted_during_the_next_run_is_kept(bench, segment, qtbot):
    viewer, _ = bench
    kept, deleted = segmented(segment, qtbot), segmented(segment, qtbot)
    before, data = segment._result, [np.asarray(one.data).copy() for one in (kept, deleted)]
    qtbot.waitUntil(segment.apply.isEnabled, timeout=LATER)
    segment.apply.click()
    kept.name = "my favourite"
    viewer.layers.remove(deleted)
    qtbot.waitUntil(lambda: segment._result is not before, timeout=LATER)
    assert segment.live_preview.result not in (kept, deleted)
    assert kept.name == "my favourite"
    np.testing.assert_array_equal(kept.data, data[0])
    np.testing.assert_array_equal(read(deleted.metadata["path"]).numpy(), data[1])


def test_a_section_alone_goes_through_with_settings_for_stacks(bench, segment, qtbot):
    viewer, _ = bench
    stack = segment.image.layer
    flat = viewer.add_image(
        np.asarray(stack.data[0]), name="flat", scale=stack.scale[1:], units=stack.units[1:]
    )
    segment.image.choose(flat)
    segment.labelling.more.row("across_sections").editor.write("agglomerated")
    result = segmented(segment, qtbot)
    assert result.data.shape == flat.data.shape
    segment.labelling.more.row("across_sections").editor.write("sections")
    segment.sections.row("sections").editor.write((2, 4))
    click(segment, qtbot)
    refused("are not inside", qtbot)


@pytest.mark.parametrize(("value", "words"), [(0, "Nothing is painted"), (1, "show no boundary")])
def test_an_annotation_that_teaches_nothing_is_refused_before_the_first_step(
    bench, docks, qtbot, value, words
):
    viewer, _ = bench
    train, _ = docks
    true = train.labels.layer
    data = np.full(true.data.shape, value, np.uint8)
    drawn = viewer.add_labels(data, name="drawn", scale=true.scale, units=true.units)
    train.labels.choose(drawn)
    click(train, qtbot)
    refused(words, qtbot)
    over(train, qtbot)
    assert not Path(train.out.path).exists()


def test_labels_in_one_section_only_are_found_and_learnt(bench, docks, qtbot):
    viewer, _ = bench
    train, _ = docks
    true = train.labels.layer
    painted = np.asarray(true.data) * (np.arange(4) == 2)[:, None, None]
    drawn = viewer.add_labels(
        painted.astype(true.data.dtype), name="drawn", scale=true.scale, units=true.units
    )
    train.labels.choose(drawn)
    click(train, qtbot)
    over(train, qtbot)
    assert model_store.read_card(train.out.path).last_step == 6


def test_a_training_that_runs_in_another_window_is_not_resumed_here(docks, segment, qtbot):
    train, _ = docks
    train.out.set(segment.model.path)
    qtbot.waitUntil(lambda: not train.conflict.isHidden(), timeout=LATER)
    theirs, _ = lock.take(Path(segment.model.path), "", name=LOCK)
    try:
        qtbot.waitUntil(train.resume.isEnabled, timeout=LATER)
        train.resume.click()
        refused("is open in another window", qtbot)
        over(train, qtbot)
    finally:
        theirs.release()
