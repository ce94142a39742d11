"""Edits labels for ever and says after each edit, undo and redo how many are on disk; made to be killed."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

from napari_advseg.proofreading.editing import edits
from napari_advseg.proofreading.editing.proof import open_proof
from napari_advseg.volume.frame import Frame
from napari_advseg.volume.volume import Volume

SHAPE = (3, 30, 30)


def base():
    """Small cells."""
    ids = np.arange(1, 3 * 36 + 1, dtype=np.uint32).reshape(3, 6, 6)
    return Volume(ids.repeat(5, 1).repeat(5, 2), Frame("zyx", (40.0, 4.0, 6.0)), kind="labels")


def act(proof, number):
    """What a proofreader does as the act of a number; the same wherever it is done."""
    draw = np.random.default_rng(number)
    if number % 4 == 3:
        return proof.redo() if number % 8 == 7 else proof.undo()
    points = [tuple(int(draw.integers(0, n)) for n in SHAPE) for _ in range(2)]
    try:
        if number % 3 == 0:
            return proof.do(edits.merge(proof, points=points))
        if number % 3 == 1:
            z, y, x = points[0]
            window = (slice(z, z + 1), slice(y, y + 7), slice(x, x + 7))
            window = tuple(
                slice(w.start, min(w.stop, n)) for w, n in zip(window, SHAPE, strict=True)
            )
            return proof.do(edits.paint(proof, window, None, number))
        return proof.do(edits.renew(proof, points[0]))
    except ValueError:
        return None


def say(what):
    """One line for whoever watches."""
    sys.stdout.write(f"{what}\n")
    sys.stdout.flush()


def work(folder, start):
    proof = open_proof(base(), folder)
    say(proof.records)
    for number in range(start, 100_000):
        act(proof, number)
        say(f"{number} {proof.records}")


if __name__ == "__main__":
    work(Path(sys.argv[1]), int(sys.argv[2]))
