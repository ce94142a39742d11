"""Baking: a new file with all edits, and nothing of the labels that were edited is touched."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest

from napari_advseg import drain, read, write
from napari_advseg.proofreading.afterwards.bake import bake
from napari_advseg.proofreading.editing import edits
from napari_advseg.proofreading.editing.proof import open_proof
from napari_advseg.volume.formats.files import levels
from napari_advseg.volume.frame import Frame
from napari_advseg.volume.refusals import Unwritable
from napari_advseg.volume.volume import Volume

FRAME = Frame("zyx", (40.0, 4.0, 6.0), ("nanometer",) * 3, name="cells")


@pytest.fixture
def labels(tmp_path):
    array = np.repeat(np.arange(1, 7, dtype=np.uint16).reshape(1, 2, 3), 2, 0)
    return write(
        Volume(array.repeat(350, 1).repeat(300, 2), FRAME),
        tmp_path / "cells.ome.zarr",
        kind="labels",
    )


def digest(folder):
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {path: hashlib.md5(path.read_bytes(), usedforsecurity=False).digest() for path in files}


def edited(labels):
    proof = open_proof(labels)
    proof.do(edits.merge(proof, ids=[1, 2]))
    proof.do(edits.paint(proof, (slice(0, 1), slice(0, 9), slice(0, 9)), None, 2**63 + 1))
    proof.close()
    return proof


def test_a_pyramid_with_64_bit_ids_scale_and_history(labels, tmp_path):
    before = digest(labels)
    proof = edited(labels)
    out = drain(bake(proof, tmp_path / "fixed.ome.zarr"))
    assert digest(labels) == before
    found = levels(out)
    np.testing.assert_array_equal(found[0].numpy(), proof.labels[...])
    assert found[0].dtype == np.uint64
    assert (found[0].frame.scale, found[0].frame.units) == (FRAME.scale, FRAME.units)
    assert found[0].frame.history[-1] == "proofread: 1 merge, 1 paint"
    assert found[0].kind == "labels"
    for baked, base in zip(found[1:], levels(labels)[1:], strict=True):
        np.testing.assert_array_equal(baked.numpy(), proof.level(base)[...])
    again = open_proof(labels)
    np.testing.assert_array_equal(again.labels[...], found[0].numpy())
    again.close()


def test_a_tiff_holds_what_fits_and_refuses_the_rest(labels, tmp_path):
    proof = edited(labels)
    with pytest.raises(Unwritable, match=r"32 bit of a TIFF.*ome\.zarr"):
        drain(bake(proof, tmp_path / "fixed.tif"))
    assert not [path for path in tmp_path.iterdir() if path.name.startswith((".", "fixed"))]
    proof.undo()
    drain(bake(proof, tmp_path / "fixed.tif"))
    np.testing.assert_array_equal(read(tmp_path / "fixed.tif").numpy(), proof.labels[...])


def test_the_labels_themselves_and_existing_files_are_not_overwritten(labels, tmp_path):
    proof = edited(labels)
    for target in (labels, labels / "inner.zarr"):
        with pytest.raises(Unwritable, match="choose another name"):
            drain(bake(proof, target, overwrite=True))
    other = write(Volume(np.zeros((2, 3, 4), np.uint32), FRAME), tmp_path / "other.ome.zarr")
    with pytest.raises(Unwritable, match="already exists"):
        drain(bake(proof, other))
    drain(bake(proof, other, overwrite=True))
    assert read(other).shape == proof.labels.shape


def test_a_bake_that_is_stopped_leaves_nothing(labels, tmp_path):
    running = bake(edited(labels), tmp_path / "fixed.ome.zarr")
    for _ in range(2):
        next(running)
    running.close()
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "cells.ome.zarr",
        "cells.proofreading",
    ]
