"""Every odd real file gives its right answer or a refusal, within little memory."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest

from napari_advseg.volume.formats.files import Unreadable, read

pytestmark = pytest.mark.real_data
UM, NM, CM, MM = "micrometer", "nanometer", "centimeter", "millimeter"

IMAGES = {
    "png_rgb/vnc_stack1_labels00_rgb.png": ("cyx", (3, 1024, 1024), "uint8"),
    "png_rgb/vnc_stack2_00_rgb.png": ("yx", (1024, 1024), "uint8"),
    "tiff_ilastik_imagej/2d.tif": ("yx", (16, 16), "uint8"),
    "tiff_ilastik_imagej/2d_stringified_tuple.tif": ("yx", (16, 16), "uint8"),
    "tiff_ilastik_imagej/2d_t.tif": ("tyx", (5, 16, 16), "uint8"),
    "tiff_ilastik_imagej/2d_zero_division.tif": ("yx", (16, 16), "uint8"),
    "tiff_ilastik_imagej/3d.tif": ("zyx", (5, 16, 16), "uint8"),
    "tiff_ilastik_imagej/3d_c.tif": ("czyx", (3, 5, 16, 16), "uint8"),
    "tiff_ilastik_imagej/3d_t.tif": ("tzyx", (5, 5, 16, 16), "uint8"),
    "tiff_ilastik_imagej/3d_t_no_meta.tif": ("tzyx", (5, 5, 16, 16), "uint8"),
    "tiff_ilastik_imagej/3d_t_other_meta.tif": ("tzyx", (5, 5, 16, 16), "uint8"),
    "tiff_ilastik_imagej/5d.tif": ("tczyx", (5, 3, 5, 16, 16), "uint8"),
    "tiff_ilastik_imagej/compressed_lzw.tiff": ("yx", (10, 20), "uint8"),
    "tiff_pillow/10ct_32bit_128.tiff": ("yx", (128, 128), "float32"),
    "tiff_pillow/12bit.cropped.tif": ("yx", (100, 100), "uint16"),
    "tiff_pillow/12in16bit.tif": ("yx", (100, 100), "uint16"),
    "tiff_pillow/16bit.MM.cropped.tif": ("yx", (64, 64), "uint16"),
    "tiff_pillow/16bit.MM.deflate.tif": ("yx", (64, 64), "uint16"),
    "tiff_pillow/16bit.cropped.tif": ("yx", (64, 64), "uint16"),
    "tiff_pillow/8bit.s.tif": ("yx", (128, 128), "int8"),
    "tiff_pillow/child_ifd.tiff": ("cyx", (3, 32, 32), "uint8"),
    "tiff_pillow/g4-multi.tiff": ("zyx", (3, 4677, 3307), "uint8"),
    "tiff_pillow/hopper_bigtiff.tif": ("cyx", (3, 128, 128), "uint8"),
    "tiff_pillow/hopper_g4.tif": ("yx", (128, 128), "uint8"),
    "tiff_pillow/hopper_gray_4bpp.tif": ("yx", (128, 128), "uint8"),
    "tiff_pillow/hopper_jpg.tif": ("cyx", (3, 128, 128), "uint8"),
    "tiff_pillow/hopper_lzma.tif": ("cyx", (3, 128, 128), "uint8"),
    "tiff_pillow/hopper_lzw.tif": ("cyx", (3, 128, 128), "uint8"),
    "tiff_pillow/hopper_webp.tif": ("cyx", (3, 128, 128), "uint8"),
    "tiff_pillow/multipage_multiple_frame_loop.tiff": ("zyx", (2, 10, 10), "uint8"),
    "tiff_pillow/multipage_single_frame_loop.tiff": ("yx", (10, 10), "uint8"),
    "tiff_pillow/tiff_16bit_RGB.tiff": ("cyx", (3, 40, 100), "uint16"),
    "tiff_pillow/tiff_adobe_deflate.tif": ("cyx", (3, 374, 278), "uint8"),
    "tiff_pillow/tiff_strip_planar_lzw.tiff": ("cyx", (3, 374, 278), "uint8"),
    "tiff_pillow/tiff_strip_planar_raw_with_overviews.tif": ("cyx", (3, 374, 278), "uint8"),
    "tiff_pillow/tiff_tiled_planar_16bit_RGB.tiff": ("cyx", (3, 40, 100), "uint16"),
    "tiff_pillow/tiff_tiled_planar_lzw.tiff": ("cyx", (3, 374, 278), "uint8"),
    "tiff_pillow/tiff_tiled_ycbcr_jpeg_2x2_sampling.tif": ("cyx", (3, 360, 480), "uint8"),
    "tiff_pillow/tiff_wrong_bits_per_sample.tiff": ("cyx", (3, 53, 52), "uint8"),
    "tiff_pillow/total-pages-zero.tif": ("zyx", (3, 2156, 1728), "uint8"),
    "tiff_pillow/uint16_1_4660.tif": ("yx", (10, 10), "uint16"),
    "zarr_v2_lsd_fib25/fib.zarr/labels": ("zyx", (92, 92, 92), "uint64"),
    "zarr_v2_lsd_fib25/fib.zarr/raw": ("zyx", (196, 196, 196), "float32"),
    "zarr_v3_plantseg/3d.zarr/raw": ("zyx", (10, 10, 10), "float64"),
    "zarr_v3_plantseg/3d.zarr/raw_2": ("zyx", (10, 10, 10), "float64"),
}

REFUSALS = {
    "tiff_pillow/crash-0c7e0e8e11ce787078f00b5b0ca409a167f070e0.tif": "cut short or damaged",
    "tiff_pillow/crash-2020-10-test.tif": "cut short",
    "tiff_pillow/hopper.Lab.tif": "stores Lab colours; convert it to grey or RGB",
    "tiff_pillow/multipage.tiff": r"2 images of different shape .*'multipage\.tiff::0'",
    "tiff_pillow/multipage_out_of_order.tiff": "2 images of different shape",
    "tiff_pillow/oom-225817ca0f8c663be7ab4b9e717b02c661e66834.tif": "no readable TIFF",
    "tiff_pillow/seek_too_large.tif": "cut short",
    "tiff_pillow/separate_planar_extra_samples.tiff": "strips or tiles without data",
    "tiff_pillow/tiff_strip_cmyk_jpeg.tif": "stores CMYK colours",
    "zarr_v2_lsd_fib25/fib.zarr": r"several arrays: labels, raw\.",
    "zarr_v3_plantseg/3d.zarr": r"several arrays: raw, raw_2\.",
    "zarr_v3_plantseg/empty.zarr": "holds no arrays",
}

PLACES = {
    "tiff_ilastik_imagej/2d.tif": ((7, 2), CM),
    "tiff_ilastik_imagej/2d_stringified_tuple.tif": ((6, 5), CM),
    "tiff_ilastik_imagej/2d_t.tif": ((3, 3, 50), UM),
    "tiff_ilastik_imagej/2d_zero_division.tif": ((1, 1), "pixel"),
    "tiff_ilastik_imagej/3d.tif": ((2, 6, 11), CM),
    "tiff_ilastik_imagej/3d_c.tif": ((1, 13, 11, 2), UM),
    "tiff_ilastik_imagej/3d_t.tif": ((3, 7, 5, 3), MM),
    "tiff_ilastik_imagej/3d_t_other_meta.tif": ((2, 2, 0.1, 3.1415), NM),
    "tiff_ilastik_imagej/5d.tif": ((3, 1, 8, 13, 17), CM),
    "tiff_pillow/uint16_1_4660.tif": ((1, 1), "pixel"),
    "zarr_v2_lsd_fib25/fib.zarr/raw": ((8, 8, 8), NM),
    "zarr_v3_plantseg/3d.zarr/raw": ((0.235, 0.15, 0.15), UM),
}


@pytest.fixture
def little_memory():
    """Fails the test where it takes more than 256 MB."""
    tracemalloc.start()
    yield
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 1 << 28


@pytest.mark.parametrize("name", IMAGES)
def test_it_is_read(real_data, little_memory, name):
    volume = read(real_data / "loaders" / name)
    assert (volume.axes, volume.shape, str(volume.dtype)) == IMAGES[name]
    pixels = volume.numpy()
    assert pixels.shape == volume.shape
    assert pixels.dtype == volume.dtype
    assert volume.dtype.isnative


@pytest.mark.parametrize("name", REFUSALS)
def test_it_is_refused(real_data, little_memory, name):
    with pytest.raises(Unreadable, match=REFUSALS[name]) as refusal:
        read(real_data / "loaders" / name).numpy()
    assert name.rpartition("/")[2] in str(refusal.value)


@pytest.mark.parametrize("name", PLACES)
def test_its_place_is_known(real_data, name):
    scale, unit = PLACES[name]
    frame = read(real_data / "loaders" / name).frame
    assert frame.scale == pytest.approx(scale, rel=1e-4)
    assert frame.units[-1] == unit


def test_no_file_is_left_out(real_data):
    folder = real_data / "loaders"
    files = {path.relative_to(folder).as_posix() for path in folder.glob("[pt]*/*.*")}
    assert files <= IMAGES.keys() | REFUSALS.keys()


def test_byte_orders_and_packings_of_one_image_agree(real_data):
    folder = real_data / "loaders" / "tiff_pillow"
    plain = read(folder / "16bit.cropped.tif").numpy()
    for other in ("16bit.MM.cropped.tif", "16bit.MM.deflate.tif"):
        np.testing.assert_array_equal(read(folder / other).numpy(), plain)
    tiled = read(folder / "tiff_tiled_planar_16bit_RGB.tiff").numpy()
    np.testing.assert_array_equal(read(folder / "tiff_16bit_RGB.tiff").numpy(), tiled)
    np.testing.assert_array_equal(
        read(folder / "12bit.cropped.tif").numpy(), read(folder / "12in16bit.tif").numpy()
    )
    strips = read(folder / "tiff_strip_planar_lzw.tiff").numpy()
    for other in ("tiff_tiled_planar_lzw.tiff", "tiff_adobe_deflate.tif"):
        np.testing.assert_array_equal(read(folder / other).numpy(), strips)
    lzw = read(folder / "hopper_lzw.tif").numpy()
    for other in ("hopper_lzma.tif", "hopper_bigtiff.tif"):
        np.testing.assert_array_equal(read(folder / other).numpy(), lzw)


def test_the_labels_of_fib25_lie_inside_its_raw(real_data):
    raw = read(real_data / "loaders/zarr_v2_lsd_fib25/fib.zarr/raw")
    labels = read(real_data / "loaders/zarr_v2_lsd_fib25/fib.zarr/labels")
    assert labels.kind == "labels"
    assert labels.frame.translate == (416, 416, 416)
    assert len(np.unique(labels.numpy())) == 50
    assert (raw.numpy().min(), raw.numpy().max()) == pytest.approx((0.18955, 0.98797), rel=1e-4)


def test_every_annotated_stack_is_read(real_data):
    found = sorted(real_data.glob("*/*.tif"))
    assert found
    for path in found:
        volume = read(path)
        assert volume.axes in ("zyx", "yx"), path
        assert volume.section(0).shape == volume.shape[-2:], path
