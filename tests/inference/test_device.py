"""Devices: what a job leaves behind is given back."""

from __future__ import annotations

import weakref

import pytest
import torch
from torch import nn

from napari_advseg.inference.device import release_memory


class Ring(nn.Module):
    """A network that refers to itself, as one with hooks does."""

    def __init__(self):
        super().__init__()
        self.me = [self]


@pytest.mark.parametrize("has_cuda", [True, False])
def test_after_a_job_networks_are_gone_and_a_gpu_is_emptied(has_cuda, monkeypatch):
    emptied = []
    monkeypatch.setattr(torch.cuda, "is_available", lambda: has_cuda)
    monkeypatch.setattr(torch.cuda, "empty_cache", lambda: emptied.append(held() is None))
    held = weakref.ref(Ring())
    assert held() is not None
    release_memory()
    assert held() is None
    assert emptied == [True] * has_cuda
