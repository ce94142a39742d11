"""Files become layers with scale, units and place, and layers become files again."""

from __future__ import annotations

import json
import subprocess
import sys

import h5py
import numpy as np
import pytest
import zarr

from napari_advseg.napari_io import (
    get_reader,
    layer_axes,
    layer_to_volume,
    layers,
    read_layers,
    shown_as,
    volume_to_layer,
    write_image,
    write_labels,
)
from napari_advseg.volume.formats.files import MissingChunk, Unreadable, read, write
from napari_advseg.volume.frame import Frame
from napari_advseg.volume.synthetic_voxels import marked
from napari_advseg.volume.volume import Volume

NM = ("nanometer",) * 3
FRAME = Frame("zyx", (50, 4, 6), NM, (100, 8, 12), "raw", ("seen",))
ARRAY = np.random.default_rng(0).integers(0, 255, (3, 20, 30), np.uint8)


class Unit:
    """A unit that is spelled by str, as pint's are."""

    def __init__(self, name):
        self.name = name

    def __str__(self):
        return self.name


@pytest.mark.parametrize("name", ["a.tif", "a.ome.zarr"])
@pytest.mark.parametrize("kind", ["image", "labels"])
def test_a_file_becomes_a_lazy_layer_that_knows_its_place(tmp_path, name, kind):
    path = str(write(Volume(ARRAY, FRAME), tmp_path / name, kind=kind))
    ((data, attributes, layer_type),) = get_reader(path)(path)
    assert layer_type == kind
    assert (data.shape, data.dtype, data.ndim) == (ARRAY.shape, ARRAY.dtype, 3)
    np.testing.assert_array_equal(data[1], ARRAY[1])
    np.testing.assert_array_equal(np.asarray(data), ARRAY)
    assert attributes["scale"] == [50, 4, 6]
    assert attributes["translate"] == [100, 8, 12]
    assert attributes["units"] == list(NM)
    assert attributes["name"] == "raw"
    assert attributes["metadata"]["path"] == path
    json.dumps(attributes)


def test_a_pyramid_becomes_a_multiscale_layer_and_its_level_0_a_volume(tmp_path):
    array = np.random.default_rng(0).integers(0, 255, (2, 1100, 30), np.uint8)
    path = str(write(Volume(array, FRAME), tmp_path / "a.ome.zarr"))
    ((data, attributes, _),) = read_layers([path])
    assert [level.shape for level in data] == [(2, 1100, 30), (2, 550, 15), (2, 275, 8)]
    assert attributes["multiscale"] is True
    volume = layer_to_volume(data, attributes)
    assert volume.frame == FRAME
    np.testing.assert_array_equal(volume.section(1), array[1])


@pytest.mark.parametrize("axes", ["yx", "zyx", "cyx", "tczyx"])
def test_a_volume_survives_being_a_layer(axes):
    shape = tuple("tczyx".index(axis) + 2 for axis in axes)
    space = [axis in "zyx" for axis in axes]
    frame = Frame(
        axes,
        tuple(3.0 + k if real else 1.0 for k, real in enumerate(space)),
        tuple("nanometer" if real else "" for real in space),
        tuple(5.0 * k if real else 0.0 for k, real in enumerate(space)),
        "raw",
        ("seen",),
    )
    volume = Volume(np.zeros(shape, np.uint16), frame)
    data, attributes, kind = volume_to_layer(volume)
    assert kind == "image"
    assert layer_to_volume(data, attributes).frame == frame


def test_units_may_be_objects_of_pint():
    attributes = {"units": (Unit("micrometer"),) * 3, "scale": np.array([2.0, 1, 3])}
    volume = layer_to_volume(ARRAY, attributes)
    assert volume.frame.units == ("micrometer",) * 3
    assert volume.frame.scale == (2, 1, 3)
    assert volume.array is ARRAY


def test_labels_layers_are_checked_and_keep_64_bit():
    ids = np.array([[0, 2**40]], np.int64)
    volume = layer_to_volume(ids, {}, "labels")
    assert (volume.kind, volume.dtype) == ("labels", np.int64)
    with pytest.raises(Unreadable, match="must not be negative"):
        layer_to_volume(-ids, {"name": "cells"}, "labels").numpy()


def test_an_rgb_layer_has_a_channel_axis():
    colours = np.zeros((4, 20, 30, 3), np.uint8)
    volume = layer_to_volume(colours, {"rgb": True, "scale": (5, 2, 3)})
    assert (volume.axes, volume.shape, volume.frame.scale) == (
        "czyx",
        (3, 4, 20, 30),
        (1, 5, 2, 3),
    )


def test_what_is_transparent_is_no_colour():
    colours = np.random.default_rng(0).integers(0, 255, (20, 30, 4), np.uint8)
    volume = layer_to_volume(colours, {"rgb": True})
    np.testing.assert_array_equal(volume.numpy(), np.moveaxis(colours[..., :3], -1, 0))
    assert volume.frame.history == ("alpha channel dropped",)


def test_the_viewers_order_of_axes_is_told():
    assert layer_axes({"axis_labels": ("x", "z", "y")}, 3) == "xzy"
    assert layer_axes({"axis_labels": ("-2", "-1")}, 2) == "yx"


def test_a_layer_in_another_order_of_axes_is_turned_with_its_sizes_and_place():
    data = np.arange(3 * 4 * 5).reshape(4, 3, 5)
    placed = {"axis_labels": ("x", "z", "y"), "scale": (6, -40, 4), "translate": (18, 80, 8)}
    volume = layer_to_volume(data, placed)
    assert (volume.axes, volume.shape) == ("zyx", (3, 5, 4))
    assert (volume.frame.scale, volume.frame.translate) == ((40, 4, 6), (80, 8, 18))
    np.testing.assert_array_equal(volume.numpy(), data.transpose(1, 2, 0))


def test_colours_lie_at_the_origin_of_their_own_axis_between_time_and_place():
    colours = np.zeros((2, 4, 20, 30, 3), np.uint8)
    placed = {"scale": (1, 40, 4, 6), "translate": (7, 80, 8, 18), "axis_labels": tuple("tzyx")}
    found = layer_to_volume(colours, {"rgb": True, **placed}).frame
    assert found.axes == "tczyx"
    assert (found.scale, found.translate) == ((1, 1, 40, 4, 6), (7, 0, 80, 8, 18))


def test_axes_that_cannot_be_told_are_asked_for():
    with pytest.raises(Unreadable, match="'raw' has 4 axes; name them"):
        layer_to_volume(
            np.zeros((2, 2, 2, 2)), {"name": "raw", "axis_labels": ["-4", "-3", "-2", "-1"]}
        )
    volume = layer_to_volume(np.zeros((2, 2, 2, 2)), {"axis_labels": ("c", "z", "y", "x")})
    assert volume.axes == "czyx"


@pytest.mark.parametrize(
    "turned",
    [{"rotate": 45.0}, {"rotate": [[0, 1], [-1, 0]]}, {"shear": [1.0]}, {"affine": -np.eye(3)}],
)
def test_a_turned_layer_is_refused(turned):
    with pytest.raises(Unreadable, match="rotated or sheared; reset"):
        layer_to_volume(np.zeros((2, 2)), turned)
    layer_to_volume(np.zeros((2, 2)), {"rotate": np.eye(2), "shear": [0.0], "affine": np.eye(3)})


@pytest.mark.parametrize("name", ["a.tif", "a.ome.zarr"])
def test_layers_are_written_with_their_place(tmp_path, name):
    data, attributes, _ = volume_to_layer(Volume(ARRAY, FRAME))
    path = str(tmp_path / name)
    assert write_image(path, data, attributes) == [path]
    assert read(path).frame == FRAME
    assert write_labels(path, ARRAY.astype(np.int32), attributes) == [path]
    assert (read(path).kind, read(path).frame) == ("labels", FRAME)


def test_integer_label_volumes_become_labels_layers(tmp_path):
    path = tmp_path / "a.h5"
    with h5py.File(path, "w") as file:
        file["volumes/labels/neuron_ids"] = ARRAY.astype(np.uint64)
    assert read_layers(str(path))[0][2] == "labels"


@pytest.mark.parametrize("name", ["cells.tif", "cells.ome.zarr"])
def test_labels_can_be_painted_on_unless_they_are_too_large(tmp_path, name, monkeypatch):
    path = str(write(Volume(ARRAY.astype(np.int32), FRAME, kind="labels"), tmp_path / name))
    data, attributes, kind = read_layers(path)[0]
    data[0, 0, 0] = 9
    assert (kind, attributes["metadata"]["path"]) == ("labels", path)
    monkeypatch.setattr(layers, "IN_MEMORY_BYTES", 1)
    assert not isinstance(read_layers(path)[0][0], np.ndarray)


def test_labels_that_do_not_say_so_are_known_by_their_flat_areas(tissue):
    image, labels = tissue
    thin = Volume((labels.numpy() > 0).astype(np.uint8) * 255, labels.frame)
    assert [shown_as(volume) for volume in (image, labels, thin)] == ["image", "labels", "labels"]
    blank = Volume(np.zeros((4, 8, 8), np.uint8), Frame("zyx"))
    full = Volume(np.full((4, 8, 8), 7, np.uint8), Frame("zyx"))
    assert [shown_as(volume) for volume in (blank, full)] == ["image", "image"]


@pytest.mark.real_data
@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("isbi2012/raw.tif", "image"),
        ("isbi2012/neurites_2d_cc.tif", "labels"),
        ("isbi2012/labels.tif", "labels"),
        ("vnc_stack1/raw.tif", "image"),
        ("vnc_stack1/neurites_2d_cc.tif", "labels"),
        ("fibsem_medulla/raw.tif", "image"),
        ("gala_fibsem_mini/train_boundary_prob.tif", "image"),
        ("snemi_mini_labels_only/train-labels.tif", "labels"),
        ("tio2_sem/images/1908248.tif", "image"),
        ("tio2_sem/masks/1908248_m.tif", "labels"),
    ],
)
def test_real_files_open_as_what_they_are(real_data, name, kind):
    assert shown_as(read(real_data / name)) == kind


def test_lost_chunks_are_shown_empty_with_a_warning_and_never_computed_with(tmp_path):
    made = zarr.create_array(tmp_path / "a.zarr", shape=(4, 4), dtype="u1", chunks=(2, 2))
    made[:2, :2] = 1
    path = str(tmp_path / "a.zarr")
    with pytest.warns(UserWarning, match="3 chunks of .* not on disk"):
        ((data, attributes, _),) = read_layers(path)
    assert np.asarray(data).sum() == 4
    with pytest.raises(MissingChunk):
        read(attributes["metadata"]["path"]).numpy()


def test_only_our_files_are_taken(tmp_path):
    (tmp_path / "folder").mkdir()
    for name in ("a.tif", "a.TIFF", "a.png", "a.h5", "a.zarr/raw.zarr"):
        assert (get_reader(str(tmp_path / name)) is None) == name.endswith("zarr")
    assert get_reader(str(tmp_path / "folder")) is None
    assert get_reader(str(tmp_path / "a.csv")) is None
    assert get_reader(["a.tif", "b.tif"]) is None
    assert get_reader(["a.tif"]) is not None


@pytest.mark.parametrize("name", ["a.tif", "a.ome.zarr"])
@pytest.mark.parametrize("kind", ["image", "labels"])
def test_napari_shows_the_layer_as_it_is(tmp_path, name, kind):
    layers = pytest.importorskip("napari.layers")
    array = np.random.default_rng(0).integers(0, 255, (3, 600, 40), np.uint8)
    path = str(write(Volume(array, FRAME), tmp_path / name, kind=kind))
    layer = layers.Layer.create(*read_layers(path)[0])
    assert [str(unit) for unit in layer.units] == list(NM)
    np.testing.assert_array_equal(layer.scale, [50, 4, 6])
    np.testing.assert_array_equal(layer.translate, [100, 8, 12])
    data, attributes, layer_type = layer.as_layer_data_tuple()
    volume = layer_to_volume(data, attributes, layer_type)
    assert volume.frame == FRAME
    assert volume.kind == kind
    np.testing.assert_array_equal(volume.numpy(), array)


def test_importing_it_loads_no_napari_qt_or_torch():
    heavy = "napari", "qtpy", "torch", "magicgui", "dask"
    code = f"import sys, napari_advseg.napari_io; print([m for m in {heavy} if m in sys.modules])"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"


def test_a_layer_whose_synthetic_voxels_are_not_known_is_refused(tmp_path):
    array, mask = np.ones((2, 8, 9), np.uint8), np.zeros((2, 8, 9), np.uint8)
    mask[1, 2:5] = 1
    path = write(marked(Volume(array, Frame("zyx", name="mended")), mask), tmp_path / "mended.tif")
    data, attributes, kind = read_layers(str(path), "image")[0]
    known = layer_to_volume(data, attributes, kind)
    np.testing.assert_array_equal(np.asarray(known.synthetic[...]), mask)
    for layer in ((data[:1], attributes), (data, {**attributes, "metadata": {
        **attributes["metadata"], "path": str(tmp_path / "gone.tif")}})):  # fmt: skip
        with pytest.raises(Unreadable, match="which they are is not known"):
            layer_to_volume(*layer, kind)
