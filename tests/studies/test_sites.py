"""How well orders find errors: the numbers mean what they say, and places are found once for all orders."""

from __future__ import annotations

import csv

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_advseg import drain
from napari_advseg.proofreading.finding.calibration import read_calibration
from napari_advseg.studies.declared import STUDIES
from napari_advseg.studies.plan import SCALES, Given, Plan, tissue_of
from napari_advseg.studies.queue import run
from napari_advseg.studies.sites import auc
from napari_advseg.volume.volume import Volume

places = st.lists(st.tuples(st.integers(0, 9), st.booleans()), min_size=1, max_size=40)


@given(places)
@settings(max_examples=60, deadline=None)
def test_auc_is_how_often_an_error_comes_before_what_is_right(found):
    worth, is_error = np.array([w for w, _ in found]), np.array([e for _, e in found], np.bool_)
    pairs = [
        1.0 if one > other else 0.5 if one == other else 0.0
        for one in worth[is_error]
        for other in worth[~is_error]
    ]
    expected = pytest.approx(np.mean(pairs)) if pairs else ""
    assert auc(worth, is_error) == expected


def test_all_orders_sort_the_same_places_and_their_hit_rates_are_kept(tmp_path):
    few = tissue_of(SCALES["tiny"])
    ids = few.labels.numpy()
    made = Volume(np.where(ids == 0, 0.1, 0.9).astype(np.float32), few.image.frame)
    given = Given(interior_map=made, by="volume")
    plan = Plan(SCALES["tiny"], few, (0, 1), tmp_path / "study", given=given)
    assert drain(run(STUDIES["critic"], plan))["failed"] == {}
    with (plan.out / "rows.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["order"] for row in rows] == ["evidence", "uncertainty", "mix"] * 2
    assert len({(row["seed"], row["places"], row["errors"]) for row in rows}) == 2
    page = (plan.out / "report.md").read_text()
    assert "The order `critic` did not run" in page
    assert "| order | proposal | worth | places | errors |" in page
    found = read_calibration(plan.out / "calibration.csv")
    by_order = {}
    for one in found.ranges:
        by_order[one.order] = by_order.get(one.order, 0) + one.hits.places
    assert set(by_order.values()) == {sum(int(row["places"]) for row in rows[::3])}


def test_true_walls_tell_made_cuts_from_contacts(tmp_path):
    few = tissue_of(SCALES["cpu"].__class__(**{**vars(SCALES["tiny"]), "shape": (6, 160, 160)}))
    made = np.where(few.labels.numpy() == 0, 0.1, 0.9).astype(np.float32)
    given = Given(interior_map=Volume(made, few.image.frame))
    plan = Plan(SCALES["tiny"], few, (0,), tmp_path / "study", given=given)
    drain(run(STUDIES["critic"], plan, {"order": ["evidence"]}))
    with (plan.out / "summary.csv").open(newline="") as file:
        (row,) = csv.DictReader(file)
    assert float(row["auc_merge"]) > 0.95
    assert float(row["precision_50"]) > float(row["errors_share"])
