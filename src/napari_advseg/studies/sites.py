"""How well what is known without a truth finds errors: evidence, uncertainty, the critic, and their mix."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from scipy.stats import rankdata

from napari_advseg import locate
from napari_advseg.disk.atomic import replace_file
from napari_advseg.progress import BlockDone, Phase, Reports
from napari_advseg.proofreading.editing.proof import Proof
from napari_advseg.proofreading.finding.calibration import Calibration, calibrated
from napari_advseg.proofreading.finding.followed import FollowedScore
from napari_advseg.proofreading.finding.proposals import propose
from napari_advseg.proofreading.finding.queue import Item, Order, ranked
from napari_advseg.studies.flawed import (
    NO_CRITIC,
    NOTHING,
    Case,
    cases_of,
    has_critic,
    jobs,
    trains,
    usable,
)
from napari_advseg.studies.plan import Plan
from napari_advseg.studies.study import Job
from napari_advseg.studies.tables import Row, read_csv, to_csv, to_markdown

ORDERS: tuple[Order, ...] = ("evidence", "uncertainty", "critic", "mix")
FIRST = 50
CALIBRATION = "calibration.csv"


def critic(plan: Plan) -> list[Job]:
    """Every order with every seed; without a critic, the others."""
    return jobs(ORDERS, plan)


def rank_errors(job: Job, plan: Plan) -> Reports[dict[str, Any]]:
    """How well an order tells errors from what is right, over the places in all test sections.

    A place is an error where the proposed step lowers VOI. `auc` is the share of pairs of an error and a right place
    of which the error comes first; `precision_50` the share of errors among the first 50 places; `errors_share` that of
    all places, which chance would give; `reach` the share of the true errors that are among the places at all.
    """
    rows = yield from looked_at(job, plan)
    own = [row for row in rows if row["order"] == job.factors["order"]]
    worth = np.array([float(row["worth"]) for row in own])
    is_error = np.array([row["error"] == "1" for row in own], np.bool_)
    is_merge = np.array([row["action"] == "merge" for row in own], np.bool_)
    first = np.argsort(-worth, kind="stable")[:FIRST]
    true = sum(int(row["true_errors"]) for row in {row["data_set"]: row for row in own}.values())
    return {
        "steps": job.recipe.training.steps if trains(plan) else "",
        "auc": auc(worth, is_error),
        "precision_50": float(is_error[first].mean()) if len(first) else "",
        "errors_share": float(is_error.mean()) if own else "",
        "auc_merge": auc(worth[is_merge], is_error[is_merge]),
        "auc_split": auc(worth[~is_merge], is_error[~is_merge]),
        "places": len(own),
        "errors": int(is_error.sum()),
        "reach": is_error.sum() / true if true else "",
    }


def auc(worth: np.ndarray[Any, Any], is_error: np.ndarray[Any, Any]) -> float | str:
    """The area under the receiver operating curve, by ranks (Mann and Whitney 1947); "" where all are alike."""
    errors, right = int(is_error.sum()), int((~is_error).sum())
    if not errors or not right:
        return ""
    ranks = rankdata(worth)[is_error].sum()
    return float((ranks - errors * (errors + 1) / 2) / (errors * right))


def looked_at(job: Job, plan: Plan) -> Reports[list[Row]]:
    """A row for each place and order: its worth, and whether it is an error. Found once for all orders of a seed."""
    path = _file(job.factors["seed"], plan)
    if not path.is_file():
        rows = []
        for case in (yield from cases_of(job, plan)):
            rows += yield from _places(case, plan)
        if not rows:
            raise ValueError(
                "Nothing in the test sections touches anything else; give larger ones."
            )
        replace_file(path, to_csv(rows))
    return read_csv(path)


def remarks(plan: Plan) -> Iterator[str]:
    """What the table does not say."""
    yield (
        "Places are contacts of objects, and objects that a wall divides in a section; all orders sort the same ones. "
        "An error is a place where the proposed merge or split lowers VOI. AUC: .5 is chance. `errors share` is what "
        f"chance would find among the first {FIRST}."
    )
    if not has_critic(plan):
        yield NO_CRITIC
    yield f"How often places were errors, by worth (`{CALIBRATION}`):"
    lines = (
        [
            one.order,
            one.action,
            f"{one.least:.2f} to {one.most:.2f}",
            str(one.hits.places),
            f"{one.hits.rate:.2f}",
        ]
        for one in calibration(plan).ranges
    )
    yield "\n".join(to_markdown(("order", "proposal", "worth", "places", "errors"), lines))


def files(plan: Plan) -> Iterator[tuple[str, str]]:
    """The hit rates that the queue can show."""
    yield CALIBRATION, calibration(plan).to_csv()


def calibration(plan: Plan) -> Calibration:
    """Hit rates over all seeds."""
    rows = [row for seed in plan.seeds for row in read_csv(_file(seed, plan))]
    return calibrated((_item(row), row["error"] == "1") for row in rows)


def _places(case: Case, plan: Plan) -> Reports[list[Row]]:
    proof, score = case.opened()
    candidates = yield from case.candidates(proof, judged=True)
    true = true_errors(case, proof, score)
    gains: dict[str, float] = {}
    rows: list[Row] = []
    yield Phase("places", len(candidates))
    for order in usable(ORDERS, plan):
        for item in ranked(proof, candidates, order):
            key = json.dumps(item.key)
            if key not in gains:
                gains[key] = gain(proof, item, case, score)
                yield BlockDone("places", len(gains), len(candidates))
            rows.append(
                {
                    "data_set": case.name,
                    "order": order,
                    "action": item.action,
                    "labels": " ".join(map(str, item.labels)),
                    "points": json.dumps(item.points),
                    "worth": item.worth,
                    "gain": gains[key],
                    "error": int(gains[key] > NOTHING),
                    "true_errors": true,
                }
            )
    return rows


def gain(proof: Proof, item: Item, case: Case, score: FollowedScore) -> float:
    """By how much VOI falls by what is proposed; 0 where nothing can be."""
    try:
        return propose(proof, item, case.interior_map, score).gain or 0.0
    except ValueError:  # nothing can be cut there
        return 0.0


def true_errors(case: Case, proof: Proof, score: FollowedScore) -> int:
    """Pairs of objects that are one, and objects that are several."""
    sites = locate(proof.volume, case.truth, score.settings).sites
    return len({(one.kind, one.labels) for one in sites})


def _file(seed: int, plan: Plan) -> Path:
    return plan.out / "places" / f"{seed}.csv"


def _item(row: Row) -> Item:
    """As much of an item as its calibration needs."""
    action: Any = row["action"]
    return Item(action, (), (), float(row["worth"]), row["order"])
