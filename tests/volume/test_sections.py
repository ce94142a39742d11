"""A write that stops at any moment loses nothing: not the old file, not the sections that were
done.
"""

from __future__ import annotations

import dataclasses
import errno
import shutil
import signal
import subprocess
import sys
from typing import NamedTuple

import numpy as np
import psutil
import pytest
import tifffile

from napari_advseg.disk.lock import this_process, write_holder
from napari_advseg.volume.formats import ome_tiff, sections
from napari_advseg.volume.formats.files import (
    Incomplete,
    Unreadable,
    Unwritable,
    create,
    read,
    write,
)
from napari_advseg.volume.frame import Frame

FRAME = Frame("zyx", (50, 4, 6), ("nanometer",) * 3, name="a")
ARRAY = np.random.default_rng(0).integers(0, 255, (5, 20, 30), np.uint8)
NAMES = ["a.tif", "a.ome.zarr"]


class Disk(NamedTuple):
    total: int
    used: int
    free: int


def begun(path, *done):
    """A write that stopped after some sections."""
    with create(path, ARRAY.shape, ARRAY.dtype, FRAME) as writer:
        for index in done:
            writer.write(index, ARRAY[index])


@pytest.mark.parametrize("name", NAMES)
def test_a_stopped_write_says_how_much_is_there_and_goes_on(tmp_path, name):
    path = tmp_path / name
    begun(path, 3, 0)
    assert not path.exists()
    for asked in (path, tmp_path / f"{name}.partial"):
        with pytest.raises(Incomplete, match="incomplete: 2 of 5 sections") as refusal:
            read(asked)
        assert (refusal.value.done, refusal.value.total) == (2, 5)
    with create(path, ARRAY.shape, ARRAY.dtype, FRAME, resume=True) as writer:
        assert writer.done == {0, 3}
        assert writer.total == 5
        for index in sorted(set(range(5)) - writer.done):
            writer.write(index, ARRAY[index])
        assert writer.finish() == path
    np.testing.assert_array_equal(read(path).numpy(), ARRAY)
    assert [child.name for child in tmp_path.iterdir()] == [name]


def test_resuming_what_was_never_begun_begins(tmp_path):
    with create(tmp_path / "a.zarr", ARRAY.shape, ARRAY.dtype, FRAME, resume=True) as writer:
        assert writer.done == frozenset()


def test_an_unfinished_write_is_not_thrown_away_unasked(tmp_path):
    path = tmp_path / "a.zarr"
    begun(path, 1)
    with pytest.raises(Unwritable, match=r"unfinished 'a\.zarr' exists \(1 of 5 sections\)"):
        write(ARRAY, path)
    write(ARRAY, path, overwrite=True)
    np.testing.assert_array_equal(read(path).numpy(), ARRAY)


def test_a_write_of_another_shape_cannot_be_resumed(tmp_path):
    begun(tmp_path / "a.zarr", 1)
    with pytest.raises(Unwritable, match="another shape, type or scale"):
        create(tmp_path / "a.zarr", (5, 20, 31), ARRAY.dtype, FRAME, resume=True)


def test_finishing_too_early_is_refused(tmp_path):
    with create(tmp_path / "a.zarr", ARRAY.shape, ARRAY.dtype, FRAME) as writer:
        writer.write(2, ARRAY[2])
        with pytest.raises(Unwritable, match="lacks 4 of its 5 sections"):
            writer.finish()


def test_a_log_line_cut_short_does_not_count(tmp_path):
    begun(tmp_path / "a.zarr", 0, 1, 2)
    log = tmp_path / "a.zarr.partial" / "sections.log"
    log.write_text(log.read_text() + "4")
    for done in ({0, 1, 2}, {0, 1, 2, 3}):
        with create(tmp_path / "a.zarr", ARRAY.shape, ARRAY.dtype, FRAME, resume=True) as writer:
            assert writer.done == done
            writer.write(3, ARRAY[3])


def test_a_damaged_log_is_refused(tmp_path):
    begun(tmp_path / "a.zarr", 0)
    (tmp_path / "a.zarr.partial" / "partial.json").write_text("{")
    with pytest.raises(Unreadable, match="damaged log"):
        read(tmp_path / "a.zarr")


def test_another_program_at_work_is_left_alone(tmp_path):
    path = tmp_path / "a.zarr"
    begun(path, 0)
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as other:
        born = psutil.Process(other.pid).create_time()
        owner = dataclasses.replace(this_process(), pid=other.pid, born=born)
        write_holder(tmp_path / "a.zarr.partial" / "owner.json", owner)
        for how in ({"resume": True}, {"overwrite": True}):
            with pytest.raises(Unwritable, match=f"another program .process {other.pid}"):
                create(path, ARRAY.shape, ARRAY.dtype, FRAME, **how)
        other.communicate(b"\n")
    with create(path, ARRAY.shape, ARRAY.dtype, FRAME, resume=True) as writer:
        assert writer.done == {0}


KILLED = """
import os, signal, sys
import numpy as np
import psutil
from napari_advseg.volume.formats.files import create
from napari_advseg.volume.frame import Frame
array = np.random.default_rng(0).integers(0, 255, (5, 20, 30), np.uint8)
frame = Frame("zyx", (50, 4, 6), ("nanometer",) * 3, name="a")
with create(sys.argv[1], array.shape, array.dtype, frame) as writer:
    for index in range(3):
        writer.write(index, array[index])
    os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="no SIGKILL")
def test_a_killed_write_is_resumed_to_the_same_array(tmp_path):
    path = tmp_path / "a.zarr"
    ended = subprocess.run([sys.executable, "-c", KILLED, str(path)], check=False)
    assert ended.returncode == -signal.SIGKILL
    with pytest.raises(Incomplete, match="3 of 5"):
        read(path)
    with create(path, ARRAY.shape, ARRAY.dtype, FRAME, resume=True) as writer:
        for index in sorted(set(range(5)) - writer.done):
            writer.write(index, ARRAY[index])
        writer.finish()
    np.testing.assert_array_equal(read(path).numpy(), ARRAY)


@pytest.mark.parametrize("name", NAMES)
def test_what_exists_is_kept_unless_overwriting_is_asked_for(tmp_path, name):
    path = write(ARRAY, tmp_path / name)
    with pytest.raises(Unwritable, match="already exists; choose another name or --overwrite"):
        write(ARRAY + 1, path)
    np.testing.assert_array_equal(read(path).numpy(), ARRAY)
    write(ARRAY[:2] + 1, path, overwrite=True)
    np.testing.assert_array_equal(read(path).numpy(), ARRAY[:2] + 1)
    assert [child.name for child in tmp_path.iterdir()] == [name]


@pytest.mark.parametrize("name", NAMES)
def test_a_volume_can_be_written_over_the_file_it_is_read_from(tmp_path, name):
    path = write(ARRAY, tmp_path / name)
    write(read(path), path, overwrite=True)
    np.testing.assert_array_equal(read(path).numpy(), ARRAY)


@pytest.mark.parametrize("name", NAMES)
def test_an_error_half_way_leaves_the_old_file_and_no_litter(tmp_path, name):
    path = write(ARRAY, tmp_path / name)

    class Failing:
        shape, dtype, ndim = ARRAY.shape, ARRAY.dtype, 3

        def __getitem__(self, key):
            if key[0].start >= 2:
                raise Unreadable("the source is gone")
            return ARRAY[key]

    frame = Frame("zyx")
    with pytest.raises(Unreadable, match="the source is gone"):
        write(sections.Volume(Failing(), frame), path, overwrite=True)
    np.testing.assert_array_equal(read(path).numpy(), ARRAY)
    assert [child.name for child in tmp_path.iterdir()] == [name]


def full(*_, **__):
    raise OSError(errno.ENOSPC, "No space left on device")


def test_a_full_disk_keeps_the_sections_that_are_done(tmp_path, monkeypatch):
    path = write(ARRAY + 1, tmp_path / "a.zarr")
    with create(path, ARRAY.shape, ARRAY.dtype, FRAME, overwrite=True) as writer:
        writer.write(0, ARRAY[0])
        writer.write(1, ARRAY[1])
        monkeypatch.setattr(type(writer._array), "__setitem__", full)
        with pytest.raises(Unwritable, match=r"full after 2 of 5 .* Free about .* and resume"):
            writer.write(2, ARRAY[2])
    monkeypatch.undo()
    np.testing.assert_array_equal(read(path).numpy(), ARRAY + 1)
    with create(path, ARRAY.shape, ARRAY.dtype, FRAME, overwrite=True, resume=True) as writer:
        assert writer.done == {0, 1}
        for index in (2, 3, 4):
            writer.write(index, ARRAY[index])
        writer.finish()
    np.testing.assert_array_equal(read(path).numpy(), ARRAY)


def test_a_full_disk_leaves_an_old_tiff_untouched(tmp_path, monkeypatch):
    path = write(ARRAY, tmp_path / "a.tif")
    monkeypatch.setattr(ome_tiff.tifffile.TiffWriter, "write", full)
    with pytest.raises(Unwritable, match="No space left on device; free some space"):
        write(ARRAY + 1, path, overwrite=True)
    np.testing.assert_array_equal(tifffile.imread(path), ARRAY)
    assert [child.name for child in tmp_path.iterdir()] == ["a.tif"]


@pytest.mark.parametrize("name", NAMES)
def test_a_disk_too_small_is_refused_before_the_start(tmp_path, monkeypatch, name):
    monkeypatch.setattr(shutil, "disk_usage", lambda _: Disk(10**6, 10**6 - 2000, 2000))
    with pytest.raises(Unwritable, match=r"needs about 4 kB and 2 kB are free"):
        write(ARRAY, tmp_path / name)
    assert not list(tmp_path.iterdir())


def test_labels_are_expected_to_shrink(tmp_path, monkeypatch):
    monkeypatch.setattr(shutil, "disk_usage", lambda _: Disk(10**6, 10**6 - 2000, 2000))
    write(ARRAY.astype(np.uint32), tmp_path / "a.tif")


@pytest.mark.parametrize("name", NAMES)
def test_a_folder_that_is_gone_or_read_only_is_refused(tmp_path, monkeypatch, name):
    with pytest.raises(Unwritable, match="does not exist; make it or choose another"):
        write(ARRAY, tmp_path / "gone" / name)
    monkeypatch.setattr(sections.os, "access", lambda *_: False)
    with pytest.raises(Unwritable, match="may not be written to; choose another"):
        write(ARRAY, tmp_path / name)


def test_a_folder_that_vanishes_half_way_is_said(tmp_path):
    folder = tmp_path / "disk"
    folder.mkdir()
    with create(folder / "a.zarr", ARRAY.shape, ARRAY.dtype, FRAME) as writer:
        writer.write(0, ARRAY[0])
        shutil.rmtree(folder)
        with pytest.raises(Unwritable, match=r"a\.zarr' cannot be written"):
            writer.write(1, ARRAY[1])


@pytest.mark.parametrize("name", ["a", "a.png", "a.h5", "a.tif.gz", "zarr"])
def test_an_unknown_ending_names_the_known_ones(tmp_path, name):
    with pytest.raises(Unwritable, match=r"ends in \.ome\.zarr, \.zarr, \.tif or \.tiff"):
        write(ARRAY, tmp_path / name)


def test_a_folder_of_other_things_is_never_replaced(tmp_path):
    for name in ("a.zarr", "a.tif", "b.zarr.partial"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "thesis.doc").write_text("years of work")
    (tmp_path / "c.zarr").write_text("a file")
    for name in ("a.zarr", "a.tif", "b.zarr", "c.zarr"):
        with pytest.raises(Unwritable, match=r"choose another name|move it"):
            write(ARRAY, tmp_path / name, overwrite=True)
    assert len(list(tmp_path.rglob("thesis.doc"))) == 3


@pytest.mark.parametrize(
    ("index", "section", "said"),
    [
        (5, ARRAY[0], r"outside 0\.\.4"),
        (-1, ARRAY[0], r"outside 0\.\.4"),
        (0, ARRAY[0, :5], r"shape \(5, 30\), the volume needs \(20, 30\)"),
        (0, ARRAY[0].astype(np.int32) + 255, "int32 values that do not fit uint8"),
        (0, ARRAY[0].astype(np.float32), "float32 values that do not fit uint8"),
    ],
)
def test_a_section_that_does_not_fit_is_refused(tmp_path, index, section, said):
    with create(tmp_path / "a.zarr", ARRAY.shape, ARRAY.dtype, FRAME) as writer:
        with pytest.raises(Unwritable, match=said):
            writer.write(index, section)
        assert not writer.done


def test_a_section_of_a_wider_type_that_fits_is_narrowed(tmp_path):
    with create(tmp_path / "a.zarr", ARRAY.shape, ARRAY.dtype, FRAME) as writer:
        for index, section in enumerate(ARRAY):
            writer.write(index, section.astype(np.int64))
        writer.finish()
    np.testing.assert_array_equal(read(tmp_path / "a.zarr").numpy(), ARRAY)


def test_a_replacement_stopped_between_two_renames_is_said(tmp_path):
    path = write(ARRAY, tmp_path / "a.zarr")
    path.rename(tmp_path / "a.zarr.older")
    with pytest.raises(Unreadable, match=r"kept as 'a\.zarr\.older'"):
        read(path)


@pytest.mark.parametrize("name", ["späte Größe 100%#1.tif", "späte Größe 100%#1.ome.zarr"])
def test_names_may_hold_anything(tmp_path, name):
    folder = tmp_path / "Ordner mit % und # und 中文" / ("lang" * 40)
    folder.mkdir(parents=True)
    path = write(ARRAY, folder / name)
    np.testing.assert_array_equal(read(path).numpy(), ARRAY)
    assert read(path).frame.name == "späte Größe 100%#1"


@pytest.mark.parametrize("ending", [".tif", ".zarr"])
def test_a_name_too_long_is_said(tmp_path, ending):
    with pytest.raises(
        Unwritable, match=r"cannot be written: File name too long; choose a shorter"
    ):
        write(ARRAY, tmp_path / ("a" * 300 + ending))
    with pytest.raises(Unreadable, match="File name too long"):
        read(tmp_path / ("a" * 300 + ending))
