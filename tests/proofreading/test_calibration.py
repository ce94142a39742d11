"""Hit rates: they count what was looked at, survive their file, and answer for items of the same order alone."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_advseg.proofreading.finding.calibration import (
    Calibration,
    Hits,
    calibrated,
    measured,
    read_calibration,
)
from napari_advseg.proofreading.finding.queue import Item

looks = st.lists(
    st.tuples(
        st.builds(
            Item,
            st.sampled_from(["merge", "split"]),
            st.just((1,)),
            st.just(()),
            st.integers(0, 10_000).map(lambda k: k / 10_000),
            st.sampled_from(["evidence", "critic"]),
        ),
        st.booleans(),
    ),
    min_size=1,
    max_size=120,
)


@given(looks)
@settings(max_examples=50, deadline=None)
def test_every_place_counts_once_and_the_file_says_the_same(tmp_path_factory, seen):
    found = calibrated(seen)
    assert sum(one.hits.places for one in found.ranges) == len(seen)
    assert sum(one.hits.errors for one in found.ranges) == sum(is_error for _, is_error in seen)
    assert all(one.least <= one.most for one in found.ranges)
    path = tmp_path_factory.mktemp("calibration") / "calibration.csv"
    path.write_text(found.to_csv())
    assert read_calibration(path) == found
    for item, _ in seen:
        hits = found.of(item)
        assert hits is not None
        assert 0 <= hits.rate <= 1


def test_a_surer_place_is_answered_by_its_own_range():
    seen = [
        (Item("merge", (1, 2), (), k / 100, "evidence"), k >= 60)
        for k in range(100)  # the surest two fifths are errors
    ]
    found = calibrated(seen)
    assert found.of(Item("merge", (3, 4), (), 0.99, "evidence")) == Hits(20, 20)
    assert found.of(Item("merge", (3, 4), (), 0.1, "evidence")) == Hits(0, 20)
    assert found.of(Item("merge", (3, 4), (), 7.0, "evidence")).words == (
        "of 10 this sure, 10 were errors"
    )
    assert found.of(Item("split", (3,), (), 0.9, "evidence")) is None
    assert found.of(Item("merge", (3, 4), (), 0.9, "truth")) is None
    assert Calibration().of(Item("merge", (3, 4), (), 0.9)) is None


def test_what_comes_with_the_package_answers_for_every_order():
    found = measured()
    for order in ("evidence", "uncertainty", "critic", "mix"):
        for action in ("merge", "split"):
            hits = found.of(Item(action, (1,), (), 0.5, order))
            assert hits is not None
            assert hits.places >= hits.errors >= 0


def test_another_file_is_refused(tmp_path):
    (tmp_path / "rows.csv").write_text("order,seed\nevidence,0\n")
    with pytest.raises(ValueError, match="holds no calibration .*give calibration.csv"):
        read_calibration(tmp_path / "rows.csv")
