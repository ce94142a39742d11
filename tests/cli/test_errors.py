"""`errors` as it is called from outside: tables, one JSON document, a map of the errors, refusals."""

from __future__ import annotations

import json

import numpy as np
import pytest

import napari_advseg as advseg
from napari_advseg.scoring.finding.locate import error_map
from napari_advseg.volume.frame import Frame
from napari_advseg.volume.volume import Volume

FRAME = Frame("zyx", (50.0, 4.0, 6.0), ("nanometer",) * 3)


def truth_and_labels():
    """Two cells a section; in section 1 the left one is cut, in section 2 the two are joined."""
    truth = np.ones((3, 40, 60), np.int32)
    truth[:, :, 30:] = 2
    labels = truth.copy()
    labels[1, :15, :30] = 7
    labels[2] = 5
    return truth, labels


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("data")
    truth, labels = truth_and_labels()
    return [
        advseg.write(Volume(array, FRAME), folder / name)
        for array, name in ((labels, "labels.ome.zarr"), (truth, "truth.tif"))
    ]


def test_the_tables_say_what_is_wrong_and_where(call, files):
    code, out, err = call("errors", *files)
    assert code == 0, err
    lines = out.splitlines()
    assert max(map(len, lines)) <= 100
    expected = advseg.locate(*map(advseg.read, files))
    assert lines[0].startswith(f"VOI {expected.score.voi:.4f} = split")
    heads = [k for k, line in enumerate(lines) if line.split()[:2] == ["#", "gain"]]
    merge, split = lines[heads[0] + 1].split(), lines[heads[0] + 2].split()
    assert merge[0] == "1"
    assert merge[2:6] == ["merge", "5", "1,", "2"]
    assert merge[6] == str(expected.sites[0].point[0]) == "2"
    assert split[2:8] == ["split", "1,", "7", "1", "1", "14"]
    assert split[1] == f"{expected.sites[1].gain:.6f}"
    assert len(lines) - heads[1] - 1 == len(expected.objects)


def test_json_is_one_document_with_the_numbers_of_python(call, files):
    code, out, err = call("errors", *files, "--top", "2", "--json", "--by", "volume")
    assert code == 0, err
    page = json.loads(out)
    found = advseg.locate(*map(advseg.read, files), by="volume")
    assert page == json.loads(json.dumps(found.top(2).to_json()))
    assert len(page["objects"]) == 2 < page["objects_found"]


def test_sections_are_counted_in_the_whole_volume(call, files):
    code, out, err = call("errors", *files, "--sections", "1:2", "--json")
    assert code == 0, err
    (site,) = json.loads(out)["sites"]
    assert (site["section"], site["point"][0], site["box"][0]) == (1, 1, [1, 2])


def test_the_overlay_lies_on_the_labels(call, files, tmp_path):
    for name in ("errors.ome.zarr", "errors.tif"):
        painted = tmp_path / name
        options = ["--overlay", painted, "--sections", "1:3", "--border", "0"]
        code, out, err = call("errors", *files, *options, "--json")
        assert code == 0, err
        assert "1 split, 2 merge, 3 missing, 4 extra" in err
        assert json.loads(out)["overlay"] == str(painted)
        labels, truth = (advseg.read(path).cut(1, 3) for path in files)
        again = advseg.read(painted)
        np.testing.assert_array_equal(again.numpy(), error_map(labels, truth, border=0).numpy())
        assert again.frame.scale == FRAME.scale
        assert again.dtype == np.uint8
    assert advseg.read(tmp_path / "errors.ome.zarr").frame.translate[0] == 50.0


def test_an_overlay_in_the_way_is_kept_and_refused_before_anything_is_computed(
    call, files, tmp_path
):
    (tmp_path / "errors.tif").write_bytes(b"mine")
    code, out, err = call("errors", *files, "--overlay", tmp_path / "errors.tif")
    assert (code, out) == (2, "")
    assert "--overwrite" in err
    assert (tmp_path / "errors.tif").read_bytes() == b"mine"
    options = ["--overlay", tmp_path / "errors.tif", "--overwrite"]
    assert call("errors", *files, *options)[0] == 0
    assert advseg.read(tmp_path / "errors.tif").shape == (3, 40, 60)


def test_large_ids_are_written_whole(call, tmp_path):
    truth, labels = truth_and_labels()
    large = labels.astype(np.uint64) + np.uint64(2**64 - 100)
    paths = [
        advseg.write(Volume(array, FRAME, kind="labels"), tmp_path / name)
        for array, name in ((large, "l.ome.zarr"), (truth, "t.ome.zarr"))
    ]
    code, out, err = call("errors", *paths, "--json")
    assert code == 0, err
    assert json.loads(out)["sites"][0]["labels"] == [2**64 - 95]
    assert str(2**64 - 95) in call("errors", *paths)[1]


def test_nothing_to_compare_is_said(call, files, tmp_path):
    empty = advseg.write(Volume(np.zeros((3, 40, 60), np.uint16), FRAME), tmp_path / "t.tif")
    code, out, err = call("errors", files[0], empty)
    assert code == 0
    assert "no labelled pixel" in err
    assert "Sites, 0 of 0" in out


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--top", "-1"], "--top"),
        (["--by", "cell"], "by="),
        (["--border", "-1"], "border=-1"),
        (["--overlay", "errors.png"], ".ome.zarr"),
        (["--sections", "5:9"], "5:9"),
    ],
)
def test_a_wrong_option_ends_with_2_and_one_line(call, files, options, said):
    code, out, err = call("errors", *files, *options)
    assert (code, out) == (2, "")
    assert said in err
    assert len(err.strip().splitlines()) == 1


def test_other_shapes_and_missing_files_are_refused(call, files, tmp_path):
    small = advseg.write(Volume(np.ones((3, 40, 50), np.uint16), FRAME), tmp_path / "s.tif")
    code, _, err = call("errors", small, files[1])
    assert code == 2
    assert "(3, 40, 50)" in err
    assert "(3, 40, 60)" in err
    assert call("errors", "missing.tif", files[1])[0] == 2
