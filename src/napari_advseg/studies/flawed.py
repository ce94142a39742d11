"""Labels with errors that are to be proofread, with all that a queue may ask about them: truth, map and critic."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from napari_advseg import families, model_store
from napari_advseg.inference.predict import predict
from napari_advseg.labelling import label
from napari_advseg.model_store import StoredModel
from napari_advseg.progress import Reports
from napari_advseg.proofreading.editing.proof import Proof
from napari_advseg.proofreading.finding.candidates import Candidate, find
from napari_advseg.proofreading.finding.followed import FollowedScore
from napari_advseg.scoring.table.boundary import grow_nearest
from napari_advseg.studies.plan import SCALES, Plan, span_of
from napari_advseg.studies.queue import trained
from napari_advseg.studies.study import Job
from napari_advseg.tasks.critic_search import Verdict
from napari_advseg.volume.volume import Volume

Chosen = TypeVar("Chosen", bound=str)

NO_CRITIC = "The order `critic` did not run: there is no model with a critic of images and maps."
NOTHING = 1e-9
"""Bits of VOI: less is the rounding of a gain that is 0."""
FAMILY = "adversarial_unet"
SHARE = 0.3
"""Of the objects that are cut, and of those that are joined."""
SMALL = 60
"""Smaller pieces and contacts of fewer faces are no errors that anybody would look for."""
# What is learnt in seconds and still sees walls; larger scales take the usual sizes.
QUICK: dict[str, Any] = {
    "model": {"widths": [8, 16, 32], "quiet_steps": 20, "critic": {"widths": [8, 16, 32]}},
    "examples": {"crop": 64, "batch": 4},
}


SCALES_HERE = SCALES | {
    "tiny": dataclasses.replace(
        SCALES["tiny"],
        words="a test of the study itself, trained for seconds",
        steps=100,
        crop=64,
        batch=4,
        shape=(10, 192, 192),
    )
}


@dataclasses.dataclass(eq=False)
class Case:
    """Labels that are proofread on their own: a section or a volume.

    Attributes:
        name: its sections, for example "17" or "17:20".
        image, truth, labels, interior_map: of one place; the labels have errors.
        model: whose critic judges; None where there is none.
    """

    name: str
    image: Volume
    truth: Volume
    labels: Volume
    interior_map: npt.NDArray[Any]
    model: StoredModel | None
    _found: dict[bool, list[Candidate]] = dataclasses.field(default_factory=dict)

    def opened(self) -> tuple[Proof, FollowedScore]:
        """The labels ready to be edited, with the score that follows."""
        proof = Proof(self.labels)
        return proof, FollowedScore(proof, self.truth)

    def candidates(self, proof: Proof, *, judged: bool = False) -> Reports[list[Candidate]]:
        """Where something may be wrong, `judged` by the critic or not; found once for the labels as they came."""
        if proof.steps:
            return (yield from self._find(proof, judged=judged))
        if judged not in self._found:
            self._found[judged] = yield from self._find(proof, judged=judged)
        return self._found[judged]

    def _find(self, proof: Proof, *, judged: bool) -> Reports[list[Candidate]]:
        verdict = None
        if judged and self.model is not None:
            verdict = Verdict(self.image, proof.labels, self.interior_map, self.model)
        return (yield from find(proof, self.interior_map, verdict))


def has_critic(plan: Plan) -> bool:
    """Whether a critic can be asked in a study: the given model's, or that of the model that it trains."""
    given = plan.given
    if given.model is None:
        return trains(plan)
    return families.judges(model_store.read_card(given.model).recipe.model)


def usable(orders: Sequence[Chosen], plan: Plan) -> list[Chosen]:
    """Those of the orders that can run: that of the critic where there is one."""
    return [one for one in orders if one != "critic" or has_critic(plan)]


def jobs(orders: Sequence[str], plan: Plan) -> list[Job]:
    """Every order that can run, with every seed."""
    return [job_of(plan, one, seed) for seed in plan.seeds for one in usable(orders, plan)]


def job_of(plan: Plan, order: str, seed: int) -> Job:
    """A run of a study of proofreading; those of one seed share a model."""
    changes = QUICK if plan.scale.name == "tiny" else {}
    tissue = plan.tissue
    return Job(
        {"order": order, "seed": seed},
        plan.recipe(FAMILY, seed, changes),
        span_of(tissue.training),
        span_of(tissue.validation),
        tissue.test,
    )


def trains(plan: Plan) -> bool:
    """Whether the study trains a model: where none is given, and no map either."""
    return plan.given.model is None and plan.given.interior_map is None


def cases_of(job: Job, plan: Plan) -> Reports[list[Case]]:
    """The labels of the test sections, each section on its own or all as one volume.

    Raises:
        ValueError: what was given does not lie on the image.
    """
    given = plan.given
    for one in (given.segmentation, given.interior_map):
        if one is not None and one.shape != plan.tissue.labels.shape:
            raise ValueError(
                f"'{one.source}' of shape {one.shape} does not lie on labels of shape {plan.tissue.labels.shape}; "
                "give what belongs to the image, all sections of it."
            )
    model = yield from _model(job, plan)
    image, truth = (one.cut(*job.tested) for one in (plan.tissue.image, plan.tissue.labels))
    interior_map = yield from _interior(image, model, job, plan)
    labels = yield from _labels(truth, interior_map, model, job, plan)
    judge = model if has_critic(plan) else None
    first, end = job.tested
    if given.by == "volume":
        truth, labels = (one.like(one.numpy()) for one in (truth, labels))  # read voxel by voxel
        return [Case(f"{first}:{end}", image, truth, labels, interior_map.numpy(), judge)]
    return [
        Case(
            str(first + k),
            image.cut(k, k + 1),
            section(truth, k),
            section(labels, k),
            interior_map.section(k),
            judge,
        )
        for k in range(end - first)
    ]


def section(volume: Volume, index: int) -> Volume:
    """One section of labels as a volume of axes yx."""
    return Volume(volume.section(index), volume.frame.without("z"), kind=volume.kind)


def _model(job: Job, plan: Plan) -> Reports[StoredModel | None]:
    given = plan.given
    if given.model is not None:
        return model_store.load(given.model)
    if given.interior_map is not None:
        return None
    seed = job.factors["seed"]
    lesson = dataclasses.replace(job, factors={"family": job.recipe.family, "seed": seed})
    return (yield from trained(lesson, plan))


def _interior(image: Volume, model: StoredModel | None, job: Job, plan: Plan) -> Reports[Volume]:
    if plan.given.interior_map is not None:
        return plan.given.interior_map.cut(*job.tested)
    if model is None:
        raise ValueError("There is neither a map nor a model; name --probabilities or --model.")
    return (yield from predict(image, model))


def _labels(
    truth: Volume, interior_map: Volume, model: StoredModel | None, job: Job, plan: Plan
) -> Reports[Volume]:
    """The given labels, errors made in the truth of synthetic tissue, or what the model makes of the image."""
    if plan.given.segmentation is not None:
        return plan.given.segmentation.cut(*job.tested)
    if plan.tissue.labels.source is None:
        seed = job.factors["seed"]
        by_volume = plan.given.by == "volume"
        return truth.like(
            flawed(truth.numpy(), seed)
            if by_volume
            else np.stack([flawed(plane, (seed, z)) for z, plane in enumerate(truth.sections())])
        )
    return (yield from label(interior_map, None if model is None else model.card.labelling))


def flawed(truth: npt.NDArray[Any], seed: int | tuple[int, ...]) -> npt.NDArray[np.int64]:
    """Labels (y, x) or (z, y, x) without 0, some objects of which are cut in two, and some joined with a neighbour."""
    rng = np.random.default_rng(seed)
    planes = truth.reshape(-1, *truth.shape[-2:])
    grown = np.stack([grow_nearest(plane) for plane in planes]).astype(np.int64)
    labels, fresh = grown.copy(), int(grown.max()) + 1
    free = {int(one) for one in np.unique(grown)}
    count = max(1, round(SHARE * len(free) / 2))
    for one, other in _neighbours(grown, rng):
        if count and {one, other} <= free:
            labels[labels == other] = one
            free -= {one, other}
            count -= 1
    for one in rng.permutation(sorted(free))[: max(1, round(SHARE * len(free)))]:
        half = _half(grown == one, rng)
        if min(half.sum(), (grown == one).sum() - half.sum()) >= SMALL:
            labels[half] = fresh
            fresh += 1
    return labels.reshape(truth.shape)


def _neighbours(labels: npt.NDArray[Any], rng: np.random.Generator) -> Iterator[tuple[int, int]]:
    """Pairs of objects that touch each other in sections, in random order."""
    pairs = np.concatenate(
        [
            np.stack([labels[:, 1:].reshape(-1), labels[:, :-1].reshape(-1)], 1),
            np.stack([labels[..., 1:].reshape(-1), labels[..., :-1].reshape(-1)], 1),
        ]
    )
    pairs = np.sort(pairs[pairs[:, 0] != pairs[:, 1]], 1)
    found, faces = np.unique(pairs, axis=0, return_counts=True)
    for one, other in rng.permutation(found[faces >= SMALL // 4]):
        yield int(one), int(other)


def _half(mask: npt.NDArray[np.bool_], rng: np.random.Generator) -> npt.NDArray[np.bool_]:
    """One side of an object, cut through its middle in a random direction along the sections."""
    _, y, x = np.nonzero(mask)
    angle = rng.uniform(0, np.pi)
    rows, columns = np.ogrid[: mask.shape[1], : mask.shape[2]]
    side = np.sin(angle) * (rows - y.mean()) + np.cos(angle) * (columns - x.mean()) > 0
    return np.asarray(mask & side, np.bool_)
