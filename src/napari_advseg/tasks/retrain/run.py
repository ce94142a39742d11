"""The whole way from reviewed labels to those of a better model: learn, judge, segment, replay, compare.

Each stage leaves a file that is complete or not there, so that a run that was stopped goes on where it was.
"""

from __future__ import annotations

import dataclasses
import json
import shutil
from pathlib import Path
from typing import Any

from napari_advseg import families, model_store
from napari_advseg.disk.atomic import replace_file
from napari_advseg.examples.pairs import check_pairs
from napari_advseg.examples.sections import split_sections
from napari_advseg.examples.targets import Meaning
from napari_advseg.families.boundless_transfer.settings import ALL_LAYERS, BoundlessTransferSettings
from napari_advseg.inference.fitting import fits
from napari_advseg.model_store import Card, StoredModel
from napari_advseg.progress import Reports, Said, Warned
from napari_advseg.proofreading.afterwards.bake import write_whole
from napari_advseg.proofreading.afterwards.replay import Replayed, describe, replay
from napari_advseg.proofreading.afterwards.trusted import (
    Judged,
    judged_blocks,
    write_judged,
    write_learnt,
)
from napari_advseg.proofreading.editing.proof import (
    OpenProof,
    Proof,
    find_journal,
    path_of_labels,
    reopened,
)
from napari_advseg.proofreading.store.kept import Kept, beside, kept_in
from napari_advseg.proofreading.store.steps import Box
from napari_advseg.recipes import Retrain, Segment, Train, further, read_tree, to_yaml, validated
from napari_advseg.scoring.finding.changes import changes
from napari_advseg.settings import Settings
from napari_advseg.tasks import segment
from napari_advseg.tasks.retrain.judging import Verdict, judge
from napari_advseg.training.calibration import MOST_SECTIONS, spread
from napari_advseg.training.folder import is_taken, sole_writer
from napari_advseg.training.folds import finished
from napari_advseg.volume.formats.files import as_labels, read
from napari_advseg.volume.volume import Volume

LEARNT, JUDGED, PLAN = "learnt.ome.zarr", "judged.ome.zarr", "plan.json"
MODEL, VERDICT = "model", "verdict.json"
LABELS, REPLAYED, CHANGED = "labels.ome.zarr", "replayed.json", "changed.ome.zarr"
RECIPE, RESULT = "recipe.yaml", "result.json"

Made = dict[str, Any]


@dataclasses.dataclass(frozen=True)
class Plan:
    """What is learnt from, and what is judged by.

    Attributes:
        voxels: that are learnt from.
        validation: sections that choose weights and thresholds, first and end; None where they are too few to divide.
        judged: the blocks that decide.
    """

    voxels: int
    validation: tuple[int, int] | None
    judged: Judged

    def to_json(self) -> Made:
        """The plan as plain JSON; `of_json` is the inverse."""
        return dataclasses.asdict(self)

    @classmethod
    def of_json(cls, tree: Made) -> Plan:
        """The plan that was written."""
        blocks: tuple[Box, ...] = tuple(
            tuple((begin, end) for begin, end in box) for box in tree["judged"]["blocks"]
        )
        span = tree["validation"]
        judged = Judged(blocks, is_withheld=tree["judged"]["is_withheld"])
        return cls(tree["voxels"], tuple(span) if span else None, judged)


def run(recipe: Retrain, *, resume: bool = False) -> Reports[Made]:
    """Train on what is reviewed, judge, and where the new model is taken: segment, replay the edits, and compare.

    In the recipe's folder then stand what was learnt (learnt.ome.zarr), what was judged by (judged.ome.zarr), the new
    model (model), the verdict and, if it is taken, its labels (labels.ome.zarr) with the edits in a journal beside
    them, what became of these (replayed.json), and what is other than before (changed.ome.zarr). Neither the old model
    nor the old labels nor their journal are touched. Paths and figures come back, as result.json holds them.

    `resume` goes on with the run in the folder.

    Raises:
        ValueError: nothing is reviewed, image, labels and model do not belong together, or the folder is in use.
    """
    folder = Path(recipe.out)
    check_begun(recipe, resume=resume)
    retraining = _Retraining(recipe)
    with sole_writer(folder):
        replace_file(folder / RECIPE, to_yaml(recipe).encode())
        if (folder / RESULT).is_file():
            yield Said("All of this was done before; this is what came out.")
            return _json(folder / RESULT)
        made = yield from retraining.stages()
        _keep(folder / RESULT, made)
    return made


def check_begun(recipe: Retrain, *, resume: bool) -> None:
    """Nothing, where the run can begin in its folder, or go on there.

    Raises:
        ValueError: something else is there, or nothing to go on with.
    """
    folder = Path(recipe.out)
    there = folder / RECIPE
    if not resume and is_taken(folder):
        hint = ", or go on with --resume" if there.is_file() else ""
        raise ValueError(f"{folder} is not an empty folder; choose another --out{hint}.")
    if resume and not there.is_file():
        raise ValueError(f"There is nothing to resume in {folder}; start it without --resume.")
    if resume and validated(read_tree(there)) != recipe:
        raise ValueError(
            f"{there} describes another run than this one; choose another --out, or give the same options."
        )


def lessons(recipe: Retrain, card: Card, plan: Plan) -> Train:
    """The recipe of the training: that of the old model, on what was reviewed, from its weights."""
    base = card.recipe
    return base.changed(
        model=_taking_all(base.model),
        image=recipe.image,
        labels=str(Path(recipe.out) / LEARNT),
        images=None,
        masks=None,
        sections=None,
        validation=plan.validation,
        missing=recipe.missing,
        folds=None,
        sweep=(),
        zero="unannotated",
        start_from=recipe.model,
        start_only=(),
        seed=recipe.seed,
        training=recipe.training or further(base.training),
        labelling=card.labelling,
        out=str(Path(recipe.out) / MODEL),
    )


def _taking_all(model: Settings) -> Settings:
    """Settings that take all weights over, where a family may be told to take some only."""
    if isinstance(model, BoundlessTransferSettings):
        return model.changed(scenario="own", load_first=ALL_LAYERS, freeze_first=model.frozen)
    return model


class _Retraining:
    """One run with all that its stages need."""

    def __init__(self, recipe: Retrain) -> None:
        self.recipe = recipe
        self._folder = Path(recipe.out)
        self._old = model_store.load(recipe.model)
        check_model(self._old.card, recipe.model)
        self._image = read(recipe.image, missing=recipe.missing)
        fits(self._image, self._old)
        check_pairs([self._image], [self._labels(self._kept())])

    def stages(self) -> Reports[Made]:
        """All of them, one after the other; what came out of it."""
        plan = yield from self._planned()
        new = yield from finished(lessons(self.recipe, self._old.card, plan), resume=True)
        verdict = yield from self._judged(new, plan.judged)
        made: Made = {
            "is_taken": verdict["is_taken"],
            "model": str(self._folder / MODEL),
            "verdict": verdict,
            "recipe": str(self._folder / RECIPE),
        }
        if not verdict["is_taken"]:
            yield Warned(verdict["words"])
            return made
        yield Said(verdict["words"])
        made |= yield from self._segmented()
        made |= yield from self._replayed()
        made |= yield from self._compared()
        return made

    def _planned(self) -> Reports[Plan]:
        """Write what is learnt and what is judged by, as the journal is now."""
        place = self._folder / PLAN
        if place.is_file():
            return Plan.of_json(_json(place))
        for name in (LEARNT, JUDGED):
            shutil.rmtree(self._folder / name, ignore_errors=True)
        proof = self._proof(self._kept())
        judged = judged_blocks(proof.boxes)
        targets, zero = self._old.card.recipe.examples.targets, self._zero
        withheld = judged.blocks if judged.is_withheld else ()
        learnt = yield from write_learnt(proof, self._folder / LEARNT, targets, zero, withheld)
        if not judged.blocks:
            judged = Judged(_whole_sections(proof, learnt.sections), is_withheld=False)
        yield from write_judged(proof, self._folder / JUDGED, zero, judged.blocks)
        rest = split_sections(learnt.sections)[1]
        plan = Plan(learnt.voxels, (rest[0], rest[-1] + 1) if rest else None, judged)
        _keep(place, plan.to_json())
        yield Said(
            f"{learnt.voxels:,} reviewed voxels in {len(learnt.sections)} sections are learnt from."
        )
        if not judged.is_withheld:
            yield Warned(
                "Fewer than two sections or boxes are reviewed as a whole, so nothing is withheld: the new model is "
                "judged by what it has learnt from. Review two or more to know better."
            )
        return plan

    def _judged(self, new: StoredModel, judged: Judged) -> Reports[Made]:
        """The verdict, as it is or was."""
        place = self._folder / VERDICT
        if not place.is_file():
            truth = read(self._folder / JUDGED)
            both, settings = (self._old, new), self.recipe.prediction
            verdict: Verdict = yield from judge(both, self._image, truth, judged, settings)
            _keep(place, verdict.to_json())
        return _json(place)

    def _segmented(self) -> Reports[Made]:
        """The labels of the new model."""
        place = self._folder / LABELS
        if not place.exists():
            yield from segment.run(
                Segment(
                    image=self.recipe.image,
                    model=str(self._folder / MODEL),
                    out=str(place),
                    prediction=self.recipe.prediction,
                    missing=self.recipe.missing,
                    overwrite=True,
                )
            )
        return {"labels": str(place)}

    def _replayed(self) -> Reports[Made]:
        """The edits on top of them, with a journal of their own."""
        journal, outcome = beside(self._folder / LABELS), self._folder / REPLAYED
        if not journal.exists():
            partial = journal.with_name(f"{journal.name}.partial")
            shutil.rmtree(partial, ignore_errors=True)
            onto = OpenProof(read(self._folder / LABELS), partial)
            try:
                kept = self._kept()
                done: Replayed = yield from replay(kept, onto, self._labels(kept).array)
                # Said in the journal, which is there even where no edit was needed.
                onto.note("replayed", {"journal": str(kept.folder), "edits": len(kept.steps)})
            finally:
                onto.close()
            yield Said(describe(done)[0])
            _keep(outcome, done.to_json())
            partial.rename(journal)
        return {"journal": str(journal), "replayed": _json(outcome)}

    def _compared(self) -> Reports[Made]:
        """What is other than before, with all edits on both sides."""
        place = self._folder / CHANGED
        new = kept_in(beside(self._folder / LABELS))
        if new is None:
            raise ValueError(
                f"The journal in {self._folder} has gone; start again in another --out."
            )
        after = reopened(new, self._folder / LABELS)
        differs = changes(self._proof(self._kept()).volume, after.volume)
        if not place.exists():
            yield from write_whole(differs.layer, place, "changed", overwrite=True)
        yield Said(f"Compared with the labels before: {differs.words}.")
        return {"changed": str(place), "changes": dict(differs.objects)}

    @property
    def _zero(self) -> Meaning:
        """What 0 in reviewed labels is to the old model."""
        return "background" if self._old.card.labelling.zero == "background" else "boundary"

    def _kept(self) -> Kept:
        return find_journal(self.recipe.journal)

    def _labels(self, kept: Kept) -> Volume:
        """The labels that were proofread, without any edit."""
        path = path_of_labels(kept, self.recipe.labels)
        return as_labels(read(path, missing=self.recipe.missing))

    def _proof(self, kept: Kept) -> Proof:
        """The labels with all edits, to be looked at."""
        return reopened(kept, self._labels(kept))


def check_model(card: Card, name: str) -> None:
    """Nothing, where a model makes objects and can be trained further.

    Raises:
        ValueError: it does not.
    """
    kind = card.recipe.family
    if families.find(kind).needs == "unlabelled" or not families.segments(card.recipe.model):
        raise ValueError(f"{name} ({kind}) makes no labels; choose the model that made these.")
    if card.channels.gives == "classes":
        raise ValueError(
            f"{name} tells classes, and what is proofread are objects; choose a model of objects."
        )
    if card.members:
        raise ValueError(
            f"{name} is a model of several; name one of its members, for example {name}/{card.members[0]}."
        )


def _whole_sections(proof: Proof, sections: tuple[int, ...]) -> tuple[Box, ...]:
    """At most four of some sections, evenly spread."""
    plane = tuple((0, length) for length in proof.labels.shape[-2:])
    if len(proof.labels.shape) == 2:
        return (plane,)
    return tuple(((z, z + 1), *plane) for z in spread(sections, MOST_SECTIONS))


def _json(place: Path) -> Made:
    tree: Made = json.loads(place.read_text(encoding="utf-8"))
    return tree


def _keep(place: Path, tree: Made) -> None:
    replace_file(place, json.dumps(tree, indent=2).encode())
