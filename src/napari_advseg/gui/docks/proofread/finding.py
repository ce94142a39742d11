"""What the Proofread dock asks of threads: places to look at, steps and proposals with their pictures, the score."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from napari_advseg import families
from napari_advseg.gui.compute.cancellable import Cancellable
from napari_advseg.gui.compute.handover import COPY, GivenUp, Stopped, named, taken
from napari_advseg.gui.docks.proofread.open_labels import OpenLabels
from napari_advseg.gui.kit.comparison import MOST_ROWS, Comparison, Side, rows_of
from napari_advseg.model_store import Card
from napari_advseg.napari_io import LayerData
from napari_advseg.progress import Phase, Report, Reports, Result, drain
from napari_advseg.proofreading.afterwards.bake import bake
from napari_advseg.proofreading.editing.modes import ON_CLICK, Click
from napari_advseg.proofreading.finding import calibration, queue
from napari_advseg.proofreading.finding.candidates import find
from napari_advseg.proofreading.finding.proposals import Proposal
from napari_advseg.proofreading.finding.queue import Item
from napari_advseg.proofreading.state import Question
from napari_advseg.proofreading.store.steps import Step
from napari_advseg.recipes import Judge
from napari_advseg.scoring.finding.locate import locate
from napari_advseg.settings.scoring import ScoringSettings
from napari_advseg.volume.arrays.lazy import LazyArray
from napari_advseg.volume.volume import Volume

ORDERS = {
    "truth": "Gain (truth)",
    "evidence": "Boundary evidence",
    "uncertainty": "Uncertainty",
    "critic": "Critic's verdict",
    "mix": "All but truth",
}
NOTHING = Step("mark", ())
Tell = Callable[[Report], object]


def can_judge(card: Card) -> bool:
    """Whether a model has a critic of images and segmentations."""
    return families.judges(card.recipe.model)


def why_not_open(layer: Any) -> str:
    """Why a layer cannot be proofread; empty where it can."""
    try:
        volume = taken(layer)
    except ValueError as error:
        return str(error)
    if volume.axes not in ("yx", "zyx"):
        return f"'{layer.name}' has the axes '{volume.axes}'; choose labels of one section or one stack."
    return ""


def by_truth(opened: OpenLabels, truth: Side, stopped: Stopped, tell: Tell) -> dict[str, Any]:
    """Places by what putting them right gains, under "items", and the wrong objects, under "comparison".

    Raises:
        ValueError: labels and truth cannot be compared, or it was stopped.
    """
    tell(Phase("comparing", 0))
    replica = opened.working_copy.replica()
    settings = ScoringSettings(by="volume")
    errors = locate(replica.volume, truth.volume, settings)
    _unless(stopped)
    found = Comparison(
        opened.now,
        truth,
        settings,
        errors.score,
        rows_of(errors.top(MOST_ROWS)),
        errors.sites_found,
        errors.objects_found,
    )
    return {"items": queue.by_truth(replica, errors.sites), "comparison": found}


def by_map(
    opened: OpenLabels, interior_map: LazyArray, order: queue.Order, stopped: Stopped, tell: Tell
) -> dict[str, Any]:
    """Places by what the interior map says at contacts and inside objects, under "items".

    Raises:
        ValueError: the map does not lie on the labels, or it was stopped.
    """
    replica = opened.working_copy.replica()
    found = _told(find(replica, interior_map), stopped, tell)
    return {"items": queue.ranked(replica, found, order)}


def judged(
    opened: OpenLabels,
    given: Mapping[str, Volume],
    recipe: Judge,
    folder: Path,
    cancellable: Cancellable,
) -> Judge:
    """The recipe with its files named; what of `given` (image, interior) is in no file is copied into `folder`.

    Raises:
        ValueError: a copy cannot be written, or it was stopped.
    """
    paths = {}
    for name, volume in given.items():
        copy = folder / f"judge-{name}{COPY}"
        paths[name] = named(volume, copy, cancellable, str(copy))
    proof = opened.proof
    return recipe.changed(labels=str(proof.base.source), journal=str(proof.folder), **paths)


@dataclasses.dataclass(frozen=True, eq=False)
class Answer:
    """What a question comes to.

    Attributes:
        step: what it is about.
        made: the proposal for a place of the queue, the step that clicks stand for; None where there are too few.
        picture: of the step, in one section.
        problem: why it comes to nothing; "" where it does not.
    """

    question: Question
    step: Step = NOTHING
    made: Proposal | Step | None = None
    picture: LayerData | None = None
    problem: str = ""

    @property
    def about(self) -> frozenset[int]:
        """The objects that it changes or names."""
        return self.step.touched | frozenset(self.step.ids)

    def to(self, question: Question) -> Answer:
        """The same, where it is asked for in earnest."""
        return dataclasses.replace(self, question=question)


def answered(
    opened: OpenLabels, question: Question, interior_map: LazyArray | None, section: int
) -> Answer:
    """What a question comes to, with its picture: where the place lies, or in `section`, which is on screen."""
    copy = opened.working_copy
    try:
        made: Proposal | Step | None = None
        if question.item is not None:
            made = copy.proposal(question.item, interior_map)
            section = _section_of(question.item)
        elif ON_CLICK[question.mode].is_enough(question.clicks):
            made = copy.step(question.mode, question.clicks, interior_map)
        step = made or _named(opened, question.clicks)
        step = step.step if isinstance(step, Proposal) else step
        return Answer(question, step, made, copy.picture(step, opened.side, section))
    except ValueError as why:
        return Answer(question, problem=str(why))


def _named(opened: OpenLabels, clicks: Sequence[Click]) -> Step:
    """A step that is about what was clicked, and changes nothing."""
    labels = tuple(opened.working_copy.label_at(click.point) for click in clicks)
    if 0 in labels:
        raise ValueError("There is no object (label 0) at this place; click into one.")
    return Step("mark", tuple(dict.fromkeys(labels)))


def _section_of(item: Item) -> int:
    return item.points[0][0] if item.points and len(item.points[0]) > 2 else 0


def expected(proposal: Proposal) -> str:
    """What a proposal would do, in words."""
    item = proposal.item
    what = f"{item.action.capitalize()} {' and '.join(map(str, item.labels))}"
    if proposal.gain is not None:
        way = "falls" if proposal.gain >= 0 else "rises"
        return f"{what}: VOI {way} by {abs(proposal.gain):.4g} bits."
    hits = calibration.measured().of(item)
    rate = f" Elsewhere, {hits.words}." if hits is not None else ""
    return f"{what}: {item.source} {item.worth:.2f} of 1.{rate}"


def baked(opened: OpenLabels, path: str, stopped: Stopped, tell: Tell) -> dict[str, Path]:
    """A file with all edits, under "baked".

    Raises:
        ValueError: it cannot be written, or it was stopped.
    """
    return {"baked": _told(bake(opened.working_copy.replica(), path), stopped, tell)}


def _told(running: Reports[Result], stopped: Stopped, tell: Tell) -> Result:
    """The result of a generator whose reports are told; it ends where it is stopped."""

    def read(report: Report) -> None:
        _unless(stopped)
        tell(report)

    return drain(running, read)


def _unless(stopped: Stopped) -> None:
    if stopped():
        raise GivenUp("Stopped.")
