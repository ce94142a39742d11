"""What the critic of a trained model says of labels: how false they look, section by section, and a queue by it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from napari_advseg import model_store, recipes
from napari_advseg.disk.atomic import replace_file
from napari_advseg.examples.patches import section_target
from napari_advseg.examples.targets import Meaning
from napari_advseg.inference.fitting import fits, gives_classes
from napari_advseg.inference.judge import Judge
from napari_advseg.labelling.section.gap_closing import as_probability
from napari_advseg.model_store import Card, StoredModel
from napari_advseg.progress import Reports, Saved, drain
from napari_advseg.proofreading.editing.proof import Proof, reopened
from napari_advseg.proofreading.finding.candidates import find
from napari_advseg.proofreading.finding.queue import Item, ranked
from napari_advseg.proofreading.store.kept import kept_in
from napari_advseg.scoring.table.boundary import near_change
from napari_advseg.settings.prediction import PredictionSettings
from napari_advseg.tasks.once import at_once
from napari_advseg.volume.arrays.lazy import LazyArray, Window, Windowed
from napari_advseg.volume.formats.files import read
from napari_advseg.volume.volume import Volume

Map = npt.NDArray[np.float32]
WALL = 8
"""Pixels from a change of label within which the interior map says what there is of a wall."""


class Verdict(Windowed):
    """How false labels look to a critic, float32 in [0, 1], of the shape of the labels; 1 is surely false.

    A section is read and judged when it is asked for, in tiles, and nothing of it is kept: memory does not grow with
    the volume. Edited labels are judged as they are then.
    """

    def __init__(
        self,
        image: Volume,
        labels: LazyArray,
        interior_map: LazyArray,
        model: StoredModel,
        settings: PredictionSettings | None = None,
    ) -> None:
        """Load the critic; nothing is judged yet.

        Args:
            image: grey values at the place of the labels.
            labels: of axes yx or zyx.
            interior: probability of being inside a cell, of the shape of the labels: it says how wide walls are.
            model: of a family with a critic of images and maps; of several, the mean is taken.
            settings: device, precision and tiles; those of the model if None.

        Raises:
            ValueError: the model has no such critic, or the image, labels and map do not fit each other or it.
        """
        check(image, labels, interior_map, model)
        self._image, self._labels, self._interior = image, labels, interior_map
        chosen = settings or model.card.recipe.prediction
        self._judges = [Judge(one, chosen, image) for one in model.members or (model,)]

    @property
    def shape(self) -> tuple[int, ...]:
        return tuple(self._labels.shape)

    @property
    def dtype(self) -> np.dtype[Any]:
        return np.dtype(np.float32)

    def read(self, window: Window) -> Map:
        if len(window) == 2:
            return self._section(0, ...)[window]
        span = range(window[0].start, window[0].stop)
        return np.stack([self._section(z, z)[window[1:]] for z in span])

    def _section(self, z: int, place: Any) -> Map:
        image = self._image.section(z)
        labels, interior_map = (np.asarray(one[place]) for one in (self._labels, self._interior))
        card = self._judges[0].card
        shown = drawn(labels, as_probability(interior_map), card)
        found = [drain(judge.judged(image, shown)) for judge in self._judges]
        return np.asarray(np.mean(found, axis=0), np.float32)


def drawn(labels: npt.NDArray[Any], interior_map: Map, card: Card) -> Map:
    """Labels of a section as the map that a model would have made of them, (k, y, x): 1 inside, 0 on walls.

    Walls lie where labels change, and there alone; they are as wide and as sure as in the interior map, as the critic
    is used to. A wall drawn sharply wherever labels change would look true also where the image shows none.
    """
    zero: Meaning = "background" if card.labelling.zero == "background" else "boundary"
    target, _ = section_target(labels.astype(np.int64), card.recipe.examples.targets, zero)
    inside = np.nan_to_num(interior_map, nan=0.0)
    return np.where(near_change(labels, WALL), inside, target)


def by_critic(
    proof: Proof,
    image: Volume,
    interior_map: LazyArray,
    model: StoredModel,
    order: Literal["critic", "mix"] = "critic",
    settings: PredictionSettings | None = None,
) -> Reports[list[Item]]:
    """What looks false to the critic of a model, or to all that is known (`order` "mix"), first; reports sections.

    Raises:
        ValueError: as `Verdict`.
    """
    verdict = Verdict(image, proof.labels, interior_map, model, settings)
    return ranked(proof, (yield from find(proof, interior_map, verdict)), order)


@at_once
def run(recipe: recipes.Judge) -> Reports[dict[str, Any]]:
    """The places of a recipe as JSON rows, those that look most false first; written where it says so.

    Raises:
        ValueError: image, labels, map and model do not fit each other, or the model has no critic.
    """
    model = model_store.load(recipe.model)
    proof = edited(recipe.labels, recipe.journal)
    image, interior_map = read(recipe.image), read(recipe.interior_map).array
    running = by_critic(proof, image, interior_map, model, recipe.order, recipe.prediction)
    rows = [item.to_json() for item in (yield from running)]
    if recipe.out:
        replace_file(Path(recipe.out), json.dumps({"items": rows}, indent=1).encode())
        yield Saved(recipe.out, "list of places")
    return {"items": rows, "out": recipe.out}


def edited(labels: str, journal: str | None) -> Proof:
    """Labels of a file with the edits of a journal, to be looked at.

    Raises:
        OtherLabels: the journal belongs to other labels.
    """
    kept = kept_in(Path(journal)) if journal else None
    return Proof(read(labels)) if kept is None else reopened(kept, labels)


def check(image: Volume, labels: LazyArray, interior_map: LazyArray, model: StoredModel) -> None:
    """Nothing, where image, labels and map have one shape and the model can judge them.

    Raises:
        ValueError: they have not, or it cannot.
    """
    fits(image, model)
    if gives_classes(model):
        raise ValueError(
            "This model tells classes, not cells; choose one that makes interior maps."
        )
    shape = tuple(image.size(axis) for axis in "zyx")
    here = (*(1,) * (3 - len(labels.shape)), *labels.shape)
    if shape != here or tuple(interior_map.shape) != tuple(labels.shape):
        raise ValueError(
            f"The image of {shape}, the labels of {tuple(labels.shape)} and the map of {tuple(interior_map.shape)} "
            "voxels do not lie on each other; give those that belong together."
        )
