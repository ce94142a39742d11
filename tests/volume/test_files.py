"""What `read` takes, what `describe` says, and what counts as labels."""

from __future__ import annotations

import h5py
import numpy as np
import pytest
import zarr

from napari_advseg.volume.formats.files import Unreadable, as_labels, describe, kind_of, read, write
from napari_advseg.volume.frame import Frame
from napari_advseg.volume.volume import Volume


def test_a_volume_is_returned_as_it_is():
    volume = Volume(np.zeros((2, 3)), Frame("yx"))
    assert read(volume) is volume


@pytest.mark.parametrize(("shape", "axes"), [((4, 5), "yx"), ((3, 4, 5), "zyx")])
def test_an_array_has_the_axes_its_shape_suggests(shape, axes):
    array = np.zeros(shape, np.float32)
    volume = read(array)
    assert volume.axes == axes
    assert volume.array is array
    assert volume.source is None


@pytest.mark.parametrize("shape", [(5,), (2, 3, 4, 5), ()])
def test_an_array_of_other_shape_asks_for_axes(shape):
    with pytest.raises(Unreadable, match=r"no names for them; say them as axes='czyx'"):
        read(np.zeros(shape))
    with pytest.raises(Unreadable, match="not the 2 of 'yx'"):
        read(np.zeros((2, 3, 4, 5)), axes="yx")


def test_axes_that_are_said_are_put_in_order():
    array = np.arange(24).reshape(2, 3, 4)
    volume = read(array, axes="yxc")
    assert volume.axes == "cyx"
    np.testing.assert_array_equal(volume.numpy(), array.transpose(2, 0, 1))


@pytest.mark.parametrize("axes", ["ayx", "zyy", "zyq"])
def test_axes_that_are_no_axes_are_refused(axes):
    with pytest.raises(Unreadable, match="letters of 'tczyx', each once"):
        read(np.zeros((2, 3, 4)), axes=axes)


def test_time_and_channels_of_length_one_are_dropped_and_one_section_stays():
    assert read(np.zeros((1, 1, 1, 4, 5)), axes="tczyx").axes == "zyx"


@pytest.mark.parametrize("array", [np.zeros((2, 2), complex), np.array([["a"]]), np.zeros((2, 0))])
def test_what_holds_no_numbers_is_refused(array):
    with pytest.raises(Unreadable, match=r"only integer|is empty"):
        read(array)


def test_what_is_no_array_is_refused():
    with pytest.raises(Unreadable, match="A list is no path, array or Volume"):
        read([[1, 2]])


def test_lazy_arrays_of_other_libraries_stay_lazy(tmp_path):
    values = np.arange(24, dtype=np.uint16).reshape(2, 3, 4)
    stored = zarr.array(values)
    assert read(stored).array is stored
    with h5py.File(tmp_path / "a.h5", "w") as file:
        dataset = file.create_dataset("raw", data=values)
        assert read(dataset).array is dataset
        np.testing.assert_array_equal(read(dataset).section(1), values[1])


def test_a_path_that_does_not_exist_or_is_of_no_known_format_is_refused(tmp_path):
    with pytest.raises(Unreadable, match=r"b\.tif' does not exist; check its name"):
        read(tmp_path / "b.tif")
    (tmp_path / "a.doc").write_text("text")
    with pytest.raises(Unreadable, match=r"no known format; what is read: TIFF .*PNG"):
        read(tmp_path / "a.doc")


def test_the_source_is_remembered_and_a_cut_forgets_it(tmp_path):
    path = write(np.zeros((4, 5, 6), np.uint8), tmp_path / "a.tif")
    assert read(path).source == str(path)
    assert read(path).cut(1, 3).source is None


@pytest.mark.parametrize(
    ("shape", "frame", "said"),
    [
        (
            (70, 570, 496),
            Frame("zyx", (50, 4, 6), ("nanometer",) * 3),
            "70 sections of 570 x 496, uint8, 50 x 4 x 6 nm (zyx)",
        ),
        (
            (1, 5, 6),
            Frame("zyx", (0.05, 4, 4), ("micrometer", "nanometer", "nanometer")),
            "1 section of 5 x 6, uint8, 0.05 µm x 4 nm x 4 nm (zyx)",
        ),
        ((5, 6), Frame("yx"), "5 x 6, uint8, voxel size unknown (yx)"),
        ((3, 5, 6), Frame("cyx"), "5 x 6 in 3 channels, uint8, voxel size unknown (yx)"),
    ],
)
def test_a_volume_is_described_in_one_line(shape, frame, said):
    assert describe(Volume(np.broadcast_to(np.uint8(0), shape), frame)) == said


@pytest.mark.parametrize("dtype", ["bool", "uint8", "uint16", "uint32", "uint64", "int32", ">u4"])
def test_whole_numbers_are_labels(dtype):
    array = np.array([[0, 1], [1, 0]]).astype(dtype)
    labels = as_labels(read(array))
    assert labels.kind == "labels"
    assert labels.dtype.kind in "iu"
    np.testing.assert_array_equal(labels.numpy(), array)


def test_large_ids_keep_64_bit():
    ids = np.array([[2**32 + 7, 2**63 + 1]], np.uint64)
    np.testing.assert_array_equal(as_labels(read(ids)).numpy(), ids)


def test_labels_may_lie_any_way_in_memory():
    ids = np.arange(60, dtype=np.int32).reshape(3, 4, 5).T[::-1, :, ::2]
    np.testing.assert_array_equal(as_labels(read(ids)).numpy(), ids)


def test_whole_numbered_floats_become_64_bit_ids_and_it_is_said():
    labels = as_labels(read(np.array([[0.0, 3.0, 2.0**40]], np.float32)))
    assert labels.dtype == np.int64
    assert labels.frame.history == ("read as labels",)
    np.testing.assert_array_equal(labels.numpy(), [[0, 3, 2**40]])


@pytest.mark.parametrize(
    ("array", "said"),
    [
        (np.array([[0, -3]]), "label -3; labels must not be negative"),
        (np.array([[0.0, -1.0]]), "label -1; labels must not be negative"),
        (np.array([[0.0, 0.5]]), "value 0.5; labels must be whole numbers"),
        (np.array([[0.0, np.nan]]), "value nan; labels must be whole numbers"),
        (np.array([[0.0, np.inf]]), "value inf; labels must be whole numbers"),
        (np.array([[0.0, 2.0**64]]), "above 2.63; renumber"),
    ],
)
def test_what_is_no_label_is_refused_where_it_is_read(array, said):
    labels = as_labels(read(array))
    assert labels.array[0, 0] == 0
    with pytest.raises(Unreadable, match=said):
        labels.numpy()


def test_colours_are_no_labels():
    with pytest.raises(Unreadable, match="3 channels and labels have none"):
        as_labels(read(np.zeros((3, 4, 5), np.uint8), axes="cyx"))


def test_32_bit_whole_numbers_are_taken_for_labels():
    assert kind_of(read(np.zeros((2, 2), np.uint32))) == "labels"
    assert kind_of(read(np.zeros((2, 2), np.uint16))) == "image"
    assert kind_of(as_labels(read(np.zeros((2, 2), np.uint8)))) == "labels"


def test_sections_of_a_chunked_array_are_read_a_layer_at_a_time():
    class Layered:
        shape, dtype, chunks = (10, 4, 5), np.dtype(np.uint8), (4, 4, 5)

        def __init__(self):
            self.keys = []

        def __getitem__(self, key):
            self.keys.append(key[0])
            return np.zeros(self.shape, self.dtype)[key]

    array = Layered()
    found = list(Volume(array, Frame("zyx")).sections())
    assert (len(found), found[0].shape) == (10, (4, 5))
    assert array.keys == [slice(0, 4), slice(4, 8), slice(8, 10)]
    array.keys.clear()
    assert len(list(Volume(array, Frame("zyx")).cut(2, 9).sections())) == 7
    assert array.keys == [slice(2, 6), slice(6, 9)], "a cut reads layers too"
    array.keys.clear()
    array.chunks = ((1, 6, 3), (4,), (5,))
    assert len(list(Volume(array, Frame("zyx")).sections())) == 10
    assert array.keys == [slice(0, 1), slice(1, 7), slice(7, 10)], "chunks of dask differ in depth"
