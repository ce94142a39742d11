"""A project as layers, without a viewer: what lies where, what is missing, and what was recovered."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

from napari_advseg.napari_io import (
    Unreadable,
    attributes_of,
    get_reader,
    placed_of,
    project_layers,
    read_layers,
)
from napari_advseg.project import Annotated, Placed, Shown, create, save_annotation
from napari_advseg.proofreading.store.journal import Journal
from napari_advseg.proofreading.store.records import Edit, Grid, masked
from napari_advseg.volume.arrays.overlaid import Overlaid
from napari_advseg.volume.formats.canvas import Canvas
from napari_advseg.volume.formats.files import write
from napari_advseg.volume.frame import Frame
from napari_advseg.volume.volume import Volume

FRAME = Frame("zyx", (40.0, 4.0, 6.0), ("nanometer",) * 3, (80.0, 0.0, 8.0), "raw")
SHAPE = (3, 8, 9)


@pytest.fixture
def project(tmp_path):
    """An open project with an image beside it and one annotation."""
    made = create(tmp_path / "tissue")
    path = write(Volume(np.arange(216, dtype=np.uint8).reshape(SHAPE), FRAME), tmp_path / "raw.tif")
    relative, absolute = made.named(str(path))
    moved = Placed(scale=(50.0, 5.0, 7.0), translate=(0.0, 0.0, 0.0), units=("nanometer",) * 3)
    made.show([Shown(name="EM", path=relative, absolute=absolute, placed=moved)])
    annotate(made, "cells")
    return made


def annotate(project, name, **entry):
    place = project.annotations / name
    placed = Placed(scale=FRAME.scale, units=FRAME.units, axis_labels=tuple("zyx"))
    save_annotation(place, Annotated(**{"name": name, "placed": placed, **entry}))
    journal = Journal(place, Grid(SHAPE, np.dtype(np.int32)), project.session)
    if not entry.get("source") and name != "unfinished":
        journal.write_base(journal.turn(), np.zeros(SHAPE, np.int32), FRAME)
    window = (slice(1, 2), slice(2, 4), slice(3, 6))
    journal.append([Edit((masked(journal.grid, window, None, 0, 7),))])
    return place


def test_images_and_annotations_are_layers_where_they_were(project):
    found = project_layers(project.folder, project.session)
    assert [(one[1]["name"], one[2]) for one in found.layers] == [
        ("EM", "image"),
        ("cells", "labels"),
    ]
    image, cells = found.layers
    assert image[1]["scale"] == [50, 5, 7]
    assert cells[1]["scale"] == list(FRAME.scale)
    assert cells[0].sum() == 7 * 6
    assert cells[0].flags.writeable
    assert found.recovered == {"cells": 1}
    assert found.problems == []
    assert {one[1]["metadata"]["napari_advseg"]["project"] for one in found.layers} == {
        str(project.folder)
    }


def test_the_reader_takes_the_folder_of_a_project_and_warns_of_what_is_missing(project, tmp_path):
    folder = str(project.folder)
    (tmp_path / "raw.tif").unlink()
    with pytest.warns(UserWarning, match="'EM' is not shown"):
        layers = get_reader(folder)(folder)
    assert [one[1]["name"] for one in layers] == ["cells"]
    found = project_layers(project.folder)
    assert [one.name for one in found.unseen] == ["EM"]


def test_a_removed_annotation_is_not_shown_and_one_without_a_beginning_is_explained(project):
    annotate(project, "gone", removed="2026-11-21T15:00:00+00:00")
    annotate(project, "unfinished")
    (project.annotations / "never begun").mkdir()
    save_annotation(project.annotations / "never begun", Annotated(name="never begun"))
    found = project_layers(project.folder)
    assert {one[1]["name"] for one in found.layers} == {"EM", "cells", "unfinished"}
    (problem,) = found.problems
    assert "'unfinished' was still being copied" in problem


def test_labels_that_began_as_a_file_lie_on_it(project, tmp_path):
    data = np.full(SHAPE, 3, np.int32)
    path = write(Volume(data, FRAME), tmp_path / "truth.ome.zarr", kind="labels")
    annotate(project, "truth", source=str(path))
    found = project_layers(project.folder)
    (truth,) = [one for one in found.layers if one[1]["name"] == "truth"]
    assert set(np.unique(truth[0])) == {3, 7}


def test_a_damaged_annotation_is_named_and_the_others_are_shown(project):
    place = annotate(project, "broken")
    (place / "labels-000001.ome.zarr" / "0" / "zarr.json").write_text("{")
    found = project_layers(project.folder)
    assert [one[1]["name"] for one in found.layers] == ["EM", "cells"]
    assert any("'broken' is not shown" in problem for problem in found.problems)


def test_an_annotation_too_large_for_memory_is_read_where_it_is_looked_at(project, monkeypatch):
    monkeypatch.setattr("napari_advseg.napari_io.layers.IN_MEMORY_BYTES", 100)
    found = project_layers(project.folder)
    labels = found.layers[1][0]
    assert isinstance(labels, Overlaid)
    assert labels[1].sum() == 7 * 6


def test_labels_painted_straight_on_disk_are_opened_to_be_painted_on(tmp_path):
    canvas = Canvas.create(tmp_path / "large.ome.zarr", SHAPE, np.uint32, FRAME)
    canvas[1, 2:4, 3:6] = 9
    ((data, attributes, kind),) = read_layers(str(tmp_path / "large.ome.zarr"))
    assert kind == "labels"
    assert attributes["scale"] == list(FRAME.scale)
    data[0, 0, 0] = 4
    assert Canvas.open(tmp_path / "large.ome.zarr")[0, 0, 0] == 4


@pytest.mark.parametrize("content", ["{", '{"format": 9}'])
def test_a_project_that_cannot_be_read_says_why(project, content):
    (project.folder / "project.json").write_text(content)
    with pytest.raises(Unreadable, match="damaged|newer"):
        get_reader(str(project.folder))(str(project.folder))


def test_a_place_is_written_and_read_and_what_does_nothing_is_left_out():
    told = {
        "scale": (2.0, 1.0),
        "translate": np.array([1.0, 0.0]),
        "units": ("nanometer",) * 2,
        "axis_labels": ("y", "x"),
        "rotate": np.eye(2),
        "shear": np.zeros(1),
        "affine": np.eye(3),
    }
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert set(attributes_of(placed_of(told))) == {"scale", "translate", "units", "axis_labels"}
        turned = placed_of({**told, "rotate": [[0, -1], [1, 0]], "shear": [0.5]})
    assert attributes_of(turned)["rotate"] == [(0.0, -1.0), (1.0, 0.0)]
    assert attributes_of(turned)["shear"] == [0.5]
