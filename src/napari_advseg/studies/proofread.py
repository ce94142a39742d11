"""A proofreader without eyes: follows a queue, does what lowers VOI and rejects the rest; how fast each order mends.

Both count as looked at. All orders may look equally often: twice as often as the order that knows the truth needs for
nearly all that it can mend, so that an order which is right every second time could mend as much.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from napari_advseg import locate
from napari_advseg.disk.atomic import replace_file
from napari_advseg.progress import BlockDone, Phase, Reports
from napari_advseg.proofreading.editing.proof import Proof
from napari_advseg.proofreading.finding.followed import FollowedScore
from napari_advseg.proofreading.finding.proposals import propose
from napari_advseg.proofreading.finding.queue import Item, by_truth, ranked, reject, still
from napari_advseg.studies.figure import curves
from napari_advseg.studies.flawed import (
    NO_CRITIC,
    NOTHING,
    Case,
    cases_of,
    has_critic,
    jobs,
    trains,
)
from napari_advseg.studies.plan import Plan
from napari_advseg.studies.study import Job
from napari_advseg.studies.tables import Row, read_csv, to_csv

ORDERS = ("truth", "evidence", "critic", "random")
SHUFFLES = 20
GRACE = 2
NEARLY = 0.95
"""Of all that can be mended: what is left are specks, which would make up most of the edits."""
MOST = 100_000
CURVES, DRAWN = "curves.csv", "curves.svg"
PLACES = 100

Curve = list[float]
"""VOI after each look, before the first one in front."""
Ask = Callable[[Proof, FollowedScore], Reports[list[Item]]]


def proofreading(plan: Plan) -> list[Job]:
    """Every order with every seed; without a critic, the others."""
    return jobs(ORDERS, plan)


def followed(job: Job, plan: Plan) -> Reports[dict[str, Any]]:
    """The area under VOI against looks, as a share of VOI at the start: 1 where nothing was mended, lower is better.

    It is the mean over the data sets that have something to mend.

    Raises:
        ValueError: none has.
    """
    cases = yield from cases_of(job, plan)
    best = yield from _reference(cases, job, plan)
    kept: dict[str, Curve] = {}
    for case in cases:
        looks = allowed(best[case.name], plan.given.edits)
        if looks:
            kept[case.name] = yield from _mean(case, best[case.name], looks, job)
    if not kept:
        raise ValueError(
            "There is nothing to mend in the test sections; give labels with errors in them."
        )
    _write(kept, _file(job.factors, plan))
    return {
        "steps": job.recipe.training.steps if trains(plan) else "",
        "area": float(np.mean([area(curve) for curve in kept.values()])),
        "voi_start": float(np.mean([curve[0] for curve in kept.values()])),
        "voi_end": float(np.mean([curve[-1] for curve in kept.values()])),
        "looks": sum(len(curve) - 1 for curve in kept.values()),
        "data_sets": len(kept),
    }


def allowed(best: Curve, most: int | None) -> int:
    """How often every order may look, from the curve of the one that knows the truth."""
    start, end = best[0], best[-1]
    if start - end <= NOTHING:
        return 0
    needed = next(k for k, voi in enumerate(best) if voi <= start - NEARLY * (start - end))
    return GRACE * needed if most is None else min(most, GRACE * needed)


def area(curve: Curve) -> float:
    """The mean of VOI over the looks, as a share of VOI at the start."""
    return float(np.trapezoid(curve) / (len(curve) - 1) / curve[0])


def follow(case: Case, ask: Ask, looks: int) -> Reports[Curve]:
    """VOI after each of at most so many looks; where a queue has mended something the next one is asked for."""
    proof, score = case.opened()
    curve = [score.values.voi]
    gained = True
    yield Phase("edits", looks)
    while gained and len(curve) <= looks:
        gained = False
        for item in (yield from ask(proof, score)):
            if len(curve) > looks:
                break
            if (step := look(proof, item, case, score)) is not None:
                gained = gained or step
                curve.append(score.values.voi)
                yield BlockDone("edits", len(curve) - 1, looks)
    return curve


def lengthened(curve: Curve, looks: int) -> Curve:
    """The curve of exactly so many looks: where nothing was left to look at it goes on as it is."""
    return (curve + [curve[-1]] * looks)[: looks + 1]


def look(proof: Proof, item: Item, case: Case, score: FollowedScore) -> bool | None:
    """Do what is proposed for an item if VOI falls by it, else reject it; None where nothing is left to do there."""
    now = still(proof, item)
    if now is None:
        return None
    try:
        proposal = propose(proof, now, case.interior_map, score)
    except ValueError:  # nothing can be cut there, or the objects no longer meet
        return None
    if proposal.gain is not None and proposal.gain > NOTHING:
        proof.do(proposal.step)
        return True
    reject(proof, now)
    return False


def asking(case: Case, order: str, seed: Sequence[int] = (0,)) -> Ask:
    """What is to be looked at next, in an order; `seed` is for chance."""
    chance = np.random.default_rng(seed)

    def ask(proof: Proof, score: FollowedScore) -> Reports[list[Item]]:
        if order == "truth":
            return by_truth(proof, locate(proof.volume, case.truth, score.settings).sites)
        found = yield from case.candidates(proof, judged=order == "critic")
        if order == "critic":
            return ranked(proof, found, "critic")
        items = ranked(proof, found, "evidence")
        return items if order == "evidence" else [items[k] for k in chance.permutation(len(items))]

    return ask


def remarks(plan: Plan) -> Iterator[str]:
    """What the table does not say."""
    yield f"![VOI while the queue is followed]({DRAWN})"
    yield (
        "Area under VOI against what was looked at, as a share of VOI at the start: 1 where nothing was mended, lower "
        "is better. A proposal counts as looked at whether it was accepted (VOI falls) or rejected. Every order may "
        f"look {GRACE} times as often as the order `truth` needs for {NEARLY:.0%} of what it can mend; `random` is the "
        f"mean of {SHUFFLES} shuffles of what `evidence` has found."
    )
    if not has_critic(plan):
        yield NO_CRITIC


def files(plan: Plan) -> Iterator[tuple[str, str]]:
    """The curves of all runs as one table, and their means as a figure."""
    rows = [row for job in proofreading(plan) for row in _rows(job, plan)]
    yield CURVES, to_csv(rows).decode()
    yield DRAWN, curves("VOI, share of the start", "looked at, % of what is allowed", _drawn(rows))


def _reference(cases: list[Case], job: Job, plan: Plan) -> Reports[dict[str, Curve]]:
    """The curves of the order that knows the truth, until nothing is left to mend."""
    file = _file({**job.factors, "order": "truth-whole"}, plan)
    if file.is_file():
        return _read(file)
    found = {}
    for case in cases:
        found[case.name] = yield from follow(case, asking(case, "truth"), plan.given.edits or MOST)
    _write(found, file)
    return found


def _mean(case: Case, best: Curve, looks: int, job: Job) -> Reports[Curve]:
    order, seed = job.factors["order"], job.factors["seed"]
    if order == "truth":
        return lengthened(best, looks)
    found = []
    for k in range(SHUFFLES if order == "random" else 1):
        curve = yield from follow(case, asking(case, order, (seed, k)), looks)
        found.append(lengthened(curve, looks))
    return [float(value) for value in np.mean(found, axis=0)]


def _file(factors: dict[str, Any], plan: Plan) -> Path:
    return plan.out / "curves" / f"{factors['order']}-{factors['seed']}.csv"


def _write(kept: dict[str, Curve], path: Path) -> None:
    rows = [
        {"data_set": name, "looked_at": k, "voi": value}
        for name, curve in kept.items()
        for k, value in enumerate(curve)
    ]
    replace_file(path, to_csv(rows))


def _read(path: Path) -> dict[str, Curve]:
    found: dict[str, Curve] = {}
    for row in read_csv(path):
        found.setdefault(row["data_set"], []).append(float(row["voi"]))
    return found


def _rows(job: Job, plan: Plan) -> Iterator[Row]:
    for row in read_csv(_file(job.factors, plan)):
        yield {**job.factors, **row, "voi": float(row["voi"])}


def _drawn(rows: Iterable[Row]) -> dict[str, list[tuple[float, float]]]:
    """The mean curve of each order over data sets and seeds, along shares of what was allowed."""
    runs: dict[str, dict[tuple[Any, ...], Curve]] = {}
    for row in rows:
        own = runs.setdefault(row["order"], {})
        own.setdefault((row["seed"], row["data_set"]), []).append(row["voi"])
    places = np.linspace(0, 100, PLACES + 1)
    found = {}
    for order, some in runs.items():
        each = [
            np.interp(places, np.linspace(0, 100, len(curve)), np.array(curve) / curve[0])
            for curve in some.values()
        ]
        found[order] = list(zip(places.tolist(), np.mean(each, axis=0).tolist(), strict=True))
    return found
