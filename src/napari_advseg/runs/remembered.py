"""What this computer remembers of its trainings: how long a step took, and where they went. Loads no torch."""

from __future__ import annotations

import dataclasses
import json
import os
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import closing, suppress
from pathlib import Path
from typing import Any, TypeVar

from napari_advseg.disk.atomic import replace_file
from napari_advseg.progress import Report, Reports, StepDone
from napari_advseg.recipes import Train

Result = TypeVar("Result")

FILE = "trainings.json"
ENVIRONMENT = "NAPARI_ADVSEG_CACHE"
UNTIMED_STEPS, LEAST_STEPS = 3, 5
MOST_PACES, MOST_PLACES = 200, 50


@dataclasses.dataclass(frozen=True)
class Memory:
    """Seconds of one step by `pace_of`, and the folders of trainings, the newest last."""

    paces: dict[str, float] = dataclasses.field(default_factory=dict)
    places: tuple[str, ...] = ()


def remembered() -> Memory:
    """What is known; nothing where the file is absent or damaged."""
    try:
        tree = json.loads(file().read_text(encoding="utf-8"))
        paces = {str(key): float(value) for key, value in tree["paces"].items()}
        return Memory(paces, tuple(map(str, tree["places"])))
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return Memory()


def remember_pace(pace: str, seconds: float) -> None:
    """Keep the seconds of one step. A folder that cannot be written to only costs the estimate."""
    memory = remembered()
    kept = {key: value for key, value in memory.paces.items() if key != pace}
    newest = dict(list({**kept, pace: seconds}.items())[-MOST_PACES:])
    _keep(dataclasses.replace(memory, paces=newest))


def remember_place(folder: str) -> None:
    """Keep where a training goes, so that it can be gone on with after a restart."""
    memory = remembered()
    whole = os.path.realpath(folder)
    others = [place for place in memory.places if place != whole]
    _keep(dataclasses.replace(memory, places=(*others, whole)[-MOST_PLACES:]))


def forget_place(folder: str) -> None:
    """Offer this training no more."""
    memory = remembered()
    whole = os.path.realpath(folder)
    _keep(dataclasses.replace(memory, places=tuple(p for p in memory.places if p != whole)))


def pace_of(recipe: Train, device: str) -> str:
    """What the time of a step depends on, as text: family, network, crop, batch, device.

    Weights of terms and rates, the real numbers of a model, make no difference.
    """
    parts = {
        "family": recipe.family,
        "model": _whole(recipe.model.model_dump(mode="json")),
        "crop": recipe.examples.crop,
        **({"depth": recipe.examples.depth} if recipe.examples.depth else {}),
        "batch": recipe.examples.batch,
        "device": device,
        "precision": recipe.training.precision,
        "threads": recipe.training.threads,
    }
    return json.dumps(parts, sort_keys=True)


def steps_of(recipe: Train, sections: int = 0) -> int | None:
    """How many steps a training takes; None where it depends on what is not known.

    Args:
        sections: how many sections train, where that is known; it makes epochs.
    """
    training = recipe.training
    if training.minutes is not None:
        return None
    if training.epochs is not None:
        return -(-training.epochs * sections // recipe.examples.batch) if sections else None
    return training.steps


def watched(running: Reports[Result], recipe: Train, device: str) -> Reports[Result]:
    """The same reports; meanwhile the steps are timed, validations included and pauses not, and remembered."""
    stopwatch = Stopwatch()
    try:
        with closing(running):
            while True:
                began = time.perf_counter()
                try:
                    report = next(running)
                except StopIteration as end:
                    result: Result = end.value
                    return result
                stopwatch.see(report, time.perf_counter() - began)
                if recipe.out and isinstance(report, StepDone) and stopwatch.steps == 1:
                    remember_place(recipe.out)
                yield report
    finally:
        seconds = stopwatch.seconds
        if seconds is not None:
            remember_pace(pace_of(recipe, device), seconds)


class Stopwatch:
    """Seconds of a step, from the first that is timed to the last."""

    def __init__(self) -> None:
        self.steps = 0
        self._timed = 0.0
        self._open = 0.0

    def see(self, report: Report, spent: float) -> None:
        """Take in a report that took so many seconds to come."""
        self._open += spent
        if isinstance(report, StepDone):
            self.steps += 1
            if self.steps > UNTIMED_STEPS:
                self._timed += self._open
            self._open = 0.0

    @property
    def seconds(self) -> float | None:
        """Mean seconds of a step; None after too few."""
        count = self.steps - UNTIMED_STEPS
        return self._timed / count if count >= LEAST_STEPS else None


def file() -> Path:
    """Where it is kept: in the user's folder for caches, or where NAPARI_ADVSEG_CACHE says."""
    if named := os.environ.get(ENVIRONMENT):
        return Path(named) / FILE
    return next(_folders()) / "napari-advseg" / FILE


def _folders() -> Iterator[Path]:
    named = {"win32": "LOCALAPPDATA", "darwin": ""}.get(sys.platform, "XDG_CACHE_HOME")
    if named and os.environ.get(named):
        yield Path(os.environ[named])
    usual = {"win32": "AppData/Local", "darwin": "Library/Caches"}
    yield Path.home() / usual.get(sys.platform, ".cache")


def _keep(memory: Memory) -> None:
    document = {"paces": memory.paces, "places": list(memory.places)}
    with suppress(ValueError):  # nothing that a training needs
        replace_file(file(), json.dumps(document, indent=1).encode())


def _whole(tree: Mapping[str, Any]) -> dict[str, Any]:
    """A tree without its real numbers."""
    kept = {}
    for name, value in tree.items():
        if isinstance(value, Mapping):
            kept[name] = _whole(value)
        elif not isinstance(value, float):
            kept[name] = value
    return kept
