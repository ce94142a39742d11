"""Where to annotate next: doubtful, not painted yet, and not all in one section."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from napari_advseg.annotation.suggestions import (
    OPEN_SHARE,
    Place,
    candidates,
    evenly,
    spread,
    uncertainty,
)

SIDE = 16
maps = arrays(
    np.float32,
    st.tuples(st.integers(1, 50), st.integers(1, 50)),
    elements=st.floats(0, 1, width=32),
)


def place(section, uncertainty, y=0, x=0, side=SIDE):
    box = ((section, section + 1), (y, y + side), (x, x + side))
    return Place(section, box, (section, y, x), uncertainty)


@settings(max_examples=40, deadline=None)
@given(map_=maps, measure=st.sampled_from(["margin", "entropy"]))
def test_uncertainty_is_a_share_and_does_not_care_which_side_is_inside(map_, measure):
    found = uncertainty(map_, measure)
    assert found.shape == map_.shape
    assert ((found >= 0) & (found <= 1 + 1e-6)).all()
    np.testing.assert_allclose(found, uncertainty(1 - map_, measure), atol=1e-5)


@pytest.mark.parametrize("measure", ["margin", "entropy"])
def test_a_guess_is_1_and_certainty_0(measure):
    sure = np.array([[0.0, 1.0, 0.5]], np.float16)
    np.testing.assert_allclose(uncertainty(sure, measure), [[0, 0, 1]], atol=1e-6)
    classes = np.array([[[1, 1 / 3]], [[0, 1 / 3]], [[0, 1 / 3]]], np.float32)
    np.testing.assert_allclose(uncertainty(classes, measure), [[0, 1]], atol=1e-5)


@pytest.mark.parametrize(
    ("shares", "margin", "entropy"),
    [((0.8, 0.2), 0.4, 0.721928), ((0.5, 0.3, 0.2), 0.8, 0.937231), ((0, 0.9, 0.1), 0.2, 0.295900)],
)
def test_the_margin_is_1_less_the_lead_and_entropy_that_of_a_guess_divided(shares, margin, entropy):
    """-sum p log p / log k, for k classes."""
    maps = np.array(shares, np.float32)[:, None, None]
    assert uncertainty(maps, "margin").item() == pytest.approx(margin, abs=1e-5)
    assert uncertainty(maps, "entropy").item() == pytest.approx(entropy, abs=1e-5)


def test_no_number_stays_no_number_and_is_never_suggested():
    map_ = np.full((32, 32), 0.5, np.float32)
    map_[:, :16] = np.nan
    doubt = uncertainty(map_)
    assert np.isnan(doubt[:, :16]).all()
    found = candidates(0, doubt, side=SIDE)
    assert {one.box[2] for one in found} <= {(16, 32), (12, 28), (8, 24)}


@settings(max_examples=60, deadline=None)
@given(map_=maps, data=st.data())
def test_candidates_are_open_windows_that_do_not_overlap(map_, data):
    annotated = data.draw(arrays(bool, map_.shape))
    doubt = uncertainty(map_)
    found = candidates(3, doubt, annotated, side=SIDE, most=9)
    values = [one.uncertainty for one in found]
    assert values == sorted(values, reverse=True)
    seen = np.zeros(map_.shape, int)
    for one in found:
        rows, columns = (slice(*span) for span in one.box[1:])
        part = ~annotated[rows, columns]
        assert part.mean() >= OPEN_SHARE
        assert one.uncertainty == pytest.approx(doubt[rows, columns][part].mean(), abs=1e-5)
        assert not annotated[one.point[1:]]
        assert all(low <= at < high for at, (low, high) in zip(one.point, one.box, strict=True))
        seen[rows, columns] += 1
    assert seen.max(initial=0) <= 1


def test_the_most_doubtful_window_is_found_and_an_annotated_one_is_skipped():
    doubt = np.zeros((96, 96), np.float32)
    doubt[32:48, 64:80] = 0.9
    doubt[0:16, 0:16] = 0.5
    best = candidates(7, doubt, side=SIDE)[0]
    assert best.box == ((7, 8), (32, 48), (64, 80))
    assert best.uncertainty == pytest.approx(0.9)
    annotated = doubt == np.float32(0.9)
    assert candidates(7, doubt, annotated, side=SIDE)[0].box == ((7, 8), (0, 16), (0, 16))
    assert candidates(7, doubt, np.ones(doubt.shape, bool), side=SIDE) == []


def test_the_point_lies_where_least_is_known():
    doubt = np.full((64, 64), 0.1, np.float32)
    doubt[20:24, 40:44] = 1
    (best, *_) = candidates(0, doubt, side=64)
    assert 20 <= best.point[1] < 24
    assert 40 <= best.point[2] < 44


def test_places_are_spread_over_sections():
    one_section = [place(0, 0.9 - 0.01 * k, y=SIDE * k) for k in range(5)]
    others = [place(10, 0.8), place(20, 0.75), place(30, 0.3)]
    chosen = spread([*one_section, *others], 4)
    assert [one.section for one in chosen] == [0, 10, 20, 0]


def test_the_same_spot_of_the_next_section_is_worth_less():
    chosen = spread([place(4, 0.9), place(5, 0.88), place(5, 0.6, y=64)], 2)
    assert [one.box[1][0] for one in chosen] == [0, 64]


@settings(max_examples=40, deadline=None)
@given(
    values=st.lists(st.tuples(st.integers(0, 4), st.floats(0, 1)), max_size=30),
    count=st.integers(0, 10),
    seed=st.integers(0, 99),
)
def test_the_choice_does_not_depend_on_the_order(values, count, seed):
    places = [place(section, value, y=SIDE * k) for k, (section, value) in enumerate(values)]
    chosen = spread(places, count)
    shuffled = [places[k] for k in np.random.default_rng(seed).permutation(len(places))]
    assert spread(shuffled, count) == chosen
    assert len(chosen) == min(count, len(places))
    if chosen:
        assert chosen[0].uncertainty == max(one.uncertainty for one in places)


def test_a_place_survives_json():
    one = place(3, 0.25, y=4, x=8)
    assert Place.from_json(json.loads(json.dumps(one.to_json()))) == one


def test_sections_to_look_at_are_evenly_spread():
    assert evenly(range(100), 3) == [0, 50, 99]
    assert evenly([2, 5], 3) == [2, 5]
