"""Trainings that were broken off and can be gone on with, also after a restart. Loads no torch."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from datetime import datetime, timedelta
from pathlib import Path

from napari_advseg import model_store
from napari_advseg.disk.lock import holder_of
from napari_advseg.model_store import UnreadableModel, read_card
from napari_advseg.recipes import Train

LOCK = "training.lock"


@dataclasses.dataclass(frozen=True)
class BrokenOff:
    """A training that did not come to its end: its folder, how far it is, and when it was last saved."""

    folder: str
    family: str
    step: int
    steps: int
    saved: datetime

    def words(self, now: datetime) -> str:
        """For example "Yesterday's training neuropil-unet stopped at step 400 of 2,300."."""
        whose = {0: "Today's training", 1: "Yesterday's training"}
        days = (now.date() - self.saved.date()) // timedelta(days=1)
        title = whose.get(days, f"The training of {self.saved:%Y-%m-%d}")
        return f"{title} {Path(self.folder).name} stopped at step {self.step:,} of {self.steps:,}."


def broken_off(places: Iterable[str]) -> list[BrokenOff]:
    """Those of some model folders whose training can be gone on with, the last saved first.

    A folder that has gone, is complete, or is trained into at this moment is none of them.
    """
    found = [one for one in map(_look_at, map(Path, places)) if one is not None]
    return sorted(found, key=lambda one: one.saved, reverse=True)


def recipe_to_go_on(folder: str) -> Train:
    """The recipe of the training in a folder, which may have been moved.

    Raises:
        UnreadableModel: there is none, or it is damaged.
    """
    return read_card(folder).recipe.changed(out=str(folder))


def _look_at(folder: Path) -> BrokenOff | None:
    state = folder / model_store.STATE
    if not state.is_file() or holder_of(folder, name=LOCK) is not None:
        return None
    try:
        card = read_card(folder)
        saved = datetime.fromtimestamp(state.stat().st_mtime).astimezone()
    except (UnreadableModel, OSError):
        return None
    steps = card.recipe.training.steps
    if card.last_step >= steps:
        return None
    return BrokenOff(str(folder), card.recipe.family, card.last_step, steps, saved)
