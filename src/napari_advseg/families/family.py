"""What every family of models is: players, turns, inference."""

from __future__ import annotations

import dataclasses
from abc import ABC, abstractmethod
from collections.abc import Iterator
from typing import Any, Generic, Literal, TypeVar

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from napari_advseg.settings import Settings
from napari_advseg.settings.training import AdamSettings

Chosen = TypeVar("Chosen", bound=Settings)


@dataclasses.dataclass(frozen=True)
class TensorBatch:
    """Image (N, C, H, W) in the unit range; target and weight (N, K, H, W), weight 0 where not annotated."""

    image: Tensor
    target: Tensor
    weight: Tensor


@dataclasses.dataclass(frozen=True)
class Player:
    """A network that learns and the optimiser that teaches it."""

    module: nn.Module
    optimiser: AdamSettings


@dataclasses.dataclass(frozen=True)
class Turn:
    """The loss that one player lowers now, with its terms by name for the log."""

    player: str
    loss: Tensor
    terms: dict[str, Tensor] = dataclasses.field(default_factory=dict)


class Family(ABC, Generic[Chosen]):
    """A family with its settings; `modules` are its players' networks by name.

    `needs` and `gives` say what `fit` makes batches of and what `segment` does with the output.
    """

    needs: Literal["paired", "unpaired", "unlabelled"] = "paired"
    gives: Literal["interior", "classes", "instances", "image"] = "interior"
    dimensions: Literal[2, 3] = 2

    def __init__(self, settings: Chosen) -> None:
        self.settings = settings
        self._players = self.players()
        self.modules: dict[str, nn.Module] = {
            name: player.module for name, player in self._players.items()
        }
        self.optimisers = {name: player.optimiser for name, player in self._players.items()}

    def put_weights(self, tensors: dict[str, npt.NDArray[Any]]) -> None:
        """Load `player.parameter` arrays into the networks, strictly.

        Raises:
            ValueError: a tensor is missing, unknown, or of another shape; the first one is named.
        """
        expected = {
            f"{name}.{key}": tuple(value.shape)
            for name, module in self.modules.items()
            for key, value in module.state_dict().items()
        }
        given = {key: value.shape for key, value in tensors.items()}
        for key in (*expected, *given):
            if expected.get(key) != given.get(key):
                raise ValueError(
                    f"The weights do not fit the model: '{key}' has shape {given.get(key)}, expected is "
                    f"{expected.get(key)}. They belong to other settings or were changed after training."
                )
        for name, module in self.modules.items():
            own = under(f"{name}.", tensors)
            module.load_state_dict(
                {key: torch.from_numpy(np.asarray(value, order="C")) for key, value in own.items()}
            )

    @abstractmethod
    def players(self) -> dict[str, Player]:
        """Freshly initialised networks with their optimisers, by name."""

    @abstractmethod
    def turns(self, batch: TensorBatch) -> Iterator[Turn]:
        """The turns of one step. Lazy: a turn is stepped before the next one's loss is computed."""

    @abstractmethod
    def validate(self, batch: TensorBatch) -> dict[str, Tensor]:
        """`loss` (lower is better) and other measures on withheld examples, as scalars."""

    @abstractmethod
    def infer(self, tile: Tensor) -> Tensor:
        """Maps of (N, C, H, W), H and W multiples of `stride`: probabilities in [0, 1] as float32."""

    @property
    def tile_dependent(self) -> bool:
        """Whether an output depends on its whole tile (instance and group norm), so that tiles must be blended."""
        return False

    @property
    @abstractmethod
    def stride(self) -> int:
        """Side lengths of tiles are multiples of this."""

    @property
    @abstractmethod
    def context(self) -> int:
        """Pixels around a tile that can influence it; with this halo tiled equals whole."""

    @property
    @abstractmethod
    def bytes_per_pixel(self) -> int:
        """Peak memory of `infer` in fp32, per pixel of the tile: an estimate to choose the tile by."""


def under(prefix: str, tensors: dict[str, npt.NDArray[Any]]) -> dict[str, npt.NDArray[Any]]:
    """The tensors whose name begins with `prefix`, without it."""
    return {
        key.removeprefix(prefix): value for key, value in tensors.items() if key.startswith(prefix)
    }
