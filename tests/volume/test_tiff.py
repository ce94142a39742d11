"""TIFF of every make gives the right pixels, axes and size, or one sentence that says why not."""

from __future__ import annotations

import struct
import tracemalloc

import numpy as np
import pytest
import tifffile

from napari_advseg.volume.formats.files import CorruptChunk, Unreadable, describe, read
from napari_advseg.volume.formats.tiff import Pages

RANDOM = np.random.default_rng(0)
STACK = RANDOM.integers(0, 4096, (5, 40, 30), np.uint16)
RGB = RANDOM.integers(0, 255, (40, 30, 3), np.uint8)


def saved(path, array, **how):
    tifffile.imwrite(path, array, **how)
    return path


def counted(monkeypatch):
    """The (page, segment) pairs that are decoded from now on."""
    seen = []
    plain = Pages._decode

    def decode(self, file, number, index):
        seen.append((number, index))
        return plain(self, file, number, index)

    monkeypatch.setattr(Pages, "_decode", decode)
    return seen


@pytest.mark.parametrize(
    "how",
    [
        {"photometric": "minisblack"},
        {"bigtiff": True},
        {"byteorder": ">"},
        {"byteorder": ">", "compression": "zlib", "predictor": True},
        {"compression": "lzw"},
        {"compression": "zstd", "rowsperstrip": 7},
        {"compression": "lzma"},
        {"compression": "packbits"},
        {"tile": (16, 16)},
        {"tile": (16, 16), "compression": "zlib"},
        {"contiguous": False, "metadata": None},
        {"imagej": True, "metadata": {"axes": "ZYX"}},
        {"ome": True, "metadata": {"axes": "ZYX"}},
        {"ome": True, "metadata": {"axes": "ZYX"}, "compression": "zlib", "tile": (32, 16)},
    ],
    ids=str,
)
def test_a_stack_is_zyx_however_it_is_packed(tmp_path, how):
    volume = read(saved(tmp_path / "a.tif", STACK, **{"photometric": "minisblack", **how}))
    assert volume.axes == "zyx"
    assert volume.dtype == np.uint16
    assert volume.dtype.isnative
    np.testing.assert_array_equal(volume.numpy(), STACK)
    np.testing.assert_array_equal(volume.array[3, 5:35, 17], STACK[3, 5:35, 17])
    np.testing.assert_array_equal(volume.array[-1, ::-2, 3:9], STACK[-1, ::-2, 3:9])


def test_a_flat_stack_is_memory_mapped(tmp_path):
    volume = read(saved(tmp_path / "a.tif", STACK))
    assert isinstance(volume.array, np.memmap)


def test_a_section_reads_its_own_page_only(tmp_path, monkeypatch):
    path = saved(tmp_path / "a.tif", STACK, compression="zlib", rowsperstrip=40)
    seen = counted(monkeypatch)
    read(path).section(2)
    assert {page for page, _ in seen} == {2}


def test_a_crop_reads_its_own_tiles_only_and_once(tmp_path, monkeypatch):
    path = saved(tmp_path / "a.tif", STACK, compression="zlib", tile=(16, 16))
    seen = counted(monkeypatch)
    volume = read(path)
    for _ in range(2):
        np.testing.assert_array_equal(volume.array[1, 20:30, 17:20], STACK[1, 20:30, 17:20])
    assert seen == [(1, 3)]


@pytest.mark.parametrize(
    ("unit", "name"), [("um", "micrometer"), (r"\u00B5m", "micrometer"), ("nm", "nanometer")]
)
def test_imagej_gives_scale_units_and_origin(tmp_path, unit, name):
    path = saved(
        tmp_path / "a.tif",
        STACK,
        imagej=True,
        resolution=(1 / 4, 1 / 8),
        metadata={"axes": "ZYX", "unit": unit, "spacing": 50.0, "zorigin": "2"},
    )
    frame = read(path).frame
    assert frame.units == (name,) * 3
    assert frame.scale == pytest.approx((50, 8, 4))
    assert frame.translate == pytest.approx((-100, 0, 0))


def test_imagej_hyperstacks_keep_time_and_channels(tmp_path):
    array = RANDOM.integers(0, 255, (2, 3, 4, 20, 10), np.uint8)
    path = saved(tmp_path / "a.tif", array, imagej=True, metadata={"axes": "TZCYX"})
    volume = read(path)
    assert volume.axes == "tczyx"
    np.testing.assert_array_equal(volume.numpy(), array.transpose(0, 2, 1, 3, 4))
    assert describe(volume).startswith(
        "2 time points of 3 sections of 20 x 10 in 4 channels, uint8"
    )


def test_ome_gives_scale_units_and_axes(tmp_path):
    path = saved(
        tmp_path / "a.ome.tif",
        STACK.reshape(5, 1, 40, 30),
        metadata={
            "axes": "ZCYX",
            "PhysicalSizeX": 4.0,
            "PhysicalSizeXUnit": "nm",
            "PhysicalSizeY": 8.0,
            "PhysicalSizeYUnit": "nm",
            "PhysicalSizeZ": 0.05,
        },
    )
    volume = read(path)
    assert volume.axes == "zyx"
    assert volume.frame.scale == (0.05, 8, 4)
    assert volume.frame.units == ("micrometer", "nanometer", "nanometer")


def test_dots_per_inch_are_no_voxel_size(tmp_path):
    path = saved(tmp_path / "a.tif", STACK, resolution=(300, 300), resolutionunit="INCH")
    assert read(path).frame.scale == (1, 1, 1)
    assert describe(read(path)) == "5 sections of 40 x 30, uint16, voxel size unknown (zyx)"


@pytest.mark.parametrize("how", [{}, {"compression": "zlib"}, {"planarconfig": "separate"}])
def test_colours_become_channels(tmp_path, how):
    planar = "planarconfig" in how
    array = RGB.transpose(2, 0, 1) if planar else RGB
    volume = read(saved(tmp_path / "a.tif", array, photometric="rgb", **how))
    assert volume.axes == "cyx"
    np.testing.assert_array_equal(volume.numpy(), RGB.transpose(2, 0, 1))
    np.testing.assert_array_equal(volume.array[1, 3:9], RGB[3:9, :, 1])


@pytest.mark.parametrize("shape", [(40, 30, 3), (4, 40, 30, 3)])
@pytest.mark.parametrize("compression", [None, "zlib"])
def test_grey_stored_as_rgb_becomes_one_channel_and_is_said(tmp_path, shape, compression):
    grey = RANDOM.integers(0, 255, shape[:-1], np.uint8)
    array = np.repeat(grey[..., None], 3, axis=-1)
    volume = read(saved(tmp_path / "a.tif", array, photometric="rgb", compression=compression))
    assert volume.axes == "zyx"[-grey.ndim :]
    assert volume.frame.history == ("grey stored as RGB made one channel",)
    np.testing.assert_array_equal(volume.numpy(), grey)
    np.testing.assert_array_equal(volume.array[..., 3, 5:9], grey[..., 3, 5:9])


def test_alpha_is_dropped_and_said(tmp_path):
    array = np.dstack([RGB, RGB[..., :1]])
    volume = read(saved(tmp_path / "a.tif", array, photometric="rgb", extrasamples=["unassalpha"]))
    assert volume.shape == (3, 40, 30)
    assert volume.frame.history == ("alpha channel dropped",)


def test_a_mask_of_one_bit_is_zero_and_one(tmp_path):
    mask = RANDOM.integers(0, 2, (40, 30)).astype(bool)
    volume = read(saved(tmp_path / "a.tif", mask))
    assert volume.dtype == np.uint8
    np.testing.assert_array_equal(volume.numpy(), mask)


def test_palette_indices_are_classes(tmp_path):
    classes = RANDOM.integers(0, 5, (40, 30), np.uint8)
    colours = np.zeros((3, 256), np.uint16)
    volume = read(saved(tmp_path / "a.tif", classes, photometric="palette", colormap=colours))
    np.testing.assert_array_equal(volume.numpy(), classes)


def test_where_zero_is_white_bright_stays_large(tmp_path):
    path = saved(tmp_path / "a.tif", STACK[0].astype(np.uint8), photometric="miniswhite")
    np.testing.assert_array_equal(read(path).numpy(), 255 - STACK[0].astype(np.uint8))


def test_twelve_bits_are_read_as_sixteen(tmp_path):
    path = saved(tmp_path / "a.tif", STACK[0], compression="jpeg2000")
    assert read(path).numpy().max() < 4096


def test_a_pyramid_has_levels(tmp_path):
    path = tmp_path / "a.ome.tif"
    size = {"axes": "YX", "PhysicalSizeX": 4.0, "PhysicalSizeY": 4.0}
    with tifffile.TiffWriter(path) as file:
        file.write(STACK[0], subifds=1, metadata=size)
        file.write(STACK[0, ::2, ::2], subfiletype=1)
    assert read(path).shape == (40, 30)
    coarse = read(path, level=1)
    assert (coarse.shape, coarse.frame.scale) == ((20, 15), (8, 8))
    with pytest.raises(Unreadable, match="levels 0 to 1, not 2"):
        read(path, level=2)


def test_axes_can_be_said(tmp_path):
    path = saved(tmp_path / "a.tif", RANDOM.integers(0, 255, (2, 5, 40, 30), np.uint8))
    with pytest.raises(Unreadable, match=r"2 x 5 x 40 x 30.*axes='zyx'"):
        read(path)
    assert read(path, axes="czyx").axes == "czyx"
    with pytest.raises(Unreadable, match=r"4 axes, not the 3"):
        read(path, axes="zyx")


def test_pages_of_different_size_are_refused_until_one_is_named(tmp_path):
    path = tmp_path / "a.tif"
    with tifffile.TiffWriter(path) as file:
        file.write(STACK[0])
        file.write(STACK[0, :20])
    with pytest.raises(Unreadable, match=r"2 images of different shape .*'a\.tif::0'"):
        read(path)
    assert read(f"{path}::1").shape == (20, 30)


@pytest.mark.parametrize("how", [{}, {"compression": "zlib"}, {"imagej": True}, {"ome": True}])
@pytest.mark.parametrize("kept", [0.9, 0.5, 0.02])
def test_a_file_cut_short_is_refused(tmp_path, how, kept):
    path = saved(tmp_path / "a.tif", STACK, **how)
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * kept)])
    with pytest.raises(Unreadable, match=r"a\.tif"):
        read(path)


def test_damaged_pixels_name_the_page(tmp_path):
    path = saved(tmp_path / "a.tif", STACK, compression="zlib", rowsperstrip=40)
    with tifffile.TiffFile(path) as file:
        at = file.pages[3].dataoffsets[0]
    data = bytearray(path.read_bytes())
    data[at : at + 40] = bytes(40)
    path.write_bytes(data)
    volume = read(path)
    np.testing.assert_array_equal(volume.section(2), STACK[2])
    with pytest.raises(CorruptChunk, match="page 3 is damaged"):
        volume.section(3)


def lying(path, tag, value):
    """Overwrite the value of one tag of the first page."""
    with tifffile.TiffFile(path, mode="r+b") as file:
        file.pages[0].tags[tag].overwrite(value)
    return path


@pytest.mark.parametrize("tag", ["ImageWidth", "ImageLength"])
@pytest.mark.parametrize("how", [{}, {"compression": "zlib"}, {"tile": (16, 16)}])
def test_a_huge_size_is_refused_within_little_memory(tmp_path, tag, how):
    path = saved(tmp_path / "a.tif", STACK[0], metadata=None, rowsperstrip=40, **how)
    lying(path, tag, 2**31 - 1)
    tracemalloc.start()
    try:
        with pytest.raises(Unreadable, match=r"a\.tif"):
            read(path).section(0)
        assert tracemalloc.get_traced_memory()[1] < 1 << 26
    finally:
        tracemalloc.stop()


def test_a_lying_page_count_is_refused(tmp_path):
    path = saved(tmp_path / "a.tif", STACK, imagej=True, metadata={"axes": "ZYX"})
    data = path.read_bytes()
    path.write_bytes(data.replace(b"images=5", b"images=9").replace(b"slices=5", b"slices=9"))
    with pytest.raises(Unreadable, match="data of 5 of 9 sections"):
        read(path)


def hyperstack(path, sections, side, there):
    """An ImageJ stack as ImageJ writes it beyond 4 GB: one page, the rest said in words; sparse on
    disk.
    """
    words = f"ImageJ=1.53t\nimages={sections}\nslices={sections}\nloop=false\n".encode() + b"\0"
    tags = [
        (254, 4, 1, 0),
        (256, 4, 1, side),
        (257, 4, 1, side),
        (258, 3, 1, 8 << 16),
        (259, 3, 1, 1 << 16),
        (262, 3, 1, 1 << 16),
        (270, 2, len(words), 200),
        (273, 4, 1, 512),
        (277, 3, 1, 1 << 16),
        (278, 4, 1, side),
        (279, 4, 1, side * side),
    ]
    head = struct.pack(">2sHIH", b"MM", 42, 8, len(tags))
    head += b"".join(struct.pack(">HHII", *tag) for tag in tags) + struct.pack(">I", 0)
    with path.open("wb") as file:
        file.write(head)
        file.seek(200)
        file.write(words)
        file.truncate(512 + side * side * there)
        file.seek(512 + side * side * (there - 1))
        file.write(b"\x07")
    return path


def test_an_imagej_stack_above_4_gb_is_read_whole(tmp_path):
    path = hyperstack(tmp_path / "big.tif", 300, 4096, 300)
    assert path.stat().st_size > 2**32
    volume = read(path)
    assert volume.shape == (300, 4096, 4096)
    assert volume.section(299)[0, 0] == 7
    assert volume.array[298, 0, 0] == 0


def test_an_imagej_stack_above_4_gb_that_is_cut_short_is_refused(tmp_path):
    path = hyperstack(tmp_path / "big.tif", 300, 4096, 280)
    with pytest.raises(Unreadable, match=r"cut short.*280 of 300"):
        read(path)


def test_a_text_file_named_tif_is_refused(tmp_path):
    path = tmp_path / "a.tif"
    path.write_text("II*\0 this is no image")
    with pytest.raises(Unreadable, match=r"a\.tif' is cut short"):
        read(path)


def test_an_ome_tiff_of_several_files_asks_for_one(tmp_path):
    path = saved(tmp_path / "a.ome.tif", STACK)
    with tifffile.TiffFile(path, mode="r+b") as file:
        xml = file.pages[0].description
        moved = xml.replace('IFD="0" PlaneCount="5"', 'IFD="0" PlaneCount="3"')
        file.pages[0].tags["ImageDescription"].overwrite(moved)
    with pytest.raises(Unreadable, match="save it as one file"):
        read(path)
