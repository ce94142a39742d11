"""Sets of images: folders and patterns, and labels told by their names."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from napari_advseg import write
from napari_advseg.volume.formats.files import Unreadable
from napari_advseg.volume.formats.sets import files_of, is_set, matched, outputs, read_set
from napari_advseg.volume.frame import Frame
from napari_advseg.volume.volume import Volume


def made(folder: Path, *names: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for side, name in enumerate(names, start=8):
        write(Volume(np.full((side, 8), side, np.uint8), Frame("yx")), folder / name)


def test_a_folder_is_read_in_the_order_of_its_names(tmp_path):
    made(tmp_path / "images", "b.tif", "a.tif")
    (tmp_path / "images" / "notes.txt").write_text("mine")
    assert is_set(tmp_path / "images")
    assert [volume.shape for volume in read_set(tmp_path / "images")] == [(9, 8), (8, 8)]


def test_a_pattern_chooses_among_the_files(tmp_path):
    made(tmp_path, "a_axon.tif", "a_myelin.tif", "b_axon.tif")
    assert [file.name for file in files_of(tmp_path / "*_axon.tif")] == ["a_axon.tif", "b_axon.tif"]


def test_a_file_or_a_store_is_no_set(tmp_path):
    made(tmp_path, "a.tif")
    write(Volume(np.zeros((4, 8, 8), np.uint8), Frame("zyx")), tmp_path / "v.ome.zarr")
    assert not is_set(tmp_path / "a.tif")
    assert not is_set(tmp_path / "v.ome.zarr")
    assert not is_set(np.zeros((4, 4)))
    assert len(read_set(tmp_path / "v.ome.zarr")) == 1


def test_endings_in_capitals_and_brackets_in_a_name_are_understood(tmp_path):
    made(tmp_path / "images", "a [1].tif")
    (tmp_path / "images" / "a [1].tif").rename(tmp_path / "images" / "a [1].TIF")
    only = tmp_path / "images" / "a [1].TIF"
    assert is_set(tmp_path / "images")
    assert not is_set(only)
    assert files_of(only) == files_of(tmp_path / "images") == [only]


def test_nothing_there_is_said_with_the_pattern(tmp_path):
    with pytest.raises(Unreadable, match=r"\*\.tif' names no image file"):
        files_of(tmp_path / "*.tif")


def paths(*names):
    return [Path(name) for name in names]


def test_labels_belong_to_the_image_whose_name_theirs_begins_with():
    pairs = matched(paths("cell1.tif", "cell10.tif"), paths("cell10_m.png", "cell1_m.png"))
    assert [label.name for _, label in pairs] == ["cell1_m.png", "cell10_m.png"]


@pytest.mark.parametrize(
    ("labels", "words"),
    [
        (["a_m.png"], "b.tif has no labels"),
        (["a_m.png", "a_n.png", "b.png"], "several labels"),
        (["a.png", "b.png", "c.png"], "c.png belongs to no image"),
    ],
)
def test_what_does_not_belong_together_is_named(labels, words):
    with pytest.raises(ValueError, match=words):
        matched(paths("a.tif", "b.tif"), paths(*labels))


def test_names_with_dots_are_told_apart_and_the_sides_called_by_their_names():
    pairs = matched(paths("a.1.tif", "a.2.tif"), paths("a.2_m.png", "a.1_m.png"))
    assert [label.name for _, label in pairs] == ["a.1_m.png", "a.2_m.png"]
    with pytest.raises(ValueError, match=r"The labels file b\.tif has no truth"):
        matched(paths("a.tif", "b.tif"), paths("a.tif"), ("labels file", "truth"))


def test_what_is_made_of_a_set_is_named_after_it(tmp_path):
    files = paths("in/a.png", "in/b.ome.tif", "in/c.d.zarr")
    assert [one.name for one in outputs(files, str(tmp_path / "out"))] == [
        "a.tif",
        "b.tif",
        "c.d.tif",
    ]
    assert outputs(files, "out/*_cells.ome.zarr")[1] == Path("out/b_cells.ome.zarr")
    with pytest.raises(ValueError, match=r"one file for 3 images; name a folder"):
        outputs(files, "labels.tif")
    with pytest.raises(ValueError, match=r"a\.png and a\.tif would both go to"):
        outputs(paths("a.png", "a.tif"), "out")
