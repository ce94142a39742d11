"""An image as the networks of a model know images: channels, grey values, scale of the training."""

from __future__ import annotations

from typing import Any

import numpy.typing as npt

from napari_advseg import families
from napari_advseg.examples.resize import resized_image
from napari_advseg.inference.fitting import Map
from napari_advseg.model_store import Card
from napari_advseg.progress import Report, Said, Warned
from napari_advseg.settings.prediction import PredictionSettings
from napari_advseg.volume.frame import Frame
from napari_advseg.volume.normalise import Normaliser
from napari_advseg.volume.units import known_distance, unit_symbol
from napari_advseg.volume.volume import Volume

DISTANT = 1.6
NEAR = (0.8, 1.25)
RESIZED = (1 / 8, 3.0)
"""Voxel sizes of image and training that count as equal, and those between which the image is resized."""


class Preprocessing:
    """How sections are shown to networks; `match` and `take_grey` turn it to another volume."""

    def __init__(self, card: Card, settings: PredictionSettings) -> None:
        self._card, self._settings = card, settings
        self._dimensions = families.find(card.recipe.family).dimensions
        self._normaliser = card.normaliser
        trained = card.recipe.examples.scale
        self.scale: tuple[float, float] = (trained, trained)

    def match(self, frame: Frame) -> tuple[Report, ...]:
        """Show images in the place of `frame` at the voxel size of the training; what is to be said of it."""
        trained = self._card.recipe.examples.scale
        self.scale = (trained, trained)
        factors = self._card.factors(frame)
        if self._dimensions == 3 and (words := self._other_distance(frame)):
            return (Warned(words),)
        if all(NEAR[0] <= factor <= NEAR[1] for factor in factors):
            return ()
        here, there = frame.axes.index("y"), self._card.voxel_size[-2]
        words = (
            f"The image has {frame.scale[here]:g} {unit_symbol(frame.units[here])} along y, the model was trained "
            f"at {there:g} {unit_symbol(self._card.units[-2])}"
        )
        if not self._settings.resize:
            return (Warned(f"{words}; resize the image to that size for good results."),)
        if not all(RESIZED[0] <= factor <= RESIZED[1] for factor in factors):
            return (Warned(f"{words}; that is too far apart to expect good results."),)
        self.scale = (trained * factors[0], trained * factors[1])
        return (Said(f"{words}; the network sees it at that size."),)

    def take_grey(self, volume: Volume) -> None:
        """Fit the grey values to this very volume where the settings ask for it; else they are the training's."""
        self._normaliser = self._card.normaliser
        if self._settings.refit:
            kind = self._card.recipe.examples.normalisation
            self._normaliser = Normaliser.fit(volume, kind)

    def has_channels(self, image: npt.NDArray[Any]) -> bool:
        """Whether a section, or neighbouring ones, has an axis of channels."""
        return image.ndim > self._dimensions

    def normalised(self, image: npt.NDArray[Any]) -> Map:
        """A section, or neighbouring ones, in the unit range, with an axis of channels."""
        return self._normaliser(image if self.has_channels(image) else image[None])

    def planes(self, image: npt.NDArray[Any]) -> Map:
        """A section, or neighbouring ones, as the network knows them: channels, grey values, training scale."""
        planes = self.normalised(image)
        if self.scale == (1.0, 1.0):
            return planes
        height, width = (
            max(1, round(side * scale))
            for side, scale in zip(planes.shape[-2:], self.scale, strict=True)
        )
        return resized_image(planes, height, width)

    def _other_distance(self, frame: Frame) -> str:
        """What is to be said of sections that lie further apart, or nearer, than in training; else nothing."""
        trained = getattr(self._card.recipe.model, "anisotropy", None)
        here = known_distance(frame)
        if trained is None or (here is not None and 1 / DISTANT < here / trained < DISTANT):
            return ""
        if here is None:
            return (
                f"The voxel size of the image is not known; its sections are taken to lie {trained:g} pixels apart, as "
                "those that the model was trained on."
            )
        return (
            f"Sections lie {here:.3g} pixels apart, those that the model was trained on {trained:g}; do not expect "
            "good results, and train a model on such images."
        )
