"""Projects in real viewers: opened, shared between windows, closed, killed, and what is found again."""

from __future__ import annotations

import dataclasses
import json
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
from napari.layers import Layer
from napari.utils.notifications import notification_manager
from qtpy.QtWidgets import QApplication, QMessageBox
from viewer_painter import SHAPE, stroke
from waiting import SOON

from napari_advseg import project as projects
from napari_advseg.disk import lock
from napari_advseg.gui.opened import session_of
from napari_advseg.gui.opening import is_for_a_project, show
from napari_advseg.gui.project import project_questions
from napari_advseg.gui.project.project_window import window_project
from napari_advseg.napari_io import Unreadable, get_reader, project_layers
from napari_advseg.proofreading.store.journal import Journal, look
from napari_advseg.proofreading.store.records import Edit, Grid, masked
from napari_advseg.volume.formats.files import write
from napari_advseg.volume.frame import Frame
from napari_advseg.volume.volume import Volume

PAINTER = Path(__file__).with_name("viewer_painter.py")
FRAME = Frame("zyx", (40.0, 4.0, 6.0), ("nanometer",) * 3, (80.0, 0.0, 8.0), "raw")


@pytest.fixture
def window(make_napari_viewer, fake_child, home, qtbot):
    """Makes viewers whose window could have a project."""

    def made():
        viewer = make_napari_viewer()
        session_of(viewer)
        return viewer, window_project(viewer)

    return made


@pytest.fixture
def raw(tmp_path):
    data = np.random.default_rng(0).integers(0, 255, SHAPE, np.uint8)
    return str(write(Volume(data, FRAME), tmp_path / "raw.ome.zarr"))


def opened(qtbot, here, folder):
    here.opening.open_or_make(folder)
    qtbot.waitUntil(lambda: here.project is not None and not here._expected, timeout=SOON)


def saved(qtbot, here):
    """What was put last is done: edits written, whole volumes written, what follows from them."""
    for worker in ("_writer", "_copier", "_writer", "_writer"):
        done = threading.Event()
        getattr(here.autosave.saver, worker).put(done.set)
        assert done.wait(60)
    qtbot.waitUntil(lambda: here.autosave.waiting == 0, timeout=SOON)


def closed(viewer, here):
    saver = here.autosave.saver
    viewer.close()
    saver.finish()
    saver.wait()


def notices():
    return [record.message for record in notification_manager.records]


def add_file(viewer, path):
    (layer,) = [viewer.add_layer(Layer.create(*data)) for data in get_reader(path)(path)]
    return layer


def add_project(viewer, folder):
    """As File > Open does it."""
    for data in get_reader(folder)(folder):
        viewer.add_layer(Layer.create(*data))


def entries(here, under):
    return [one for one in here._entries() if one.under == under]


def left_by_another_computer(folder):
    holder = lock.Holder(4711, "microscope-2", 1.0, lock.now(), "theirs")
    text = json.dumps(dataclasses.asdict(holder))
    (folder / lock.NAME).write_text(text, encoding="utf-8")


def dialog(name):
    found = (w for w in QApplication.topLevelWidgets() if w.objectName() == name and w.isVisible())
    return next(found, None)


def answer(qtbot, name, words):
    qtbot.waitUntil(lambda: dialog(name) is not None, timeout=SOON)
    box = dialog(name)
    said = f"{box.text()} {box.informativeText()}"
    next(one for one in box.buttons() if one.text().replace("&", "") == words).click()
    return said


def test_without_a_project_it_is_one_click_to_make_one_and_all_there_is_belongs_to_it(
    window, home, qtbot, raw, monkeypatch
):
    viewer, here = window()
    add_file(viewer, raw)
    cells = viewer.add_labels(np.zeros(SHAPE, np.int32), name="cells", scale=FRAME.scale)
    cells.paint((1, 20, 20), 3)
    assert here.sign.make_button.text() == "Make a project…"
    assert "only in memory" in here.sign.make_button.toolTip()
    asked = []
    monkeypatch.setattr(
        project_questions.QFileDialog,
        "getSaveFileName",
        lambda *args: (asked.append(args[2]) or args[2], ""),
    )
    here.sign.make_button.click()
    folder = home / "napari-advseg" / "projects" / "raw"
    qtbot.waitUntil(lambda: here.project is not None, timeout=SOON)
    assert asked == [str(folder)]
    saved(qtbot, here)
    assert viewer.title == f"raw - {here._title}"
    assert here.sign.name_button.text().startswith("Project raw: saved")
    assert [entry.path for entry in projects.content_of(folder).images] == ["../../../raw.ome.zarr"]
    closed(viewer, here)
    np.testing.assert_array_equal(look(folder / "annotations" / "cells").array()[...], cells.data)


def test_closing_by_the_window_or_the_viewer_deletes_nothing_and_it_all_comes_back(
    window, home, qtbot, raw
):
    viewer, here = window()
    opened(qtbot, here, home / "tissue")
    image = add_file(viewer, raw)
    image.name, image.scale = "EM", (50, 5, 7)
    cells = viewer.add_labels(
        np.zeros(SHAPE, np.uint64), name="cells", scale=(50, 5, 7), units=("nm",) * 3
    )
    cells.paint((1, 20, 20), 2**63 + 1)
    painted = cells.data.copy()
    closed(viewer, here)
    assert not (home / "tissue" / lock.NAME).exists()
    viewer, here = window()
    opened(qtbot, here, home / "tissue")
    assert dialog("recovery") is None
    assert [layer.name for layer in viewer.layers] == ["EM", "cells"]
    image, cells = viewer.layers
    for layer in viewer.layers:
        np.testing.assert_allclose(layer.scale, (50, 5, 7))
        assert str(layer.units[0]) == "nanometer"
    np.testing.assert_allclose(image.translate, FRAME.translate)
    np.testing.assert_array_equal(cells.data, painted)
    assert cells.data.dtype == np.uint64
    cells.paint((2, 20, 20), 7)
    host = viewer.window._qt_window
    saver, data = here.autosave.saver, cells.data
    host.close()
    saver.finish()
    saver.wait()
    ((place, entry),) = projects.annotations_in(home / "tissue")
    assert not entry.removed
    np.testing.assert_array_equal(look(place).array()[...], data)
    assert len(projects.content_of(home / "tissue").images) == 1


def test_a_deleted_layer_can_be_brought_back_and_a_window_that_lost_its_project_says_so(
    window, home, qtbot
):
    viewer, here = window()
    opened(qtbot, here, home / "tissue")
    cells = viewer.add_labels(np.zeros(SHAPE, np.int32), name="cells")
    cells.paint((1, 20, 20), 3)
    painted = cells.data.copy()
    cells.name = "renamed"
    viewer.layers.remove(cells)
    qtbot.waitUntil(lambda: not here.autosave.keeps(cells), timeout=SOON)
    saved(qtbot, here)
    ((place, entry),) = projects.annotations_in(home / "tissue")
    assert (entry.name, bool(entry.removed)) == ("renamed", True)
    assert project_layers(home / "tissue").layers == []
    qtbot.waitUntil(lambda: bool(entries(here, "Bring back")), timeout=SOON)
    (back,) = entries(here, "Bring back")
    back.do()
    qtbot.waitUntil(lambda: len(viewer.layers) == 1 and not here._expected, timeout=SOON)
    again = viewer.layers[0]
    np.testing.assert_array_equal(again.data, painted)
    again.paint((2, 20, 20), 4)
    saved(qtbot, here)
    np.testing.assert_array_equal(look(place).array()[...], again.data)
    assert not projects.annotation_at(place).removed
    assert not entries(here, "Bring back")
    left_by_another_computer(home / "tissue")
    again.paint((1, 20, 20), 5)
    qtbot.waitUntil(lambda: here.project is None, timeout=SOON)
    assert any("taken project 'tissue' over" in text for text in notices())
    assert "microscope-2" in (home / "tissue" / lock.NAME).read_text()
    assert not (look(place).array()[...] == 5).any()


def test_a_second_window_is_refused_in_words_and_gets_the_project_when_the_first_is_closed(
    window, home, qtbot, raw
):
    """By File > Open: the reader knows no Qt, and the window finds in the layers where they come from."""
    folder = str(home / "tissue")
    viewer, here = window()
    opened(qtbot, here, folder)
    add_file(viewer, raw)
    viewer.add_labels(np.zeros(SHAPE, np.int32), name="cells").paint((1, 20, 20), 3)
    saved(qtbot, here)
    other, there = window()
    add_project(other, folder)
    qtbot.waitUntil(lambda: any("open in another" in text for text in notices()), timeout=SOON)
    assert there.project is None
    assert not other.layers["cells"].editable
    (text,) = [text for text in notices() if "open in another window" in text]
    assert "Project 'tissue'" in text
    assert "on this computer, since " in text
    closed(viewer, here)
    other.layers.clear()
    add_project(other, folder)
    cells = other.layers["cells"]
    cells.paint((2, 10, 10), 5)  # before the project is open
    qtbot.waitUntil(lambda: there.project is not None and not there._expected, timeout=SOON)
    saved(qtbot, there)
    assert len(other.layers) == 2
    place = home / "tissue" / "annotations" / "cells"
    np.testing.assert_array_equal(look(place).array()[...], cells.data)
    assert (look(place).array()[2] == 5).any()


def test_another_computer_is_asked_about_and_what_it_left_can_be_left_out(window, home, qtbot):
    """A session that was closed well, then one of another computer, that was not."""
    project = projects.create(home / "tissue")
    place = project.annotations / "cells"
    projects.save_annotation(place, projects.Annotated(name="cells"))
    grid = Grid(SHAPE, np.dtype(np.int32))
    well = Journal(place, grid, project.session)
    before = np.zeros(SHAPE, np.int32)
    before[0] = 3
    well.write_base(well.turn(), before, FRAME)
    project.release()
    window_of = (slice(1, 2), slice(5, 9), slice(5, 9))
    Journal(place, grid, "theirs").append([Edit((masked(grid, window_of, None, 0, 9),))])
    left_by_another_computer(project.folder)
    viewer, here = window()
    here.opening.open(project.folder)
    said = answer(qtbot, "take over", "Cancel")
    assert "the computer microscope-2" in said
    assert here.project is None
    assert "theirs" in (project.folder / lock.NAME).read_text()
    here.opening.open(project.folder)
    answer(qtbot, "take over", project_questions.TAKE_OVER)
    said = answer(qtbot, "recovery", project_questions.GO_BACK)
    assert "process 4711 on the computer microscope-2" in said
    assert "1 edit of 'cells'" in said
    assert "No file is deleted" in said
    assert "cells" in viewer.layers  # it was there before anything was asked about it
    cells = viewer.layers["cells"]
    qtbot.waitUntil(lambda: np.array_equal(cells.data, before), timeout=SOON)
    cells.paint((0, 5, 5), 4)
    closed(viewer, here)
    np.testing.assert_array_equal(look(place).array()[...], cells.data)
    assert len(list((place / "left-out" / "theirs").glob("*.journal"))) == 1


def test_images_in_memory_are_copied_on_request_and_missing_files_are_named_and_kept(
    window, home, qtbot, raw
):
    viewer, here = window()
    opened(qtbot, here, home / "tissue")
    add_file(viewer, raw)
    data = np.random.default_rng(1).random((30, 40), np.float32)
    viewer.add_image(data, name="made here", scale=(2, 2))
    saved(qtbot, here)
    (copy,) = [one for one in here._entries() if one.words.startswith("Copy")]
    assert copy.words == "Copy 'made here' into the project"
    assert any("'made here' exists only in memory" in text for text in notices())
    assert not any("'raw' exists only in memory" in text for text in notices())
    copy.do()
    qtbot.waitUntil(lambda: len(projects.content_of(home / "tissue").images) == 2, timeout=SOON)
    assert not [one for one in here._entries() if one.words.startswith("Copy")]
    saver = here.autosave.saver
    here.close()
    saver.wait()
    assert here.sign.make_button.isVisibleTo(here.sign)
    viewer.layers.clear()
    Path(raw).rename(home / "elsewhere.ome.zarr")
    opened(qtbot, here, home / "tissue")
    saved(qtbot, here)
    assert [layer.name for layer in viewer.layers] == ["made here"]
    np.testing.assert_array_equal(np.asarray(viewer.layers[0].data), data)
    np.testing.assert_allclose(viewer.layers[0].scale, (2, 2))
    assert any("'raw' is not shown" in text for text in notices())
    assert len(projects.content_of(home / "tissue").images) == 2
    (forget,) = entries(here, "Forget missing")
    forget.do()
    saved(qtbot, here)
    assert [one.name for one in projects.content_of(home / "tissue").images] == ["made here"]


@pytest.mark.parametrize(
    ("name", "holds", "is_one"),
    [
        ("new/", None, True),
        ("new", None, True),
        ("raw.tif", None, False),
        ("empty", (), True),
        ("photos", ("a.jpg",), True),
        ("raw.zarr", ("zarr.json",), False),
    ],
)
def test_paths_of_the_command_line_are_told_apart(tmp_path, name, holds, is_one):
    place = tmp_path / name
    if holds is not None:
        place.mkdir()
        for file in holds:
            (place / file).write_text('{"node_type": "array"}')
    assert is_for_a_project(str(place) + ("/" if name.endswith("/") else "")) is is_one


def test_the_command_line_opens_a_project_beside_files_and_names_what_is_none(
    make_napari_viewer, fake_child, home, qtbot, raw
):
    (home / "photos").mkdir()
    (home / "photos" / "a.jpg").touch()
    viewer = make_napari_viewer()
    show(viewer, [raw, str(home / "photos")])
    qtbot.waitUntil(
        lambda: any("holds other files (a.jpg)" in text for text in notices()), timeout=SOON
    )
    here = window_project(viewer)
    assert here.project is None
    opened(qtbot, here, home / "new")
    saved(qtbot, here)
    assert [entry.name for entry in projects.content_of(home / "new").images] == ["raw"]


def test_an_empty_project_says_how_to_open_it(tmp_path):
    projects.create(tmp_path / "tissue").release()
    with pytest.raises(Unreadable, match="no images or annotations yet"):
        get_reader(str(tmp_path / "tissue"))(str(tmp_path / "tissue"))


def test_every_run_leaves_its_recipe_and_what_came_of_it(stage, fake_child, home, qtbot):
    viewer, train, _ = stage()
    here = window_project(viewer)
    opened(qtbot, here, home / "tissue")
    qtbot.waitUntil(train.buttons.run.isEnabled, timeout=SOON)
    train.start()
    qtbot.waitUntil(lambda: train._job is not None and train._job.is_over, timeout=SOON)
    saved(qtbot, here)
    ((place, run),) = projects.runs_in(home / "tissue")
    assert (run.task, run.outcome) == ("train", "finished")
    assert run.results["model"]
    assert (place / "recipe.yaml").read_text() == (home / "tissue" / "recipe.yaml").read_text()


def expected(count):
    """The labels after so many steps of the painter, in a layer of its own."""
    layer = Layer.create(np.zeros(SHAPE, np.int32), {}, "labels")
    layer.brush_size = 8
    for number in range(1, count + 1):
        stroke(number, layer)
    return layer.data


def killed(folder, strokes):
    """How many strokes a viewer said it had made when it was killed in the middle of the next."""
    command = [sys.executable, str(PAINTER), str(folder), "cells"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as painter:
        lines = iter(painter.stdout.readline, "")
        assert next(line for line in lines if line.strip() == "ready")
        said = 0
        while said < strokes:
            said = int(next(lines))
        painter.kill()
        rest = [line for line in lines if line.strip().isdigit()]
    return int(rest[-1]) if rest else said


def survived(folder, strokes):
    """The number of strokes that were on disk after the kill: at most a score fewer than were made."""
    made = killed(folder, strokes)
    found = look(folder / "annotations" / "cells").array()[...]
    for count in range(made + 1, made - 21, -1):
        if np.array_equal(found, expected(count)):
            return count
    raise AssertionError(f"none of the states after {made - 20} to {made + 1} strokes")


def test_a_killed_viewer_loses_a_score_of_strokes_at_most_and_says_what_it_found(
    window, home, qtbot
):
    folder = home / "tissue"
    count = survived(folder, 45)
    painted = expected(count)
    viewer, here = window()
    opened(qtbot, here, folder)
    said = answer(qtbot, "recovery", project_questions.KEEP)
    assert "was not closed properly (process " in said
    assert "of 'cells' from that session were saved and are shown" in said
    cells = viewer.layers["cells"]
    np.testing.assert_array_equal(cells.data, painted)
    cells.paint((0, 5, 5), 77)
    closed(viewer, here)
    np.testing.assert_array_equal(look(folder / "annotations" / "cells").array()[...], cells.data)


@pytest.mark.slow
@pytest.mark.parametrize("strokes", [3, 20, 77, 150])
def test_viewers_killed_at_other_moments_lose_a_score_of_strokes_at_most(tmp_path, strokes):
    survived(tmp_path / "tissue", strokes)
    survived_lock = json.loads((tmp_path / "tissue" / lock.NAME).read_text())
    assert lock.holder_of(tmp_path / "tissue") is None
    assert survived_lock["session"]


def test_questions_are_asked_without_holding_anything_up(qtbot):
    box = project_questions.ask_about_recovery(None, "12 edits.", lambda: None, lambda: None)
    assert isinstance(box, QMessageBox)
    assert not box.isModal()
    box.close()
