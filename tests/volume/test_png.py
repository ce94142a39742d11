"""PNG images: grey, colours, palettes, and files that lie."""

from __future__ import annotations

import struct
import zlib

import imagecodecs
import numpy as np
import pytest
from PIL import Image

from napari_advseg.volume.formats.files import Unreadable, read

RANDOM = np.random.default_rng(0)
GREY = RANDOM.integers(0, 255, (20, 30), np.uint8)
RGB = RANDOM.integers(0, 255, (20, 30, 3), np.uint8)


def saved(path, array):
    path.write_bytes(imagecodecs.png_encode(array))
    return path


@pytest.mark.parametrize("array", [GREY, RANDOM.integers(0, 65535, (20, 30), np.uint16)])
def test_grey_values_are_kept(tmp_path, array):
    volume = read(saved(tmp_path / "a.png", array))
    assert (volume.axes, volume.dtype, volume.frame.name) == ("yx", array.dtype, "a")
    np.testing.assert_array_equal(volume.numpy(), array)


@pytest.mark.parametrize("array", [RGB, RGB.astype(np.uint16) * 200])
def test_colours_become_channels(tmp_path, array):
    volume = read(saved(tmp_path / "a.png", array))
    assert volume.axes == "cyx"
    np.testing.assert_array_equal(volume.numpy(), array.transpose(2, 0, 1))


def test_grey_stored_as_rgb_becomes_one_channel(tmp_path):
    volume = read(saved(tmp_path / "a.png", np.dstack([GREY] * 3)))
    assert (volume.axes, volume.frame.history) == ("yx", ("grey stored as RGB made one channel",))
    np.testing.assert_array_equal(volume.numpy(), GREY)


@pytest.mark.parametrize("alpha", [np.full_like(GREY, 255), GREY])
def test_grey_stored_as_rgba_becomes_one_channel(tmp_path, alpha):
    volume = read(saved(tmp_path / "a.png", np.dstack([GREY, GREY, GREY, alpha])))
    assert volume.frame.history == ("alpha channel dropped", "grey stored as RGB made one channel")
    np.testing.assert_array_equal(volume.numpy(), GREY)


def test_grey_with_alpha_loses_alpha(tmp_path):
    volume = read(saved(tmp_path / "a.png", np.dstack([GREY, GREY])))
    assert volume.frame.history == ("alpha channel dropped",)
    np.testing.assert_array_equal(volume.numpy(), GREY)


def test_palette_indices_are_classes(tmp_path):
    classes = RANDOM.integers(0, 4, (20, 30), np.uint8)
    image = Image.fromarray(classes, "P") if False else Image.new("P", (30, 20))
    image.putdata(classes.ravel().tolist())
    image.putpalette([255, 0, 0, 0, 255, 0, 0, 0, 255, 9, 9, 9])
    image.save(tmp_path / "a.png")
    volume = read(tmp_path / "a.png")
    assert volume.frame.history == ("palette indices kept",)
    np.testing.assert_array_equal(volume.numpy(), classes)


def test_a_mask_of_one_bit_is_zero_and_one(tmp_path):
    Image.fromarray(GREY > 100).save(tmp_path / "a.png")
    volume = read(tmp_path / "a.png")
    assert volume.dtype == np.uint8
    np.testing.assert_array_equal(volume.numpy(), GREY > 100)


def test_an_image_above_the_bomb_warning_of_pillow_is_read(tmp_path):
    path = saved(tmp_path / "a.png", np.zeros((9600, 9600), np.uint8))
    assert read(path).shape == (9600, 9600)


def test_a_lie_about_the_size_is_refused(tmp_path):
    path = saved(tmp_path / "a.png", GREY)
    data = bytearray(path.read_bytes())
    data[16:24] = struct.pack(">II", 2**31 - 1, 2**31 - 1)
    data[29:33] = struct.pack(">I", zlib.crc32(data[12:29]))
    path.write_bytes(data)
    with pytest.raises(Unreadable, match=r"more than its .* bytes can hold"):
        read(path)


@pytest.mark.parametrize("kept", [10, 40, 200])
def test_a_file_cut_short_is_refused(tmp_path, kept):
    path = saved(tmp_path / "a.png", GREY)
    path.write_bytes(path.read_bytes()[:kept])
    with pytest.raises(Unreadable, match=r"a\.png"):
        read(path)


def test_another_format_under_this_name_is_refused(tmp_path):
    path = tmp_path / "a.png"
    Image.fromarray(GREY).save(path, "JPEG")
    with pytest.raises(Unreadable, match="no PNG image"):
        read(path)
