"""What was reviewed as an annotation: all of it that is certain, and nothing of what nobody has looked at."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from scipy import ndimage

from napari_advseg import drain, read
from napari_advseg.examples.targets import targets
from napari_advseg.proofreading.afterwards.trusted import judged_blocks, write_judged, write_learnt
from napari_advseg.proofreading.editing import edits
from napari_advseg.proofreading.editing.boxes import size, within
from napari_advseg.proofreading.editing.proof import Proof
from napari_advseg.settings.examples import TargetSettings
from napari_advseg.volume.arrays.lazy import Windowed
from napari_advseg.volume.frame import Frame
from napari_advseg.volume.painted import BACKGROUND, BOUNDARY, is_painted, with_gaps
from napari_advseg.volume.volume import Volume

ALL = slice(None)
CELLS = np.repeat(np.repeat(np.arange(1, 13).reshape(1, 3, 4), 6, 1), 6, 2).repeat(3, 0)


class Watched(Windowed):
    """A thousand million voxels of label 7 that say how many of them were read."""

    shape = (1000, 1000, 1000)
    dtype = np.dtype(np.uint32)
    read_voxels = 0

    def read(self, window):
        lengths = [one.stop - one.start for one in window]
        self.read_voxels += int(np.prod(lengths))
        return np.full(lengths, 7, np.uint32)


KINDS = [
    TargetSettings(),
    TargetSettings(radius=2, widen=1),
    TargetSettings(kind="connectomics"),
    TargetSettings(kind="distance", distance=3),
    TargetSettings(kind="affinities"),
    TargetSettings(walls="volume"),
]


def proof_of(array):
    return Proof(Volume(np.ascontiguousarray(array), Frame("zyx"), kind="labels"))


def learnt(proof, folder, chosen=KINDS[0], zero="boundary", withheld=()):
    """The annotation as an array, 0 not annotated."""
    path = folder / f"learnt-{len(list(folder.iterdir()))}.ome.zarr"
    drain(write_learnt(proof, path, chosen, zero, withheld))
    return read(path).numpy()


def partition(ids):
    """Labels numbered in the order in which they come, so that equal partitions are equal."""
    _, first, place = np.unique(ids, return_index=True, return_inverse=True)
    order = np.argsort(np.argsort(first))
    return order[place].reshape(ids.shape)


def test_a_reviewed_section_is_learnt_whole_under_new_numbers(tmp_path):
    array = CELLS.astype(np.uint64) + np.uint64(2**63)
    array[:, 6, :] = 0
    proof = proof_of(array)
    proof.do(edits.review(proof, (slice(1, 2), ALL, ALL)))
    found = learnt(proof, tmp_path)
    assert not found[0].any()
    assert not found[2].any()
    np.testing.assert_array_equal(partition(found[1]), partition(array[1]))
    assert set(found[1, 6]) == {BOUNDARY}
    assert sorted(set(found[1].flat))[:12] == list(range(1, 13))
    assert set(learnt(proof, tmp_path, zero="background")[1, 6]) == {BACKGROUND}


def test_it_says_that_0_is_not_annotated(tmp_path):
    proof = proof_of(CELLS)
    proof.do(edits.review(proof, (slice(1, 2), ALL, ALL)))
    made = drain(write_learnt(proof, tmp_path / "a.ome.zarr", KINDS[0], "boundary"))
    volume = read(tmp_path / "a.ome.zarr")
    assert is_painted(volume.frame)
    assert (made.voxels, made.sections) == (18 * 24, (1,))


def test_an_object_marked_as_correct_is_learnt_with_its_wall(tmp_path):
    proof = proof_of(CELLS)
    proof.do(edits.mark(proof, points=[(0, 8, 8)]))
    found = learnt(proof, tmp_path)
    ring = np.zeros(CELLS.shape, bool)
    ring[:, 5:13, 5:13] = True
    np.testing.assert_array_equal(found > 0, ring)
    target = targets(with_gaps(Volume(found, Frame("zyx"))).numpy(), KINDS[0], "boundary")
    inside = np.zeros(CELLS.shape, bool)
    inside[:, 7:11, 7:11] = True
    np.testing.assert_array_equal((target.interior == 1) & ring, inside)


@pytest.mark.parametrize("chosen", KINDS, ids=lambda one: f"{one.kind} {one.walls} {one.widen}")
@settings(max_examples=25, deadline=None)
@given(
    labels=arrays.arrays(np.uint8, (3, 4, 4), elements=st.integers(0, 3)),
    box=st.tuples(*(st.tuples(st.integers(0, n - 2), st.integers(1, 8)) for n in (3, 12, 12))),
    is_marked=st.booleans(),
    withheld=st.sampled_from([(), (((0, 1), (0, 6), (0, 12)),)]),
)
def test_what_is_learnt_has_the_targets_of_all_labels_and_lies_where_somebody_looked(
    chosen, labels, box, is_marked, withheld, tmp_path_factory
):
    labels = labels.repeat(3, 1).repeat(3, 2)
    proof = proof_of(labels)
    window = tuple(
        slice(first, min(n, first + long))
        for (first, long), n in zip(box, labels.shape, strict=True)
    )
    proof.do(edits.review(proof, window))
    marked = np.zeros(labels.shape, bool)
    if is_marked and labels[1, 6, 6]:
        proof.do(edits.mark(proof, points=[(1, 6, 6)]))
        marked = labels == labels[1, 6, 6]
    folder = tmp_path_factory.mktemp("trusted")
    try:
        found = learnt(proof, folder, chosen, "background", withheld)
    except ValueError:  # nothing is certain
        found = np.zeros(labels.shape, np.uint32)
    reach = ndimage.maximum_filter(marked, 2 * (chosen.radius + chosen.widen) + 1)
    seen = (proof.reviewed.numpy() > 0) | reach
    assert not found[~seen].any()
    assert not (withheld and found[0, :6].any())
    own = targets(with_gaps(Volume(found, Frame("zyx"))).numpy(), chosen, "background")
    whole = targets(labels.astype(np.int64), chosen, "background")
    known = own.weight > 0
    np.testing.assert_array_equal(own.interior[known], whole.interior[known])


def test_tiles_leave_no_seam(tmp_path, monkeypatch):
    draw = np.random.default_rng(0)
    array = np.kron(draw.integers(0, 9, (3, 5, 6)), np.ones((1, 4, 4), int))
    proof = proof_of(array)
    proof.do(edits.review(proof, (slice(0, 2), slice(3, 17), slice(2, 20))))
    proof.do(edits.mark(proof, ids=[int(array[2].max())]))
    whole = learnt(proof, tmp_path)
    monkeypatch.setattr("napari_advseg.proofreading.afterwards.trusted.TILE", (1, 5, 7))
    tiled = learnt(proof, tmp_path)
    np.testing.assert_array_equal(tiled > 0, whole > 0)
    np.testing.assert_array_equal(partition(tiled), partition(whole))


def test_of_a_large_store_only_reviewed_boxes_are_read(tmp_path):
    watched = Watched()
    proof = Proof(Volume(watched, Frame("zyx"), kind="labels"))
    proof.do(edits.review(proof, (slice(500, 501), slice(100, 300), slice(0, 200))))
    drain(write_learnt(proof, tmp_path / "learnt.ome.zarr", KINDS[0], "boundary"))
    drain(write_judged(proof, tmp_path / "judged.ome.zarr", "boundary", proof.boxes))
    assert watched.read_voxels < 2.2 * 200 * 200


def test_nothing_reviewed_or_all_withheld_is_refused(tmp_path):
    proof = proof_of(CELLS)
    with pytest.raises(ValueError, match=r"Nothing is reviewed.*mark objects as correct"):
        learnt(proof, tmp_path)
    proof.do(edits.review(proof, (slice(1, 2), ALL, ALL)))
    with pytest.raises(ValueError, match="Nothing is reviewed"):
        learnt(proof, tmp_path, withheld=proof.boxes)


def test_what_is_judged_by_is_all_that_is_reviewed_there(tmp_path):
    proof = proof_of(CELLS)
    proof.do(edits.review(proof, (slice(0, 2), ALL, ALL)))
    proof.do(edits.unreview(proof, (slice(1, 2), slice(0, 3), ALL)))
    block = ((1, 2), (0, 18), (0, 24))
    drain(write_judged(proof, tmp_path / "j.ome.zarr", "boundary", (block,)))
    found = read(tmp_path / "j.ome.zarr").numpy()
    assert not found[[0, 2]].any()
    assert not found[1, :3].any()
    np.testing.assert_array_equal(partition(found[1, 3:]), partition(CELLS[1, 3:]))


class TestBlocks:
    def test_the_last_sections_are_withheld_together(self):
        judged = judged_blocks((((0, 10), (0, 9), (0, 9)),))
        assert judged.is_withheld
        assert judged.blocks == (((8, 10), (0, 9), (0, 9)),)

    def test_a_single_section_is_both(self):
        boxes = (((4, 5), (0, 9), (0, 9)),)
        judged = judged_blocks(boxes)
        assert (judged.blocks, judged.is_withheld) == (boxes, False)

    def test_one_of_two_is_withheld(self):
        judged = judged_blocks((((4, 5), (0, 9), (0, 9)), ((2, 3), (0, 9), (0, 9))))
        assert judged.blocks == (((4, 5), (0, 9), (0, 9)),)

    @settings(max_examples=60, deadline=None)
    @given(
        st.lists(st.tuples(st.integers(0, 30), st.integers(1, 5)), min_size=1, max_size=6),
        st.booleans(),
    )
    def test_a_fifth_at_least_and_never_all(self, spans, is_flat):
        boxes, at = [], 0
        for gap, long in spans:
            boxes.append(((at + gap, at + gap + long), (0, 4), (0, 3 + gap % 2)))
            at += gap + long
        if is_flat:
            boxes = [(box[0], box[2]) for box in boxes]
        judged = judged_blocks(tuple(boxes))
        assert all(size(within(boxes, one)) == size([one]) for one in judged.blocks)
        if judged.is_withheld:
            assert 0.2 * size(boxes) <= size(judged.blocks) < size(boxes) or len(spans) == 2
            assert judged.blocks == tuple(sorted(judged.blocks))
        else:
            assert size(judged.blocks) == size(boxes)
