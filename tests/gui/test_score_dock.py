"""The Score dock: numbers, a table that moves the camera, an overlay, a file; what is refused and survived."""

from __future__ import annotations

import csv
import time

import numpy as np
import pytest
from napari.layers import Layer
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QLabel
from waiting import SOON

from napari_advseg.gui.docks.score import dock as score_dock
from napari_advseg.gui.kit import comparison
from napari_advseg.gui.kit.comparison import Row
from napari_advseg.gui.kit.error_table import GAIN, SIZE, ErrorTable
from napari_advseg.gui.viewer import window
from napari_advseg.napari_io import volume_to_layer
from napari_advseg.samples import neuropil
from napari_advseg.scoring import score
from napari_advseg.scoring.finding.locate import error_map, locate
from napari_advseg.scoring.measures.semantic import semantic_score
from napari_advseg.settings.scoring import ScoringSettings
from napari_advseg.volume.formats.files import read, write
from napari_advseg.volume.frame import Frame
from napari_advseg.volume.painted import with_names
from napari_advseg.volume.volume import Volume

SCALE = (40.0, 4.0, 4.0)
PLACE = (80.0, 12.0, 8.0)


def wrong_labels(truth):
    """Two neighbours joined in section 1, one object cut in two in section 2."""
    labels = truth.astype(np.int64)
    first, second = np.unique(labels[1, 30, :])[:2]
    labels[1][labels[1] == second] = first
    cut = labels[2] == labels[2, 40, 40]
    cut[:, :40] = False
    labels[2][cut] = labels.max() + 1
    return labels


@pytest.fixture
def viewer(make_napari_viewer, home, fake_child):
    """Truth, and labels with a split and a merge, at 40 x 4 x 4 nm away from the origin."""
    made = make_napari_viewer(show=True)
    truth = neuropil((4, 64, 64))[1].numpy()
    placed = {"scale": SCALE, "translate": PLACE, "units": ("nm",) * 3}
    made.add_labels(truth, name="truth", **placed)
    made.add_labels(wrong_labels(truth), name="labels", **placed)
    return made


@pytest.fixture
def dock(viewer):
    made = score_dock.ScoreDock(viewer)
    viewer.window.add_dock_widget(made, name="Score", area="right")
    return made


def scored(dock, qtbot):
    dock._found = None
    dock.buttons.run.click()
    qtbot.waitUntil(lambda: dock._found is not None, timeout=SOON)
    # A thread that still counts would keep a viewer alive that the test has closed.
    both = dock._counting, dock._sorting
    qtbot.waitUntil(lambda: not any(latest._is_busy for latest in both), timeout=SOON)
    return dock._found


def clicked(dock, qtbot, row):
    """Click a row, as the mouse does."""
    dock.tabs.setCurrentIndex(dock.tabs.count() - 1)
    index = dock.table.model().index(row, 0)
    dock.table.scrollTo(index)
    place = dock.table.visualRect(index).center()
    shown = []
    with qtbot.waitSignal(dock._marking.done, timeout=SOON):
        dock.table.chosen.connect(shown.append)
        qtbot.mouseClick(dock.table.viewport(), Qt.MouseButton.LeftButton, pos=place)
        assert shown
    dock.table.chosen.disconnect(shown.append)
    return dock.table.errors.rows[row]


def on_screen(viewer, row):
    """Whether the camera looks at the row's box and its section is shown."""
    middles = [(first + end - 1) / 2 for first, end in row.box]
    wanted = np.multiply(middles, SCALE) + PLACE
    return (
        np.allclose(window.camera(viewer).center[-2:], wanted[1:])
        and viewer.dims.current_step[0] == row.point[0]
    )


def test_the_newest_labels_are_scored_by_the_oldest_and_the_numbers_are_those_of_score(dock, qtbot):
    assert dock.labels.current_choice == "labels"
    assert dock.truth.current_choice == "truth"
    scored(dock, qtbot)
    right = score(dock.labels.layer.data, dock.truth.layer.data)
    assert dock.numbers.cells["Honest", "voi"].text() == f"{right.voi:.4f}"
    assert dock.numbers.cells["Flattering", "voi"].text() == f"{right.flattering.voi:.4f}"
    assert "Mean of 4 sections" in dock.numbers.words.text()
    qtbot.waitUntil(lambda: dock.objects.rows.rowCount() > 0, timeout=SOON)
    assert dock.tabs.isVisible()


def test_the_table_is_what_locate_finds_and_a_click_goes_there(dock, viewer, qtbot):
    scored(dock, qtbot)
    errors = locate(dock.labels.layer.data, dock.truth.layer.data)
    rows = dock.table.errors.rows
    assert [row.gain for row in rows] == pytest.approx([site.gain for site in errors.sites])
    assert {row.kind for row in rows} == {"split", "merge"}
    for place, row in enumerate(rows[:3]):
        assert clicked(dock, qtbot, place) is row
        assert on_screen(viewer, row)
        qtbot.waitUntil(lambda: dock._mark.layer is not None, timeout=SOON)
        mark = dock._mark.layer
        z, y, x = (
            (
                np.subtract(mark.data_to_world((0, 0, 0)), PLACE) / SCALE  # where its window begins
            )
            .round()
            .astype(int)
        )
        side = dock.labels.layer if row.kind == "split" else dock.truth.layer
        ids = row.labels if row.kind == "split" else row.truth
        cut = side.data[z, y : y + mark.data.shape[1], x : x + mark.data.shape[2]]
        mask = (cut == ids[0]) + 2 * (cut == ids[1]).astype(np.uint8)
        shown = mark.data[0]
        np.testing.assert_array_equal(shown[shown > 0], mask[shown > 0])
        assert set(np.unique(shown)) == {0, 1, 2}
    assert sum(layer.name == score_dock.HIGHLIGHT for layer in viewer.layers) == 1


def test_the_section_on_screen_stays_where_the_object_spans_it(dock, viewer, qtbot):
    dock.main.row("by").editor.write("volume")
    dock.what.setCurrentIndex(dock.what.findData("truth"))
    scored(dock, qtbot)
    row = next(row for row in dock.table.errors.rows if row.box[0][1] - row.box[0][0] >= 3)
    stays = row.box[0][0] + 1
    viewer.dims.set_current_step(0, stays)
    dock.go_to(row)
    assert viewer.dims.current_step[0] == stays
    viewer.dims.set_current_step(0, 0 if row.box[0][0] else 3)
    dock.go_to(row)
    assert row.box[0][0] <= viewer.dims.current_step[0] < row.box[0][1]
    qtbot.waitUntil(lambda: dock._mark.layer is not None, timeout=SOON)


def test_filters_and_columns_choose_and_order_the_rows(dock, qtbot):
    found = scored(dock, qtbot)
    dock.which.setCurrentIndex(dock.which.findData("merge"))
    assert {row.kind for row in dock.table.errors.rows} == {"merge"}
    dock.which.setCurrentIndex(0)
    dock.what.setCurrentIndex(dock.what.findData(""))
    assert len(dock.table.errors.rows) == len(found.rows)
    header = dock.table.horizontalHeader()
    header.sectionClicked.emit(SIZE)
    dock.table.sortByColumn(SIZE, header.sortIndicatorOrder())
    sizes = [row.size for row in dock.table.errors.rows]
    assert sizes in (sorted(sizes), sorted(sizes, reverse=True))
    for column in range(dock.table.model().columnCount()):
        dock.table.sortByColumn(column, header.sortIndicatorOrder())
    assert len(dock.table.errors.rows) == len(found.rows)


def test_the_overlay_paints_four_kinds_and_goes_when_it_is_switched_off(dock, viewer, qtbot):
    before = {layer.name: layer.data.copy() for layer in viewer.layers}
    scored(dock, qtbot)
    dock.overlay.click()
    qtbot.waitUntil(lambda: dock._paint.layer is not None, timeout=SOON)
    painted = dock._paint.layer
    wanted = error_map(before["labels"], before["truth"]).numpy()
    np.testing.assert_array_equal(painted.data, wanted)
    assert tuple(painted.scale) == SCALE
    assert tuple(painted.translate) == PLACE
    for name, colour in score_dock.COLOURS.items():
        shown = painted.get_color(score_dock.ERROR_KINDS[name])
        assert [round(255 * part) for part in shown[:3]] == list(bytes.fromhex(colour[1:]))
    dock.overlay.click()
    assert dock._paint.layer is None
    for name, data in before.items():
        np.testing.assert_array_equal(viewer.layers[name].data, data)


def test_an_overlay_that_the_user_removes_is_switched_off(dock, viewer, qtbot):
    scored(dock, qtbot)
    dock.overlay.click()
    qtbot.waitUntil(lambda: dock._paint.layer is not None, timeout=SOON)
    viewer.layers.remove(dock._paint.layer)
    assert not dock.overlay.isChecked()


def test_our_own_layers_are_not_offered_as_data(dock, qtbot):
    scored(dock, qtbot)
    dock.overlay.click()
    qtbot.waitUntil(lambda: dock._paint.layer is not None, timeout=SOON)
    assert dock.labels.current_choice == "labels"
    assert dock._paint.layer not in dock.labels.choices


def test_the_table_is_saved_with_every_column(dock, qtbot, tmp_path, monkeypatch):
    scored(dock, qtbot)
    path = tmp_path / "errors.csv"
    monkeypatch.setattr(score_dock, "browse_table", lambda *_: str(path))
    dock.export.click()
    qtbot.waitUntil(lambda: "saved" in dock.buttons.log.toPlainText(), timeout=SOON)
    lines = list(csv.DictReader(path.read_text(encoding="utf-8").splitlines()))
    rows = dock.table.errors.rows
    assert len(lines) == len(rows)
    assert float(lines[0]["gain_bits"]) == pytest.approx(rows[0].gain)
    assert [int(lines[0][axis]) for axis in "zyx"] == list(rows[0].point)
    monkeypatch.setattr(score_dock, "browse_table", lambda *_: str(tmp_path / "no" / "x.csv"))
    dock.export.click()
    qtbot.waitUntil(lambda: "cannot be written" in dock.buttons.log.toPlainText(), timeout=SOON)


def test_a_removed_layer_does_not_take_its_errors_along(dock, viewer, qtbot):
    scored(dock, qtbot)
    viewer.layers.remove("labels")
    viewer.layers.remove("truth")
    assert "Choose two labels layers" in dock.buttons.why.text()
    assert not dock.buttons.run.isEnabled()
    row = clicked(dock, qtbot, 0)
    qtbot.waitUntil(lambda: dock._mark.layer is not None, timeout=SOON)
    assert dock._mark.layer.data.max() == (2 if row.what == "site" else 1)


def test_what_cannot_be_compared_is_refused_with_both_shapes_or_scales(dock, viewer):
    other = viewer.add_labels(np.ones((4, 60, 64), np.int32), scale=SCALE)
    dock.labels.choose(other)
    assert "(4, 60, 64)" in dock.buttons.why.text()
    assert "(4, 64, 64)" in dock.buttons.why.text()
    scaled = viewer.add_labels(np.ones((4, 64, 64), np.int32), scale=(40, 8, 8), units=("nm",) * 3)
    dock.labels.choose(scaled)
    assert "voxel size" in dock.buttons.why.text()
    dock.labels.choose(dock.truth.layer)
    assert "same layer" in dock.buttons.why.text()
    turned = viewer.add_labels(np.ones((4, 64, 64), np.int32), rotate=(0, 0, 10), scale=SCALE)
    dock.labels.choose(turned)
    assert "rotated" in dock.buttons.why.text()
    assert not dock.buttons.run.isEnabled()


def test_scales_without_units_are_compared_too(make_napari_viewer, fake_child):
    viewer = make_napari_viewer()
    viewer.add_labels(np.ones((8, 8), np.int32), name="truth")
    viewer.add_labels(np.ones((8, 8), np.int32), name="labels", scale=(2, 2))
    made = score_dock.ScoreDock(viewer)
    assert "the scale of the labels is 2 x 2" in made.buttons.why.text().lower()


def test_negative_ids_are_a_notice_and_the_next_run_works(dock, viewer, qtbot):
    wrong = dock.truth.layer.data.astype(np.int64)
    wrong[0, 0, 0] = -4
    layer = viewer.add_labels(wrong, scale=SCALE, translate=PLACE, units=("nm",) * 3)
    dock.labels.choose(layer)
    dock.buttons.run.click()
    qtbot.waitUntil(lambda: "label -4" in dock.buttons.log.toPlainText(), timeout=SOON)
    assert dock._found is None
    dock.labels.choose(viewer.layers["labels"])
    scored(dock, qtbot)


def test_layers_that_lie_apart_are_compared_with_a_warning(dock, viewer, qtbot):
    dock.labels.layer.translate = (0, 0, 0)
    scored(dock, qtbot)
    assert "different places" in dock.buttons.log.toPlainText()


def test_labels_with_a_time_axis_are_refused_before_anything_runs(dock, viewer):
    many = viewer.add_labels(np.ones((2, 4, 64, 64), np.int32), axis_labels=("t", "z", "y", "x"))
    dock.labels.choose(many)
    assert "axes" in dock.buttons.why.text()
    assert not dock.buttons.run.isEnabled()


def test_an_empty_truth_says_that_nothing_is_compared(dock, viewer, qtbot):
    empty = viewer.add_labels(
        np.zeros((4, 64, 64), np.int32), scale=SCALE, translate=PLACE, units=("nm",) * 3
    )
    dock.truth.choose(empty)
    scored(dock, qtbot)
    assert "nothing to compare" in dock.numbers.words.text()
    assert dock.numbers.cells["Honest", "voi"].text() == "–"
    assert not dock.table.errors.rows
    qtbot.waitUntil(lambda: dock.objects.rows.rowCount() > 0, timeout=SOON)


def test_a_run_that_is_cancelled_leaves_nothing_and_the_next_one_runs(dock, qtbot, monkeypatch):
    held = []

    def endless(_labels, _truth, _settings, stopped, _tell):
        while not stopped():
            pass
        held.append("stopped")
        return {}

    with monkeypatch.context() as patch:
        patch.setattr(comparison, "compare", endless)
        dock.buttons.run.click()
        assert not dock.buttons.run.isEnabled()
        dock.buttons.cancel.click()
    assert dock.buttons.run.isEnabled()
    assert "Cancelled" in dock.buttons.log.toPlainText()
    assert dock._found is None
    qtbot.waitUntil(lambda: bool(held), timeout=SOON)
    scored(dock, qtbot)


def test_a_dock_that_is_closed_takes_its_marks_along_and_opens_again(dock, viewer, qtbot):
    scored(dock, qtbot)
    clicked(dock, qtbot, 0)
    dock.overlay.click()
    qtbot.waitUntil(lambda: dock._paint.layer is not None, timeout=SOON)
    viewer.window.remove_dock_widget(dock)
    own = ["truth", "labels"]
    qtbot.waitUntil(lambda: [layer.name for layer in viewer.layers] == own, timeout=SOON)
    again = score_dock.ScoreDock(viewer)
    viewer.window.add_dock_widget(again, name="Score", area="right")
    assert scored(again, qtbot).rows


def test_flat_lazy_and_multiscale_layers_are_compared(
    make_napari_viewer, fake_child, qtbot, tmp_path
):
    viewer = make_napari_viewer()
    truth = neuropil((64, 64))[1].numpy().astype(np.int32)
    frame = Frame("yx", (4.0, 4.0), ("nanometer",) * 2)
    stored = write(Volume(truth, frame), tmp_path / "t.ome.zarr", kind="labels")
    viewer.add_layer(Layer.create(*volume_to_layer(read(stored), "labels")))
    wrong = np.where(truth == truth[30, 30], truth[0, 0], truth)
    viewer.add_labels(
        [wrong, wrong[::2, ::2]], name="labels", multiscale=True, scale=(4, 4), units=("nm",) * 2
    )
    made = score_dock.ScoreDock(viewer)
    qtbot.addWidget(made)
    found = scored(made, qtbot)
    assert found.score.voi_merge > 0
    made.go_to(found.rows[0])
    qtbot.waitUntil(lambda: made._mark.layer is not None, timeout=SOON)
    assert made._mark.layer.ndim == 2
    made.overlay.click()
    qtbot.waitUntil(lambda: made._paint.layer is not None, timeout=SOON)
    assert made._paint.layer.data.shape == truth.shape


def test_outlines_follow_objects_on_their_inside():
    mask = np.zeros((9, 12), np.uint8)
    mask[1:8, 1:6], mask[1:8, 6:11] = 1, 2
    lines = comparison.outlines(mask)
    np.testing.assert_array_equal(lines[3:6, 3:4], 0)
    np.testing.assert_array_equal(lines[4], [0, 1, 1, 0, 1, 1, 2, 2, 0, 2, 2, 0])
    np.testing.assert_array_equal(comparison.outlines(mask[None])[0], lines)


def test_a_table_of_many_rows_is_sorted_and_filtered(qtbot):
    rng = np.random.default_rng(0)
    rows = [
        Row("site", "split", float(gain), (2**40 + k, 3), (k,), None, k, ((0, 1),) * 3, (0, 0, 0))
        for k, gain in enumerate(rng.random(20_000))
    ]
    table = ErrorTable()
    qtbot.addWidget(table)
    table.errors.show_rows(rows)
    gains = [row.gain for row in table.errors.rows]
    assert gains == sorted(gains, reverse=True)
    table.errors.filter(lambda row: row.size < 10)
    assert table.model().rowCount() == 10
    assert table.model().index(0, GAIN).data()
    assert str(2**40) in " ".join(row.ids for row in table.errors.rows)


def test_settings_of_the_dock_are_those_of_the_score(dock):
    assert dock.settings() == ScoringSettings()
    dock.main.row("border").editor.write("a lot")
    assert dock.buttons.why.text().startswith("Border")


def test_the_numbers_do_not_wait_for_the_errors(dock, qtbot, monkeypatch):
    def endless(_labels, _truth, _settings, stopped, _tell):
        while not stopped():
            time.sleep(0.01)
        return {}

    monkeypatch.setattr(comparison, "compare", endless)
    dock.buttons.run.click()
    qtbot.waitUntil(lambda: bool(dock.numbers.cells["Honest", "voi"].text()), timeout=SOON)
    assert dock.tabs.isVisible()
    assert dock._found is None
    dock.buttons.cancel.click()


def class_layers(viewer):
    """Three classes and a frame that nobody has judged; some of class 1 is taken for 2."""
    truth = np.zeros((2, 40, 40), np.uint8)
    truth[:, 10:30], truth[:, 30:], truth[:, :2] = 1, 2, 255
    found = np.where(truth == 255, 0, truth)
    found[0, 10:15] = 2
    named = with_names(Frame("zyx"), {0: "resin", 1: "axon", 2: "myelin"})
    data, attributes, _ = volume_to_layer(Volume(truth, named, kind="labels"), "labels")
    kinds = viewer.add_labels(data, **{**attributes, "name": "kinds"})
    return viewer.add_labels(found, name="found"), kinds


def classes_of(dock, qtbot, labels, truth):
    dock.labels.choose(labels)
    dock.truth.choose(truth)
    with qtbot.waitSignal(dock._sorting.done, timeout=SOON):
        scored(dock, qtbot)
    return dock.classes


def test_class_layers_get_accuracy_and_the_iou_of_each_class(dock, viewer, qtbot):
    labels, truth = class_layers(viewer)
    shown = classes_of(dock, qtbot, labels, truth)
    right = semantic_score(labels.data, truth.data, ignore=255)
    assert 0 < right.mean_iou < right.pixel_accuracy < 1
    for name in ("pixel_accuracy", "class_accuracy", "mean_iou"):
        assert shown.cells["", name].text() == f"{getattr(right, name):.3f}"
    assert [shown.cells[str(k), "iou"].text() for k in (0, 1, 2)] == [
        f"{right.iou[k]:.3f}" for k in (0, 1, 2)
    ]
    assert ("255", "iou") not in shown.cells
    assert {"0 resin", "1 axon", "2 myelin"} <= {row.text() for row in shown.findChildren(QLabel)}
    assert "255 in the truth is left out" in shown.words.text()
    titles = [dock.tabs.tabText(k) for k in range(dock.tabs.count())]
    assert titles == ["Scores", "Objects", "Classes", "Errors"]


def test_layers_of_cells_are_said_to_hold_no_classes(dock, viewer, qtbot):
    rows, columns = np.mgrid[:40, :40]
    few = viewer.add_labels(rows // 10 * 4 + columns // 10 + 1, name="few")
    wrong = viewer.add_labels(np.maximum(few.data, 2), name="wrong")
    assert "look like cells" in classes_of(dock, qtbot, wrong, few).words.text()
    many = viewer.add_labels(rows // 2 * 20 + columns // 2 + 1, name="many")
    shown = classes_of(dock, qtbot, many, few)
    assert "more than 64 values" in shown.words.text()
    assert not shown.cells


def test_keys_lead_from_error_to_error(dock, viewer, qtbot):
    dock.next_error()
    scored(dock, qtbot)
    dock.what.setCurrentIndex(dock.what.count() - 1)
    seen = []
    dock.table.chosen.connect(seen.append)
    for go in (dock.previous_error, dock.next_error, dock.next_error, dock.previous_error):
        go()
    rows = dock.table.errors.rows
    assert seen == [rows[0], rows[1], rows[2], rows[1]]
    assert {one.keys for one in dock.shortcuts()} == {".", ","}
