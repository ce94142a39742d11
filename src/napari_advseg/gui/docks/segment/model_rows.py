"""Choices that only some models and images need: the weights of a model, the channel of an image."""

# mypy: disallow-subclassing-any=false
from __future__ import annotations

from collections.abc import Sequence

from qtpy.QtCore import QSignalBlocker

from napari_advseg.gui.kit.editors import PatientComboBox
from napari_advseg.model_store import Card
from napari_advseg.volume.channel_choice import Channel

WEIGHTS = {"best": "best (lowest validation loss)", "last": "last step"}


class WeightsChoice(PatientComboBox):
    """The best weights of a model, or the last."""

    def __init__(self) -> None:
        super().__init__()
        for value, words in WEIGHTS.items():
            self.addItem(words, value)

    @staticmethod
    def is_needed(card: Card | None) -> bool:
        """Whether a model has both, and they differ."""
        return (
            card is not None
            and card.weights.keys() >= WEIGHTS.keys()
            and card.best_step != card.last_step
        )


class ChannelChoice(PatientComboBox):
    """One of an image's channels, or the mean of all."""

    def offer(self, channels: Sequence[tuple[str, Channel]], *, is_colour: bool) -> None:
        """Show these; where they are others, the mean of colours is chosen, else the first channel."""
        shown = [self.itemData(row) for row in range(self.count())]
        if shown == [value for _, value in channels]:
            return
        with QSignalBlocker(self):
            self.clear()
            for words, value in channels:
                self.addItem(words, value)
            self.setCurrentIndex(0 if is_colour or not channels else 1)
