"""The reverse problem: images painted of labels, written with their labels and where they come from."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from napari_advseg import families
from napari_advseg.examples.patches import section_target
from napari_advseg.examples.targets import Meaning
from napari_advseg.inference.predictor import Predictor
from napari_advseg.model_store import Card, StoredModel
from napari_advseg.progress import Phase, Reports
from napari_advseg.settings.prediction import PredictionSettings
from napari_advseg.volume.frame import Frame
from napari_advseg.volume.volume import Volume

Map = npt.NDArray[np.float32]


def generate(
    labels: Volume, model: StoredModel, settings: PredictionSettings | None = None
) -> Reports[Volume]:
    """An image of `labels` (z, y, x) or (y, x), as the model has learnt images to look.

    It has the frame of the labels, with the channels of the training image and its type of grey values, and says
    in its history that it is synthetic. Methods, section 9.

    Raises:
        ValueError: the model makes no images, or the labels do not fit its targets.
    """
    painter = Painter(model, settings or model.card.recipe.prediction)
    count = labels.size("z")
    yield Phase("predict", count)
    sections = []
    for index, section in enumerate(labels.sections()):
        made = yield from painter.section(section.reshape(section.shape[-2:]), index, count)
        sections.append(painter.as_grey(made))
    stack = np.stack(sections, axis=1)
    channels = "c" if stack.shape[0] > 1 else ""
    array = stack if channels else stack[0]
    frame = Frame(
        f"{channels}{labels.axes}",
        scale=(*(1.0,) * len(channels), *labels.frame.scale),
        units=(*("pixel",) * len(channels), *labels.frame.units),
        translate=(*(0.0,) * len(channels), *labels.frame.translate),
        name=f"{labels.frame.name} synthetic",
        history=labels.frame.history,
    ).after(provenance(model))
    return Volume(array if "z" in labels.axes else array.squeeze(len(channels)), frame)


def provenance(model: StoredModel) -> str:
    """The line of history of an image that no microscope has taken."""
    name = model.folder.name if model.folder else "a model in memory"
    return (
        f"synthetic: painted of labels by {model.family} ({name}, seed {model.card.recipe.seed}, "
        f"step {model.card.best_step or model.card.last_step})"
    )


def gives_images(model: StoredModel) -> bool:
    """Whether the model was trained to paint images, not to segment them."""
    kind = families.load(model.family).Model
    return bool(kind(model.card.recipe.model, model.card.channels).makes == "image")


class Painter:
    """A model that paints, ready for sections of labels."""

    def __init__(self, model: StoredModel, settings: PredictionSettings) -> None:
        self._card = model.card
        self._predictor = Predictor(model, settings, "paint")

    def section(self, labels: npt.NDArray[Any], index: int = 0, count: int = 1) -> Reports[Map]:
        """The image (c, y, x) of a section of labels (y, x): float32 in the unit range of the training image."""
        zero: Meaning = "background" if self._card.recipe.zero == "background" else "boundary"
        target, weight = section_target(
            labels.astype(np.int64), self._card.recipe.examples.targets, zero
        )
        return (yield from self._predictor.painted(target * (weight > 0), index, count))

    def as_grey(self, image: Map) -> npt.NDArray[Any]:
        """Grey values of the training image's type from its unit range."""
        return grey_values(self._card, image)


def grey_values(card: Card, image: Map) -> npt.NDArray[Any]:
    """An image in the unit range as grey values of the training image's type."""
    normaliser, kind = card.normaliser, np.dtype(card.grey)
    grey = normaliser.low + image * (normaliser.high - normaliser.low)
    if kind.kind == "f":
        return grey.astype(kind)
    bounds = np.iinfo(kind)
    whole: npt.NDArray[Any] = np.rint(grey).clip(bounds.min, bounds.max).astype(kind)
    return whole
