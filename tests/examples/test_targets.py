"""Targets: widths, what 0 means, and what must not change them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import ndimage

from napari_advseg.examples.targets import reach, target_channels, targets, whole_ids
from napari_advseg.settings.examples import TargetSettings

MAPS = ("any_diff", "laplacian3", "connectomics", "distance")
MEANINGS = ("boundary", "unannotated", "background")
few_ids = arrays(np.int64, st.tuples(*[st.integers(2, 12)] * 2), elements=st.integers(0, 4))
dense = arrays(np.int64, st.tuples(*[st.integers(2, 12)] * 2), elements=st.integers(1, 4))


def made(labels, zero="unannotated", **fields):
    return targets(np.asarray(labels), TargetSettings(**fields), zero)


def two_cells(width=20, left=3, right=8):
    labels = np.full((9, width), left)
    labels[:, width // 2 :] = right
    return labels


@pytest.mark.parametrize(
    ("fields", "width"),
    [
        ({"kind": "laplacian3", "signed": True}, 1),
        ({"kind": "laplacian3", "signed": False}, 2),
        ({"kind": "any_diff", "radius": 1}, 2),
        ({"kind": "any_diff", "radius": 2}, 4),
        ({"kind": "connectomics", "radius": 1}, 4),
        ({"kind": "connectomics", "radius": 2}, 6),
        ({"kind": "any_diff", "widen": 1}, 4),
        ({"kind": "laplacian3", "widen": 2}, 5),
    ],
)
def test_a_straight_border_is_as_wide_as_the_method_says(fields, width):
    for labels in (two_cells(), two_cells().T):
        interior = made(labels, **fields).interior
        across = interior if labels.shape[1] > 9 else interior.T
        assert ((across == 0).sum(axis=1) == width).all()


def test_the_signed_laplacian_marks_the_side_of_the_larger_id():
    interior = made(two_cells(), kind="laplacian3").interior
    assert (interior[:, 10] == 0).all()
    assert (np.delete(interior, 10, axis=1) == 1).all()


@pytest.mark.parametrize("kind", MAPS)
@pytest.mark.parametrize("zero", MEANINGS)
def test_one_cell_alone_has_no_boundary(kind, zero):
    target = made(np.full((7, 9), 5, np.uint16), zero, kind=kind)
    assert target.interior.dtype == target.weight.dtype == np.float32
    assert (target.interior == 1).all()
    assert (target.weight == 1).all()


@settings(max_examples=60, deadline=None)
@given(labels=dense, radius=st.integers(1, 3))
def test_any_diff_is_a_window_with_two_labels(labels, radius):
    side = 2 * radius + 1
    highest = ndimage.maximum_filter(labels, side, mode="nearest")
    lowest = ndimage.minimum_filter(labels, side, mode="nearest")
    interior = made(labels, kind="any_diff", radius=radius).interior
    assert np.array_equal(interior, highest == lowest)


@settings(max_examples=60, deadline=None)
@given(labels=dense)
def test_connectomics_is_a_dilated_central_difference(labels):
    padded = np.pad(labels, 1, mode="edge")
    contour = (padded[1:-1, 2:] != padded[1:-1, :-2]) | (padded[2:, 1:-1] != padded[:-2, 1:-1])
    wide = ndimage.binary_dilation(contour, np.ones((3, 3)))
    assert np.array_equal(made(labels, kind="connectomics").interior, ~wide)


@settings(max_examples=60, deadline=None)
@given(labels=dense, signed=st.booleans())
def test_laplacian3_is_the_sign_of_a_laplacian_of_the_ranks(labels, signed):
    ranks = np.unique(labels, return_inverse=True)[1].reshape(labels.shape) + 1
    kernel = -np.ones((3, 3), int)
    kernel[1, 1] = 8
    response = ndimage.convolve(ranks, kernel, mode="nearest")
    wall = response > 0 if signed else response != 0
    interior = made(labels, kind="laplacian3", signed=signed).interior
    assert np.array_equal(interior[1:-1, 1:-1], ~wall[1:-1, 1:-1])


@settings(max_examples=60, deadline=None)
@given(
    labels=few_ids,
    order=st.permutations([1, 2, 3, 4]),
    kind=st.sampled_from(["any_diff", "connectomics", "affinities"]),
    zero=st.sampled_from(MEANINGS),
)
def test_names_of_cells_do_not_matter(labels, order, kind, zero):
    renamed = np.array([0, *(7 * np.array(order) + 2**33)])[labels]
    one, other = made(labels, zero, kind=kind), made(renamed, zero, kind=kind)
    assert np.array_equal(one.interior, other.interior)
    assert np.array_equal(one.weight, other.weight)


def test_the_laplacian_is_known_to_depend_on_names_where_three_cells_meet():
    labels = np.array([[1, 1, 1, 3], [1, 1, 2, 3], [1, 1, 3, 3]])
    renamed = np.array([0, 2, 1, 3])[labels]
    one = made(labels, kind="laplacian3", signed=False).interior
    other = made(renamed, kind="laplacian3", signed=False).interior
    assert not np.array_equal(one, other)


@settings(max_examples=40, deadline=None)
@given(
    labels=arrays(np.uint32, (3, 8, 9), elements=st.integers(0, 5)),
    kind=st.sampled_from(MAPS),
    zero=st.sampled_from(MEANINGS),
    widen=st.integers(0, 2),
)
def test_a_stack_is_its_sections(labels, kind, zero, widen):
    whole = made(labels, zero, kind=kind, widen=widen)
    for at, section in enumerate(labels):
        alone = made(section, zero, kind=kind, widen=widen)
        assert np.array_equal(whole.interior[at], alone.interior)
        assert np.array_equal(whole.weight[at], alone.weight)


@settings(max_examples=40, deadline=None)
@given(
    labels=few_ids,
    kind=st.sampled_from(["any_diff", "connectomics", "distance"]),
    zero=st.sampled_from(MEANINGS),
)
def test_a_larger_radius_only_adds_boundary(labels, kind, zero):
    walls = [made(labels, zero, kind=kind, radius=r).interior == 0 for r in (1, 2, 3)]
    assert (walls[0] <= walls[1]).all()
    assert (walls[1] <= walls[2]).all()


@settings(max_examples=40, deadline=None)
@given(labels=few_ids, kind=st.sampled_from(MAPS), zero=st.sampled_from(MEANINGS))
def test_widening_is_a_dilation(labels, kind, zero):
    wall = made(labels, zero, kind=kind).interior == 0
    wide = made(labels, zero, kind=kind, widen=2).interior == 0
    assert np.array_equal(wide, ndimage.binary_dilation(wall, np.ones((5, 5))))


def walled(wall=2):
    """Two cells with a wall between, and a third that touches the second."""
    labels = np.ones((12, 24), np.int32)
    labels[:, 8:] = 2
    labels[:, 8 : 8 + wall] = 0
    labels[:, 18:] = 3
    return labels


@settings(max_examples=60, deadline=None)
@given(labels=few_ids, far=st.floats(1, 6), zero=st.sampled_from(MEANINGS))
def test_distance_rises_from_the_wall_to_one(labels, far, zero):
    wall = made(labels, zero, kind="any_diff").interior == 0
    share = made(labels, zero, kind="distance", distance=far).interior
    assert np.array_equal(share == 0, wall)
    for y, x in np.argwhere(~wall):
        nearest = np.hypot(*(np.argwhere(wall) - (y, x)).T).min(initial=np.inf)
        assert share[y, x] == pytest.approx(min(1, nearest / far), abs=1e-6)


@pytest.mark.parametrize("kind", MAPS)
@pytest.mark.parametrize("wall", [1, 2])
def test_a_drawn_wall_is_the_target_as_it_is(kind, wall):
    labels = walled(wall)
    target = made(labels, "boundary", kind=kind)
    assert np.array_equal(target.interior[:, :14] == 0, labels[:, :14] == 0)
    assert (target.interior[:, 17:19] == 0).any(axis=1).all()
    assert (target.weight == 1).all()
    assert (made(labels, "boundary", kind=kind, widen=1).interior[:, 7:9] == 0).all()


def test_a_diagonal_wall_is_not_widened_where_cells_meet_at_corners():
    labels = 1 + (np.add.outer(np.arange(9), np.arange(9)) > 8)
    labels[np.add.outer(np.arange(9), np.arange(9)) == 8] = 0
    assert np.array_equal(made(labels, "boundary").interior, labels > 0)


def test_nothing_is_drawn_towards_what_is_not_annotated():
    labels = walled()
    target = made(labels, "unannotated")
    assert (target.weight == (labels > 0)).all()
    assert (target.interior[:, :16] == 1).all()
    assert (target.interior[:, 17:19] == 0).all()


def test_a_background_is_outside_and_counts():
    labels = walled()
    target = made(labels, "background")
    assert (target.weight == 1).all()
    assert np.array_equal(target.interior[:, :16] == 1, labels[:, :16] > 0)
    assert (target.interior[:, 17:19] == 0).all()


def test_contours_towards_a_background_are_a_choice():
    labels = walled()
    drawn = made(labels, "background", kind="connectomics").interior
    left_out = made(labels, "background", kind="connectomics", background_edges=False).interior
    assert (drawn[:, 6:8] == 0).all()
    assert (left_out[:, 6:8] == 1).all()


def test_affinities_say_for_every_direction_whether_the_cell_goes_on():
    labels = np.array([[1, 1, 2], [1, 1, 2], [3, 3, 3]])
    target = made(labels, kind="affinities")
    assert target.interior.shape == target.weight.shape == (2, 3, 3)
    assert np.array_equal(target.interior[0, 1:], [[1, 1, 1], [0, 0, 0]])
    assert np.array_equal(target.interior[1, :, 1:], [[1, 0], [1, 0], [1, 1]])
    assert (target.weight[0, 0] == 0).all()
    assert (target.weight[1, :, 0] == 0).all()
    stack = made(np.stack([labels, labels * 2]), kind="affinities")
    assert stack.interior.shape == (3, 2, 3, 3)


def test_affinities_of_a_volume_look_one_section_back():
    labels = np.array([[[1, 2]], [[1, 1]], [[0, 1]]])
    target = made(labels, "boundary", kind="affinities", radius=3)
    assert np.array_equal(target.interior[0, 1:], [[[1, 0]], [[0, 1]]])
    assert (target.weight[0, 1:] == 1).all()
    assert (target.weight[2] == 0).all()


@pytest.mark.parametrize("zero", MEANINGS)
def test_negative_ids_are_never_annotated(zero):
    labels = np.array([[1, 1, -1, 2, 2]] * 3)
    target = made(labels, zero)
    assert (target.weight == [1, 1, 0, 1, 1]).all()
    assert (target.interior[:, [0, 1, 3, 4]] == 1).all()


def test_ids_for_no_data_are_not_annotated():
    labels = np.array([[1, 1, 2**64 - 3]] * 3, np.uint64)
    assert (made(labels, "boundary").weight == [1, 1, 0]).all()


def test_boundary_pixels_may_weigh_more():
    target = made(two_cells(), boundary_weight=3.0)
    assert np.array_equal(target.weight, np.where(target.interior == 0, 3, 1))


@pytest.mark.parametrize("kind", [bool, np.uint8, np.int16, np.float32, np.float64, ">i4", ">u2"])
def test_whole_numbers_of_any_type_are_labels(kind):
    labels = (two_cells() > 3).astype(kind)
    assert whole_ids(labels).dtype == np.int64
    assert np.array_equal(made(labels, "boundary").interior, labels > 0)


def test_labels_that_lie_askew_in_memory_give_the_same_target():
    labels = np.random.default_rng(0).integers(0, 4, (10, 14))
    skewed = np.asfortranarray(np.repeat(labels, 2, axis=1))[:, ::2]
    assert np.array_equal(made(skewed).interior, made(labels).interior)


@pytest.mark.parametrize("values", [0.5, np.nan, np.inf])
def test_a_probability_map_is_refused(values):
    with pytest.raises(ValueError, match="look like an image or a probability map"):
        made(np.full((4, 4), values))


def test_text_and_wrong_dimensions_are_refused():
    with pytest.raises(ValueError, match="are no labels"):
        made(np.array([["a"]]))
    with pytest.raises(ValueError, match="neither a section nor a stack"):
        made(np.ones(5, int))
    with pytest.raises(ValueError, match="let decide_zero choose"):
        targets(np.ones((2, 2), int), TargetSettings(), "auto")


@settings(max_examples=40, deadline=None)
@given(
    labels=arrays(np.int64, (20, 20), elements=st.integers(0, 2)),
    kind=st.sampled_from(["any_diff", "connectomics", "laplacian3", "distance"]),
    radius=st.integers(1, 2),
    widen=st.integers(0, 1),
    zero=st.sampled_from(MEANINGS),
)
def test_a_crop_with_its_reach_has_the_target_of_the_whole(labels, kind, radius, widen, zero):
    labels[0, :2] = 1, 2  # both ids everywhere, so that laplacian3 ranks them alike
    labels[8, 8:10] = 1, 2
    fields = TargetSettings(kind=kind, radius=radius, widen=widen, distance=3.5)
    margin = reach(fields)
    whole = targets(labels, fields, zero)
    outer = labels[8 - margin : 13 + margin, 8 - margin : 13 + margin]
    part = targets(outer, fields, zero)
    inner = (slice(margin, margin + 5), slice(margin, margin + 5))
    assert np.array_equal(part.interior[inner], whole.interior[8:13, 8:13])


def test_channels_are_one_or_one_per_direction():
    assert target_channels(TargetSettings()) == 1
    assert target_channels(TargetSettings(kind="affinities")) == 2
    assert target_channels(TargetSettings(kind="affinities"), 3) == 3
