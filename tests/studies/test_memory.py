"""The peak of memory counts what a piece of work holds at once, and nothing that was freed before."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from napari_advseg.studies import memory
from napari_advseg.studies.memory import Peak

MB = 1_000_000


def held(megabytes, pieces=1):
    """So much memory, touched, in several pieces."""
    return [np.ones(megabytes * MB // pieces, np.uint8) for _ in range(pieces)]


def test_the_peak_is_that_of_the_work_and_not_of_what_was_before():
    del_me = held(300, pieces=3000)
    del del_me
    peak = Peak(torch.device("cpu"))
    if peak.mb is None:
        pytest.skip("this system does not tell")
    held(100)
    held(100)
    assert 95 < peak.mb < 150


def test_where_the_system_does_not_tell_there_is_no_number(monkeypatch, tmp_path):
    monkeypatch.setattr(memory, "CLEAR", tmp_path / "none")
    monkeypatch.setattr(memory, "STATUS", tmp_path / "none")
    assert Peak(torch.device("cpu")).mb is None
