"""What every family of models is: players, turns, inference."""

from __future__ import annotations

import dataclasses
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Generic, Literal, NoReturn, TypeVar

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from napari_advseg.networks import losses
from napari_advseg.networks.critic import PatchCritic
from napari_advseg.settings import Settings
from napari_advseg.settings.channels import Channels
from napari_advseg.settings.critic import CriticSettings
from napari_advseg.settings.training import AdamSettings

Chosen = TypeVar("Chosen", bound=Settings)
Tensors = dict[str, npt.NDArray[Any]]
Loader = Callable[[str], Tensors]
"""The weights (`player.parameter` -> array) of the model in a folder."""


@dataclasses.dataclass(frozen=True)
class TensorBatch:
    """Image (N, C, H, W) in the unit range; target and weight (N, K, H, W), weight 0 where not annotated.

    A family of volumes has (N, C, Z, H, W) everywhere. Where it is not `paired`, image and target come from
    different places; a few `pairs` may come along.
    """

    image: Tensor
    target: Tensor
    weight: Tensor
    paired: bool = True
    pairs: TensorBatch | None = None

    @property
    def known(self) -> Tensor:
        """1 where annotated, 0 elsewhere, (N, 1, H, W)."""
        return (self.weight.amax(1, keepdim=True) > 0).float()


@dataclasses.dataclass(frozen=True)
class Progress:
    """Where a training stands: `step` of `steps`, counted from 0."""

    step: int
    steps: int


@dataclasses.dataclass(frozen=True)
class Player:
    """A network that learns and the optimiser that teaches it."""

    module: nn.Module
    optimiser: AdamSettings


@dataclasses.dataclass(frozen=True)
class Turn:
    """The loss that one player (or several together) lowers now, with its terms by name for the log.

    A critic's turn holds its `scores` too, by what was judged ("real", "fake").
    """

    player: str | tuple[str, ...]
    loss: Tensor
    terms: dict[str, Tensor] = dataclasses.field(default_factory=dict)
    scores: dict[str, Tensor] = dataclasses.field(default_factory=dict)

    @property
    def players(self) -> tuple[str, ...]:
        """All that learn in this turn."""
        return (self.player,) if isinstance(self.player, str) else self.player


@dataclasses.dataclass(frozen=True)
class Footprint:
    """What a network asks of the tiles that it is given.

    Attributes:
        stride: side lengths of tiles are multiples of this.
        context: pixels around a tile that can influence it; with this halo tiled equals whole. Where tiles are
            blended in any case it may be less.
        bytes_per_pixel: peak memory in fp32, per pixel (voxel) of the tile: an estimate to choose the tile by.
        depth_stride: sections that one pixel of the deepest level stands for.
        is_blended: whether an output depends on its whole tile, so that tiles must be blended.
    """

    stride: int
    context: int
    bytes_per_pixel: int
    depth_stride: int = 1
    is_blended: bool = False


class Family(ABC, Generic[Chosen]):
    """A family with its settings, for images and outputs of certain `channels`; `modules` are its players' networks.

    `needs` says what `fit` makes batches of.
    """

    needs: Literal["paired", "unpaired", "unlabelled"] = "paired"
    is_adversarial: bool = False
    dimensions: Literal[2, 3] = 2
    """Whether it looks at sections or at blocks of them, with an axis Z before H."""

    def __init__(self, settings: Chosen, channels: Channels | None = None) -> None:
        self.settings = settings
        self.channels = channels or Channels()
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

    def begin(self) -> str:
        """Done once before a new training, to take weights from elsewhere; what was done comes back in words."""
        return ""

    def furnish(self, load: Loader) -> None:
        """Bring in what is looked at while training and does not learn; done before every training, resumed ones too.

        Raises:
            ValueError: something that the settings ask for cannot be had.
        """

    @property
    def expects_source(self) -> bool:
        """Whether a training makes sense only from the weights of another model."""
        return False

    def may_take(self, names: Sequence[str]) -> list[str]:
        """Which of the tensors `player.parameter` may come from another model that training starts from: all."""
        return list(names)

    @abstractmethod
    def turns(self, batch: TensorBatch, at: Progress) -> Iterator[Turn]:
        """The turns of one step. Lazy: a turn is stepped before the next one's loss is computed."""

    @abstractmethod
    def validate(self, batch: TensorBatch) -> dict[str, Tensor]:
        """`loss` (lower is better) and other measures on withheld examples, as scalars."""

    def shown(self, batch: TensorBatch) -> tuple[Tensor, Tensor, Tensor]:
        """What is given, what is made of it and what would be true, (N, ., H, W) each, of withheld examples."""
        return batch.image, self.infer(batch.image), batch.target

    @abstractmethod
    def infer(self, tile: Tensor) -> Tensor:
        """Probabilities in [0, 1] of (N, C, H, W), H and W multiples of the stride, as float32.

        One map, the interior, or one for each class, with a sum of 1.
        """

    def memory(self) -> dict[str, Tensor]:
        """What a resumed training needs beside weights, for example a history of maps; by name."""
        return {}

    def recall(self, memory: dict[str, Tensor]) -> None:
        """Take over what `memory` said."""

    @property
    def inferring(self) -> tuple[str, ...]:
        """The players that a trained model is applied with; the others stay away from prediction."""
        return tuple(self.modules)

    @property
    @abstractmethod
    def footprint(self) -> Footprint:
        """What `infer` asks of the tiles that it is given."""

    @property
    def norms_tiles(self) -> bool:
        """Whether networks take statistics of a whole tile, as instance and group norm do."""
        return getattr(self.settings, "norm", "none") in ("instance", "group")

    @property
    def memory_format(self) -> torch.memory_format:
        """The order of tensors and weights in memory: channels last."""
        return torch.channels_last if self.dimensions == 2 else torch.channels_last_3d


def refusing(why: str) -> Callable[..., NoReturn]:
    """An `infer` that only says why there is none."""

    def refuse(*_: object) -> NoReturn:
        raise ValueError(why)

    return refuse


def patch_critic(channels: int, chosen: CriticSettings) -> PatchCritic:
    """A freshly initialised patch critic of images of so many channels."""
    return PatchCritic(channels, chosen.widths, chosen.norm, spectral=chosen.spectral)


def symmetric(unit: Tensor) -> Tensor:
    """[0, 1] as [-1, 1]."""
    return 2 * unit - 1


def from_symmetric(output: Tensor, channels: Channels) -> Tensor:
    """What `infer` gives, from a translator's output in [-1, 1]."""
    shares = (output + 1) / 2
    if channels.gives == "classes":
        return shares / shares.sum(1, keepdim=True).clamp_min(1e-6)
    return shares.amin(1, keepdim=True)


def interior_map(logits: Tensor, channels: Channels) -> Tensor:
    """What `infer` gives, from logits (N, `channels.output`, H, W): interior map or classes, float32."""
    if channels.gives == "classes":
        return torch.softmax(logits.float(), dim=1)
    # Affinities are one map a direction: inside is where a pixel belongs to all its neighbours.
    return torch.sigmoid(logits.float()).amin(dim=1, keepdim=True)


def data_terms(
    logits: Tensor, batch: TensorBatch, channels: Channels, dice: float = 0.0
) -> dict[str, Tensor]:
    """The cross-entropy of logits (N, `channels.output`, H, W) in nats and, with a weight, Dice, by name."""
    if channels.gives == "classes":
        terms = {"ce": losses.cross_entropy(logits, batch.target, batch.weight)}
    else:
        terms = {"bce": losses.binary_cross_entropy(logits, batch.target, batch.weight)}
    if dice:
        overlap = losses.dice(logits, batch.target, batch.weight, gives=channels.gives)
        terms["dice"] = dice * overlap
    return terms


def total(terms: dict[str, Tensor]) -> Tensor:
    """The sum of a loss's terms."""
    return torch.stack(list(terms.values())).sum()


def measures(logits: Tensor, batch: TensorBatch, channels: Channels) -> dict[str, Tensor]:
    """What tells a user how good logits are: pixel accuracy, for classes the mean IoU too."""
    if channels.gives == "classes":
        return losses.class_measures(logits, batch.target, batch.weight)
    return {"pixel_accuracy": losses.pixel_accuracy(logits, batch.target, batch.weight)}


def under(prefix: str, tensors: dict[str, npt.NDArray[Any]]) -> dict[str, npt.NDArray[Any]]:
    """The tensors whose name begins with `prefix`, without it."""
    return {
        key.removeprefix(prefix): value for key, value in tensors.items() if key.startswith(prefix)
    }
