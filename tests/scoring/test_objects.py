"""Whole objects: matching, joining, outlines, against definitions written out plainly."""

import itertools
import json

import numpy as np
import pytest
import zarr
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.optimize import linear_sum_assignment
from scipy.spatial.distance import cdist

import napari_advseg as advseg
from napari_advseg.scoring.measures.average_precision import average_precision
from napari_advseg.scoring.measures.objects import object_score
from napari_advseg.scoring.measures.overlaps import Instances, compare_boxes, compare_masks
from napari_advseg.settings.scoring import ObjectSettings, ScoringSettings
from napari_advseg.volume.frame import Frame
from napari_advseg.volume.volume import Volume

stacks = arrays(np.uint16, (2, 6, 7), elements=st.integers(0, 4))
dense = arrays(np.uint16, (2, 6, 7), elements=st.integers(1, 4))
ious = st.sampled_from([0.05, 0.2, 0.3, 0.5, 0.7, 1.0])
GROWN = ("touching", "joined", "open_boundary_rate")
AS_IS = {"boundary": "count", "border": 0, "zero": "background"}


def cells(shape=(40, 60), count=12, seed=0):
    """A Voronoi map without 0."""
    rng = np.random.default_rng(seed)
    points = rng.uniform(0, shape, (count, 2))
    grid = np.stack(np.mgrid[: shape[0], : shape[1]], -1)[:, :, None]
    return (((grid - points) ** 2).sum(-1).argmin(-1) + 1).astype(np.int32)


def walled(labels, reach=1):
    """The same map with 0 drawn on its walls."""
    out = labels.copy()
    for axis in (-2, -1):
        one, other = np.moveaxis(labels, axis, 0), np.moveaxis(out, axis, 0)
        for step in range(1, reach + 1):
            differ = one[step:] != one[:-step]
            other[step:][differ] = 0
            other[:-step][differ] = 0
    return out


def ids_of(labels):
    return [int(one) for one in np.unique(labels) if one]


def ious_of(labels, truth):
    """Every labelled with every true object."""
    return np.array(
        [
            [
                ((labels == p) & (truth == t)).sum() / ((labels == p) | (truth == t)).sum()
                for t in ids_of(truth)
            ]
            for p in ids_of(labels)
        ]
    ).reshape(len(ids_of(labels)), len(ids_of(truth)))


def best_matching(table, least):
    """Most pairs first, then most overlap; dense and exhaustive."""
    worth = np.where(table >= least, 1000 + table, 0)
    chosen = linear_sum_assignment(worth, maximize=True)
    overlaps = [float(one) for one in table[chosen] if one >= least]
    return len(overlaps), sum(overlaps)


class TestMatching:
    @given(dense)
    @settings(deadline=None, max_examples=15)
    def test_labels_against_themselves_are_perfect(self, labels):
        for by in ("section", "volume"):
            measured = object_score(labels, labels, by=by, border=0, ious="0.5:1")
            assert all(one.f1 == one.mean_iou == one.panoptic_quality == 1 for one in measured.at)
            assert measured.object_dice == 1
            assert measured.count_error == measured.joined == 0
            assert measured.masks.ap == measured.boxes.ap50 == 1

    @given(stacks, stacks, ious)
    @settings(deadline=None, max_examples=60)
    def test_a_volume_is_matched_as_by_trying_everything(self, labels, truth, iou):
        measured = object_score(labels, truth, by="volume", ious=iou, **AS_IS)
        pairs, total = best_matching(ious_of(labels, truth), iou)
        found, true = len(ids_of(labels)), len(ids_of(truth))
        (at,) = measured.at
        assert (measured.labelled_objects, measured.true_objects) == (found, true)
        assert at.matched == pairs
        assert at.precision == (pairs / found if found else None)
        assert at.recall == (pairs / true if true else None)
        assert at.f1 == (2 * pairs / (found + true) if found + true else None)
        assert at.mean_iou == (pytest.approx(total / pairs) if pairs else None)
        if found + true:
            assert at.panoptic_quality == pytest.approx(2 * total / (found + true))

    def test_by_hand(self):
        truth = np.array([[1, 1, 1, 1, 2, 2, 3, 3]])
        labels = np.array([[7, 7, 7, 8, 8, 8, 0, 0]])
        measured = object_score(labels, truth, ious=(0.7, 0.5), **AS_IS)
        half, high = measured.at
        assert (half.iou, half.matched, half.precision, half.recall) == (0.5, 2, 1, 2 / 3)
        assert half.mean_iou == pytest.approx((3 / 4 + 2 / 3) / 2)
        assert half.f1 == 4 / 5
        assert (high.matched, high.precision, high.f1) == (1, 0.5, 0.4)
        assert measured.count_error == 1

    def test_an_object_cut_into_halves_is_found_once(self):
        truth = np.ones((4, 4), int)
        labels = truth.copy()
        labels[2:] = 2
        (at,) = object_score(labels, truth, border=0).at
        assert (at.matched, at.precision, at.recall) == (1, 0.5, 1)

    def test_the_most_pairs_are_matched_not_the_greediest(self):
        truth = np.array([[1] * 6 + [2] * 4])
        labels = np.array([[1] * 2 + [2] * 8])
        assert object_score(labels, truth, ious=0.3, **AS_IS).at[0].matched == 2

    @given(stacks, stacks)
    @settings(deadline=None, max_examples=20)
    def test_sections_are_counted_one_by_one_and_pooled(self, labels, truth):
        measured = object_score(labels, truth)
        alone = [object_score(a, b) for a, b in zip(labels, truth, strict=True)]
        assert [one.values() for one in measured.sections] == [one.values() for one in alone]
        for name in ("true_objects", "labelled_objects", "count_error", "touching", "joined"):
            assert getattr(measured, name) == sum(getattr(one, name) for one in alone)
        found = sum(one.at[0].matched for one in alone)
        assert measured.at[0].matched == found
        if measured.true_objects:
            assert measured.at[0].recall == found / measured.true_objects

    def test_too_many_in_one_section_do_not_make_up_for_too_few_in_another(self):
        truth = np.stack([cells(), cells()])
        labels = truth.copy()
        labels[0][labels[0] == 1] = 2
        labels[1, 30:, 50:] = 99
        measured = object_score(labels, truth)
        assert measured.true_objects == measured.labelled_objects
        assert measured.count_error == 2

    @given(stacks, stacks, st.permutations(range(1, 5)), st.permutations(range(1, 5)))
    @settings(deadline=None, max_examples=20)
    def test_renumbering_and_flipping_change_nothing(self, labels, truth, new, new_true):
        names, true_names = np.array([0, *new]), np.array([0, *new_true])
        for changed in (
            (names[labels], true_names[truth]),
            (labels[:, ::-1, ::-1], truth[:, ::-1, ::-1]),
        ):
            plain = object_score(labels, truth, ious="0.2,0.5", **AS_IS).values()
            other = object_score(*changed, ious="0.2,0.5", **AS_IS).values()
            for name, value in plain.items():
                if name == "at":
                    assert other[name] == [pytest.approx(one) for one in value]
                elif name in GROWN and not truth.all():
                    continue  # a 0 as near to two objects goes to either
                elif name != "average_precision":  # equal scores rank by number
                    assert other[name] == pytest.approx(value)


class TestTouching:
    @given(stacks, stacks, st.sampled_from(["section", "volume"]))
    @settings(deadline=None, max_examples=60)
    def test_pairs_are_those_of_the_definition(self, labels, truth, by):
        measured = object_score(labels, truth, by=by, tolerance=0, **AS_IS)
        groups = [(labels, truth)] if by == "volume" else [*zip(labels, truth, strict=True)]
        pairs = [(a, b, pair) for a, b in groups for pair in contacts(b)]
        assert measured.touching == len(pairs)
        assert measured.joined == sum(holds_both(*one) for one in pairs)
        rate = measured.joined / len(pairs) if pairs else None
        assert measured.open_boundary_rate == rate

    def test_a_wall_does_not_keep_neighbours_apart(self):
        dense, truth = cells((80, 120)), walled(cells((80, 120)), 2)
        touching = object_score(dense, dense).touching
        assert abs(object_score(dense, truth).touching - touching) <= 1
        assert touching > 15

    def test_across_background_neighbours_touch_within_the_tolerance(self):
        truth = np.zeros((9, 24), int)
        truth[2:7, 2:9], truth[2:7, 13:20] = 1, 2
        labels = (truth > 0).astype(int)
        for tolerance, touching in ((0, 0), (1, 0), (2, 1), (3, 1)):
            measured = object_score(labels, truth, tolerance=tolerance, **AS_IS)
            assert (measured.touching, measured.joined) == (touching, touching)

    def test_a_gap_opens_a_boundary_and_a_wall_drawn_closes_it(self):
        truth = np.ones((20, 40), int)
        truth[:, 20:] = 2
        assert object_score(np.ones_like(truth), truth).open_boundary_rate == 1
        assert object_score(walled(truth), truth).open_boundary_rate == 0

    def test_a_label_that_holds_half_of_one_joins_nothing(self):
        truth = np.array([[1] * 4 + [2] * 4])
        labels = np.array([[5] * 2 + [6] * 6])
        assert object_score(labels, truth, border=0).joined == 0
        labels[0, 1] = 6
        assert object_score(labels, truth, border=0).joined == 1

    def test_along_z_only_by_volume(self):
        truth = np.ones((2, 5, 5), int)
        truth[1] = 2
        labels = np.ones_like(truth)
        assert object_score(labels, truth).touching == 0
        measured = object_score(labels, truth, by="volume")
        assert (measured.touching, measured.joined) == (1, 1)

    def test_objects_under_the_border_are_left_out(self):
        truth = np.ones((9, 20), int)
        truth[:, 10] = 2
        truth[:, 11:] = 3
        measured = object_score(truth, truth, border=1)
        assert (measured.true_objects, measured.touching) == (2, 0)
        assert object_score(truth, truth, border=0).touching == 2


def contacts(truth):
    """Pairs of different ids with a face in common."""
    found = set()
    for axis in range(truth.ndim):
        one, other = (
            np.moveaxis(truth, axis, 0)[part] for part in (slice(None, -1), slice(1, None))
        )
        for a, b in zip(one.ravel().tolist(), other.ravel().tolist(), strict=True):
            if a and b and a != b:
                found.add((min(a, b), max(a, b)))
    return found


def holds_both(labels, truth, pair):
    """Whether one label holds more than half of each of the two true objects."""
    return any(
        all(2 * ((labels == one) & (truth == t)).sum() > (truth == t).sum() for t in pair)
        for one in ids_of(labels)
    )


def changes(section):
    """Places of the pixels with a 4-neighbour of another id."""
    places = []
    for y, x in np.ndindex(section.shape):
        around = [(y - 1, x), (y + 1, x), (y, x - 1), (y, x + 1)]
        inside = [
            (b, a) for b, a in around if 0 <= b < section.shape[0] and 0 <= a < section.shape[1]
        ]
        if any(section[one] != section[y, x] for one in inside):
            places.append((y, x))
    return np.array(places, float).reshape(-1, 2)


class TestOutlines:
    @given(stacks, stacks, st.integers(0, 3))
    @settings(deadline=None, max_examples=40)
    def test_boundaries_are_compared_as_by_all_distances(self, labels, truth, tolerance):
        measured = object_score(labels, truth, tolerance=tolerance, **AS_IS)
        right = seen = found = true = 0
        for a, b in zip(map(changes, labels), map(changes, truth), strict=True):
            away = cdist(a, b) if len(a) and len(b) else np.full((len(a), len(b)), np.inf)
            found, true = found + len(a), true + len(b)
            right += int((away.min(1, initial=np.inf) <= tolerance).sum())
            seen += int((away.min(0, initial=np.inf) <= tolerance).sum())
        assert measured.boundary_precision == (right / found if found else None)
        assert measured.boundary_recall == (seen / true if true else None)
        if right and seen:
            expected = 2 / (found / right + true / seen)
            assert measured.boundary_f1 == pytest.approx(expected)

    def test_a_boundary_may_be_as_far_off_as_the_tolerance(self):
        truth = np.ones((20, 30), int)
        truth[:, 15:] = 2
        labels = np.roll(truth, 3, 1)
        labels[:, :3] = 1
        assert object_score(labels, truth, tolerance=3).boundary_f1 == 1
        assert object_score(labels, truth, tolerance=2).boundary_f1 == 0.5
        assert object_score(labels, truth, tolerance=1).boundary_f1 == 0

    def test_walls_of_any_width_are_grown_to_one_line(self):
        truth = cells()
        for boundary in ("thin", "ignore"):
            measured = object_score(walled(truth, 2), walled(truth, 1), boundary=boundary)
            assert measured.boundary_f1 > 0.99
        assert object_score(walled(truth, 3), truth, boundary="count").boundary_precision < 0.9

    def test_a_section_without_truth_has_no_boundaries(self):
        truth = np.stack([cells(), np.zeros((40, 60), np.int32)])
        measured = object_score(np.stack([cells(), cells(seed=1)]), truth)
        assert measured.boundary_f1 == 1
        assert measured.sections[1].boundary_f1 is None


class TestDice:
    @given(stacks, stacks)
    @settings(deadline=None, max_examples=40)
    def test_a_section_is_measured_as_for_glands(self, labels, truth):
        measured = object_score(labels[0], truth[0], **AS_IS).object_dice
        both = [one_way(labels[0], truth[0]), one_way(truth[0], labels[0])]
        if None not in both:
            assert measured == pytest.approx(sum(both) / 2)
        else:
            assert measured == (None if both == [None, None] else 0)

    def test_a_small_object_weighs_little(self):
        truth = np.ones((10, 10), int)
        truth[0, 0] = 2
        assert object_score(
            np.where(truth == 1, 1, 0), truth, **AS_IS
        ).object_dice == pytest.approx((99 / 100 + 1) / 2)


def one_way(labels, truth):
    """Mean over the true objects, weighted by size, of Dice with the label that overlaps most."""
    total = weights = 0.0
    for t in ids_of(truth):
        mask = truth == t
        inside = [(int((labels[mask] == p).sum()), p) for p in ids_of(labels[mask])]
        most = max(inside)[0] if inside else 0
        dice = [2 * n / (mask.sum() + (labels == p).sum()) for n, p in inside if n == most]
        total, weights = total + mask.sum() * max(dice, default=0), weights + mask.sum()
    return total / weights if weights else None


class TestAveragePrecision:
    @given(stacks, stacks, arrays(np.float32, (2, 6, 7), elements=st.floats(0, 1, width=32)))
    @settings(deadline=None, max_examples=30)
    def test_sections_are_images_and_objects_masks(self, labels, truth, values):
        measured = object_score(labels, truth, probabilities=values, **AS_IS)
        pairs = [
            (masks_of(a, v), masks_of(b)) for a, b, v in zip(labels, truth, values, strict=True)
        ]
        assert measured.masks == average_precision([compare_masks(*pair) for pair in pairs])
        assert measured.boxes == average_precision([compare_boxes(*pair) for pair in pairs])

    def test_a_volume_is_one_image_with_boxes_in_three_axes(self):
        truth = np.zeros((4, 8, 8), int)
        truth[:2, :4, :4] = 1
        truth[2:, 4:, 4:] = 2
        labels = truth.copy()
        labels[0] = 0
        measured = object_score(labels, truth, by="volume", **AS_IS)
        assert measured.masks.ap50 == measured.boxes.ap50 == 1
        assert measured.boxes.ap75 == pytest.approx(51 / 101 / 2)
        assert measured.boxes == measured.masks

    def test_a_wrong_object_costs_less_where_the_map_doubts_it(self):
        truth = np.zeros((10, 20), int)
        truth[:4, :4] = 1
        labels = truth.copy()
        labels[6:, 10:] = 2
        doubt = np.where(labels == 2, 0.6, 0.9)
        assert object_score(labels, truth, probabilities=doubt, **AS_IS).masks.ap == 1
        assert object_score(labels, truth, probabilities=1 - doubt, **AS_IS).masks.ap == 0.5

    def test_objects_beyond_the_limit_are_named(self):
        truth = np.arange(1, 37).reshape(6, 6)
        measured = object_score(truth, truth, detections=9, border=0)
        assert measured.masks.ap == pytest.approx(26 / 101)
        assert (measured.masks.detections, measured.masks.left_out) == (9, 27)


def masks_of(labels, values=None):
    masks = [labels == one for one in ids_of(labels)]
    scores = None
    if values is not None:
        scores = [values[mask].astype(np.float64).mean() for mask in masks]
    return Instances(masks=masks, scores=scores)


class TestNothingToMeasure:
    @pytest.mark.parametrize("boundary", ["thin", "ignore", "count"])
    @pytest.mark.parametrize("by", ["section", "volume"])
    def test_an_empty_truth_has_no_score(self, boundary, by):
        labels = np.ones((2, 5, 5), int)
        measured = object_score(labels, np.zeros_like(labels), boundary=boundary, by=by)
        assert nothing(measured)

    @pytest.mark.parametrize("by", ["section", "volume"])
    def test_no_labels_miss_everything(self, by):
        truth = np.stack([cells(), cells()])
        for boundary in ("thin", "count"):
            measured = object_score(np.zeros_like(truth), truth, boundary=boundary, by=by)
            (at,) = measured.at
            assert (at.matched, at.recall, at.f1, at.panoptic_quality) == (0, 0, 0, 0)
            assert at.precision is None
            assert at.mean_iou is None
            assert (measured.object_dice, measured.open_boundary_rate) == (0, 0)
            assert (measured.masks.ap, measured.boxes.ap50) == (0, 0)
        assert nothing(object_score(np.zeros_like(truth), truth, boundary="ignore", by=by), lines=0)

    def test_one_label_for_everything_joins_everything(self):
        truth = cells()
        measured = object_score(np.full_like(truth, 9), truth)
        assert measured.open_boundary_rate == 1
        assert (measured.at[0].matched, measured.boundary_recall, measured.boundary_f1) == (0, 0, 0)
        assert measured.boundary_precision is None

    def test_objects_found_where_nothing_is_true(self):
        measured = object_score(cells(), np.zeros((40, 60), int), **AS_IS)
        (at,) = measured.at
        assert (at.precision, at.f1, measured.object_dice, measured.boundary_f1) == (0, 0, 0, 0)
        assert at.recall is None
        assert measured.masks.ap is None
        assert measured.count_error == 12

    def test_one_object_alone_has_no_neighbour_and_no_boundary(self):
        one = np.ones((1, 1, 1), int)
        measured = object_score(one, one)
        assert measured.at[0].f1 == measured.object_dice == 1
        assert measured.open_boundary_rate is None
        assert measured.boundary_f1 is None

    @pytest.mark.parametrize("by", ["section", "volume"])
    @pytest.mark.parametrize("shape", [(0, 4, 4), (2, 0, 4), (1, 1, 0)])
    def test_an_empty_stack(self, shape, by):
        none = np.zeros(shape, int)
        assert nothing(object_score(none, none, by=by, probabilities=none))

    def test_every_answer_is_plain_json(self):
        truth = cells()
        for labels in (np.zeros_like(truth), np.full_like(truth, 9), walled(truth)):
            for kind in ({}, AS_IS, {"by": "volume"}):
                tree = object_score(labels, truth, ious="0.5:0.95", **kind).to_json()
                assert json.loads(json.dumps(tree, allow_nan=False)) == tree or "classes" in str(
                    tree
                )
                assert {"at", "open_boundary_rate", "average_precision", "sections"} <= set(tree)
                assert tree["settings"]["tolerance"] == 2


def nothing(measured, lines=None):
    """Whether no object is counted and every share is None."""
    tree = measured.values()
    shares = [tree[name] for name in ("object_dice", "open_boundary_rate")]
    shares += [
        value for one in tree["at"] for name, value in one.items() if name not in ("iou", "matched")
    ]
    shares += [measured.masks.ap, measured.boxes.ap_small]
    counts = (
        measured.true_objects,
        measured.labelled_objects,
        measured.count_error,
        measured.touching,
    )
    return not any(counts) and set(shares) == {None} and measured.boundary_f1 == lines


class TestInput:
    def test_shapes_that_differ_are_both_named(self):
        with pytest.raises(ValueError, match=r"\(4, 5\).*\(5, 4\)"):
            object_score(np.ones((4, 5), int), np.ones((5, 4), int))

    def test_voxel_sizes_that_differ_are_both_named(self):
        truth = Volume(cells(), Frame("yx", (4.0, 6.0), ("nanometer",) * 2))
        labels = Volume(cells(), Frame("yx", (8.0, 6.0), ("nanometer",) * 2))
        with pytest.raises(ValueError, match=r"8\.0.*4\.0.*resample"):
            object_score(labels, truth)

    @pytest.mark.parametrize("wrong", [-1, 0.5, np.nan])
    def test_what_is_no_id_is_refused(self, wrong):
        for pair in itertools.permutations([np.ones((4, 4)) * wrong, np.ones((4, 4), int)]):
            with pytest.raises(ValueError, match="0 or positive"):
                object_score(*pair)

    def test_the_type_and_size_of_the_ids_does_not_matter(self):
        truth, labels = cells(), cells(seed=1)
        expected = object_score(labels, truth)
        for kind in ("u1", "i2", ">u4", "<i8", "f4"):
            assert object_score(labels.astype(kind), truth.astype(kind)) == expected
        large = labels.astype(np.uint64) + np.uint64(2**63 + 2**33)
        assert object_score(large, truth.astype(np.uint64) + np.uint64(2**40)) == expected

    def test_a_map_of_another_shape_is_refused(self):
        with pytest.raises(ValueError, match=r"Probabilities of shape \(4, 4\).*\(40, 60\)"):
            object_score(cells(), cells(), probabilities=np.ones((4, 4)))

    @pytest.mark.parametrize("value", [np.nan, np.inf])
    def test_a_map_with_holes_is_refused(self, value):
        values = np.ones((40, 60))
        values[3, 3] = value
        with pytest.raises(ValueError, match="no finite number"):
            object_score(cells(), cells(), probabilities=values)

    def test_thresholds_are_read_from_numbers_and_words(self):
        assert ObjectSettings(ious=0.5).ious == (0.5,)
        assert ObjectSettings(ious="0.9, 0.5:0.6").ious == (0.5, 0.55, 0.6, 0.9)
        assert len(ObjectSettings(ious="0.5:0.95").ious) == 10
        assert ObjectSettings(ious="0.1:0.9:0.4").ious == (0.1, 0.5, 0.9)

    @pytest.mark.parametrize("wrong", ["0:0.5", 1.5, "half", (), "0.9:0.5", "0.1:0.9:0", 0, "nan"])
    def test_thresholds_that_are_none_are_refused_in_one_line(self, wrong):
        with pytest.raises(ValueError, match=r"^ious[^\n]*$"):
            object_score(cells(), cells(), ious=wrong)

    def test_settings_and_keywords(self):
        measured = object_score(cells(), cells(), ScoringSettings(border=5), border=0, tolerance=1)
        assert measured.settings == ScoringSettings(border=0)
        assert measured.rules == ObjectSettings(tolerance=1)
        with pytest.raises(ValueError, match="no setting bordr"):
            object_score(cells(), cells(), bordr=1)

    def test_the_input_is_left_as_it_was(self):
        truth, labels, values = cells(), walled(cells(seed=1)), np.ones((40, 60))
        before = truth.copy(), labels.copy(), values.copy()
        object_score(labels, truth, probabilities=values)
        for one, kept in zip((truth, labels, values), before, strict=True):
            np.testing.assert_array_equal(one, kept)

    def test_volumes_on_disk_are_read_section_by_section(self, tmp_path):
        truth = np.stack([cells(seed=k) for k in range(5)])
        store = zarr.create_array(
            tmp_path / "t.zarr", shape=(5, 40, 60), chunks=(2, 16, 60), dtype="i4"
        )
        store[:] = truth
        on_disk = object_score(Volume(store, Frame("zyx")), truth)
        assert on_disk == object_score(truth, truth)


@pytest.mark.real_data
class TestRealTissue:
    def test_thicker_walls_cost_little_and_gaps_much(self, real_data):
        truth = advseg.read(real_data / "isbi2012" / "neurites_2d_cc.tif").cut(0, 3).numpy()
        thick = object_score(walled(truth, 2), truth, detections=1000)
        assert thick.at[0].f1 > 0.9
        assert thick.open_boundary_rate < 0.02  # only objects that the walls swallowed
        joined = truth.copy()
        for section in joined:
            ids = ids_of(section)
            section[np.isin(section, ids[1::2])] = ids[0]
        gaps = object_score(joined, truth, detections=1000)
        assert gaps.open_boundary_rate > 0.1
        assert gaps.at[0].f1 < thick.at[0].f1

    def test_glands_score_as_masks_do_in_coco(self, real_data):
        folder = real_data / "glas" / "masks"
        for name in ("train_1", "train_4"):
            truth = advseg.read(folder / f"{name}_anno.png").numpy()
            labels = np.roll(truth, (5, -4), (0, 1))
            measured = object_score(labels, truth, **AS_IS)
            pair = masks_of(labels), masks_of(truth)
            assert measured.masks == average_precision([compare_masks(*pair)])
            assert measured.boxes == average_precision([compare_boxes(*pair)])
            assert measured.object_dice > 0.8
