"""Single edits: what they change, what they leave, what they refuse."""

from __future__ import annotations

import numpy as np
import pytest

from napari_advseg.proofreading.editing import edits
from napari_advseg.proofreading.editing.proof import Proof, Stale
from napari_advseg.volume.frame import Frame
from napari_advseg.volume.volume import Volume

ALL = slice(0, 1), slice(0, 9)


def proof_of(array, scale=(40.0, 4.0, 6.0)):
    array = np.asarray(array)
    frame = Frame("zyx"[3 - array.ndim :], scale[3 - array.ndim :])
    return Proof(Volume(array, frame, kind="labels"), author="Ada")


@pytest.fixture
def row():
    """Nine pixels: two cells, a gap, a third one."""
    return proof_of([[1, 1, 1, 2, 2, 0, 3, 3, 3]])


def shown(proof):
    return proof.labels[...].reshape(-1).tolist()


class TestMerge:
    def test_the_first_label_is_kept_and_no_voxel_is_written(self, row):
        step = row.do(edits.merge(row, points=[(0, 8), (0, 0), (0, 4)]), "one cell")
        assert shown(row) == [3, 3, 3, 3, 3, 0, 3, 3, 3]
        assert (step.ids, step.voxels, step.patches) == ((3, 1, 2), 0, ())
        assert step.points == ((0, 8), (0, 0), (0, 4))
        assert (step.author, step.reason) == ("Ada", "one cell")
        assert step.time

    def test_labels_may_be_named_instead(self, row):
        row.do(edits.merge(row, ids=[2, 3]))
        assert shown(row) == [1, 1, 1, 2, 2, 0, 2, 2, 2]

    @pytest.mark.parametrize(
        ("named", "why"),
        [
            ({"points": [(0, 0), (0, 2)]}, "click into two objects"),
            ({"points": [(0, 0), (0, 5)]}, "no object"),
            ({"ids": [1, 2], "points": [(0, 0)]}, "one place for each"),
            ({}, "No object is named"),
        ],
    )
    def test_what_is_no_pair_is_refused(self, row, named, why):
        with pytest.raises(ValueError, match=why):
            edits.merge(row, **named)


class TestSplit:
    def test_the_wall_of_a_map_decides(self):
        proof = proof_of(np.full((1, 3, 9), 4))
        interior_map = np.ones((1, 3, 9), np.float32)
        interior_map[..., 2] = 0.2
        step = edits.split(proof, [[(0, 1, 0)], [(0, 1, 8)]], interior_map)
        assert (proof.labels[...] == 4).all()  # a preview changes nothing
        proof.do(step)
        found = proof.labels[...]
        assert set(found[..., :2].flat) == {5}  # the smaller part is the new one
        assert set(found[..., 3:].flat) == {4}
        assert step.ids == (4, 5)
        assert step.box[2][0] == 0
        assert step.box[2][1] <= 3

    def test_bytes_are_a_map_too(self):
        proof = proof_of(np.full((3, 9), 4))
        interior_map = np.full((3, 9), 255, np.uint8)
        interior_map[:, 6] = 30
        proof.do(edits.split(proof, [[(1, 0)], [(1, 8)]], interior_map))
        assert set(proof.labels[:, 7:].flat) == {5}

    def test_without_a_map_an_object_is_split_where_it_is_thin(self):
        array = np.zeros((9, 21), np.uint32)
        array[:, :9] = array[:, 12:] = array[4] = 3
        proof = proof_of(array)
        proof.do(edits.split(proof, [[(2, 3)], [(6, 18)]]))
        left, right = proof.labels[:, :9], proof.labels[:, 12:]
        assert len(np.unique(left)) == len(np.unique(right)) == 1
        assert left[0, 0] != right[0, 0]

    @pytest.mark.parametrize(("section_nm", "seed"), [(40.0, 1), (4.0, 0)])
    def test_flat_places_are_shared_by_distance_as_the_voxel_size_has_it(self, section_nm, seed):
        """(1, 0, 2) is a section and two pixels from one seed, eight pixels from the other."""
        proof = proof_of(np.full((2, 1, 11), 2), (section_nm, 4.0, 4.0))
        seeds = (0, 0, 0), (1, 0, 10)
        flat = np.ones((2, 1, 11), np.float32)
        proof.do(edits.split(proof, [[seeds[0]], [seeds[1]]], flat))
        assert proof.labels.at((1, 0, 2)) == proof.labels.at(seeds[seed])

    def test_several_seeds_and_colours_and_a_part_without_seed(self):
        proof = proof_of([[1, 1, 1, 1, 1, 1, 0, 1, 1]])
        step = proof.do(edits.split(proof, [[(0, 0)], [(0, 2), (0, 3)], [(0, 5)]]))
        assert len(step.ids) == 3
        found = shown(proof)
        assert found[2] == found[3]
        assert len({found[0], found[2], found[5]}) == 3
        assert found[7:] == [1, 1]

    def test_parts_of_one_label_that_do_not_touch_are_told_apart(self):
        proof = proof_of([[1, 1, 1, 0, 1, 1]])
        proof.do(edits.split(proof, [[(0, 0)], [(0, 5)]]))
        assert shown(proof) == [1, 1, 1, 0, 2, 2]

    def test_one_section_can_be_split_alone(self):
        proof = proof_of(np.full((3, 1, 6), 1))
        within = slice(1, 2), slice(0, 1), slice(0, 6)
        proof.do(edits.split(proof, [[(1, 0, 0)], [(1, 0, 5)]], within=within))
        assert set(proof.labels[0].flat) == set(proof.labels[2].flat) == {1}
        assert set(proof.labels[1].flat) == {1, 2}

    def test_a_given_surface_is_followed(self, row):
        pieces = np.array([[1, 2, 2]])
        row.do(edits.split_along(row, (slice(0, 1), slice(0, 3)), pieces))
        assert shown(row)[:3] == [4, 1, 1]

    @pytest.mark.parametrize(
        ("seeds", "why"),
        [
            ([[(0, 0)]], "two colours"),
            ([[(0, 0)], []], "two colours"),
            ([[(0, 0)], [(0, 4)]], "several objects"),
            ([[(0, 5)], [(0, 5)]], "no object"),
            ([[(0, 0)], [(0, 0)]], "has two colours"),
            ([[(0, 0)], [(0, 99)]], "outside"),
        ],
    )
    def test_seeds_that_divide_nothing_are_refused(self, row, seeds, why):
        with pytest.raises(ValueError, match=why):
            edits.split(row, seeds)

    def test_a_map_of_another_shape_is_refused(self, row):
        with pytest.raises(ValueError, match=r"\(2, 9\).*\(1, 9\)"):
            edits.split(row, [[(0, 0)], [(0, 2)]], np.ones((2, 9), np.float32))

    def test_pieces_in_several_objects_are_refused(self, row):
        with pytest.raises(ValueError, match="several objects"):
            edits.split_along(row, ALL, np.array([[1, 1, 1, 2, 2, 0, 0, 0, 0]]))


class TestPaint:
    def test_painting_erasing_and_protecting(self, row):
        row.do(edits.paint(row, (slice(0, 1), slice(4, 7)), None, 1, only_empty=True))
        assert shown(row) == [1, 1, 1, 2, 2, 1, 3, 3, 3]
        row.do(edits.erase(row, (slice(0, 1), slice(1, 5)), label=2))
        assert shown(row) == [1, 1, 1, 0, 0, 1, 3, 3, 3]
        step = row.do(edits.paint_at(row, ([0, 0], [-1, 3]), 2**63 + 1))
        assert shown(row) == [1, 1, 1, 2**63 + 1, 0, 1, 3, 3, 2**63 + 1]
        assert step.operation == "paint"
        assert step.box == ((0, 1), (3, 9))

    def test_an_object_is_known_by_a_voxel_it_had(self, row):
        window = slice(0, 1), slice(5, 6)
        assert edits.paint(row, window, None, 3).points == ((0, 6),)
        assert edits.paint(row, window, None, 9).points == ()

    def test_what_changes_nothing_is_refused(self, row):
        with pytest.raises(ValueError, match="Nothing would change"):
            edits.paint(row, (slice(0, 1), slice(0, 3)), None, 1)
        with pytest.raises(ValueError, match="no place"):
            edits.paint_at(row, ([], []), 1)
        with pytest.raises(ValueError, match="is no label"):
            edits.paint(row, ALL, None, -1)


class TestFill:
    def ring(self):
        array = np.zeros((3, 7, 9), np.uint32)
        array[:, 1:6, 1:6] = 3
        array[1, 3, 3] = 0
        array[:, :, 7:] = 4
        return array

    def test_a_hole_gets_the_label_around_it(self):
        proof = proof_of(self.ring())
        proof.do(edits.fill(proof, (1, 3, 3)))
        assert proof.labels.at((1, 3, 3)) == 3
        assert proof.steps[0].voxels == 1

    def test_a_tunnel_is_a_hole_of_its_section(self):
        array = self.ring()
        array[:, 3, 3] = 0
        proof = proof_of(array)
        with pytest.raises(ValueError, match="open to the border"):
            edits.fill(proof, (1, 3, 3))
        proof.do(edits.fill(proof, (1, 3, 3), in_section=True))
        assert proof.labels[:, 3, 3].tolist() == [0, 3, 0]

    def test_of_several_objects_one_is_named(self):
        array = np.ones((5, 5), int)
        array[:, 3:] = 2
        array[2, 2] = 0
        proof = proof_of(array)
        with pytest.raises(ValueError, match="between the objects 1, 2"):
            edits.fill(proof, (2, 2))
        with pytest.raises(ValueError, match="does not touch"):
            edits.fill(proof, (2, 2), 9)
        proof.do(edits.fill(proof, (2, 2), 2))
        assert proof.labels.at((2, 2)) == 2

    def test_an_object_is_no_hole(self):
        with pytest.raises(ValueError, match="lies object 3"):
            edits.fill(proof_of(self.ring()), (1, 2, 2))


class TestLocked:
    def test_nothing_changes_a_marked_object_until_it_is_unmarked(self, row):
        row.do(edits.mark(row, points=[(0, 0)]))
        for make in (
            lambda: edits.merge(row, ids=[2, 1]),
            lambda: edits.split(row, [[(0, 0)], [(0, 2)]]),
            lambda: edits.delete(row, ids=[1]),
            lambda: edits.renew(row, (0, 0)),
            lambda: edits.paint(row, ALL, None, 1),
            lambda: edits.mark(row, ids=[1]),
        ):
            with pytest.raises(ValueError, match="Object 1 is marked as correct"):
                make()
        row.do(edits.paint(row, ALL, None, 9))
        assert shown(row) == [1, 1, 1, 9, 9, 9, 9, 9, 9]
        row.do(edits.unmark(row, ids=[1]))
        row.do(edits.delete(row, ids=[1]))
        for _ in range(2):
            row.undo()
        assert row.locked == {1}

    def test_an_edit_prepared_before_is_refused(self, row):
        step = edits.delete(row, ids=[2])
        row.do(edits.mark(row, ids=[2]))
        with pytest.raises(ValueError, match="marked as correct"):
            row.do(step)

    def test_what_is_not_marked_cannot_be_unmarked(self, row):
        with pytest.raises(ValueError, match="not marked"):
            edits.unmark(row, ids=[2])


def test_an_edit_prepared_for_labels_that_changed_since_is_refused(row):
    step = edits.paint(row, ALL, None, 9)
    row.do(edits.erase(row, ALL))
    with pytest.raises(Stale, match="prepare it again"):
        row.do(step)


def test_one_part_of_a_label_becomes_an_object(row):
    row.do(edits.merge(row, ids=[1, 3]))
    step = row.do(edits.renew(row, (0, 7)))
    assert shown(row) == [1, 1, 1, 2, 2, 0, 4, 4, 4]
    assert step.ids == (4, 1)


def test_undo_says_what_it_undid_and_an_edit_after_it_ends_the_redo(row):
    assert row.undo() is None
    first = row.do(edits.delete(row, ids=[1]))
    assert row.undo() is first
    assert row.can_redo == 1
    row.do(edits.delete(row, ids=[2]))
    assert row.redo() is None
    assert shown(row) == [1, 1, 1, 0, 0, 0, 3, 3, 3]


def test_labels_of_other_axes_are_refused():
    with pytest.raises(ValueError, match="tzyx"):
        Proof(Volume(np.zeros((2, 2, 2, 2), int), Frame("tzyx")))
