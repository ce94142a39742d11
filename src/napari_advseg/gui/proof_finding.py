"""What the Proofread dock asks of threads: places to look at, steps and proposals with their pictures, the score."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from napari_advseg import families
from napari_advseg.gui.comparison import MOST_ROWS, Comparison, Side, rows_of
from napari_advseg.gui.errand import Errand
from napari_advseg.gui.handover import COPY, GivenUp, Stopped, named, taken
from napari_advseg.gui.proof_desk import Desk
from napari_advseg.model_store import Card
from napari_advseg.napari_io import LayerData
from napari_advseg.progress import Phase, Report, Reports, Result, drain
from napari_advseg.proofreading import calibration, queue
from napari_advseg.proofreading.bake import bake
from napari_advseg.proofreading.candidates import find
from napari_advseg.proofreading.followed import FollowedScore
from napari_advseg.proofreading.modes import Click, is_enough
from napari_advseg.proofreading.proposals import Proposal
from napari_advseg.proofreading.queue import Item
from napari_advseg.proofreading.steps import Step
from napari_advseg.recipe import Judge
from napari_advseg.scoring.locate import locate
from napari_advseg.settings.scoring import ScoringSettings
from napari_advseg.volume.lazy import LazyArray
from napari_advseg.volume.volume import Volume

ORDERS = {
    "truth": "Gain (truth)",
    "evidence": "Boundary evidence",
    "uncertainty": "Uncertainty",
    "critic": "Critic's verdict",
    "mix": "All but truth",
}
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


def by_truth(desk: Desk, truth: Side, stopped: Stopped, tell: Tell) -> dict[str, Any]:
    """Places by what putting them right gains, under "items", and the wrong objects, under "comparison".

    Raises:
        ValueError: labels and truth cannot be compared, or it was stopped.
    """
    tell(Phase("comparing", 0))
    replica = desk.shadow.replica()
    settings = ScoringSettings(by="volume")
    errors = locate(replica.volume, truth.volume, settings)
    _unless(stopped)
    found = Comparison(
        desk.now,
        truth,
        settings,
        errors.score,
        rows_of(errors.top(MOST_ROWS)),
        errors.sites_found,
        errors.objects_found,
    )
    return {"items": queue.by_truth(replica, errors.sites), "comparison": found}


def by_map(
    desk: Desk, interior: LazyArray, order: queue.Order, stopped: Stopped, tell: Tell
) -> dict[str, Any]:
    """Places by what the interior map says at contacts and inside objects, under "items".

    Raises:
        ValueError: the map does not lie on the labels, or it was stopped.
    """
    replica = desk.shadow.replica()
    found = _told(find(replica, interior), stopped, tell)
    return {"items": queue.ranked(replica, found, order)}


def judged(
    desk: Desk, given: Mapping[str, Volume], recipe: Judge, folder: Path, errand: Errand
) -> Judge:
    """The recipe with its files named; what of `given` (image, interior) is in no file is copied into `folder`.

    Raises:
        ValueError: a copy cannot be written, or it was stopped.
    """
    paths = {}
    for name, volume in given.items():
        copy = folder / f"judge-{name}{COPY}"
        paths[name] = named(volume, copy, errand, str(copy))
    proof = desk.proof
    return recipe.changed(labels=str(proof.base.source), journal=str(proof.folder), **paths)


def prepared(
    desk: Desk, mode: str, clicks: Sequence[Click], interior: LazyArray | None, section: int
) -> tuple[Step | None, LayerData | None]:
    """The step that clicks stand for, and what it is about in a section; before there are enough only the latter.

    Raises:
        ValueError: the edit is refused.
    """
    if is_enough(mode, clicks):
        step = desk.shadow.step(mode, clicks, interior)
        return step, desk.shadow.picture(step, desk.side, section)
    labels = tuple(desk.shadow.label_at(click.point) for click in clicks)
    if 0 in labels:
        raise ValueError("There is no object (label 0) at this place; click into one.")
    about = Step("mark", tuple(dict.fromkeys(labels)))
    return None, desk.shadow.picture(about, desk.side, section)


def proposed(
    desk: Desk, item: Item, interior: LazyArray | None, made: Proposal | None
) -> tuple[Item, Proposal, LayerData | None]:
    """What puts an item right, made now unless it was before, and what it is about where the item lies.

    Raises:
        ValueError: the item is no longer what it was.
    """
    proposal = made or desk.shadow.proposal(item, interior)
    section = item.points[0][0] if item.points and len(item.points[0]) > 2 else 0
    return item, proposal, desk.shadow.picture(proposal.step, desk.side, section)


def ahead(desk: Desk, item: Item, interior: LazyArray | None) -> tuple[Item, Proposal]:
    """An item with its proposal, before its turn has come.

    Raises:
        ValueError: as `proposed`.
    """
    return item, desk.shadow.proposal(item, interior)


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


def scored(desk: Desk, truth: Side) -> FollowedScore:
    """The score against a truth, which follows from now on.

    Raises:
        ValueError: labels and truth cannot be compared.
    """
    return desk.shadow.begin_score(truth.volume)


def baked(desk: Desk, path: str, stopped: Stopped, tell: Tell) -> dict[str, Path]:
    """A file with all edits, under "baked".

    Raises:
        ValueError: it cannot be written, or it was stopped.
    """
    return {"baked": _told(bake(desk.shadow.replica(), path), stopped, tell)}


def _told(running: Reports[Result], stopped: Stopped, tell: Tell) -> Result:
    """The result of a generator whose reports are told; it ends where it is stopped."""

    def read(report: Report) -> None:
        _unless(stopped)
        tell(report)

    return drain(running, read)


def _unless(stopped: Stopped) -> None:
    if stopped():
        raise GivenUp("Stopped.")
