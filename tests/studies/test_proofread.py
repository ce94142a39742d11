"""The scripted proofreader: VOI never rises, the truth mends all that was made wrong, and all look equally often."""

from __future__ import annotations

import csv

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_advseg import drain
from napari_advseg.recipes import train_recipe
from napari_advseg.samples import neuropil
from napari_advseg.scoring.table.boundary import near_change
from napari_advseg.studies import proofread
from napari_advseg.studies.declared import STUDIES
from napari_advseg.studies.flawed import Case, flawed
from napari_advseg.studies.plan import SCALES, Given, Plan, tissue_of
from napari_advseg.studies.proofread import allowed, area, asking, follow, lengthened
from napari_advseg.studies.queue import run
from napari_advseg.training.fit import fit
from napari_advseg.volume.volume import Volume

TINY = SCALES["tiny"]


def case(seed=0, shape=(160, 160), **changes):
    """Tissue with made errors, and a map that shows where true walls are, but for noise."""
    image, truth = neuropil(shape, seed=4, wall=1)
    ids = truth.numpy()
    walls = ids == 0
    noise = np.random.default_rng(seed).normal(0, 0.08, ids.shape)
    interior_map = np.clip(np.where(walls, 0.15, 0.85) + noise, 0, 1).astype(np.float32)
    labels = Volume(flawed(ids, seed), truth.frame, kind="labels")
    given = {"image": image, "truth": truth, "labels": labels, "interior_map": interior_map}
    return Case("0", **{**given, "model": None, **changes})


@given(seed=st.integers(0, 100))
@settings(max_examples=4, deadline=None)
@pytest.mark.parametrize("shape", [(160, 160), (3, 128, 128)])
def test_the_order_that_knows_the_truth_mends_all_that_was_made_wrong(shape, seed):
    curve = drain(follow(case(seed, shape), asking(case(seed, shape), "truth"), 200))
    assert curve[0] > 0
    assert curve[-1] < 0.02
    assert (np.diff(curve) <= 1e-12).all()


def test_every_order_only_ever_mends_and_evidence_is_faster_than_chance():
    one = case()
    best = drain(follow(one, asking(one, "truth"), 200))
    looks = allowed(best, None)
    areas = {"truth": area(lengthened(best, looks))}
    for order in ("evidence", "random"):
        curve = drain(follow(one, asking(one, order, (0, 1)), looks))
        assert len(curve) <= looks + 1
        assert (np.diff(curve) <= 1e-12).all()
        areas[order] = area(lengthened(curve, looks))
    assert areas["truth"] <= areas["evidence"] < areas["random"]


def test_what_is_rejected_is_looked_at_too_and_does_not_come_again():
    image, truth = neuropil((128, 128), seed=4)
    right = case(image=image, truth=truth, labels=truth, interior_map=np.full((128, 128), 0.9))
    curve = drain(follow(right, asking(right, "evidence"), 500))
    contacts = len(drain(right.candidates(right.opened()[0])))
    assert contacts >= len(curve) - 1 > 0
    assert set(curve) == {curve[0]}


@given(falls=st.lists(st.booleans(), min_size=1, max_size=30), further=st.integers(0, 30))
@settings(max_examples=40, deadline=None)
def test_looks_beyond_what_is_needed_do_not_change_what_is_allowed(falls, further):
    best = [1.0]
    for fell in falls:
        best.append(best[-1] * (0.9 if fell else 1.0))
    assert allowed(best, None) == allowed([*best, *[best[-1]] * further], None)
    looks = allowed(best, None)
    assert looks <= 2 * max((k for k, fell in enumerate(falls, 1) if fell), default=0)
    assert (looks > 0) == any(falls)
    assert allowed(best, 5) == min(5, looks)
    if looks:
        mended = 1 - best[looks // 2]
        assert mended >= 0.95 * (1 - best[-1]) * (1 - 1e-9)
        assert 1 - best[looks // 2 - 1] < 0.95 * (1 - best[-1])
        assert 0 < area(lengthened(best, looks)) < 1
        assert area([1.0] * (looks + 1)) == pytest.approx(1)


def test_area_is_the_share_of_voi_left_on_the_mean():
    assert area([2.0, 1.0, 0.0]) == pytest.approx(0.5)
    assert area([4.0, 2.0, 0.0]) == area([2.0, 1.0, 0.0])
    assert lengthened([1.0, 0.5], 4) == [1.0, 0.5, 0.5, 0.5, 0.5]
    assert lengthened([1.0, 0.5, 0.2], 1) == [1.0, 0.5]


@pytest.fixture(scope="module")
def few():
    return tissue_of(TINY)


def read_csv(path):
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def plan_of(tissue, out, **given):
    """A study with a map of the true walls, which needs no training."""
    walls = np.stack([near_change(plane, 1) for plane in tissue.labels.numpy()])
    made = Volume(np.where(walls, 0.2, 0.9).astype(np.float32), tissue.image.frame)
    return Plan(TINY, tissue, (0, 1), out, given=Given(interior_map=made, **given))


@pytest.mark.parametrize("by", ["section", "volume"])
def test_without_a_critic_its_order_does_not_run_and_the_report_says_so(few, tmp_path, by):
    plan = plan_of(few, tmp_path / "study", by=by)
    done = drain(run(STUDIES["proofreading"], plan))
    assert done["failed"] == {}
    summary = read_csv(plan.out / "summary.csv")
    assert [row["order"] for row in summary] == ["truth", "evidence", "random"]
    areas = {row["order"]: float(row["area"]) for row in summary}
    assert 0 < areas["truth"] < areas["random"] <= 1
    page = (plan.out / "report.md").read_text()
    assert "The order `critic` did not run" in page
    assert "curves.svg" in page
    curves = read_csv(plan.out / "curves.csv")
    assert {(row["order"], row["seed"]) for row in curves} == {
        (order, seed) for order in ("truth", "evidence", "random") for seed in "01"
    }
    looks = {}
    for row in curves:
        looks.setdefault((row["seed"], row["data_set"]), {}).setdefault(row["order"], 0)
        looks[row["seed"], row["data_set"]][row["order"]] += 1
    assert all(len(set(own.values())) == 1 for own in looks.values())
    assert (plan.out / "curves.svg").read_text().count("<polyline") == 3


def test_a_model_without_a_critic_is_no_critic_and_one_with_it_is(few, tmp_path):
    small = {
        "unet": {"model": {"widths": [4, 8]}},
        "adversarial_unet": {"model": {"widths": [4, 8], "critic": {"widths": [4, 8]}}},
    }
    for family, has in (("unet", False), ("adversarial_unet", True)):
        tree = {
            **small[family],
            "examples": {"crop": 32, "batch": 2},
            "training": {"steps": 1, "threads": 1, "device": "cpu", "precision": "fp32"},
            "out": str(tmp_path / family),
        }
        pair = few.image.cut(0, 3), few.labels.cut(0, 3)
        drain(fit(*pair, train_recipe(family, "quick", tree)))
        given = Given(model=tmp_path / family)
        plan = Plan(TINY, few, (0,), tmp_path / f"study-{family}", given=given)
        orders = [job.factors["order"] for job in proofread.proofreading(plan)]
        assert ("critic" in orders) == has
        names = [job.factors["order"] for job in STUDIES["critic"].queue(plan)]
        assert ("critic" in names) == has
        assert drain(run(STUDIES["critic"], plan))["failed"] == {}
        assert not (plan.out / "models").exists()


def test_labels_without_errors_are_refused_in_words(few, tmp_path):
    plan = plan_of(few, tmp_path / "study", segmentation=few.labels)
    done = drain(run(STUDIES["proofreading"], plan))
    assert set(done["failed"].values()) == {
        "There is nothing to mend in the test sections; give labels with errors in them."
    }


def test_the_most_that_is_looked_at_can_be_named(few, tmp_path):
    plan = plan_of(few, tmp_path / "study", edits=2)
    drain(run(STUDIES["proofreading"], plan, {"order": ["evidence"]}))
    rows = read_csv(plan.out / "rows.csv")
    assert [int(row["looks"]) // int(row["data_sets"]) for row in rows] == [2, 2]


@pytest.mark.slow
def test_the_smallest_scale_mends_faster_by_truth_than_by_chance(call, tmp_path):
    code, _, _ = call(
        "study", "proofreading", "--scale", "tiny", "--out", tmp_path / "study", "--seed", 0
    )
    assert code == 0
    areas = {r["order"]: float(r["area"]) for r in read_csv(tmp_path / "study" / "summary.csv")}
    assert set(areas) == {"truth", "evidence", "critic", "random"}
    assert areas["truth"] < areas["evidence"] < areas["random"]
