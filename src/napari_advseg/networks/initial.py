"""First weights of adversarial networks."""

from __future__ import annotations

from collections.abc import Iterable

from torch import nn

SPREAD = 0.02


def gaussian(modules: Iterable[nn.Module], spread: float = SPREAD) -> None:
    """Draw convolutions from N(0, spread) and norms from N(1, spread), biases 0, in place.

    As in DCGAN and pix2pix (Radford et al. 2016; Isola et al. 2017).
    """
    for module in modules:
        if isinstance(module, nn.Conv2d | nn.ConvTranspose2d | nn.Linear):
            nn.init.normal_(module.weight, 0.0, spread)
        elif isinstance(module, nn.BatchNorm2d | nn.GroupNorm | nn.InstanceNorm2d):
            if module.weight is not None:
                nn.init.normal_(module.weight, 1.0, spread)
        else:
            continue
        if module.bias is not None:
            nn.init.zeros_(module.bias)
