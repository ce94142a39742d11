"""What the critic of a model says of maps of a section."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import numpy.typing as npt
from torch import Tensor

from napari_advseg.examples.resize import resized_image
from napari_advseg.families.works import as_judge
from napari_advseg.inference.fitting import Map
from napari_advseg.inference.prepared import Prepared
from napari_advseg.inference.preprocessing import Preprocessing
from napari_advseg.inference.tiling import Tiling
from napari_advseg.model_store import StoredModel
from napari_advseg.progress import Reports
from napari_advseg.settings.prediction import PredictionSettings
from napari_advseg.volume.volume import Volume


class Judge:
    """A critic ready for the sections of an image."""

    def __init__(self, model: StoredModel, settings: PredictionSettings, image: Volume) -> None:
        """The critic, and how it is shown an image.

        Raises:
            ValueError: the weights do not fit, or the model has no critic of images and maps.
        """
        self.card = model.card
        self._ready = Prepared(model, settings)
        self._family, critic = as_judge(self._ready.family, model.family)
        self._ready.load(("critic",))
        sees = critic.sees // 2 + critic.step
        own = self._ready.family.footprint
        self._tiling = Tiling(
            self._ready, dataclasses.replace(own, stride=critic.step, context=sees)
        )
        self._shown = Preprocessing(model.card, settings)
        self._shown.match(image.frame)
        self._shown.take_grey(image)

    def judged(
        self, image: npt.NDArray[Any], interior_map: Map, index: int = 0, count: int = 1
    ) -> Reports[Map]:
        """How false a map (k, y, x) of a section (y, x) or (c, y, x) looks to the critic: (y, x), all in [0, 1]."""
        grey = self._shown.planes(image)
        planes = np.concatenate([grey, resized_image(interior_map, *grey.shape[-2:])])
        found = yield from self._tiling.through(self._computed, planes, 1, index, count)
        return resized_image(found[0], *interior_map.shape[-2:])

    def _computed(self, planes: Map) -> Map:
        return self._ready.apply(self._judge, planes)

    def _judge(self, tile: Tensor) -> Tensor:
        channels = self.card.channels.image
        return self._family.judge(tile[:, :channels], tile[:, channels:])
