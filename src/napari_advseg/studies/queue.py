"""A queue of runs that can be broken off at any moment and gone on with: each leaves a row behind."""

from __future__ import annotations

import csv
import dataclasses
import io
import json
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from napari_advseg import model_store
from napari_advseg.model_store import StoredModel
from napari_advseg.progress import BlockDone, Phase, Reports, Said, Saved, Warned
from napari_advseg.recipe import Train
from napari_advseg.studies.plan import Plan
from napari_advseg.studies.report import Published, Row, pages
from napari_advseg.training.fit import fit
from napari_advseg.volume.atomic import replace_file
from napari_advseg.volume.volume import Volume

ROWS, REPORT, PLAN = "rows.csv", "report.md", "plan.json"


@dataclasses.dataclass(frozen=True)
class Job:
    """One run of a study.

    Attributes:
        factors: what makes it different from the others, for its row; with the seed.
        recipe: how its model is trained.
        learnt, judged, tested: sections that train, choose thresholds, and are scored.
        first: a run whose model this one starts from (`start_from`).
    """

    factors: dict[str, Any]
    recipe: Train
    learnt: tuple[int, ...] = ()
    judged: tuple[int, ...] = ()
    tested: tuple[int, int] = (0, 0)
    first: Job | None = None

    @property
    def name(self) -> str:
        """The run's folder, for example "unet-5-0"."""
        words = "-".join(str(value) for value in self.factors.values())
        return "".join(letter if letter.isalnum() or letter in "-_." else "_" for letter in words)

    @property
    def key(self) -> tuple[str, ...]:
        """What tells its row from others."""
        return tuple(str(value) for value in self.factors.values())


Queue = Callable[[Plan], list[Job]]
Measure = Callable[[Job, Plan], Reports[dict[str, Any]]]


@dataclasses.dataclass(frozen=True)
class Study:
    """All that a study is: declare one, and the command, the report and the tests know it.

    Attributes:
        question: what it asks, as the report's title.
        by: the factors that make a line of the table; over all others (seeds, folds) it averages.
        measures: columns of the table, the first is drawn.
        queue: its runs, in order.
        measure: what is measured of one run.
        published: numbers of the literature, and what of them can be compared.
        along: the factor along the figure's horizontal axis; bars without one.
    """

    name: str
    question: str
    by: tuple[str, ...]
    measures: tuple[str, ...]
    queue: Queue
    measure: Measure
    published: Published
    along: str | None = None


def run(study: Study, plan: Plan) -> Reports[dict[str, Any]]:
    """Do what is left of a study; rows.csv, report.md and the figure are whole after each run.

    A run that fails is said and left out; the next call tries it again.

    Raises:
        ValueError: the folder holds another study, or the same at another scale or on other images.
    """
    begin(study, plan)
    jobs = study.queue(plan)
    rows = read_rows(plan.out / ROWS, len(jobs[0].factors))
    failed: dict[str, str] = {}
    yield Phase("runs", len(jobs))
    for number, job in enumerate(jobs, start=1):
        if job.key not in rows:
            yield Said(f"Run {number} of {len(jobs)}: {job.name}.")
            try:
                found = yield from study.measure(job, plan)
            except ValueError as error:
                failed[job.name] = str(error)
                yield Warned(f"The run {job.name} failed and is left out: {error}")
            else:
                rows[job.key] = {**job.factors, **found}
                replace_file(plan.out / ROWS, table(list(rows.values())))
        yield BlockDone("runs", number, len(jobs))
    wanted = [rows[job.key] for job in jobs if job.key in rows]
    for name, content in pages(study, plan, wanted, failed):
        replace_file(plan.out / name, content.encode())
    yield Saved(str(plan.out / REPORT), "report")
    return {
        "rows": str(plan.out / ROWS),
        "report": str(plan.out / REPORT),
        "runs": len(wanted),
        "failed": failed,
    }


def begin(study: Study, plan: Plan) -> None:
    """Write down what the study is, or see that it is the same that was begun.

    Raises:
        ValueError: it is another.
    """
    facts = json.loads(json.dumps({"study": study.name, **plan.facts()}))
    file = plan.out / PLAN
    if file.is_file():
        begun = json.loads(file.read_text(encoding="utf-8"))
        other = [name for name in facts if begun.get(name) != facts[name]]
        if other:
            raise ValueError(
                f"{plan.out} holds a study with another {' and '.join(other)} "
                f"({begun.get(other[0])}, not {facts[other[0]]}); choose another --out, or the same as then."
            )
        return
    if plan.out.exists() and (not plan.out.is_dir() or any(plan.out.iterdir())):
        raise ValueError(f"{plan.out} is not an empty folder; choose another --out.")
    replace_file(file, json.dumps(facts, indent=1).encode())


def trained(job: Job, plan: Plan) -> Reports[StoredModel]:
    """The model of a run: as it stands where it is complete, gone on with where it was broken off, else new."""
    recipe = job.recipe.changed(out=str(plan.out / "models" / job.name))
    if job.first is not None:
        before = yield from trained(job.first, plan)
        recipe = recipe.changed(start_from=str(before.folder))
    folder = Path(recipe.out or "")
    there = (folder / model_store.CARD).is_file()
    if there:
        card = model_store.read_card(folder)
        if card.calibration and card.last_step >= card.recipe.training.steps:
            return model_store.load(folder)
    image, labels = plan.tissue.image, plan.tissue.labels
    if not job.judged:  # images alone, however many
        alone = [*pieces(image, job.learnt), *plan.tissue.unlabelled]
        return (yield from fit(alone, None, recipe, resume=there))
    count = len(job.learnt)
    recipe = recipe.changed(validation=(count, count + len(job.judged)))
    chosen = (*job.learnt, *job.judged)
    return (yield from fit(pieces(image, chosen), pieces(labels, chosen), recipe, resume=there))


def pieces(volume: Volume, sections: Sequence[int]) -> list[Volume]:
    """Some sections of a volume as volumes, neighbours in one."""
    return [volume.cut(first, end) for first, end in runs(sections)]


def runs(numbers: Sequence[int]) -> Iterator[tuple[int, int]]:
    """Stretches first:end of numbers that follow each other."""
    first = before = None
    for number in numbers:
        if first is None or before is None or number != before + 1:
            if first is not None and before is not None:
                yield first, before + 1
            first = number
        before = number
    if first is not None and before is not None:
        yield first, before + 1


def read_rows(path: Path, factors: int) -> dict[tuple[str, ...], Row]:
    """The rows of a study so far, by the values of their first columns, which are the factors."""
    if not path.is_file():
        return {}
    with path.open(newline="", encoding="utf-8") as file:
        return {tuple(list(row.values())[:factors]): dict(row) for row in csv.DictReader(file)}


def table(rows: Sequence[Row]) -> bytes:
    """Rows as CSV with every column that any of them has, factors first."""
    text = io.StringIO()
    names = list(dict.fromkeys(name for row in rows for name in row))
    writer = csv.DictWriter(text, names, restval="")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().encode()
