"""What can be said of a training before it starts: which sections it will learn from, and what its labels look like."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable

from napari_advseg.examples.census import Census
from napari_advseg.examples.classes import look_like_classes
from napari_advseg.progress import Report, Said, Warned, drain
from napari_advseg.recipes import Train
from napari_advseg.training.data import Plan, plan
from napari_advseg.volume.formats.files import as_labels
from napari_advseg.volume.painted import classes_of
from napari_advseg.volume.volume import Volume

PATIENCE_S = 30.0


class Overtaken(ValueError):
    """Nobody waits for the outlook any more."""


@dataclasses.dataclass(frozen=True)
class Outlook:
    """What a training will learn from, in words.

    Attributes:
        words: one sentence for the user, or why nothing can be learnt.
        details: what was decided on the way and why.
        is_problem: whether `words` says what is wrong.
        training: how many sections train; 0 where that is not known.
        classes: values that look like classes though cells are to be learnt; none else.
    """

    words: str
    details: str = ""
    is_problem: bool = False
    training: int = 0
    classes: tuple[int, ...] = ()


def outlook(
    labels: Volume,
    recipe: Train,
    stopped: Callable[[], bool] = lambda: False,
    *,
    is_pair: bool = True,
    patience_s: float = PATIENCE_S,
) -> Outlook:
    """The outlook on a training by the labels alone; one that takes too long to count is left to the training.

    Labels that are no pair with the image all train, and nothing validates.

    Raises:
        Overtaken: `stopped` said so.
    """
    notes: list[Said | Warned] = []
    end = time.monotonic() + patience_s

    def read(report: Report) -> None:
        if stopped():
            raise Overtaken("Another layer or setting was chosen meanwhile.")
        if isinstance(report, Said | Warned):
            notes.append(report)
        if time.monotonic() > end:
            raise _TooLong

    truth = as_labels(labels)
    try:
        found = drain(plan([truth], recipe), read)
    except _TooLong:
        return Outlook("The annotation is large: it is counted when the training starts.")
    except Overtaken:
        raise
    except ValueError as error:
        return Outlook(str(error), is_problem=True, classes=_classes(truth, recipe, None))
    learnt = found.words if is_pair else f"{found.voxels:,} annotated voxels"
    return Outlook(
        f"{learnt}. {_meaning(found, notes)}".strip(),
        details=" ".join(note.text for note in notes),
        training=len(found.training),
        classes=_classes(truth, recipe, found.censuses[0]),
    )


class _TooLong(Exception):
    """The annotation takes longer to count than a user wants to wait."""


def _meaning(found: Plan, notes: list[Said | Warned]) -> str:
    """What the values stand for, and what looks wrong."""
    warnings = [note.text for note in notes if isinstance(note, Warned)]
    if found.examples.targets.kind == "classes":
        values = ", ".join(map(str, found.examples.targets.classes))
        meaning = f"Learnt as classes: {values}."
    else:
        has_zero = any(census.zero_share for census in found.censuses)
        meaning = found.zero_words if has_zero else ""
    return " ".join(part for part in (meaning, *warnings) if part)


def _classes(labels: Volume, recipe: Train, census: Census | None) -> tuple[int, ...]:
    if recipe.examples.targets.kind == "classes":
        return ()
    if classes_of(labels.frame):  # they were painted as such
        return tuple(classes_of(labels.frame))
    first, end = recipe.sections or (0, labels.size("z"))
    known = census.painted if census is not None else range(first, min(end, labels.size("z")))
    try:
        return look_like_classes(labels, known)
    except ValueError:  # no labels at all, which has been said already
        return ()
