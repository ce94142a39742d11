"""Cross-validation and sweeps: one recipe trained several times, with a table, and the folds as one model."""

from __future__ import annotations

import csv
import io
import math
import statistics
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from napari_advseg import families, model_store
from napari_advseg.disk.atomic import replace_file
from napari_advseg.examples.sections import Row
from napari_advseg.model_store import Card, StoredModel
from napari_advseg.progress import Reports, Said, Saved
from napari_advseg.recipes import Train
from napari_advseg.training.data import paired
from napari_advseg.training.fit import fit, required

Measures = dict[str, float | int | None]
FOLDS, SWEEP = "folds.csv", "sweep.csv"


def train(recipe: Train, *, resume: bool = False) -> Reports[StoredModel]:
    """What a training recipe asks for: one model, one for each fold, or one for each learning rate.

    Raises:
        ValueError: folds and rates are both asked for, there is no folder for them, or as `fit`.
    """
    if not recipe.folds and not recipe.sweep:
        return (yield from fit(recipe=recipe, resume=resume))
    if recipe.folds and recipe.sweep:
        raise ValueError(
            "Folds and a sweep of learning rates are two studies; ask for one of them."
        )
    if recipe.out is None:
        raise ValueError("Several models need a folder to stand in; name one with --out.")
    if recipe.sweep:
        return (yield from sweep(recipe, recipe.sweep, Path(recipe.out), resume=resume))
    return (yield from cross_validate(recipe, recipe.folds or 0, Path(recipe.out), resume=resume))


def cross_validate(
    recipe: Train, folds: int, out: Path, *, resume: bool = False
) -> Reports[StoredModel]:
    """Models that each withhold another block of sections (or images), and all of them together as one.

    `out` then holds fold-1, fold-2 ..., a table of their validation (folds.csv), and a card that names them: as a
    model it averages what they say. A fold that is complete already is not trained again.

    Raises:
        ValueError: there are fewer sections than folds, or as `fit`.
    """
    if families.find(recipe.family).needs == "unlabelled":
        raise ValueError(
            f"Folds are judged by labels and {recipe.family} learns without; train it once."
        )
    images, _ = paired(
        required(recipe.image, "image"), required(recipe.labels, "labels"), recipe.missing
    )
    spans = fold_spans(recipe.sections or (0, len(Row(images))), folds)
    members = []
    for number, span in enumerate(spans, start=1):
        yield Said(f"Fold {number} of {folds}: sections {span[0]}:{span[1]} are withheld.")
        changes = {"folds": None, "validation": list(span), "out": str(out / f"fold-{number}")}
        members.append((yield from finished(recipe.changed(**changes), resume=resume)))
    rows: list[Measures] = [
        {"fold": k, **one.card.calibration} for k, one in enumerate(members, start=1)
    ]
    replace_file(out / FOLDS, table(rows))
    card = together(recipe, [one.card for one in members])
    model_store.save_card(out, card)
    yield Saved(str(out / FOLDS), "folds")
    yield Said(f"{folds} folds: {describe_folds([one.card.calibration for one in members])}.")
    return model_store.load(out)


def sweep(
    recipe: Train, rates: Sequence[float], out: Path, *, resume: bool = False
) -> Reports[StoredModel]:
    """The model with the lowest validation loss among those of several learning rates; sweep.csv holds all."""
    models = []
    for rate in rates:
        yield Said(f"Learning rate {rate:g}.")
        model = dict(recipe.model)
        model["optimiser"] = model["optimiser"].changed(learning_rate=rate)
        changed = recipe.model.changed(**model)
        changes = {"sweep": (), "model": changed, "out": str(out / f"rate-{rate:g}")}
        models.append((yield from finished(recipe.changed(**changes), resume=resume)))
    losses = [math.inf if one.card.best_loss is None else one.card.best_loss for one in models]
    rows: list[Measures] = [
        {"learning_rate": rate, "validation_loss": loss, **one.card.calibration}
        for rate, loss, one in zip(rates, losses, models, strict=True)
    ]
    replace_file(out / SWEEP, table(rows))
    best = min(range(len(models)), key=lambda k: losses[k])
    yield Saved(str(out / SWEEP), "sweep")
    yield Said(f"The learning rate {rates[best]:g} has the lowest validation loss.")
    return models[best]


def finished(recipe: Train, *, resume: bool) -> Reports[StoredModel]:
    """The model of a recipe: as it stands in its folder where it is complete, else trained, or trained further."""
    folder = Path(recipe.out or "")
    there = resume and (folder / model_store.CARD).is_file()
    if there:
        card = model_store.read_card(folder)
        if card.last_step >= card.recipe.training.steps and card.calibration:
            return model_store.load(folder)
    return (yield from fit(recipe=recipe, resume=there))


def fold_spans(span: tuple[int, int], folds: int) -> list[tuple[int, int]]:
    """Blocks first:end that cover a span, disjoint and as equal as can be.

    Raises:
        ValueError: there are fewer sections than folds.
    """
    count = span[1] - span[0]
    if not 2 <= folds <= count:
        what = "section" if count == 1 else "sections (or images)"
        choose = f"choose 2 to {count}" if count > 1 else "annotate more"
        raise ValueError(f"{count} {what} cannot be divided into {folds} folds; {choose}.")
    parts = np.array_split(np.arange(*span), folds)
    return [(int(part[0]), int(part[-1]) + 1) for part in parts]


def together(recipe: Train, cards: Sequence[Card]) -> Card:
    """The card of several models as one: mean scores, mean thresholds."""
    first = cards[0]
    names = ("threshold", "gap_threshold")
    means = {
        name: statistics.mean(getattr(card.labelling, name) for card in cards) for name in names
    }
    scores = {
        name: statistics.mean(values)
        for name, values in by_measure([card.calibration for card in cards]).items()
    }
    return first.changed(
        recipe=first.recipe.changed(
            folds=recipe.folds, validation=recipe.validation, out=recipe.out
        ),
        labelling=first.labelling.changed(**means),
        calibration=scores,
        weights={},
        members=tuple(f"fold-{k}" for k in range(1, len(cards) + 1)),
    )


def describe_folds(scores: Sequence[dict[str, float]]) -> str:
    """For example "mean iou 0.9712 +- 0.0031"."""
    parts = []
    for name, values in by_measure(scores).items():
        spread = f" +- {statistics.stdev(values):.4f}" if len(values) > 1 else ""
        parts.append(f"{name.replace('_', ' ')} {statistics.mean(values):.4f}{spread}")
    return ", ".join(parts)


def by_measure(scores: Sequence[dict[str, float]]) -> dict[str, list[float]]:
    """Every measure with its values; a class that a fold does not hold has none there."""
    found: dict[str, list[float]] = {}
    for one in scores:
        for name, value in one.items():
            found.setdefault(name, []).append(value)
    return found


def table(rows: Sequence[Measures]) -> bytes:
    """Rows as CSV."""
    text = io.StringIO()
    writer = csv.DictWriter(text, list(dict.fromkeys(name for row in rows for name in row)))
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().encode()
