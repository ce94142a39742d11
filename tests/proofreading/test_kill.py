"""Real kills in the middle of painting, folding and replacing: nothing that was said to be on disk is lost."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parent))
from painter import GRID, SHAPE, change

from napari_advseg.proofreading.store.journal import Journal, look

PAINTER = Path(__file__).with_name("painter.py")


def states():
    """The labels after 0, 1, 2, ... steps."""
    array = np.zeros(SHAPE, np.uint32)
    number = 0
    while True:
        yield number, array
        number += 1
        change(number, array)


def killed_after(folder, start, acknowledged, delay):
    """The last number that the painter said was on disk before it was killed, at any moment of what it did then."""
    command = [sys.executable, str(PAINTER), str(folder), str(start)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as painter:
        painter.stdout.readline()
        last = start - 1
        for _ in range(acknowledged):
            last = int(painter.stdout.readline())
        time.sleep(delay)
        painter.kill()
        rest = painter.stdout.read().split()
    return int(rest[-1]) if rest else last


def survives(folder, kills, seed):
    draw = np.random.default_rng(seed)
    reached = 0
    walk = states()
    number, array = next(walk)
    for _ in range(kills):
        moment = int(draw.integers(1, 24)), float(draw.uniform(0, 0.05))
        said = killed_after(folder, reached + 1, *moment)
        stored = look(folder)
        found = stored.array()[...]
        while number < said:
            number, array = next(walk)
        if not np.array_equal(found, array):  # the one after it was on disk and not yet said
            number, array = next(walk)
        np.testing.assert_array_equal(found, array)
        assert stored.damaged == 0
        reached = number
        Journal(folder, GRID, "looking")
        assert not list(folder.glob("*.partial"))


def test_kills_lose_nothing_that_was_said_to_be_saved(tmp_path):
    survives(tmp_path / "cells", 3, seed=0)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(1, 5))
def test_many_kills_lose_nothing_that_was_said_to_be_saved(tmp_path, seed):
    survives(tmp_path / "cells", 12, seed)
