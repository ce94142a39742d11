"""What some families can do beside making maps of images: paint, fill, draw, judge."""

from __future__ import annotations

from typing import Any, Protocol, runtime_checkable

from torch import Tensor

from napari_advseg.families.family import Family
from napari_advseg.networks.critic import PatchCritic


@runtime_checkable
class Paints(Protocol):
    """A family that makes images of maps, unless its settings leave it no player for that."""

    @property
    def painting(self) -> tuple[str, ...]:
        """The players that `paint` needs; none where it cannot."""

    def paint(self, maps: Tensor) -> Tensor:
        """Images (N, C, H, W) in the unit range of target maps (N, K, H, W) in [0, 1]."""


@runtime_checkable
class Fills(Protocol):
    """A family that makes what is missing in images."""

    @property
    def holes(self) -> str:
        """What kind of holes it has learnt to fill."""

    def fill(self, image: Tensor, hole: Tensor) -> Tensor:
        """Images (N, C, H, W) in the unit range with something painted where `hole` (N, 1, H, W) is 1.

        Elsewhere they come back bit by bit.
        """


@runtime_checkable
class Draws(Protocol):
    """A family that makes crops of noise."""

    def sample(self, count: int, seed: int = 0, truncation: float = 1.0, first: int = 0) -> Tensor:
        """Crops (count, C, R, R) in the unit range, from number `first` of a seed on."""


@runtime_checkable
class Judges(Protocol):
    """A family that says how false maps look, unless its settings leave it no critic of images and maps."""

    @property
    def critic(self) -> PatchCritic | None:
        """The player that `judge` needs; None where it cannot."""

    def judge(self, image: Tensor, interior_map: Tensor) -> Tensor:
        """How false maps (N, K, H, W) in [0, 1] of images (N, C, H, W) look, (N, 1, H, W) in [0, 1]."""


def as_painter(family: Family[Any]) -> Paints:
    """The family as one that paints.

    Raises:
        ValueError: it only goes from image to map.
    """
    if isinstance(family, Paints) and family.painting:
        return family
    raise ValueError(
        "This model makes maps of images and no images; train cgan with model.direction=map_to_image, "
        "or a cyclegan or seggan, and generate with that."
    )


def as_drawer(family: Family[Any]) -> Draws:
    """The family as one that draws crops.

    Raises:
        ValueError: it draws none.
    """
    if isinstance(family, Draws):
        return family
    raise ValueError(
        "This model draws no crops from noise; train a stylegan and generate with that."
    )


def as_judge(family: Family[Any], name: str) -> tuple[Judges, PatchCritic]:
    """The family, called `name`, as one that judges, and its critic.

    Raises:
        ValueError: it has no critic of images and maps.
    """
    if isinstance(family, Judges) and family.critic is not None:
        return family, family.critic
    raise ValueError(
        f"This model ({name}) has no critic that has seen images and maps together; train an adversarial_unet or a "
        "cgan on such images, or sort by boundary evidence."
    )
