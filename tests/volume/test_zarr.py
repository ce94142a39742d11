"""Zarr of every version and writer: right data and place, and no chunk that silently is zero."""

from __future__ import annotations

import json

import numpy as np
import pytest
import zarr
from zarr.codecs import BloscCodec, BytesCodec, GzipCodec, TransposeCodec, ZstdCodec

from napari_advseg.volume.formats.files import (
    CorruptChunk,
    MissingChunk,
    Unreadable,
    levels,
    missing_chunks,
    read,
    write,
)


def named(how):
    """The name of a parametrised test: codecs by class, as their repr is written in another order in every run."""
    if isinstance(how, dict):
        return "-".join(f"{key}={named(value)}" for key, value in how.items())
    if isinstance(how, list):
        return "+".join(map(named, how))
    return str(how) if isinstance(how, int | str | tuple) or how is None else type(how).__name__


RAW = np.random.default_rng(0).integers(1, 255, (6, 20, 30), np.uint8)


def stored(path, array=RAW, **how):
    how = {"chunks": (4, 8, 7), **how}
    made = zarr.create_array(
        path, shape=array.shape, dtype=array.dtype, config={"write_empty_chunks": True}, **how
    )
    made[...] = array
    return path


@pytest.mark.parametrize(
    "how",
    [
        {"zarr_format": 2},
        {"zarr_format": 2, "order": "F"},
        {"zarr_format": 2, "chunk_key_encoding": {"name": "v2", "separator": "/"}},
        {"zarr_format": 2, "compressors": None},
        {"zarr_format": 3},
        {"zarr_format": 3, "compressors": [GzipCodec()]},
        {"zarr_format": 3, "compressors": [BloscCodec()]},
        {"zarr_format": 3, "filters": [TransposeCodec(order=(2, 1, 0))]},
        {"zarr_format": 3, "serializer": BytesCodec(endian="big")},
        {"zarr_format": 3, "shards": (8, 16, 14)},
        {"zarr_format": 3, "shards": (8, 16, 14), "compressors": [ZstdCodec()]},
    ],
    ids=named,
)
@pytest.mark.parametrize("dtype", ["uint8", ">u2", "float64", "bool", "uint64"])
def test_an_array_is_zyx_however_it_is_stored(tmp_path, how, dtype):
    array = RAW.astype(dtype)
    if how["zarr_format"] == 3:
        array = array.astype(array.dtype.newbyteorder("="))
    volume = read(stored(tmp_path / "a.zarr", array, **how))
    assert volume.axes == "zyx"
    assert volume.dtype.isnative
    np.testing.assert_array_equal(volume.numpy(), array)
    np.testing.assert_array_equal(volume.array[3, 5:19, 11], array[3, 5:19, 11])
    np.testing.assert_array_equal(np.stack(list(volume.sections())), array)


@pytest.mark.parametrize("version", [2, 3])
def test_resolution_and_offset_are_nanometers(tmp_path, version):
    attributes = {"resolution": [40, 4, 6], "offset": [80, 8, 12]}
    path = stored(tmp_path / "a.zarr", zarr_format=version, attributes=attributes)
    frame = read(path).frame
    assert (frame.scale, frame.translate) == ((40, 4, 6), (80, 8, 12))
    assert frame.units == ("nanometer",) * 3


@pytest.mark.parametrize(
    ("attributes", "scale", "unit"),
    [
        ({"element_size_um": [0.2, 0.1, 0.1]}, (0.2, 0.1, 0.1), "micrometer"),
        (
            {"pixelResolution": {"dimensions": [4, 8, 40], "unit": "nm"}},
            (40, 8, 4),
            "nanometer",
        ),
        ({"voxel_size": [40, 8, 4], "units": ["um", "um", "um"]}, (40, 8, 4), "micrometer"),
        (
            {"transform": {"axes": list("zyx"), "scale": [3, 2, 1], "units": ["nm"] * 3}},
            (3, 2, 1),
            "nanometer",
        ),
    ],
)
def test_attributes_of_other_tools_are_understood(tmp_path, attributes, scale, unit):
    frame = read(stored(tmp_path / "a.zarr", attributes=attributes)).frame
    assert frame.scale == scale
    assert set(frame.units) == {unit}


def test_dimension_names_say_the_axes(tmp_path):
    path = stored(tmp_path / "a.zarr", dimension_names=["x", "y", "z"])
    volume = read(path)
    assert (volume.axes, volume.shape) == ("zyx", (30, 20, 6))
    np.testing.assert_array_equal(volume.numpy(), RAW.T)


def group(path, version, **arrays):
    root = zarr.create_group(path, zarr_format=version)
    for name, array in arrays.items():
        made = root.create_array(name.replace("__", "/"), shape=array.shape, dtype=array.dtype)
        made[...] = array
    return path


@pytest.mark.parametrize("version", [2, 3])
def test_several_arrays_are_listed_and_one_can_be_named(tmp_path, version):
    path = group(tmp_path / "a.zarr", version, raw=RAW, labels__ids=RAW)
    with pytest.raises(Unreadable, match=r"several arrays: labels/ids, raw\."):
        read(path)
    np.testing.assert_array_equal(read(path / "raw").numpy(), RAW)
    np.testing.assert_array_equal(read(f"{path}::labels/ids").numpy(), RAW)
    assert read(path / "labels" / "ids").kind == "labels"


def test_the_only_array_and_cremi_raw_need_no_name(tmp_path):
    np.testing.assert_array_equal(read(group(tmp_path / "a.zarr", 2, x__y=RAW)).numpy(), RAW)
    path = group(tmp_path / "b.zarr", 3, volumes__raw=RAW, volumes__labels=RAW)
    assert read(path).kind == "image"


def test_an_empty_group_and_a_plain_folder_are_refused(tmp_path):
    with pytest.raises(Unreadable, match="holds no arrays"):
        read(group(tmp_path / "a.zarr", 3))
    (tmp_path / "b").mkdir()
    with pytest.raises(Unreadable, match="folder without zarr data"):
        read(tmp_path / "b")


OME_04 = {
    "multiscales": [
        {
            "version": "0.4",
            "axes": [
                {"name": "c", "type": "channel"},
                {"name": "z", "type": "space", "unit": "nanometer"},
                {"name": "y", "type": "space", "unit": "nanometer"},
                {"name": "x", "type": "space", "unit": "nanometer"},
            ],
            "datasets": [
                {
                    "path": "s0",
                    "coordinateTransformations": [
                        {"type": "scale", "scale": [1, 20, 2, 3]},
                        {"type": "translation", "translation": [0, 5, 6, 7]},
                    ],
                },
                {
                    "path": "s1",
                    "coordinateTransformations": [{"type": "scale", "scale": [1, 20, 4, 6]}],
                },
            ],
            "coordinateTransformations": [{"type": "scale", "scale": [1, 2, 2, 2]}],
        }
    ]
}


def ome(path, attributes, version=2):
    root = zarr.create_group(path, zarr_format=version, attributes=attributes)
    for name, array in (("s0", RAW[None]), ("s1", RAW[None, :, ::2, ::2])):
        root.create_array(name, shape=array.shape, dtype=array.dtype)[...] = array
    return path


def ome_05():
    multiscales = json.loads(json.dumps(OME_04["multiscales"]))
    del multiscales[0]["version"]
    return {"ome": {"version": "0.5", "multiscales": multiscales, "image-label": {}}}


@pytest.mark.parametrize(("attributes", "version"), [(OME_04, 2), (ome_05(), 3)])
def test_ome_zarr_gives_place_and_levels(tmp_path, attributes, version):
    path = ome(tmp_path / "a.ome.zarr", attributes, version)
    volume = read(path)
    assert (volume.axes, volume.frame.name) == ("zyx", "a")
    assert volume.frame.scale == (40, 4, 6)
    assert volume.frame.translate == (10, 12, 14)
    assert volume.kind == ("labels" if version == 3 else "image")
    assert [level.shape for level in levels(path)] == [(6, 20, 30), (6, 10, 15)]
    assert read(path, level=1).frame.scale == (40, 8, 12)
    assert read(path / "s1").frame == read(path, level=1).frame.__class__(
        **{**vars(read(path, level=1).frame), "name": "s1"}
    )
    with pytest.raises(Unreadable, match="levels 0 to 1, not 2"):
        read(path, level=2)


@pytest.mark.parametrize(
    "damage",
    [
        {"multiscales": []},
        {"multiscales": [{"datasets": []}]},
        {"multiscales": [{"datasets": [{"path": "../secret"}]}]},
        {"multiscales": [{"datasets": [{"path": "gone"}]}]},
        {"multiscales": [{**OME_04["multiscales"][0], "axes": ["y", "x"]}]},
        {"multiscales": [{"datasets": [{"path": "s0", "coordinateTransformations": [{}]}]}]},
    ],
)
def test_damaged_ome_metadata_is_refused(tmp_path, damage):
    path = ome(tmp_path / "a.zarr", damage)
    with pytest.raises(Unreadable, match=r"a\.zarr"):
        read(path)


@pytest.mark.parametrize("version", [2, 3])
def test_a_missing_chunk_is_an_error_that_names_it(tmp_path, version):
    path = stored(tmp_path / "a.zarr", zarr_format=version)
    lost = path / ("1.0.2" if version == 2 else "c/1/0/2")
    lost.unlink()
    volume = read(path)
    np.testing.assert_array_equal(volume.section(3), RAW[3])
    with pytest.raises(MissingChunk, match=r"chunk (c/)?1[./]0[./]2 is missing.*missing='fill'"):
        volume.section(4)
    assert missing_chunks(path) == [lost.relative_to(path).as_posix()]
    filled = read(path, missing="fill")
    assert "chunks that are not on disk are read as the fill value" in filled.frame.history
    assert (filled.section(4)[:8, 14:21] == 0).all()


def test_chunks_left_out_as_empty_need_to_be_meant_too(tmp_path):
    made = zarr.create_array(tmp_path / "a.zarr", shape=(4, 4), dtype="u1", chunks=(2, 2))
    made[:2, :2] = 1
    with pytest.raises(MissingChunk, match="left out by a program"):
        read(tmp_path / "a.zarr").numpy()
    assert read(tmp_path / "a.zarr", missing="fill").numpy().sum() == 4


def test_a_chunk_left_empty_inside_a_shard_was_meant(tmp_path):
    made = zarr.create_array(
        tmp_path / "a.zarr", shape=(4, 4), dtype="u1", chunks=(2, 2), shards=(4, 4)
    )
    made[:2, :2] = 1
    assert read(tmp_path / "a.zarr").numpy().sum() == 4


@pytest.mark.parametrize(
    "how",
    [
        {"zarr_format": 2},
        {"zarr_format": 2, "compressors": None},
        {"zarr_format": 3, "compressors": [GzipCodec()]},
        {"zarr_format": 3, "compressors": [ZstdCodec(checksum=True)]},
        {"zarr_format": 3, "compressors": [BloscCodec()]},
    ],
    ids=named,
)
@pytest.mark.parametrize("damage", ["cut", "scrambled", "emptied"])
def test_a_damaged_chunk_is_an_error_that_names_it(tmp_path, how, damage):
    path = stored(tmp_path / "a.zarr", **how)
    chunk = path / ("1.0.2" if how["zarr_format"] == 2 else "c/1/0/2")
    data = chunk.read_bytes()
    if damage == "scrambled" and how.get("compressors", 1) is None:
        pytest.skip("without compression any bytes are pixels")
    chunk.write_bytes({"cut": data[:-9], "scrambled": b"\xff" * len(data), "emptied": b""}[damage])
    volume = read(path)
    np.testing.assert_array_equal(volume.section(3), RAW[3])
    with pytest.raises(CorruptChunk, match=r"chunk (c/)?1[./]0[./]2 is damaged"):
        volume.section(4)


def metadata(path, **changes):
    stored(path)
    found = json.loads((path / "zarr.json").read_text())
    (path / "zarr.json").write_text(json.dumps({**found, **changes}))
    return path


def regular(*shape):
    return {"name": "regular", "configuration": {"chunk_shape": list(shape)}}


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        (
            {"shape": [2**20] * 3, "chunk_grid": regular(2**14, 2**14, 2**14)},
            r"each chunk holds 4\.4 TB",
        ),
        ({"codecs": [{"name": "numcodecs.pickle", "configuration": {}}]}, "numcodecs.pickle"),
        ({"codecs": [{"name": "evil"}]}, "packed with evil"),
        ({"data_type": "string"}, "only numbers"),
        ({"data_type": {"name": "struct"}}, "only numbers"),
        ({"data_type": "complex64"}, "only numbers"),
        ({"chunk_grid": regular(0, 8, 7)}, "damaged zarr metadata"),
        ({"chunk_grid": regular(4, 8)}, "damaged zarr metadata"),
        ({"chunk_grid": {"name": "rectilinear"}}, "unequal size"),
        ({"shape": [6, 20, -30]}, "damaged zarr metadata"),
        ({"shape": [6, 20, "30"]}, "damaged zarr metadata"),
        ({"shape": [0, 20, 30]}, "is empty"),
        ({"codecs": 5}, "damaged zarr metadata"),
        ({"fill_value": "x"}, "no readable zarr"),
        (
            {
                "chunk_grid": regular(2**30, 2**30, 8),
                "codecs": [
                    {
                        "name": "sharding_indexed",
                        "configuration": {"chunk_shape": [1, 1, 8], "codecs": []},
                    }
                ],
            },
            "too many to index",
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_metadata_that_lies_is_refused_before_anything_is_allocated(tmp_path, changes, said):
    with pytest.raises(Unreadable, match=said):
        read(metadata(tmp_path / "a.zarr", **changes))


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"filters": [{"id": "pickle"}], "dtype": "|O"}, "pickle"),
        ({"dtype": "|O"}, "only numbers"),
        ({"dtype": "<M8[ns]"}, "only numbers"),
        ({"chunks": [2**14] * 3}, r"4\.4 TB"),
    ],
)
def test_version_2_metadata_that_lies_is_refused_too(tmp_path, changes, said):
    path = stored(tmp_path / "a.zarr", zarr_format=2)
    found = json.loads((path / ".zarray").read_text())
    (path / ".zarray").write_text(json.dumps({**found, **changes}))
    with pytest.raises(Unreadable, match=said):
        read(path)


@pytest.mark.parametrize("text", ["", "{", "[]", '{"zarr_format": 3, "node_type": "array"}'])
def test_metadata_that_is_no_metadata_is_refused(tmp_path, text):
    path = stored(tmp_path / "a.zarr")
    (path / "zarr.json").write_text(text)
    with pytest.raises(Unreadable, match="damaged"):
        read(path)


def test_a_store_of_ours_lacks_no_chunk(tmp_path):
    path = write(np.zeros((2, 1500, 10), np.uint8), tmp_path / "a.zarr")
    assert missing_chunks(path) == []
    assert not read(path).numpy().any()
