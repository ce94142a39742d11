"""What was understood of an image layer, and what keeps a model from taking it."""

from __future__ import annotations

import dataclasses
import math
from typing import Any

from napari_advseg import families
from napari_advseg.gui.compute import handover
from napari_advseg.gui.compute.checks import NO_IMAGE
from napari_advseg.model_store import Card
from napari_advseg.volume.channel_choice import Channel
from napari_advseg.volume.formats.files import describe
from napari_advseg.volume.refusals import amount
from napari_advseg.volume.volume import Volume

NARROW = 8
LARGE = 1 << 30
MEAN = "mean of all"
PAINTER = "paints and segments nothing: use it in the Mend dock, and choose another model here."


@dataclasses.dataclass(frozen=True)
class Understood:
    """An image layer as a volume (None where it is none), in words, or why it cannot be one."""

    volume: Volume | None = None
    words: str = ""
    problem: str = ""

    def channels(self, card: Card | None) -> tuple[tuple[str, Channel], ...]:
        """The channels to choose from where the image has several and the model sees one, by their names."""
        if self.volume is None or card is None or card.channels.image != 1:
            return ()
        count = self.volume.size("c")
        if count == 1:
            return ()
        return (MEAN, "mean"), *((f"channel {k}", k) for k in range(count))

    def why_not(self, card: Card | None) -> str:
        """Why a model cannot take the image; empty where it can, or there is no model yet."""
        if self.problem or self.volume is None or card is None:
            return self.problem
        if not families.segments(card.recipe.model):
            return f"A {card.recipe.family} as this one {PAINTER}"
        count, wanted = self.volume.size("c"), card.channels.image
        if wanted in (count, 1):
            return ""
        return (
            f"The image has {_channels(count)}, the model was trained with {_channels(wanted)}; choose a model of "
            "such images, or another image."
        )


def understand(layer: Any) -> Understood:
    """What a layer is, None for none; nothing of its data is read."""
    if layer is None:
        return Understood(problem=NO_IMAGE)
    try:
        volume = handover.taken(layer)
    except ValueError as error:
        return Understood(problem=str(error))
    size = math.prod(volume.shape) * volume.dtype.itemsize
    words = f"{describe(volume)}{f', {amount(size)}' if size > LARGE else ''}"
    return Understood(volume, words, _why_strange(volume))


def _why_strange(volume: Volume) -> str:
    """Why a volume is hardly what the user means."""
    if "t" in volume.axes:
        return (
            f"The image has {volume.size('t')} time points (axes {volume.axes}); split it (right-click the layer > "
            "Split Stack) and choose one of them."
        )
    height, width = volume.size("y"), volume.size("x")
    if min(height, width) < NARROW and "z" in volume.axes:
        return (
            f"Each section would be {height} x {width} pixels. If the last axis holds colours, open the image with "
            "rgb=True; if axes are in another order, name them in the layer's axis labels."
        )
    return ""


def _channels(count: int) -> str:
    return f"{count} channel{'s' if count > 1 else ''}"
