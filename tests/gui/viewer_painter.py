"""A real viewer that paints into a project for ever and says how many strokes it made; made to be killed."""

from __future__ import annotations

import sys
from pathlib import Path

import napari
import numpy as np
from qtpy.QtCore import QTimer

from napari_advseg.gui.compute.session import Session
from napari_advseg.gui.opened import session_of
from napari_advseg.gui.project.project_window import window_project

SHAPE = (4, 96, 96)
EVERY_MS = 30


def stroke(number, layer):
    """What happens to the layer as the step of a number: mostly paint, sometimes undo, redo or fill."""
    draw = np.random.default_rng(number)
    z, y, x = (int(draw.integers(0, length)) for length in SHAPE)
    if number % 5 == 3:
        layer.undo()
    elif number % 5 == 4:
        layer.redo()
    elif number % 11 == 0:
        layer.fill((z, y, x), number)
    else:
        with layer.block_history():
            layer.paint((z, y, x), number, refresh=False)
            layer.paint((z, min(95, y + 6), x), number, refresh=False)


def say(what):
    sys.stdout.write(f"{what}\n")
    sys.stdout.flush()


def main(folder, name):
    Session.command = (sys.executable, str(Path(__file__).with_name("fake_child.py")))
    viewer = napari.Viewer(show=True)
    session_of(viewer)
    here = window_project(viewer)
    here.opening.open_or_make(folder)
    state = {"layer": None, "number": 0}

    def step():
        if here.project is None:
            return
        if state["layer"] is None:
            found = [layer for layer in viewer.layers if layer.name == name]
            state["layer"] = (
                found[0] if found else viewer.add_labels(np.zeros(SHAPE, np.int32), name=name)
            )
            state["layer"].brush_size = 8
            say("ready")
        state["number"] += 1
        stroke(state["number"], state["layer"])
        say(state["number"])

    timer = QTimer()
    timer.timeout.connect(step)
    timer.start(EVERY_MS)
    napari.run()


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
