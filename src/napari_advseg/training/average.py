"""A moving average of the weights, which generalises better than the last step's.

torch.optim.swa_utils keeps a copy of the networks, begins with the weights after the first step and knows no decay
that grows; this one holds tensors alone and changes places with the networks.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import torch
from torch import Tensor, nn


class Average:
    """Exponential moving average of all tensors of some networks; `decay` 0 keeps none.

    Early on the decay is smaller, (1 + t) / (10 + t), so that the average is not held back by the random start.
    """

    def __init__(self, modules: Mapping[str, nn.Module], decay: float) -> None:
        self.decay = decay
        self._live = _tensors(modules)
        self.tensors = (
            {key: value.detach().clone() for key, value in self._live.items()} if decay else {}
        )

    @torch.no_grad()
    def update(self, step: int) -> None:
        """Move towards the networks as they are after `step` steps."""
        if not self.decay:
            return
        weight = 1 - min(self.decay, (1 + step) / (10 + step))
        floats = [key for key, value in self.tensors.items() if value.is_floating_point()]
        torch._foreach_lerp_(
            [self.tensors[key] for key in floats],
            [self._live[key].detach() for key in floats],
            weight,
        )

    @contextmanager
    def applied(self) -> Iterator[None]:
        """The networks hold the average inside this context and their own weights again after it."""
        self._swap()
        try:
            yield
        finally:
            self._swap()

    @torch.no_grad()
    def _swap(self) -> None:
        for key, kept in self.tensors.items():
            live = self._live[key]
            other = live.detach().clone()
            live.copy_(kept)
            kept.copy_(other)


def _tensors(modules: Mapping[str, nn.Module]) -> dict[str, Tensor]:
    return {
        f"{name}.{key}": value
        for name, module in modules.items()
        for key, value in (*module.named_parameters(), *module.named_buffers())
    }
