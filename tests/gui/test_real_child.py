"""Both docks with the real child: a tiny network learns, segments, is cancelled, killed and left behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap

import napari
import numpy as np
import psutil
import pytest
from napari.utils.notifications import notification_manager
from waiting import LATER

from napari_advseg.gui.docks.train.live import CRITICS
from napari_advseg.gui.docks.tune.dock import TuneDock
from napari_advseg.gui.opened import session_of
from napari_advseg.model_store import read_card
from napari_advseg.volume.formats.files import read

ENDLESS = 100_000


def tiny(dock, steps):
    """A network that learns in seconds."""
    dock.forms.length.row("steps").editor.write(steps)
    dock.forms.advanced.group("model").row("widths").editor.write((8, 16))
    dock.forms.advanced.group("examples").row("crop").editor.write(32)
    dock.forms.advanced.group("examples").row("batch").editor.write(2)
    dock.forms.advanced.group("training").row("validate_every").editor.write(3)


@pytest.fixture
def docks(stage, qtbot):
    viewer, train, segment = stage((4, 72, 80))
    tiny(train, 6)
    qtbot.waitUntil(
        lambda: bool(train.out.path) and train.out.place.path == train.out.path, timeout=LATER
    )
    qtbot.waitUntil(lambda: bool(segment.out.path), timeout=LATER)
    return viewer, train, segment


def click(dock, qtbot):
    qtbot.waitUntil(dock.buttons.run.isEnabled, timeout=LATER)
    dock.buttons.run.click()


def over(dock, qtbot):
    qtbot.waitUntil(lambda: dock._job.is_over, timeout=LATER)


def has_trained(dock, steps):
    return dock._job.phase == "training" and dock._job.done > steps


def test_train_segment_relabel_and_apply(docks, qtbot):
    viewer, train, segment = docks
    click(train, qtbot)
    over(train, qtbot)
    assert "validation loss" in train._job.curves
    assert read_card(train._job.recipe.out).best_step > 0
    qtbot.waitUntil(lambda: segment.model.found.card is not None, timeout=LATER)
    assert segment.labelling.value() == segment.model.found.card.labelling

    image = segment.image.layer
    click(segment, qtbot)
    viewer.layers.remove(image)  # the result must not depend on it
    qtbot.waitUntil(lambda: segment._result is not None, timeout=LATER)
    layer = segment.live_preview.result
    assert layer in viewer.layers
    assert layer.data.shape == image.data.shape
    np.testing.assert_allclose(layer.scale, image.scale)
    np.testing.assert_allclose(layer.translate, image.translate)
    assert layer.units == image.units
    assert any("label" in line for line in layer.metadata["napari_advseg"]["history"])

    before = layer.data.copy()
    viewer.dims.set_current_step(0, 2)
    segment.labelling.sliders.row("threshold").editor.write(0.0)
    qtbot.waitUntil(lambda: segment.live_preview.labels.layer is not None, timeout=LATER)
    preview = segment.live_preview.labels.layer
    assert preview.data.shape == (1, 72, 80)
    assert preview.translate[0] == pytest.approx(2 * layer.scale[0])
    assert set(np.unique(preview.data)) == {1}  # everything exceeds 0: one cell
    viewer.dims.set_current_step(0, 1)
    qtbot.waitUntil(lambda: preview.translate[0] == pytest.approx(layer.scale[0]), timeout=LATER)
    np.testing.assert_array_equal(layer.data, before)
    assert not layer.visible
    segment.live_preview.live.setChecked(False)
    assert segment.live_preview.labels.layer is None
    assert layer.visible

    qtbot.waitUntil(segment.apply.isEnabled, timeout=LATER)
    segment.apply.click()
    qtbot.waitUntil(lambda: segment.live_preview.result is not layer, timeout=LATER)
    assert len(np.unique(segment.live_preview.result.data)) == 4  # one cell a section
    np.testing.assert_array_equal(layer.data, before)
    np.testing.assert_array_equal(read(layer.metadata["path"]).numpy(), before)


def test_thresholds_are_tuned_on_withheld_sections_and_saved_for_the_next_run(docks, qtbot):
    viewer, train, segment = docks
    click(train, qtbot)
    over(train, qtbot)
    tune = TuneDock(viewer)
    qtbot.addWidget(tune)
    tune.ranges.row("thresholds").editor.write("0.3, 0.5")
    tune.ranges.row("gaps").editor.write("0, 0.2")
    click(tune, qtbot)
    qtbot.waitUntil(lambda: tune._search is not None, timeout=LATER)
    withheld = tune._search.tuned.sections
    assert 0 < len(withheld) < 4
    assert "which the model's training withheld" in tune.buttons.log.toPlainText()
    qtbot.waitUntil(lambda: tune.live._own.layer is not None, timeout=LATER)
    at = tune.live._own.layer.translate[0] / viewer.layers[0].scale[0]
    assert round(at) in withheld
    other = next(cell for cell in tune._search.tuned.cells if cell.pair != segment_pair(segment))
    tune.maps.picked.emit(next(place for place, cell in tune._grid.cells.items() if cell == other))
    tune.save.click()
    qtbot.waitUntil(lambda: segment_pair(segment) == other.pair, timeout=LATER)
    assert read_card(train.out.path).labelling.threshold == other.threshold


def segment_pair(dock):
    settings = dock.labelling.value()
    return settings.threshold, settings.gap_threshold


def test_a_killed_training_is_noticed_and_can_be_resumed(docks, qtbot):
    _, train, _ = docks
    tiny(train, ENDLESS)
    train.forms.advanced.group("training").row("save_every").editor.write(2)
    click(train, qtbot)
    qtbot.waitUntil(lambda: has_trained(train, 6), timeout=LATER)
    os.kill(session_of(train._viewer).process_id, signal.SIGKILL)
    over(train, qtbot)
    assert "ended by signal 9" in notification_manager.records[-1].message
    qtbot.waitUntil(train.resume.isEnabled, timeout=LATER)
    qtbot.waitUntil(lambda: not train.conflict.isHidden(), timeout=LATER)
    train.resume.click()
    qtbot.waitUntil(lambda: has_trained(train, 6), timeout=LATER)
    train.buttons.cancel.click()
    over(train, qtbot)
    assert "Cancelled" in train.buttons.log.toPlainText()
    assert read_card(train.out.path).last_step >= 6


def test_no_child_outlives_a_viewer_that_is_closed_while_training(docks, qtbot):
    viewer, train, _ = docks
    tiny(train, ENDLESS)
    click(train, qtbot)
    qtbot.waitUntil(lambda: has_trained(train, 3), timeout=LATER)
    child = psutil.Process(session_of(viewer).process_id)
    folder = train._job.recipe.out
    viewer.close()
    qtbot.waitUntil(
        lambda: not child.is_running() or child.status() == psutil.STATUS_ZOMBIE, timeout=LATER
    )
    assert read_card(folder).last_step >= 3


def test_the_viewers_process_never_imports_torch(tmp_path):
    script = """
        import sys
        import napari, numpy as np
        from napari_advseg.gui.opening import open_docks
        from napari_advseg.gui.kit.preview import Relabeller, Wish
        from napari_advseg.settings.labelling import LabellingSettings
        from napari_advseg.volume.formats.files import write
        from napari_advseg.volume.frame import Frame
        from napari_advseg.volume.volume import Volume
        viewer = napari.Viewer(show=False)
        viewer.add_image(np.zeros((3, 32, 32), np.uint8))
        open_docks(viewer)
        rng = np.random.default_rng(0)
        write(Volume(rng.random((3, 32, 32), np.float32), Frame("zyx")), sys.argv[1])
        Relabeller().label(Wish(sys.argv[1], 1, LabellingSettings()))
        assert "torch" not in sys.modules, "torch was imported"
        viewer.close()
    """
    command = [sys.executable, "-c", textwrap.dedent(script), str(tmp_path / "p.ome.zarr")]
    environment = {
        **os.environ,
        "HOME": str(tmp_path),
        "NAPARI_CONFIG": str(tmp_path / "napari.yaml"),
    }
    ran = subprocess.run(
        command, capture_output=True, text=True, env=environment, timeout=LATER / 1000, check=False
    )
    assert ran.returncode == 0, ran.stderr
    assert napari.__version__


def test_an_adversarial_family_learns_classes_and_segments_them(stage, qtbot):
    _, train, segment = stage((4, 72, 80))
    labels = train.labels.layer
    labels.data = (np.asarray(labels.data) % 3).astype(np.uint8)
    train.network.family.setCurrentText("cgan")
    train.forms.length.row("steps").editor.write(12)
    model, examples = (train.forms.advanced.group(name) for name in ("model", "examples"))
    for name, value in (("width", 4), ("depth", 3)):
        model.row(name).editor.write(value)
    model.group("critic").row("widths").editor.write((4, 8))
    examples.row("crop").editor.write(32)
    examples.group("targets").row("kind").editor.write("classes")
    qtbot.waitUntil(
        lambda: bool(train.out.path) and train.out.place.path == train.out.path, timeout=LATER
    )
    click(train, qtbot)
    over(train, qtbot)
    assert train._job.contest.step == 10
    assert train.live.tabs.isTabVisible(CRITICS)
    qtbot.waitUntil(lambda: segment.model.found.card is not None, timeout=LATER)
    assert segment.model.found.card.channels.gives == "classes"
    click(segment, qtbot)
    over(segment, qtbot)
    qtbot.waitUntil(lambda: segment.live_preview.result is not None, timeout=LATER)
    classes = np.asarray(segment.live_preview.result.data)
    assert classes.shape == (4, 72, 80)
    assert set(np.unique(classes)) <= {0, 1, 2}
    assert not segment.live_preview.live.isEnabled()


def test_a_model_of_volumes_learns_and_segments_from_the_docks(stage, qtbot):
    _, train, segment = stage((6, 72, 80))
    train.network.family.setCurrentText("unet3d")
    train.forms.length.row("steps").editor.write(3)
    model, examples = (train.forms.advanced.group(name) for name in ("model", "examples"))
    model.row("widths").editor.write((4, 8))
    model.row("anisotropy").editor.write(10.0)
    for name, value in (("depth", 4), ("crop", 32), ("batch", 1)):
        examples.row(name).editor.write(value)
    qtbot.waitUntil(
        lambda: bool(train.out.path) and train.out.place.path == train.out.path, timeout=LATER
    )
    click(train, qtbot)
    over(train, qtbot)
    qtbot.waitUntil(lambda: segment.model.found.card is not None, timeout=LATER)
    assert segment.model.found.card.recipe.family == "unet3d"
    click(segment, qtbot)
    over(segment, qtbot)
    qtbot.waitUntil(lambda: segment.live_preview.result is not None, timeout=LATER)
    assert np.asarray(segment.live_preview.result.data).shape == (6, 72, 80)
