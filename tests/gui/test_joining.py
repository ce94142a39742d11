"""Agglomerated labels in the Segment dock: a slider joins their fragments anew, and so does Apply."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from test_tune_dock import soft_map
from waiting import SOON

from napari_advseg.gui.docks.segment import joining, segmenting
from napari_advseg.labelling import label_into
from napari_advseg.labelling.stack.fragments import fragments_beside, open_fragments
from napari_advseg.progress import drain
from napari_advseg.samples import neuropil
from napari_advseg.settings.labelling import AgglomerationSettings, LabellingSettings
from napari_advseg.volume.formats.files import create, read, write
from napari_advseg.volume.frame import Frame
from napari_advseg.volume.volume import Volume

FRAME = Frame("zyx", (40.0, 4.0, 6.0), ("nanometer",) * 3, (80.0, 0.0, 4.0))
SETTINGS = LabellingSettings(
    threshold=0.5,
    across_sections="agglomerated",
    agglomeration=AgglomerationSettings(threshold=0.3),
)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Agglomerated labels of a small stack as the child leaves them: map, labels, fragments."""
    folder = tmp_path_factory.mktemp("agglomerated")
    truth = neuropil((4, 64, 64))[1].numpy()
    map_ = Volume(soft_map(truth), FRAME)
    out = folder / "labels.ome.zarr"
    with create(out, map_.shape, np.int32, FRAME, kind="labels") as writer:
        drain(label_into(writer.write, map_, SETTINGS, out))
        writer.finish()
    return {
        "labels": str(out),
        "fragments": str(fragments_beside(out)),
        "probabilities": str(write(map_, folder / "map.ome.zarr")),
        "labelling": SETTINGS,
    }


@pytest.fixture
def dock(stage, fake_child, made):
    _, _, segment = stage()
    segment.labelling.set(SETTINGS)
    segment._add_result(segmenting.as_result(made, "cells"))
    return segment


def test_the_slider_joins_the_fragments_of_the_section_on_screen(dock, made, qtbot):
    viewer = dock._viewer
    assert not dock.labelling.merge.isHidden()
    viewer.dims.set_point(0, FRAME.translate[0] + 2 * FRAME.scale[0])
    dock.labelling.merge.row("threshold").editor.widget.slider.setValue(0.9)
    wanted = open_fragments(made["fragments"]).relabelled(0.9).section(2)

    def is_shown():
        layer = dock.live_preview.labels.layer
        return layer is not None and np.array_equal(layer.data[0], wanted)

    qtbot.waitUntil(is_shown, timeout=SOON)
    np.testing.assert_allclose(dock.live_preview.labels.layer.translate, (160, 0, 4))
    count = len(np.unique(wanted[wanted > 0]))
    assert dock.live_preview.words.text().startswith(f"{count} cell")
    assert not dock.live_preview.result.visible


def test_apply_writes_the_joined_labels_and_adds_them_without_the_child(dock, made, qtbot):
    qtbot.waitUntil(lambda: bool(dock.out.path), timeout=SOON)
    before = Path(made["labels"]), read(made["labels"]).numpy().copy()
    first = dock.live_preview.result
    dock.labelling.merge.row("threshold").editor.write(0.8)
    qtbot.waitUntil(dock.apply.isEnabled, timeout=SOON)
    dock.apply.click()
    qtbot.waitUntil(lambda: dock.live_preview.result is not first, timeout=SOON)
    wanted = open_fragments(made["fragments"]).relabelled(0.8).numpy()
    np.testing.assert_array_equal(dock.live_preview.result.data, wanted)
    np.testing.assert_array_equal(read(before[0]).numpy(), before[1])
    stored = read(dock.live_preview.result.metadata["path"])
    np.testing.assert_array_equal(stored.numpy(), wanted)
    assert "below 0.8" in stored.frame.history[-1]
    assert dock._job.recipe is None
    assert dock._result.fragments == made["fragments"]


def test_what_the_fragments_do_not_cover_is_said_in_the_preview(dock, qtbot):
    dock.labelling.sliders.row("threshold").editor.write(0.6)
    qtbot.waitUntil(lambda: "cut them anew" in dock.live_preview.words.text(), timeout=SOON)
    dock.labelling.more.row("across_sections").editor.write("linked")
    qtbot.waitUntil(
        lambda: "from section to section" in dock.live_preview.words.text(), timeout=SOON
    )
    assert dock.labelling.merge.isHidden()
    dock.labelling.more.row("across_sections").editor.write("sections")
    qtbot.waitUntil(lambda: dock.live_preview.words.text().endswith("section"), timeout=SOON)


def test_fragments_that_have_gone_are_a_notice(dock, made, qtbot, tmp_path):
    away = Path(made["fragments"]).rename(tmp_path / "away")
    try:
        dock.labelling.merge.row("threshold").editor.write(0.7)
        qtbot.waitUntil(lambda: "no fragments" in dock.buttons.log.toPlainText(), timeout=SOON)
        assert not dock.live_preview.live.isChecked()
    finally:
        away.rename(made["fragments"])


@pytest.mark.parametrize(
    ("change", "joins"),
    [
        ({"minimum_size": 9}, True),
        ({"agglomeration": AgglomerationSettings(threshold=0.9)}, True),
        ({"agglomeration": AgglomerationSettings(method="quantile")}, False),
        ({"agglomeration": AgglomerationSettings(method="multicut")}, False),
        ({"depth": 3.0}, False),
        ({"across_sections": "linked"}, False),
    ],
)
def test_only_the_merge_threshold_and_the_least_size_are_looked_up(change, joins):
    assert joining.only_joins(SETTINGS, SETTINGS.changed(**change)) is joins


def test_a_join_that_is_stopped_leaves_no_file(made, tmp_path):
    kept = segmenting.as_result(made, "cells")
    out = tmp_path / "x.ome.zarr"
    with pytest.raises(ValueError, match="Stopped"):
        joining.join(kept, SETTINGS, str(out), lambda: True, lambda _report: None)
    assert not list(tmp_path.iterdir())
