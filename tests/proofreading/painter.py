"""Paints for ever into the journal of a folder and says after each edit how many are on disk; made to be killed.

Every fifth time it takes the journals into a new base, every seventh it replaces all labels.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

from napari_advseg.proofreading.store.journal import Journal, look
from napari_advseg.proofreading.store.records import Edit, Grid, masked
from napari_advseg.volume.frame import Frame

SHAPE = (3, 40, 40)
GRID = Grid(SHAPE, np.dtype(np.uint32))


def edit_number(number, array):
    """The edit that belongs to a number, painted into the array."""
    draw = np.random.default_rng(number)
    z, y, x = (int(draw.integers(0, length)) for length in SHAPE)
    window = (slice(z, z + 1), slice(y, min(y + 9, 40)), slice(x, min(x + 9, 40)))
    edit = Edit((masked(GRID, window, None, array[window].copy(), number),))
    edit.apply(array)
    return edit


def replaced(number, array):
    """Other data in place of all labels."""
    array[...] = np.random.default_rng(-number % 1000).integers(0, 5, SHAPE) + number


def change(number, array):
    """What happens to the labels as the step of a number; the edit where it is one."""
    if number % 7 == 0:
        replaced(number, array)
        return None
    return edit_number(number, array)


def say(what):
    """One line for whoever watches."""
    sys.stdout.write(f"{what}\n")
    sys.stdout.flush()


def paint(folder, start):
    array = np.zeros(SHAPE, np.uint32)
    for number in range(1, start):
        change(number, array)
    journal = Journal(folder, GRID, str(start))
    for number in range(start, 100_000):
        edit = change(number, array)
        if edit is None:
            journal.write_base(journal.turn(), array, Frame("zyx"))
            journal.settle()
        else:
            journal.append([edit])
        say(number)
        if number % 5 == 0:
            journal.fold(Frame("zyx"))


if __name__ == "__main__":
    where = Path(sys.argv[1])
    say("ready" if look(where) is not None else "new")
    paint(where, int(sys.argv[2]))
