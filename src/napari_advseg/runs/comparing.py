"""What two trainings have in common and what not: curves, numbers and settings from their folders. Loads no torch."""

from __future__ import annotations

import csv
import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from napari_advseg import model_store
from napari_advseg.model_store import Card, read_card

Curve = list[tuple[int, float]]

VALIDATION = "validation"
COLUMNS = 4
# Where a run went says nothing about what it learnt.
OF_NO_MATTER = ("version", "out", "missing", "training.preview_every", "training.save_every")


@dataclasses.dataclass(frozen=True)
class Learnt:
    """A training as its folder tells it: the card, and what was lost and measured over the steps."""

    folder: str
    card: Card
    curves: dict[str, Curve]

    @property
    def name(self) -> str:
        """What the folder is called."""
        return Path(self.folder).name


@dataclasses.dataclass(frozen=True)
class Difference:
    """One line of a comparison: what it is, and how it is in both."""

    what: str
    first: str
    second: str


def learnt(folder: str) -> Learnt:
    """The training in a folder, complete or not.

    Raises:
        UnreadableModel: there is no model, or it is damaged.
    """
    return Learnt(folder, read_card(folder), curves_of(Path(folder)))


def curves_of(folder: Path) -> dict[str, Curve]:
    """Losses and validation measures by name ("unet/loss", "validation loss"); none where nothing was logged.

    A value that only repeats one before it at the same step is left out, as a single term repeats its sum.
    """
    curves: dict[str, Curve] = {}
    seen: set[tuple[str, str, str]] = set()
    log = folder / model_store.LOG
    if not log.is_file():
        return curves
    with log.open(newline="", encoding="utf-8") as file:
        for row in csv.reader(file):
            if len(row) != COLUMNS or not row[0].isdigit():
                continue
            step, phase, name, value = row
            if (step, phase, value) in seen:
                continue
            seen.add((step, phase, value))
            title = f"{VALIDATION} {name}" if phase == VALIDATION else name
            curves.setdefault(title, []).append((int(step), float(value)))
    return curves


def names(first: Learnt, second: Learnt) -> tuple[str, str]:
    """What to call two trainings: the folder's name, with the folder around it where both are called the same."""
    if first.name != second.name:
        return first.name, second.name
    short = (Path(*Path(one.folder).parts[-2:]) for one in (first, second))
    return str(next(short)), str(next(short))


def numbers(first: Learnt, second: Learnt) -> list[Difference]:
    """How both ended: steps, best validation loss, what calibration measured."""
    sides = [_ending(one) for one in (first, second)]
    names = list(dict.fromkeys([*sides[0], *sides[1]]))
    return [Difference(name, *(side.get(name, "") for side in sides)) for name in names]


def differences(first: Learnt, second: Learnt) -> list[Difference]:
    """The settings that are not the same, by their names in the recipe."""
    sides = [_flat(one.card.recipe.model_dump(mode="json")) for one in (first, second)]
    names = list(dict.fromkeys([*sides[0], *sides[1]]))
    return [
        Difference(name, *(side.get(name, "") for side in sides))
        for name in names
        if sides[0].get(name) != sides[1].get(name) and name not in OF_NO_MATTER
    ]


def _ending(one: Learnt) -> dict[str, str]:
    card = one.card
    found = {
        "steps": f"{card.last_step:,} of {card.recipe.training.steps:,}",
        "best step": f"{card.best_step:,}" if card.best_step else "",
        "validation loss, best": "" if card.best_loss is None else f"{card.best_loss:.4g}",
    }
    for name, curve in one.curves.items():
        if name.startswith(VALIDATION):
            found[f"{name.replace('_', ' ')}, last"] = f"{curve[-1][1]:.4g}"
    calibration = {
        name.replace("_", " "): f"{value:.4g}" for name, value in card.calibration.items()
    }
    return found | calibration


def _flat(tree: Mapping[str, Any], before: str = "") -> dict[str, str]:
    flat: dict[str, str] = {}
    for name, value in tree.items():
        if isinstance(value, Mapping):
            flat |= _flat(value, f"{before}{name}.")
        else:
            shown = ", ".join(map(str, value)) if isinstance(value, list) else value
            flat[f"{before}{name}"] = "" if shown is None else str(shown)
    return flat
