"""Weights that others have published, for networks of ours whose parameters bear the same names."""

from __future__ import annotations

from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import Tensor, nn

DOWNLOAD = "download"


def published(
    source: str, url: str, otherwise: str = "leave body_weights empty to begin with random ones"
) -> dict[str, Tensor]:
    """The tensors in a local file (.safetensors, .pth), or those behind `url` where `source` is "download".

    Nothing is unpickled but tensors. `otherwise` says what a user can do without them.

    Raises:
        ValueError: the file is missing or holds no tensors, or nothing can be downloaded.
    """
    try:
        if source == DOWNLOAD:
            return dict(
                torch.hub.load_state_dict_from_url(
                    url, map_location="cpu", weights_only=True, progress=False
                )
            )
        if Path(source).suffix == ".safetensors":
            return dict(load_file(source))
        return dict(torch.load(source, map_location="cpu", weights_only=True))
    except Exception as error:  # noqa: BLE001 - a damaged file fails in many ways, each is the file's fault
        where = url if source == DOWNLOAD else source
        raise ValueError(
            f"The weights {where} cannot be read ({type(error).__name__}: {error}); name a local state-dict file, "
            f"or {otherwise}."
        ) from None


def take(network: nn.Module, tensors: dict[str, Tensor]) -> list[str]:
    """Put the tensors whose names and shapes fit into the network; the names of its parameters that got none.

    The first convolution of a grey image takes the sum over the colours.
    """
    own = network.state_dict()
    fitting = {}
    for name, value in tensors.items():
        if name not in own:
            continue
        given = value
        if given.dim() == 4 and own[name].shape[1] == 1 and given.shape[1] == 3:
            given = given.sum(dim=1, keepdim=True)
        if given.shape == own[name].shape:
            fitting[name] = given
    network.load_state_dict(fitting, strict=False)
    return [name for name, _ in network.named_parameters() if name not in fitting]
