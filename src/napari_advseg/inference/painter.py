"""The reverse problem: images painted of labels, written with their labels and where they come from."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from napari_advseg import families
from napari_advseg.examples.patches import section_target
from napari_advseg.examples.targets import Meaning
from napari_advseg.families.works import as_painter
from napari_advseg.inference.fitting import Map, grey_values
from napari_advseg.inference.prepared import Prepared
from napari_advseg.inference.tiling import Tiling
from napari_advseg.model_store import StoredModel
from napari_advseg.progress import Phase, Reports
from napari_advseg.settings.prediction import PredictionSettings
from napari_advseg.volume.frame import Frame
from napari_advseg.volume.volume import Volume


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
        sections.append(grey_values(model.card, made))
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
    chosen = model.card.recipe.model
    return families.paints(chosen) == "labels" and not families.segments(chosen)


class Painter:
    """A model that paints, ready for sections of labels."""

    def __init__(self, model: StoredModel, settings: PredictionSettings) -> None:
        """The networks that paint.

        Raises:
            ValueError: the weights do not fit, or the model only goes from image to map.
        """
        self._card = model.card
        self._ready = Prepared(model, settings)
        self._family = as_painter(self._ready.family)
        self._ready.load(self._family.painting)
        self._tiling = Tiling(self._ready, self._ready.family.footprint)

    def section(self, labels: npt.NDArray[Any], index: int = 0, count: int = 1) -> Reports[Map]:
        """The image (c, y, x) of a section of labels (y, x): float32 in the unit range of the training image."""
        zero: Meaning = "background" if self._card.recipe.zero == "background" else "boundary"
        target, weight = section_target(
            labels.astype(np.int64), self._card.recipe.examples.targets, zero
        )
        shown, channels = target * (weight > 0), self._card.channels.image
        return (yield from self._tiling.through(self._computed, shown, channels, index, count))

    def _computed(self, maps: Map) -> Map:
        return self._ready.apply(self._family.paint, maps)
