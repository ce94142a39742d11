"""A queue of runs that can be broken off at any moment and gone on with: each leaves a row behind."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_advseg import families, model_store
from napari_advseg.disk.atomic import replace_file
from napari_advseg.model_store import StoredModel
from napari_advseg.progress import BlockDone, Phase, Reports, Said, Saved, Warned
from napari_advseg.studies.plan import Plan, Span, span_of
from napari_advseg.studies.report import SUMMARY, pages
from napari_advseg.studies.study import Job, Study
from napari_advseg.studies.tables import read_csv, to_csv
from napari_advseg.training.fit import fit
from napari_advseg.volume.volume import Volume

ROWS, REPORT, PLAN = "rows.csv", "report.md", "plan.json"


def run(
    study: Study, plan: Plan, only: Mapping[str, Sequence[str]] | None = None
) -> Reports[dict[str, Any]]:
    """Do what is left of a study, or of its runs with `only` these values of factors.

    Each run adds its row to rows.csv; summary.csv, report.md and the figure are made of the rows at the end. A run that
    fails is said and left out; the next call tries it again.

    Raises:
        ValueError: the folder holds another study, or the same at another scale or on other images, or no run has
            such values.
    """
    every = study.queue(plan)
    jobs = chosen(every, only or {})
    begin(study, plan)
    count = len(jobs[0].factors)
    rows = {tuple(list(row.values())[:count]): row for row in read_csv(plan.out / ROWS)}
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
                replace_file(plan.out / ROWS, to_csv(list(rows.values())))
        yield BlockDone("runs", number, len(jobs))
    wanted = [rows[job.key] for job in every if job.key in rows]
    for name, content in pages(study, plan, wanted, failed):
        replace_file(plan.out / name, content.encode())
    yield Saved(str(plan.out / REPORT), "report")
    return {
        "rows": str(plan.out / ROWS),
        "summary": str(plan.out / SUMMARY),
        "report": str(plan.out / REPORT),
        "runs": len(wanted),
        "failed": failed,
    }


def chosen(jobs: list[Job], only: Mapping[str, Sequence[str]]) -> list[Job]:
    """The runs that have one of the named values of each named factor.

    Raises:
        ValueError: there is no such factor, or no such run.
    """
    factors = jobs[0].factors
    for name, values in only.items():
        if name not in factors:
            raise ValueError(
                f"The runs of this study have no '{name}'; choose by one of: {', '.join(factors)}."
            )
        known = dict.fromkeys(str(job.factors[name]) for job in jobs)
        jobs = [job for job in jobs if str(job.factors[name]) in values]
        if not jobs:
            raise ValueError(
                f"No run has {name}={','.join(values)}; there are: {', '.join(known)}."
            )
    return jobs


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
    recipe = job.recipe.changed(out=str(place(job, plan)))
    if job.first is not None:
        before = yield from trained(job.first, plan)
        recipe = recipe.changed(start_from=str(before.folder))
    folder = Path(recipe.out or "")
    there = (folder / model_store.CARD).is_file()
    if there:
        card = model_store.read_card(folder)
        if card.calibration and card.last_step >= card.recipe.training.steps:
            return model_store.load(folder)
    if not job.judged:  # images alone, however many
        alone = [*pieces(plan.tissue.image, job.learnt), *plan.tissue.unlabelled]
        return (yield from fit(alone, None, recipe, resume=there))
    of_volumes = families.find(recipe.family).dimensions == 3
    images, labels, withheld = (in_context if of_volumes else in_pieces)(job, plan)
    return (yield from fit(images, labels, recipe.changed(validation=withheld), resume=there))


def place(job: Job, plan: Plan) -> Path:
    """The folder of a run's model; where studies share models, equal trainings on equal data have one."""
    if plan.models is None:
        return plan.out / "models" / job.name
    return plan.models / f"{job.recipe.family}-{digest(job, plan)}"


def digest(job: Job, plan: Plan) -> str:
    """A name for all that a run's model follows from."""
    facts = {
        "recipe": job.recipe.model_dump(mode="json"),
        "sections": [job.learnt, job.judged, job.tested],
        "first": digest(job.first, plan) if job.first else None,
        **plan.tissue.facts(),
    }
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()[:12]


Lesson = tuple[list[Volume], list[Volume], Span]
"""Images, their labels, and which sections of their row are withheld."""


def in_pieces(job: Job, plan: Plan) -> Lesson:
    """The sections of a run and nothing else."""
    count, taken = len(job.learnt), (*job.learnt, *job.judged)
    images, labels = (pieces(one, taken) for one in (plan.tissue.image, plan.tissue.labels))
    return images, labels, (count, count + len(job.judged))


def in_context(job: Job, plan: Plan) -> Lesson:
    """One stack of the run's sections and all others that train, whose annotation is hidden.

    A network of volumes needs to see what lies beside a section. What is tested is not seen: where it lies between,
    the stack is joined.
    """
    known = {*job.learnt, *job.judged}
    beside = set(span_of(plan.tissue.training)) - set(span_of(job.tested))
    seen = sorted(known | beside)
    first = seen.index(job.judged[0])
    image, labels = (joined(one, seen) for one in (plan.tissue.image, plan.tissue.labels))
    hidden = np.array([number not in known for number in seen], np.uint8)
    labels = with_hidden(labels, hidden)
    return [image], [labels], (first, first + len(job.judged))


def joined(volume: Volume, sections: Sequence[int]) -> Volume:
    """Some sections of a volume, in their order, as one stack."""
    first, end = sections[0], sections[-1] + 1
    if end - first == len(sections):
        return volume.cut(first, end)
    planes = np.stack([volume.section(k) for k in sections], volume.axes.index("z"))
    masks = volume.synthetic
    mask = None if masks is None else np.stack([masks[k] for k in sections])
    return dataclasses.replace(volume, array=planes, source=None, synthetic=mask)


def with_hidden(labels: Volume, hidden: npt.NDArray[np.uint8]) -> Volume:
    """Labels of a stack of which some sections (1) count as not annotated, as synthetic voxels do."""
    if not hidden.any():
        return labels
    mask = np.broadcast_to(hidden[:, None, None], labels.shape)
    if labels.synthetic is not None:
        mask = np.maximum(mask, np.asarray(labels.synthetic[...]))
    return dataclasses.replace(labels, synthetic=mask)


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
