"""One model on one device in one precision, ready for sections."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_advseg.examples.resize import resized_image
from napari_advseg.inference import device as devices
from napari_advseg.inference.fitting import Map, around, gives_classes, stored
from napari_advseg.inference.mender import Mender
from napari_advseg.inference.precision import PROBE, Agreement, chosen_precision, middle
from napari_advseg.inference.prepared import Prepared
from napari_advseg.inference.preprocessing import Preprocessing
from napari_advseg.inference.slabs import block
from napari_advseg.inference.tiling import Tiling, padded
from napari_advseg.model_store import StoredModel
from napari_advseg.progress import Report, Reports, Said
from napari_advseg.settings.prediction import TILES, PredictionSettings
from napari_advseg.volume.part import Part
from napari_advseg.volume.volume import Volume

SHALLOWEST = 4


class Predictor:
    """One model on one device in one precision, ready to make maps of sections or of blocks of them."""

    def __init__(self, model: StoredModel, settings: PredictionSettings) -> None:
        """The networks that segment.

        Raises:
            ValueError: the weights do not fit, or a border is to be painted around sections seen together.
        """
        self.model = model
        self.settings = settings
        self.ready = Prepared(model, settings)
        self.family = self.ready.family
        self.is_volume = self.family.dimensions == 3
        self.ready.load(self.family.inferring)
        self.tiling = Tiling(self.ready, self.family.footprint)
        self.shown = Preprocessing(model.card, settings)
        # A multiple of the stride, so that pixels are pooled with the same neighbours as without it.
        self._border = -(-settings.border // self.tiling.stride) * self.tiling.stride
        paints_border = self._border and settings.border_model
        if paints_border and self.is_volume:
            raise ValueError(
                "A border model paints around sections one by one and this model looks at several together; leave "
                "prediction.border_model out, so that the border is mirrored."
            )
        self._mender = Mender.of(settings.border_model or "", settings) if paints_border else None

    @property
    def ran(self) -> PredictionSettings:
        """The settings with all that was chosen here: with them the same image gives the same map again."""
        side, depth = self.tiling.side, self.tiling.depth
        return self.settings.changed(
            device=self.ready.device.type,
            precision=self.ready.precision,
            threads=self.ready.threads,
            tile=None if side is None else min(max(side, TILES[0]), TILES[1]),
            depth=None if depth is None else max(depth, SHALLOWEST),
        )

    def around(self, index: int, count: int) -> range:
        """The sections to look at for one of `count`: as many as in a training patch, where there are."""
        return around(self.model.card, index, count)

    def slab_depth(self, count: int, height: int, width: int) -> int:
        """How many of `count` sections are read at once."""
        channels = self._made + 2 * self.model.card.channels.image
        return self.tiling.slab_depth(count, height, width, channels)

    def prepare(self, volume: Volume) -> Iterator[Report]:
        """Choose precision, and say what the user should know."""
        pixels = volume.size("z") * volume.size("y") * volume.size("x")
        self.ready.precision = yield from chosen_precision(
            self.settings.precision,
            self.ready.device,
            pixels,
            lambda half: self.agreement(self._probe(volume), half),
        )
        if not self.tiling.footprint.is_blended:
            return
        difference = self.tiling.seam(self.infer, self.shown.planes(self._probe(volume)))
        if difference is not None:
            yield Said(
                f"The network's {'output' if self.is_volume else 'normalisation'} depends on the tile: neighbouring "
                f"tiles differ by {difference:.4f} on average where they overlap, and are blended there. A larger tile "
                "differs less."
            )

    def sees(self, part: Part, shape: tuple[int, int]) -> Part:
        """What of a section of `shape` the network looks at for a part of it."""
        stride, scale = self.tiling.stride, self.shown.scale
        step = stride if scale == (1.0, 1.0) else 1
        return part.grown(math.ceil((self.tiling.halo + stride) / min(scale)), shape, step)

    def section(self, image: npt.NDArray[Any], index: int = 0, count: int = 1) -> Reports[Map]:
        """What the model makes of one section (y, x) or (c, y, x), NaN where the image is not finite.

        An interior map (y, x), or one map a class (k, y, x); float32 in [0, 1]. A model of volumes takes
        neighbouring sections and has an axis z before y everywhere.
        """
        inside = slice(self._border, -self._border or None)
        planes = self.shown.planes(self._surrounded(image))
        sides = tuple(side + 2 * self._border for side in image.shape[-2:])
        section = yield from self.tiling.through(self.infer, planes, self._made, index, count)
        section = section if planes.shape[-2:] == sides else resized_image(section, *sides)
        section = section[..., inside, inside]
        if image.dtype.kind == "f":
            finite = np.isfinite(image)
            finite = finite.all(axis=0) if self.shown.has_channels(image) else finite
            section[:, ~finite] = np.nan
        return section if gives_classes(self.model) else section[0]

    def as_classes(self, shares: Map) -> npt.NDArray[Any]:
        """The most probable class of every pixel, from (k, ...), as its value in the annotation."""
        targets = self.model.card.recipe.examples.targets
        values = np.array(targets.classes, stored(self.model))
        best: npt.NDArray[Any] = values[np.nan_to_num(shares).argmax(0)]
        return best

    def infer(self, planes: Map, precision: str | None = None) -> Map:
        """The maps (k, ...) of normalised planes (c, ...) whose sides are multiples of the stride."""
        return self.ready.apply(self.family.infer, planes, precision)

    def agreement(self, section: npt.NDArray[Any], half: devices.Resolved) -> Agreement:
        """How well `half` agrees with fp32 on the middle of a section, or of neighbouring ones."""
        side = PROBE if not self.is_volume else PROBE // 2
        planes = padded(middle(self.shown.normalised(section), side), self.tiling.stride)
        full, reduced = (self.infer(planes, precision) for precision in ("fp32", half))
        if gives_classes(self.model):
            return Agreement(float((full.argmax(0) == reduced.argmax(0)).mean()), 0.0)
        return Agreement.between(full[0], reduced[0], self.model.card.labelling)

    @property
    def _made(self) -> int:
        """Channels of what is made."""
        return self.model.card.channels.output if gives_classes(self.model) else 1

    def _probe(self, volume: Volume) -> npt.NDArray[Any]:
        """What to try things on: the section in the middle, or a block around it."""
        index = volume.size("z") // 2
        if not self.is_volume:
            return volume.section(index)
        sections = self.around(index, volume.size("z"))
        return block(volume, sections.start, sections.stop)

    def _surrounded(self, image: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """A section with context around it, where the settings ask for some."""
        if not self._border:
            return image
        if self._mender is not None:
            return self._mender.extended(image, (self._border,) * 4)[0]
        margins = [(0, 0)] * (image.ndim - 2) + [(self._border, self._border)] * 2
        return np.pad(image, margins, mode="symmetric")
