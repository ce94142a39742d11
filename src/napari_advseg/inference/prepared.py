"""A model on a device: the networks that a work needs, and arrays through them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from napari_advseg import families
from napari_advseg.families.family import Family
from napari_advseg.inference import device as devices
from napari_advseg.inference.fitting import Map
from napari_advseg.model_store import StoredModel
from napari_advseg.networks.convolution import folded
from napari_advseg.settings.prediction import PredictionSettings

REDUCED = {"bf16": torch.bfloat16, "fp16": torch.float16}


def family_of(model: StoredModel) -> Family[Any]:
    """The networks of a model with its weights, on the CPU.

    Raises:
        ValueError: the weights do not fit.
    """
    card = model.card
    family: Family[Any] = families.load(model.family).Model(card.recipe.model, card.channels)
    family.put_weights(model.weights)
    return family


class Prepared:
    """One model on one device in one precision; what it is for is left to others."""

    def __init__(self, model: StoredModel, settings: PredictionSettings) -> None:
        """The model's networks; those that `load` names go to the device.

        Raises:
            ValueError: the weights do not fit, or the device is not there.
        """
        self.threads = devices.use_threads(settings.threads)
        self.settings = settings
        self.device = devices.choose_device(settings.device)
        self.precision: devices.Resolved = "fp32"
        self.family = family_of(model)

    def load(self, players: Sequence[str]) -> None:
        """Put players on the device, ready to be applied."""
        modules = self.family.modules
        for name in players:
            modules[name] = folded(modules[name]).to(  # type: ignore[call-overload]
                device=self.device, memory_format=self.family.memory_format
            )

    @torch.inference_mode()
    def apply(
        self, work: Callable[[Tensor], Tensor], planes: Map, precision: str | None = None
    ) -> Map:
        """What `work` makes of planes (c, ...) whose sides are multiples of its stride, (k, ...) in fp32.

        With `flips` it is the mean over the eight flips and rotations.
        """
        tile = torch.from_numpy(np.ascontiguousarray(planes))[None].to(self.device)
        reduced = REDUCED.get(precision or self.precision)

        def ordered(tile: Tensor) -> Tensor:
            return work(tile.contiguous(memory_format=self.family.memory_format))

        with torch.autocast(self.device.type, dtype=reduced, enabled=reduced is not None):
            if not self.settings.flips:
                output = ordered(tile)
            else:
                output = torch.stack([turned(ordered, tile, turn) for turn in range(8)]).mean(0)
        return output[0].float().cpu().numpy()


def turned(work: Callable[[Tensor], Tensor], tile: Tensor, turn: int) -> Tensor:
    """What `work` makes of one of the eight flips and rotations of a tile, turned back."""
    there = torch.rot90(tile, turn % 4, (-2, -1))
    there = there.flip(-1) if turn >= 4 else there
    back = work(there)
    back = back.flip(-1) if turn >= 4 else back
    return torch.rot90(back, -(turn % 4), (-2, -1))
