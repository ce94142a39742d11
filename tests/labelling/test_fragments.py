"""Fragments beside labels: a threshold is a table, and only what is read is looked up."""

import numpy as np
import pytest

from napari_advseg import drain
from napari_advseg.labelling.stack.fragments import (
    TREE,
    Fragments,
    fragments_beside,
    open_fragments,
    save_fragments,
)
from napari_advseg.labelling.stack.merge_tree import MergeTree
from napari_advseg.progress import BlockDone, Phase
from napari_advseg.volume.frame import Frame
from napari_advseg.volume.refusals import Unreadable, Unwritable
from napari_advseg.volume.volume import Volume

FRAME = Frame("zyx", (40.0, 4.0, 6.0), ("nanometer",) * 3, (0.0, 8.0, 12.0), "tissue", ("made",))


@pytest.fixture
def fragments():
    ids = np.random.default_rng(0).integers(0, 6, (4, 5, 6)).astype(np.int32)
    pairs, heights = np.array([[1, 2], [3, 4], [2, 4]]), np.array([0.1, 0.3, 0.6])
    tree = MergeTree(pairs, heights, np.bincount(ids.ravel(), minlength=6))
    return Fragments(Volume(ids, FRAME, kind="labels"), tree, 0.5)


@pytest.mark.parametrize("threshold", [0.0, 0.2, 0.5, 1.0, None])
def test_relabelled_voxels_are_the_table_of_their_fragments(fragments, threshold):
    ids, table = fragments.volume.numpy(), fragments.lut(threshold)
    labels = fragments.relabelled(threshold)
    np.testing.assert_array_equal(labels.numpy(), table[ids])
    np.testing.assert_array_equal(labels.section(2), table[ids[2]])
    np.testing.assert_array_equal(labels.array[1:3, ::2, [0, 3]], table[ids][1:3, ::2, [0, 3]])
    assert (labels.dtype, labels.kind, labels.shape) == (np.int32, "labels", ids.shape)
    assert labels.frame.scale == FRAME.scale


def test_without_a_threshold_it_is_the_one_of_the_labels(fragments):
    np.testing.assert_array_equal(fragments.lut(), [0, 1, 1, 2, 2, 3])


def test_only_what_is_read_is_looked_up(fragments):
    class Watched:
        shape, dtype, read = (4, 5, 6), np.dtype(np.int32), []

        def __getitem__(self, key):
            self.read.append(key)
            return np.ones((4, 5, 6), np.int32)[key]

    whole = Fragments(Volume(Watched(), FRAME), fragments.tree, 0.5)
    lazy = whole.relabelled(0.9)
    assert Watched.read == []
    lazy.section(3)
    assert Watched.read == [(slice(3, 4), slice(0, 5), slice(0, 6))]


def test_saved_fragments_open_as_they_were(fragments, tmp_path):
    labels = tmp_path / "cells.ome.zarr"
    reports = []
    path = drain(save_fragments(fragments, fragments_beside(labels)), reports.append)
    assert reports[0] == Phase("fragments", 4)
    assert reports[-1] == BlockDone("fragments", 4, 4)
    for name in (labels, path, str(path)):
        found = open_fragments(name)
        np.testing.assert_array_equal(found.volume.numpy(), fragments.volume.numpy())
        np.testing.assert_array_equal(found.tree.pairs, fragments.tree.pairs)
        np.testing.assert_array_equal(found.tree.heights, fragments.tree.heights)
        assert (found.threshold, found.minimum_size) == (0.5, 0)
        assert found.volume.frame.scale == FRAME.scale
        assert found.volume.kind == "labels"
        np.testing.assert_array_equal(found.lut(0.2), fragments.lut(0.2))


@pytest.mark.parametrize(
    ("labels", "beside"),
    [
        ("a.ome.zarr", "a-fragments.ome.zarr"),
        ("a.b.ome.tif", "a.b-fragments.ome.zarr"),
        ("a.tif", "a-fragments.ome.zarr"),
        ("a-fragments.ome.zarr", "a-fragments.ome.zarr"),
    ],
)
def test_the_fragments_stand_beside_their_labels(labels, beside, tmp_path):
    assert fragments_beside(tmp_path / labels) == tmp_path / beside


def test_older_fragments_are_not_replaced_unasked(fragments, tmp_path):
    path = tmp_path / "a-fragments.ome.zarr"
    drain(save_fragments(fragments, path))
    with pytest.raises(Unwritable, match="already exists"):
        drain(save_fragments(fragments, path))
    drain(save_fragments(fragments, path, overwrite=True))


def test_cancelled_fragments_are_not_there(fragments, tmp_path):
    path = tmp_path / "a-fragments.ome.zarr"
    running = save_fragments(fragments, path)
    for _ in range(3):
        next(running)
    running.close()
    assert not path.exists()
    with pytest.raises(Unreadable, match="no fragments"):
        open_fragments(path)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"PK\x03\x04 no archive",
        {"pairs": np.zeros((1, 2), np.int64)},
        {"pairs": np.array([[{}]], object)},
        {"pairs": np.array([[1, 99]])},
        {"pairs": np.array([[1.0, 2.0]])},
        {"sizes": np.array([0, -1])},
        {"heights": np.array([0.1, 0.2])},
        {"heights": np.array([np.nan])},
        {"threshold": np.zeros(3)},
    ],
)
def test_a_damaged_tree_is_named(fragments, tmp_path, content):
    path = tmp_path / "a-fragments.ome.zarr"
    drain(save_fragments(fragments, path))
    if isinstance(content, bytes):
        (path / TREE).write_bytes(content)
    else:
        sound = {
            "pairs": np.array([[1, 2]]),
            "heights": np.array([0.5]),
            "sizes": np.array([0, 3, 4]),
            "threshold": 0.5,
        }
        if len(content) > 1 or "pairs" not in content or content["pairs"].dtype != np.int64:
            sound["minimum_size"] = 0
        np.savez(path / TREE, **{**sound, **content})
    with pytest.raises(Unreadable, match="damaged"):
        open_fragments(path)


def test_fragments_of_another_tree_are_named(fragments):
    wrong = Fragments(
        fragments.volume, MergeTree(np.zeros((0, 2), int), np.zeros(0), np.ones(3, int)), 0.5
    )
    with pytest.raises(Unreadable, match="not among the 2"):
        wrong.relabelled().numpy()
