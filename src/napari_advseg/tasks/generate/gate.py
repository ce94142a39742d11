"""The safety gate: a frozen segmenter of real images must find in a painted image the labels it was painted of."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_advseg.examples.patches import section_target
from napari_advseg.examples.targets import Meaning
from napari_advseg.inference.fitting import gives_classes
from napari_advseg.inference.predict import predict
from napari_advseg.model_store import StoredModel
from napari_advseg.progress import Reports
from napari_advseg.scoring.measures.semantic import semantic_score
from napari_advseg.volume.volume import Volume


@dataclasses.dataclass(frozen=True)
class Passed:
    """What a gate lets through.

    Attributes:
        image, labels: the sections that passed.
        overlap: float64 in [0, 1], one for each section that came.
        words: how many passed, in a sentence.
    """

    image: Volume
    labels: Volume
    overlap: npt.NDArray[np.float64]
    words: str


def through_the_gate(
    image: Volume, labels: Volume, judge: StoredModel, least: float
) -> Reports[Passed]:
    """The painted sections in which `judge`, trained on real images, finds the labels again.

    A section passes where the mean overlap (IoU) of inside and walls, or of the classes, is `least` between what the
    judge finds and the labels. Methods, sections 8 and 9.

    Raises:
        ValueError: none passes, or the judge does not fit the image.
    """
    overlap = yield from agreement(image, labels, judge)
    passed = np.flatnonzero(overlap >= least)
    words = (
        f"{len(passed)} of {len(overlap)} painted sections passed the gate (overlap of what a frozen segmenter finds "
        f"with the labels: {overlap.min():.3f} to {overlap.max():.3f}, at least {least:g} wanted)."
    )
    if not len(passed):
        raise ValueError(
            f"{words} Nothing is left to use: train the painter longer, or ask for less overlap."
        )
    if "z" not in labels.axes:
        return Passed(image, labels, overlap, words)
    picked = np.take(image.numpy(), passed, image.axes.index("z"))
    kept = Volume(labels.numpy()[passed], labels.frame, kind="labels")
    return Passed(image.like(picked), kept, overlap, words)


def agreement(
    image: Volume, labels: Volume, judge: StoredModel
) -> Reports[npt.NDArray[np.float64]]:
    """For each section the mean overlap (IoU, 0 to 1) of what a model finds in it with its labels.

    Raises:
        ValueError: the model does not fit the image.
    """
    made = yield from predict(image, judge)
    pairs = zip(made.sections(), labels.sections(), strict=True)
    return np.array([_overlap(_flat(one), _flat(true), judge) for one, true in pairs], np.float64)


def _overlap(found: npt.NDArray[Any], true: npt.NDArray[Any], judge: StoredModel) -> float:
    """Mean IoU of the classes; the inside and its walls are two, or noise with a thin wall would pass."""
    if not gives_classes(judge):
        found = (found > judge.card.labelling.threshold).astype(np.uint8)
        true = _interior(true, judge)
    return semantic_score(found, true).mean_iou


def _interior(labels: npt.NDArray[Any], judge: StoredModel) -> npt.NDArray[np.uint8]:
    """1 inside and 0 on the walls, as the judge has learnt it."""
    zero: Meaning = "background" if judge.card.recipe.zero == "background" else "boundary"
    target, _ = section_target(labels.astype(np.int64), judge.card.recipe.examples.targets, zero)
    inside: npt.NDArray[np.uint8] = (target[0] > 0.5).astype(np.uint8)
    return inside


def _flat(section: npt.NDArray[Any]) -> npt.NDArray[Any]:
    return section.reshape(section.shape[-2:])
