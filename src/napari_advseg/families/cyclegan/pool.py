"""A history of generated maps, so that a critic does not forget what it has seen through."""

from __future__ import annotations

import torch
from torch import Tensor


class Pool:
    """Keeps up to `size` maps; size 0 passes everything through (Shrivastava et al. 2017)."""

    def __init__(self, size: int) -> None:
        self.size = size
        self.kept: list[Tensor] = []

    def exchange(self, fakes: Tensor) -> Tensor:
        """For each of the maps (N, C, H, W) itself or, half the time, one kept before, in whose place it stays."""
        return torch.stack([self._one(fake) for fake in fakes.detach()]) if self.size else fakes

    def _one(self, fake: Tensor) -> Tensor:
        if self.kept and self.kept[0].shape != fake.shape:
            self.kept.clear()  # crops of another size cannot stand in one batch
        if len(self.kept) < self.size:
            self.kept.append(fake.clone())
            return fake
        if torch.rand(()) < 0.5:
            return fake
        at = int(torch.randint(self.size, ()))
        old, self.kept[at] = self.kept[at], fake.clone()
        return old

    def tensors(self) -> dict[str, Tensor]:
        """What is kept, for a state to be saved."""
        return {"kept": torch.stack(self.kept)} if self.kept else {}

    def recall(self, tensors: dict[str, Tensor]) -> None:
        """Take over what `tensors` said."""
        self.kept = list(tensors["kept"]) if tensors else []
