"""Whether a new model may take the place of an old one: in no reviewed block may it be worse."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np

from napari_advseg.inference.predict import ready
from napari_advseg.model_store import StoredModel
from napari_advseg.progress import BlockDone, Phase, Reports
from napari_advseg.proofreading.afterwards.trusted import Judged
from napari_advseg.proofreading.store.steps import Box
from napari_advseg.scoring.measures.instances import Score, score
from napari_advseg.settings.prediction import PredictionSettings
from napari_advseg.settings.scoring import ScoringSettings
from napari_advseg.tasks.segment import Wanted, segment
from napari_advseg.volume.painted import BOUNDARY
from napari_advseg.volume.part import Part, boxed
from napari_advseg.volume.volume import Volume

FIGURES = ("voi", "adapted_rand_error")
"""The scores of which none may rise."""
JUDGING = "judge"


@dataclasses.dataclass(frozen=True)
class JudgedBlock:
    """A reviewed block, and what the labels of the old and of the new model are worth in it."""

    box: Box
    old: Score
    new: Score

    @property
    def is_worse(self) -> bool:
        """Whether the new model's VOI or adapted Rand error is higher, by whatever little."""
        return any(getattr(self.new, name) > getattr(self.old, name) for name in FIGURES)

    @property
    def words(self) -> str:
        """For example "sections 27:30, VOI 0.412 -> 0.317, adapted Rand error 0.093 -> 0.071"."""
        figures = (
            f"{words} {getattr(self.old, name):.4f} -> {getattr(self.new, name):.4f}"
            for name, words in zip(FIGURES, ("VOI", "adapted Rand error"), strict=True)
        )
        return ", ".join((_place(self.box), *figures))

    def to_json(self) -> dict[str, Any]:
        """The block as plain JSON."""
        values = {"old": self.old.values(), "new": self.new.values()}
        return {"box": [list(span) for span in self.box], "is_worse": self.is_worse, **values}


@dataclasses.dataclass(frozen=True)
class Verdict:
    """What a new model is worth beside the old one.

    Attributes:
        blocks: those in which something could be compared.
        is_withheld: whether the new model has never seen them.
    """

    blocks: tuple[JudgedBlock, ...]
    is_withheld: bool

    @property
    def is_taken(self) -> bool:
        """Whether the new model is worse in no block; no where there is nothing to compare."""
        return bool(self.blocks) and not any(one.is_worse for one in self.blocks)

    @property
    def words(self) -> str:
        """What was found, in one or two sentences."""
        if not self.blocks:
            return "The new model is not taken: no reviewed block shows objects to compare; review a whole section."
        worse = [one for one in self.blocks if one.is_worse]
        shown = "; ".join(one.words for one in worse or self.blocks)
        seen = "withheld" if self.is_withheld else "reviewed, which it has learnt from,"
        if worse:
            return (
                f"The new model is not taken: it is worse in {len(worse)} of {len(self.blocks)} blocks ({shown}). "
                "Review more, or train longer."
            )
        return f"The new model is taken: it is worse in none of {len(self.blocks)} blocks {seen} ({shown})."

    def to_json(self) -> dict[str, Any]:
        """The verdict as plain JSON."""
        return {
            "is_taken": self.is_taken,
            "is_withheld": self.is_withheld,
            "words": self.words,
            "blocks": [one.to_json() for one in self.blocks],
        }


def judge(
    models: tuple[StoredModel, StoredModel],
    image: Volume,
    truth: Volume,
    judged: Judged,
    settings: PredictionSettings | None = None,
) -> Reports[Verdict]:
    """The old and the new of two models in blocks of an image, against an annotation of them; reports blocks.

    Each labels with its own settings. In full precision, so that the same models always get the same verdict.

    Raises:
        ValueError: a model does not fit the image.
    """
    full = (settings or PredictionSettings()).changed(precision="fp32")
    predictors = [ready(model, full) for model in models]
    blocks = []
    yield Phase(JUDGING, len(judged.blocks))
    for done, box in enumerate(judged.blocks, 1):
        true = boxed(truth, box).numpy().astype(np.int64)
        true[true == BOUNDARY] = 0
        scores = []
        *sections, rows, columns = box
        cut = image.cut(*sections[0]) if sections else image
        wanted = Wanted(Part(*rows, *columns))
        for model, own in zip(models, predictors, strict=True):
            made = yield from segment(cut, model, prediction=full, predictors=own, wanted=wanted)
            scoring = scoring_of(models[0], len(true) if true.ndim == 3 else 1)
            scores.append(score(made.labels.numpy(), true, scoring))
        if scores[0].scored:
            blocks.append(JudgedBlock(box, *scores))
        yield BlockDone(JUDGING, done, len(judged.blocks))
    return Verdict(tuple(blocks), judged.is_withheld)


def scoring_of(model: StoredModel, sections: int) -> ScoringSettings:
    """How labels of a model are compared in a block of so many sections: as its validation was.

    By volume where its objects run through the sections. A background is an object, for it was reviewed too.
    """
    runs = sections > 1 and model.card.labelling.across_sections != "sections"
    chosen = model.card.recipe.scoring
    counts = "count" if model.card.labelling.zero == "background" else chosen.boundary
    return chosen.changed(
        edge=0, zero="boundary", boundary=counts, by="volume" if runs else "section"
    )


def _place(box: Box) -> str:
    """A block in words."""
    *sections, rows, columns = (f"{begin}:{end}" for begin, end in box)
    where = f"sections {sections[0]}, " if sections else ""
    return f"{where}rows {rows}, columns {columns}"
