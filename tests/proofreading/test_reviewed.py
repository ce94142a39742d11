"""Reviewing boxes: what is refused, what is read, and what a journal keeps of it."""

from __future__ import annotations

import numpy as np
import pytest

from napari_advseg.proofreading.editing import edits
from napari_advseg.proofreading.editing.proof import Proof, open_proof
from napari_advseg.proofreading.store.kept import kept_in
from napari_advseg.volume.arrays.lazy import Windowed
from napari_advseg.volume.frame import Frame
from napari_advseg.volume.volume import Volume

ALL = slice(None)


class Watched(Windowed):
    """A thousand million voxels of label 7 that say how many of them were read."""

    shape = (1000, 1000, 1000)
    dtype = np.dtype(np.uint32)
    read_voxels = 0

    def read(self, window):
        lengths = [one.stop - one.start for one in window]
        self.read_voxels += int(np.prod(lengths))
        return np.full(lengths, 7, np.uint32)


@pytest.fixture
def cells():
    array = np.repeat(np.arange(1, 5).reshape(1, 2, 2), 5, 1).repeat(5, 2).repeat(3, 0)
    return Volume(array, Frame("zyx"), kind="labels")


def test_of_a_large_store_only_the_window_is_read():
    watched = Watched()
    proof = Proof(Volume(watched, Frame("zyx"), kind="labels"))
    proof.do(edits.review(proof, (slice(500, 600), ALL, ALL)))
    mask = proof.reviewed.array
    assert mask[599, 0, 0] == mask[500:502, 3:5, :9].min() == 1
    assert mask[600, 0, 0] == mask[499, 999, 999] == 0
    assert watched.read_voxels == 0
    proof.do(edits.mark(proof, ids=[7]))
    assert mask[700, 10:20, 10:20].min() == 1
    assert watched.read_voxels == 100


def test_no_voxel_is_touched_and_a_later_edit_inside_is_trusted_too(cells):
    proof = Proof(cells)
    step = proof.do(edits.review(proof, (slice(1, 2), ALL, ALL)))
    assert (step.voxels, step.ids, step.box) == (0, (), ((1, 2), (0, 10), (0, 10)))
    proof.do(edits.merge(proof, points=[(1, 0, 0), (1, 0, 9)]))
    assert proof.reviewed.section(1).all()
    assert not proof.reviewed.section(0).any()


def test_it_is_taken_back_part_by_part_and_by_undo(cells):
    proof = Proof(cells)
    proof.do(edits.review(proof, (ALL, ALL, ALL)))
    proof.do(edits.unreview(proof, (slice(0, 1), slice(0, 4), ALL)))
    assert proof.reviewed.numpy().sum() == 300 - 40
    proof.undo()
    assert proof.reviewed.numpy().all()
    proof.undo()
    assert not proof.reviewed.numpy().any()


def test_the_journal_keeps_it(cells, tmp_path):
    proof = open_proof(cells, tmp_path / "x.proofreading", author="Ada")
    proof.do(edits.review(proof, (slice(2, 3), ALL, slice(3, 7))), "checked twice")
    proof.close()
    (step,) = kept_in(proof.folder).steps
    assert (step.operation, step.box, step.reason) == (
        "review",
        ((2, 3), (0, 10), (3, 7)),
        "checked twice",
    )
    again = open_proof(cells, proof.folder)
    assert again.reviewed.section(2)[:, 3:7].all()
    again.close()


@pytest.mark.parametrize(
    "window",
    [
        (slice(3, 4), ALL, ALL),
        (slice(0, 0), ALL, ALL),
        (slice(0, 1), ALL),
        (ALL, slice(-1, 5), ALL),
    ],
    ids=str,
)
def test_a_box_outside_or_empty_is_refused(cells, window):
    with pytest.raises(ValueError, match="does not lie inside labels of shape"):
        edits.review(Proof(cells), window)


def test_what_would_change_nothing_is_refused(cells):
    proof = Proof(cells)
    with pytest.raises(ValueError, match="No reviewed box lies there"):
        edits.unreview(proof, (ALL, ALL, ALL))
    proof.do(edits.review(proof, (ALL, ALL, ALL)))
    with pytest.raises(ValueError, match="reviewed already"):
        edits.review(proof, (slice(1, 2), ALL, ALL))
