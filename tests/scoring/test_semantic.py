"""Class maps by hand and against plain counting."""

import json

import numpy as np
import pytest
import zarr
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.ndimage import distance_transform_edt

import napari_advseg as advseg
from napari_advseg.scoring.measures.semantic import semantic_score, void_of
from napari_advseg.volume.frame import Frame
from napari_advseg.volume.painted import painted_frame
from napari_advseg.volume.volume import Volume

maps = arrays(np.uint8, (2, 6, 7), elements=st.integers(0, 3))

TRUTH = np.array([[0, 0], [1, 1]])
FOUND = np.array([[0, 1], [1, 1]])


def test_two_by_two_by_hand():
    measured = semantic_score(FOUND, TRUTH)
    assert measured.pixel_accuracy == 0.75
    assert measured.class_accuracy == 0.75  # (1/2 + 2/2) / 2
    assert measured.iou == {0: 1 / 2, 1: 2 / 3}
    assert measured.mean_iou == pytest.approx(7 / 12)
    assert measured.dice == {0: pytest.approx(2 / 3), 1: pytest.approx(4 / 5)}
    assert measured.scored == 4


def test_a_map_of_itself_is_perfect():
    measured = semantic_score(TRUTH, TRUTH)
    assert (measured.pixel_accuracy, measured.class_accuracy, measured.mean_iou) == (1, 1, 1)


def test_the_ignored_class_is_left_out():
    measured = semantic_score(FOUND, TRUTH, ignore=0)
    assert measured.scored == 2
    assert measured.pixel_accuracy == 1


def test_a_class_the_truth_lacks_counts_only_where_asked():
    found = np.array([[0, 5], [1, 1]])
    assert semantic_score(found, TRUTH).mean_iou == pytest.approx((1 / 2 + 1) / 2)
    assert semantic_score(found, TRUTH, mean_over="either").mean_iou == pytest.approx(1.5 / 3)


def test_a_rare_class_shows_in_class_accuracy_only():
    truth = np.zeros((10, 10), int)
    truth[0, 0] = 1
    measured = semantic_score(np.zeros_like(truth), truth)
    assert measured.pixel_accuracy == 0.99
    assert measured.class_accuracy == 0.5


def test_nothing_scored_is_zero_everywhere():
    measured = semantic_score(TRUTH, np.full_like(TRUTH, 7), ignore=7)
    assert measured.to_json() == {
        "pixel_accuracy": 0.0,
        "class_accuracy": 0.0,
        "mean_iou": 0.0,
        "mean_boundary_iou": None,
        "accuracy": {},
        "iou": {},
        "dice": {},
        "boundary_iou": {},
        "scored": 0,
    }


def test_json_keys_are_text():
    assert semantic_score(FOUND, TRUTH).to_json()["iou"] == {"0": 1 / 2, "1": 2 / 3}


@given(maps, maps, st.sampled_from([None, 0, 3, 255, -1]), st.sampled_from(["truth", "either"]))
@settings(deadline=None, max_examples=40)
def test_every_number_is_that_of_plain_counting(found, truth, ignore, mean_over):
    measured = semantic_score(found, truth, ignore=ignore, mean_over=mean_over)
    keep = np.ones(truth.shape, bool) if ignore is None else truth != ignore
    p, t = found[keep], truth[keep]
    assert measured.scored == keep.sum()
    if not keep.any():
        return
    here = np.unique(t)
    assert measured.pixel_accuracy == pytest.approx((p == t).mean())
    assert measured.accuracy == pytest.approx({k: (p[t == k] == k).mean() for k in here})
    assert measured.class_accuracy == pytest.approx(
        np.mean([(p[t == k] == k).mean() for k in here])
    )
    iou = {k: shared(p == k, t == k) for k in np.union1d(p, t)}
    assert measured.iou == pytest.approx(iou)
    over = here if mean_over == "truth" else list(iou)
    assert measured.mean_iou == pytest.approx(np.mean([iou[k] for k in over]))
    assert measured.dice == pytest.approx({k: 2 * v / (1 + v) for k, v in iou.items()})


def shared(a, b):
    return (a & b).sum() / (a | b).sum()


@given(maps, maps, st.integers(0, 3))
@settings(deadline=None, max_examples=40)
def test_boundaries_are_those_within_their_width(found, truth, width):
    measured = semantic_score(found, truth, width=width)
    bands = [np.stack([band(one, width) for one in each]) for each in (found, truth)]
    expected = {
        int(k): shared((found == k) & bands[0], (truth == k) & bands[1])
        for k in range(4)
        if ((found == k) & bands[0]).any() or ((truth == k) & bands[1]).any()
    }
    assert measured.boundary_iou == pytest.approx(expected)
    averaged = [expected[k] for k in np.unique(truth) if k in expected]
    mean = pytest.approx(np.mean(averaged)) if averaged else None
    assert measured.mean_boundary_iou == mean


def band(section, width):
    """Pixels at most `width` from one beside another class."""
    beside = np.zeros(section.shape, bool)
    for axis in (0, 1):
        differ = np.diff(section.astype(int), axis=axis) != 0
        one, other = np.moveaxis(beside, axis, 0), np.moveaxis(differ, axis, 0)
        one[1:] |= other
        one[:-1] |= other
    return distance_transform_edt(~beside) <= width if beside.any() else beside


def test_a_wrong_boundary_hides_in_large_areas_but_not_in_its_own_score():
    truth = np.zeros((60, 60), int)
    truth[:, 30:] = 1
    found = np.roll(truth, 3, 1)
    found[:, :3] = 0
    measured = semantic_score(found, truth)
    assert measured.pixel_accuracy > 0.94
    assert measured.mean_iou > 0.9
    assert measured.mean_boundary_iou < 0.3


def test_ignored_pixels_make_no_boundary():
    truth = np.zeros((20, 20), int)
    truth[8:12] = 255
    assert semantic_score(np.zeros_like(truth), truth, ignore=255).mean_boundary_iou is None
    truth[12:] = 1
    found = np.where(truth == 1, 1, 0)
    measured = semantic_score(found, truth, ignore=255, width=5)
    assert (measured.pixel_accuracy, measured.mean_iou, measured.mean_boundary_iou) == (1, 1, 1)
    found[14:, 5:9] = 0
    assert semantic_score(found, truth, ignore=255, width=5).mean_boundary_iou < 0.9


def test_sections_on_disk_count_as_one(tmp_path):
    rng = np.random.default_rng(0)
    found, truth = rng.integers(0, 3, (2, 5, 16, 16), np.uint8)
    store = zarr.create_array(tmp_path / "t.zarr", shape=(5, 16, 16), chunks=(2, 16, 8), dtype="u1")
    store[:] = truth
    on_disk = semantic_score(found, Volume(store, Frame("zyx")))
    assert on_disk == semantic_score(found, truth)
    assert on_disk.pixel_accuracy == pytest.approx((found == truth).mean())


def test_class_numbers_of_any_size():
    large = np.uint64(2**64 - 1)
    truth = np.array([[0, 0], [large, large]], np.uint64)
    measured = semantic_score(truth, truth)
    assert measured.iou == {0: 1, 2**64 - 1: 1}
    assert semantic_score(truth, truth, ignore=0).iou == {2**64 - 1: 1}


def test_masks_of_true_and_false_are_class_maps():
    measured = semantic_score(FOUND.astype(bool), TRUTH.astype(bool))
    assert measured == semantic_score(FOUND, TRUTH)


def test_input_that_is_no_class_map_is_refused():
    with pytest.raises(ValueError, match=r"\(2, 2\).*\(2, 3\)"):
        semantic_score(FOUND, np.ones((2, 3), int))
    for wrong in (-1, 0.5, np.nan):
        with pytest.raises(ValueError, match="0 or positive"):
            semantic_score(FOUND, TRUTH * 0 + wrong)
        with pytest.raises(ValueError, match="0 or positive"):
            semantic_score(TRUTH * 0 + wrong, FOUND)
    with pytest.raises(ValueError, match="width"):
        semantic_score(FOUND, TRUTH, width=-1)


def test_every_answer_is_plain_json():
    for truth in (TRUTH, TRUTH * 0, TRUTH * 0 + 7):
        tree = semantic_score(FOUND, truth, ignore=7).to_json()
        assert json.loads(json.dumps(tree, allow_nan=False)) == tree


@pytest.mark.real_data
def test_swollen_blood_cells_lose_more_boundary_than_area(real_data):
    image = min((real_data / "rbc_bccd" / "masks").glob("*.png"))
    truth = advseg.read(image).numpy() > 0
    found = distance_transform_edt(~truth) <= 3
    measured = semantic_score(found, truth)
    assert measured.mean_boundary_iou < 0.5 < measured.mean_iou


def test_what_stands_for_nothing_is_told_from_the_values_or_from_how_they_were_painted():
    assert void_of((0, 1, 2, 255)).value == 255
    assert void_of((0, 127, 255)) is None
    painted = painted_frame(Frame("yx"), {1: "axon"})
    assert void_of((0, 1), [Frame("yx"), painted]).words.startswith("0 in the truth is left out")
