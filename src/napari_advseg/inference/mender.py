"""A Boundless model ready to paint into sections.

Nothing outside a hole changes, to the last bit. Holes are filled from their rim inwards, a quarter of the side of a
training crop at a time, so that every window shows the model as much as it has learnt to need (methods, 13).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from scipy.ndimage import distance_transform_edt

from napari_advseg import model_store
from napari_advseg.families.works import Fills
from napari_advseg.inference import device as devices
from napari_advseg.inference.fitting import grey_values
from napari_advseg.inference.prepared import family_of
from napari_advseg.model_store import StoredModel
from napari_advseg.progress import Report, Warned
from napari_advseg.settings.prediction import PredictionSettings
from napari_advseg.volume.frame import Frame
from napari_advseg.volume.volume import Volume

Planes = npt.NDArray[np.float32]
Array = npt.NDArray[Any]
Hole = npt.NDArray[np.bool_]
Margins = tuple[int, int, int, int]
"""Pixels at top, bottom, left and right."""
Painted = tuple[Array, Hole]
"""A section (y, x) or (c, y, x) and where it is synthetic (y, x)."""

GREY = 0.5
NEAR = (0.8, 1.25)
# How a section is turned by quarters so that this side of it lies at the right, as in training.
TURNS = {"right": 0, "bottom": 1, "left": 2, "top": 3}


class Mender:
    """A Boundless model ready to paint."""

    def __init__(self, model: StoredModel, settings: PredictionSettings | None = None) -> None:
        chosen = settings or PredictionSettings()
        devices.use_threads(chosen.threads)
        self.card = model.card
        self._device = devices.choose_device(chosen.device)
        family = family_of(model)
        if not isinstance(family, Fills):
            raise ValueError(
                f"{model.folder or 'This model'} is of the family {model.family} and paints nothing into images; "
                "extend and mend with a model of the family boundless."
            )
        for name in family.inferring:
            family.modules[name].to(self._device).eval()
        self._family: Fills = family
        self.side = model.card.recipe.examples.crop
        self.step = max(1, self.side // 4)

    @classmethod
    def of(cls, model: StoredModel | str, settings: PredictionSettings | None = None) -> Mender:
        """The mender of a model or of its folder."""
        return cls(model if isinstance(model, StoredModel) else model_store.load(model), settings)

    def fits(self, image: Volume) -> None:
        """Nothing, where the model can paint into the image.

        Raises:
            ValueError: a time axis, or another number of channels.
        """
        wanted = self.card.channels.image
        if "t" in image.axes or image.size("c") != wanted:
            raise ValueError(
                f"The image has the axes {image.axes} and {image.size('c')} channels, the model was trained on "
                f"{wanted} and sections alone; choose a matching image."
            )

    def notes(self, frame: Frame, wanted: Sequence[str]) -> Iterator[Report]:
        """What the user should know before it paints."""
        learnt = self._family.holes
        if learnt not in wanted:
            yield Warned(
                f"The model has learnt to fill holes of the kind '{learnt}'; train one with model.mask.mode="
                f"{wanted[0]} for better results here."
            )
        factors = self.card.factors(frame)
        if not all(NEAR[0] <= factor <= NEAR[1] for factor in factors):
            yield Warned(
                f"The pixels are {factors[0]:.2g} times as large as those of the training image; expect poor results."
            )

    def extended(self, section: Array, margins: Margins) -> Painted:
        """A section grown on all sides; what was there is there, bit by bit."""
        planes = self._unit(section)
        for name, count in zip(("top", "bottom", "left", "right"), margins, strict=True):
            turned = np.rot90(planes, TURNS[name], (1, 2))
            planes = np.rot90(self._grown(turned, count), -TURNS[name], (1, 2))
        top, bottom, left, right = margins
        height, width = planes.shape[-2:]
        inside = (..., slice(top, height - bottom), slice(left, width - right))
        hole = np.ones((height, width), np.bool_)
        hole[inside] = False
        grey = self._grey(planes, section.dtype).reshape(*section.shape[:-2], height, width)
        grey[inside] = section
        return grey, hole

    def mended(self, section: Array, hole: Hole) -> Painted:
        """A section with its holes filled; the rest as it was, bit by bit.

        Raises:
            ValueError: there is nothing around the holes to fill them from.
        """
        if not hole.any():
            return section, hole
        if hole.all():
            raise ValueError(
                "is missing altogether: the model paints from what is around within a section; leave the section out"
            )
        planes = np.where(hole, np.float32(GREY), self._unit(section))
        unknown = hole.copy()
        while unknown.any():
            rim = unknown & (distance_transform_edt(unknown) <= self.step)
            planes = self._painted(planes, unknown, rim)
            unknown &= ~rim
        grey = self._grey(planes, section.dtype).reshape(section.shape)
        return np.where(hole, grey, section), hole

    def _grown(self, planes: Planes, count: int) -> Planes:
        """Planes with `count` columns more at the right."""
        while count > 0:
            step = min(count, self.step)
            planes = np.pad(planes, [(0, 0), (0, 0), (0, step)], constant_values=GREY)
            first = max(0, planes.shape[-1] - self.side)
            hole = np.zeros(planes.shape[-2:], np.bool_)
            hole[:, -step:] = True
            planes = planes.copy()
            strip = self._painted(planes[..., first:], hole[:, first:], hole[:, first:])
            planes[..., first:] = strip
            count -= step
        return planes

    def _painted(self, planes: Planes, hole: Hole, wanted: Hole) -> Planes:
        """Planes with `wanted`, a part of the hole, painted in overlapping windows."""
        total = np.zeros_like(planes)
        weights = np.zeros(hole.shape, np.float32)
        for rows in _spans(hole.shape[0], self.side):
            for columns in _spans(hole.shape[1], self.side):
                window = (rows, columns)
                if not wanted[window].any() or hole[window].all():
                    continue
                tent = np.outer(_tent(rows), _tent(columns)).astype(np.float32)
                total[:, *window] += tent * self._filled(planes[:, *window], hole[window])
                weights[window] += tent
        reached = wanted & (weights > 0)
        return np.where(reached, total / np.where(reached, weights, 1), planes).astype(np.float32)

    @torch.inference_mode()
    def _filled(self, planes: Planes, hole: Hole) -> Planes:
        image, mask = (
            torch.from_numpy(np.ascontiguousarray(one, np.float32))[None].to(self._device)
            for one in (planes, hole[None])
        )
        made: Planes = self._family.fill(image, mask)[0].float().cpu().numpy()
        return made

    def _unit(self, section: Array) -> Planes:
        return self.card.normaliser(section if section.ndim == 3 else section[None])

    def _grey(self, planes: Planes, kind: np.dtype[Any]) -> Array:
        """Planes in the unit range as grey values of a type."""
        return grey_values(self.card, planes.astype(np.float64), kind)


def _spans(length: int, side: int) -> list[slice]:
    """Windows of `side` that cover a length, each half over the next; one where it is no longer."""
    if length <= side:
        return [slice(0, length)]
    starts = [*range(0, length - side, max(1, side // 2)), length - side]
    return [slice(start, start + side) for start in starts]


def _tent(span: slice) -> npt.NDArray[np.float64]:
    """Weights that fall towards the ends of a window."""
    count = span.stop - span.start
    at = np.arange(count) + 0.5
    return np.asarray(np.minimum(at, count - at))
