"""The folder of a training: who writes into it, what stands there, and what is kept while it runs."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from napari_advseg import model_store
from napari_advseg.disk import lock
from napari_advseg.disk.atomic import replace_file
from napari_advseg.model_store import Card, StoredModel, Tensors
from napari_advseg.progress import Report, Reports, StepDone, Validated
from napari_advseg.runs.continuing import LOCK
from napari_advseg.training.loop import Best, Sample
from napari_advseg.training.step import Run
from napari_advseg.training.strip import strip_of

LOG_HEAD = ["step", "phase", "name", "value"]
SAMPLES = "samples"


def card_to_resume(folder: Path | None, *, resume: bool) -> Card | None:
    """The card of the training to go on with, None for a new one.

    Raises:
        ValueError: the folder holds something already, or nothing to go on with.
    """
    there = folder is not None and (folder / model_store.CARD).is_file()
    if resume:
        if not there or folder is None:
            raise ValueError(
                f"There is no training to resume in {folder}; start it without --resume."
            )
        return model_store.read_card(folder)
    if there:
        raise ValueError(
            f"{folder} holds a model already; choose another --out, or --resume to go on with it."
        )
    if folder is not None and is_taken(folder):
        raise ValueError(f"{folder} is not an empty folder; choose another --out.")
    return None


def is_under_way(folder: Path | None) -> bool:
    """Whether a training in the folder has saved where it stands: killed before that, it begins anew."""
    return folder is not None and (folder / model_store.STATE).is_file()


def is_taken(folder: Path) -> bool:
    """Whether something is there besides the lock of a training that has not saved anything yet."""
    return folder.exists() and (
        not folder.is_dir() or any(file.name != LOCK for file in folder.iterdir())
    )


@contextmanager
def sole_writer(folder: Path | None) -> Iterator[None]:
    """Nobody else trains into the folder meanwhile; a lock that a killed process left counts for nothing.

    Raises:
        ValueError: somebody does, or the folder cannot be written to.
    """
    if folder is None:
        yield
        return
    try:
        folder.mkdir(parents=True, exist_ok=True)
        held, _ = lock.take(folder, f"The model folder '{folder.name}'", name=LOCK)
    except OSError as error:
        raise ValueError(
            f"Cannot write {folder}: {error.strerror or error}. Free some space or choose another folder."
        ) from error
    try:
        yield
    finally:
        held.release()


class ModelKeeper:
    """Keeps one training's card and weights: in its model folder, or in memory where it has none."""

    def __init__(self, folder: Path | None, card: Card) -> None:
        self._folder = folder
        self._card = card
        self._memory: dict[str, Tensors] = {}
        self.replace(card)

    def replace(self, card: Card) -> None:
        """Keep another card for the same weights."""
        self._card = card
        if self._folder is not None:
            model_store.save_card(self._folder, card)

    def keep_best(self, run: Run, best: Best) -> str:
        """Keep the weights as the best ones; the folder comes back."""
        self._keep("best", run, best_step=best.step, best_loss=best.loss)
        return str(self._folder or "")

    def keep_state(self, run: Run) -> str:
        """Keep the last weights and all that a resumed training needs; the folder comes back."""
        self._keep("last", run, last_step=run.step)
        if self._folder is not None:
            model_store.save_state(self._folder, run.state())
        return str(self._folder or "")

    def keep_strip(self, step: int, samples: list[Sample]) -> str:
        """Keep a picture of withheld crops: image, what is made of it, truth; its path comes back, or ""."""
        if self._folder is None or not samples:
            return ""
        path = self._folder / SAMPLES / f"{step:07d}.png"
        replace_file(path, strip_of(samples))
        return str(path)

    def model(self) -> StoredModel:
        """The best model, or the last where nothing was validated."""
        if self._folder is not None:
            return model_store.load(self._folder)
        return StoredModel(self._card, self._memory.get("best", self._memory["last"]))

    def logged(self, reports: Reports[None], step: int) -> Reports[None]:
        """The reports passed on, their numbers appended to the log; rows later than `step` are dropped."""
        if self._folder is None:
            return (yield from reports)
        log = self._folder / model_store.LOG
        rows = [row for row in rows_of(log) if int(row[0]) <= step]
        with log.open("w", newline="", encoding="utf-8", buffering=1) as file:
            writer = csv.writer(file)
            writer.writerows([LOG_HEAD, *rows])
            with closing(reports):
                for report in reports:
                    writer.writerows(numbers(report))
                    yield report

    def _keep(self, kind: str, run: Run, **facts: Any) -> None:
        if self._folder is None:
            self._memory[kind] = run.weights()
            return
        name = model_store.save_weights(self._folder, kind, run.step, run.weights())
        self.replace(self._card.changed(weights={**self._card.weights, kind: name}, **facts))


def rows_of(log: Path) -> list[list[str]]:
    """The rows of a training log without its head; none where there is no log."""
    if not log.is_file():
        return []
    with log.open(newline="", encoding="utf-8") as file:
        return [row for row in csv.reader(file) if len(row) == len(LOG_HEAD) and row[0].isdigit()]


def numbers(report: Report) -> list[tuple[int, str, str, str]]:
    """The rows of the log (step, phase, name, value) that a report stands for."""
    if isinstance(report, StepDone):
        return [
            (report.step, "train", name, f"{value:.8g}") for name, value in report.losses.items()
        ]
    if isinstance(report, Validated):
        measures = {"loss": report.loss, **report.metrics}
        return [
            (report.step, "validation", name, f"{value:.8g}") for name, value in measures.items()
        ]
    return []
