"""What is written is read back: values, dtype, axes, scale, units, place, name and history."""

from __future__ import annotations

import json

import numpy as np
import pytest
import tifffile
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from napari_advseg.volume.formats.files import Unwritable, create, levels, read, write
from napari_advseg.volume.frame import Frame
from napari_advseg.volume.volume import Volume

UNITS = ("nanometer", "micrometer", "millimeter", "pixel", "angstrom")
SIZES = st.floats(1e-3, 1e6, allow_nan=False)
PLACES = st.floats(-1e6, 1e6, allow_nan=False)
DTYPES = ("uint8", "uint16", "uint32", "int8", "int16", "int32", "float32", "float64")
TEXT = st.text(max_size=12)


@st.composite
def volumes(draw):
    axes = draw(st.sampled_from(["yx", "zyx", "cyx", "czyx", "tzyx", "tczyx", "tyx"]))
    shape = tuple(draw(st.integers(2 if axis in "tc" else 1, 4)) for axis in axes)
    array = draw(arrays.arrays(draw(st.sampled_from(DTYPES)), shape))
    space = [axis in "zyx" for axis in axes]
    frame = Frame(
        axes,
        tuple(draw(SIZES) if real else 1.0 for real in space),
        tuple(draw(st.sampled_from(UNITS)) if real else "" for real in space),
        tuple(draw(PLACES) if real else 0.0 for real in space),
        draw(TEXT),
        tuple(draw(st.lists(TEXT, max_size=2))),
    )
    return Volume(array, frame)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("round trip")


@pytest.mark.parametrize(
    ("name", "version"), [("a.tif", "0.5"), ("a.ome.zarr", "0.5"), ("b.zarr", "0.4")]
)
@given(volume=volumes())
@settings(max_examples=25, deadline=None)
def test_everything_survives(folder, name, version, volume):
    path = write(volume, folder / name, overwrite=True, version=version)
    found = read(path)
    named = Frame(**{**vars(volume.frame), "name": volume.frame.name or "a" * (name[0] == "a")})
    named = Frame(**{**vars(named), "name": named.name or "b"})
    assert found.frame == named
    assert found.dtype == volume.dtype
    np.testing.assert_array_equal(found.numpy(), volume.numpy())


@pytest.mark.parametrize("name", ["ids.tif", "ids.ome.zarr"])
def test_labels_stay_labels(tmp_path, name):
    volume = read(np.array([[0, 1], [2, 3]], np.uint8))
    path = write(volume, tmp_path / name, kind="labels")
    assert read(path).kind == "labels"


def test_large_ids_need_zarr_and_survive_there(tmp_path):
    ids = np.array([[[1, 2**63]]], np.uint64)
    with pytest.raises(Unwritable, match=r"32 bit of a TIFF.*\.ome\.zarr"):
        write(ids, tmp_path / "ids.tif")
    assert not list(tmp_path.iterdir())
    np.testing.assert_array_equal(read(write(ids, tmp_path / "ids.zarr")).numpy(), ids)


@pytest.mark.parametrize(("given_as", "kept_as"), [("uint64", "uint32"), ("int64", "int32")])
def test_64_bit_ids_that_fit_become_32_bit_in_a_tiff(tmp_path, given_as, kept_as):
    ids = np.array([[0, 2**31 - 1]], given_as)
    found = read(write(ids, tmp_path / "ids.tif"))
    assert found.dtype == kept_as
    np.testing.assert_array_equal(found.numpy(), ids)


def test_a_unit_that_tiff_does_not_know_is_refused(tmp_path):
    volume = Volume(np.zeros((2, 2)), Frame("yx", units=("furlong", "furlong")))
    with pytest.raises(Unwritable, match=r"no unit 'furlong'.*\.ome\.zarr"):
        write(volume, tmp_path / "a.tif")
    assert read(write(volume, tmp_path / "a.zarr")).frame.units == ("furlong", "furlong")


def test_a_tiff_is_a_plain_stack_for_other_programs(tmp_path):
    array = np.arange(5 * 30 * 20, dtype=np.uint16).reshape(5, 30, 20)
    path = write(Volume(array, Frame("zyx", (50, 4, 6), ("nanometer",) * 3)), tmp_path / "a.tif")
    with tifffile.TiffFile(path) as file:
        assert file.is_ome
        assert file.series[0].axes == "ZYX"
        np.testing.assert_array_equal(file.asarray(), array)


def test_the_pyramid_halves_until_it_is_small(tmp_path):
    array = np.random.default_rng(0).integers(0, 255, (3, 1100, 700), np.uint8)
    frame = Frame("zyx", (50, 4, 6), ("nanometer",) * 3, (100, 8, 12))
    found = levels(write(Volume(array, frame), tmp_path / "a.ome.zarr"))
    assert [level.shape for level in found] == [(3, 1100, 700), (3, 550, 350), (3, 275, 175)]
    assert found[1].frame.scale == (50, 8, 12)
    assert found[1].frame.translate == (100, 10, 15)
    mean = array.reshape(3, 550, 2, 350, 2).mean((2, 4))
    assert np.abs(found[1].numpy() - mean).max() <= 0.5


def test_the_pyramid_of_labels_invents_no_label(tmp_path):
    ids = np.random.default_rng(0).integers(1, 2**60, (2, 1001, 601), np.uint64)
    found = levels(write(ids, tmp_path / "a.ome.zarr"))
    np.testing.assert_array_equal(found[1].numpy(), ids[::2, ::2, ::2])
    assert found[1].frame.scale == (2, 2, 2)
    assert found[1].frame.translate == (0, 0, 0)


def test_isotropic_images_are_halved_along_z_too(tmp_path):
    array = np.zeros((3, 600, 4), np.float32)
    array[1] = 1
    found = levels(write(array, tmp_path / "a.zarr"))
    assert found[1].shape == (2, 300, 2)
    np.testing.assert_array_equal(found[1].numpy()[:, 0, 0], [0.5, 0])


@pytest.mark.parametrize("version", ["0.4", "0.5"])
@pytest.mark.parametrize("kind", ["image", "labels"])
def test_the_metadata_agrees_with_the_specification(tmp_path, version, kind):
    models = pytest.importorskip(f"ome_zarr_models.v0{version[-1]}")
    frame = Frame("czyx", (1, 50, 4, 6), ("", *("nanometer",) * 3), (0, 1, 2, 3), "raw")
    volume = Volume(np.zeros((2, 2, 600, 3), np.uint8), frame)
    path = write(volume, tmp_path / "a.ome.zarr", version=version, kind=kind)
    import zarr

    group = zarr.open_group(path, mode="r")
    image = models.Image.from_zarr(group)
    attributes = image.ome_attributes if version == "0.5" else image.attributes
    assert [axis.name for axis in attributes.multiscales[0].axes] == list("czyx")
    assert attributes.multiscales[0].axes[1].unit == "nanometer"
    said = json.loads((path / "zarr.json").read_text())["attributes"] if version == "0.5" else None
    if said:
        assert ("image-label" in said["ome"]) == (kind == "labels")
        assert said["ome"]["version"] == "0.5"


@pytest.mark.parametrize("name", ["a.tif", "a.ome.zarr"])
@given(order=st.permutations(range(6)))
@settings(max_examples=6, deadline=None)
def test_sections_may_come_in_any_order(folder, name, order):
    array = np.arange(3 * 2 * 2 * 4 * 5, dtype=np.int16).reshape(2, 2, 3, 4, 5)
    frame = Frame("tczyx", (1, 1, 30, 4, 4), ("", "", *("nanometer",) * 3), name="a")
    with create(folder / name, array.shape, array.dtype, frame, overwrite=True) as writer:
        for index in order:
            writer.write(index, array[index // 3, :, index % 3])
        writer.finish()
    found = read(folder / name)
    assert found.frame == frame
    np.testing.assert_array_equal(found.numpy(), array)
