"""HDF5 in the layout of CREMI and other layouts: right data and place, or a refusal that names the
datasets.
"""

from __future__ import annotations

import h5py
import numpy as np
import pytest

from napari_advseg.volume.formats.files import MissingChunk, Unreadable, read

RAW = np.random.default_rng(0).integers(0, 255, (6, 20, 30), np.uint8)
IDS = np.random.default_rng(1).integers(0, 2**40, (4, 10, 12), np.uint64)


@pytest.fixture
def cremi(tmp_path):
    path = tmp_path / "sample A.h5"
    with h5py.File(path, "w") as file:
        raw = file.create_dataset("volumes/raw", data=RAW, chunks=(2, 8, 8), compression="gzip")
        raw.attrs["resolution"] = (40.0, 4.0, 6.0)
        ids = file.create_dataset("volumes/labels/neuron_ids", data=IDS)
        ids.attrs["resolution"] = (40.0, 4.0, 6.0)
        ids.attrs["offset"] = (40.0, 20.0, 36.0)
    return path


def test_raw_is_what_a_cremi_file_means(cremi):
    volume = read(cremi)
    assert volume.axes == "zyx"
    assert volume.frame.scale == (40, 4, 6)
    assert volume.frame.units == ("nanometer",) * 3
    assert volume.kind == "image"
    np.testing.assert_array_equal(volume.numpy(), RAW)
    np.testing.assert_array_equal(np.stack(list(volume.sections())), RAW)


@pytest.mark.parametrize("between", ["/", "::/", "::"])
def test_a_dataset_is_named_behind_the_file(cremi, between):
    volume = read(f"{cremi}{between}volumes/labels/neuron_ids")
    assert volume.frame.translate == (40, 20, 36)
    assert (volume.kind, volume.dtype) == ("labels", np.uint64)
    np.testing.assert_array_equal(volume.section(3), IDS[3])


def test_the_file_is_free_between_readings(cremi):
    volume = read(cremi)
    with h5py.File(cremi, "a") as file:
        file["volumes/raw"][0, 0, 0] = 99
    assert volume.array[0, 0, 0] == 99


@pytest.mark.parametrize(
    ("inside", "said"),
    [
        ("volumes", r"is a group of /volumes/labels, /volumes/raw"),
        ("volumes/rav", r"has no dataset '/volumes/rav'"),
        ("volumes/raw/x", r"has no dataset"),
    ],
)
def test_a_wrong_name_is_refused(cremi, inside, said):
    with pytest.raises(Unreadable, match=said):
        read(f"{cremi}::{inside}")


def made(path, make):
    with h5py.File(path, "w") as file:
        make(file)
    return path


def test_the_only_dataset_needs_no_name(tmp_path):
    path = made(tmp_path / "a.hdf5", lambda file: file.create_dataset("x/y", data=RAW))
    np.testing.assert_array_equal(read(path).numpy(), RAW)


def test_element_size_is_micrometers(tmp_path):
    def make(file):
        file.create_dataset("raw", data=RAW).attrs["element_size_um"] = (0.2, 0.1, 0.1)

    frame = read(made(tmp_path / "a.h5", make)).frame
    assert (frame.scale, frame.units[0]) == ((0.2, 0.1, 0.1), "micrometer")


def test_axis_tags_of_ilastik_name_the_axes(tmp_path):
    def make(file):
        tags = '{"axes": [{"key": "z"}, {"key": "y"}, {"key": "x"}, {"key": "c"}]}'
        file.create_dataset("raw", data=RAW[..., None]).attrs["axistags"] = tags

    assert read(made(tmp_path / "a.h5", make)).axes == "zyx"


def test_several_datasets_are_listed(tmp_path):
    path = made(tmp_path / "a.h5", lambda file: file.update({"b": RAW, "c": RAW}))
    with pytest.raises(Unreadable, match=r"several datasets: b, c\. .*'a\.h5::/b'"):
        read(path)


def test_a_four_axis_dataset_asks_for_axes(tmp_path):
    path = made(tmp_path / "a.h5", lambda file: file.update({"b": RAW[None].repeat(2, 0)}))
    with pytest.raises(Unreadable, match=r"4 axes.*axes='czyx'"):
        read(path)
    assert read(path, axes="czyx").axes == "czyx"
    with pytest.raises(Unreadable, match="not the 3 of 'zyx'"):
        read(path, axes="zyx")


def test_missing_chunks_are_an_error_unless_meant(tmp_path):
    def make(file):
        file.create_dataset("raw", (4, 4, 4), "u1", chunks=(1, 4, 4))[1] = 5

    path = made(tmp_path / "a.h5", make)
    with pytest.raises(MissingChunk, match=r"lacks 3 of its 4 chunks"):
        read(path)
    assert read(path, missing="fill").numpy().sum() == 5 * 16


@pytest.mark.parametrize("dtype", ["S5", h5py.string_dtype(), [("a", "i4"), ("b", "f4")]])
def test_things_that_are_no_numbers_are_refused(tmp_path, dtype):
    path = made(tmp_path / "a.h5", lambda file: file.create_dataset("raw", (2, 2), dtype))
    with pytest.raises(Unreadable, match="only numbers are read"):
        read(f"{path}::raw")


def test_data_in_other_files_is_refused(tmp_path):
    secret = tmp_path / "secret"
    secret.write_bytes(bytes(100))

    def make(file):
        file["link"] = h5py.ExternalLink("other.h5", "/raw")
        file.create_dataset("raw", (10, 10), "u1", external=[(str(secret), 0, 100)])

    path = made(tmp_path / "a.h5", make)
    with pytest.raises(Unreadable, match="other files"):
        read(f"{path}::raw")
    with pytest.raises(Unreadable, match="lies in another file"):
        read(f"{path}::link")


def test_a_damaged_file_is_refused(cremi):
    cremi.write_bytes(cremi.read_bytes()[:900])
    with pytest.raises(Unreadable, match="no readable HDF5 file"):
        read(cremi)


def test_attributes_that_are_no_numbers_are_refused(tmp_path):
    def make(file):
        file.create_dataset("raw", data=RAW).attrs["resolution"] = "fine"

    with pytest.raises(Unreadable, match="no numbers"):
        read(made(tmp_path / "a.h5", make))
