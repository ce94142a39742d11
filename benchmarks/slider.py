"""How long a slider of the Segment dock takes from the move to the drawn picture, in a real viewer.

`python benchmarks/slider.py [--sides 1250 512] [--moves 12] [--json]` on a screen (or under
xvfb-run). Beside the whole: how much of it was computing, how much showing the labels in the
layer, and how much napari's own drawing; `plain napari` is the layer alone, given other labels.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import napari
import numpy as np
from napari.layers import Layer
from qtpy.QtWidgets import QApplication

from gap_closing import blurred_walls
from napari_advseg.gui.docks.segment import segmenting
from napari_advseg.gui.docks.segment.dock import SegmentDock
from napari_advseg.gui.kit import preview
from napari_advseg.gui.opening import open_docks
from napari_advseg.gui.viewer import results
from napari_advseg.labelling.section.gap_closing import label_section
from napari_advseg.napari_io import volume_to_layer
from napari_advseg.settings.labelling import LabellingSettings
from napari_advseg.volume.formats.files import write
from napari_advseg.volume.frame import Frame
from napari_advseg.volume.volume import Volume

FRAME = Frame("zyx", (40.0, 4.0, 4.0), ("nanometer",) * 3)
START = LabellingSettings(threshold=0.7, gap_threshold=0.8)
LIMITS_MS = {
    "gap_threshold": {0: 150},
    "edge_statistic": {0: 150},
    "minimum_size": {0: 150},
    "threshold": {0: 150, 513: 400},
    "depth": {0: 150, 513: 400},
}
VALUES = {
    "gap_threshold": [round(0.72 + 0.01 * k, 2) for k in range(20)],
    "edge_statistic": ["median", "quantile", "mean"],
    "minimum_size": list(range(20, 420, 20)),
    "threshold": [round(0.55 + 0.01 * k, 2) for k in range(20)],
    "depth": [round(0.6 + 0.1 * k, 1) for k in range(20)],
}


class Stopwatch:
    """Notes when labels were asked for, computed, put into the layer, and drawn."""

    def __init__(self, viewer: napari.Viewer) -> None:
        self.marks: dict[str, float] = {}
        self._wrap(preview.Relabeller, "label", "begun", "computed")
        self._wrap(results.OwnLayer, "show", "arrived", "shown")
        canvas = viewer.window._qt_viewer.canvas._scene_canvas  # noqa: SLF001
        canvas.events.draw.connect(self._drawn, position="last")

    def _wrap(self, owner: object, name: str, before: str, after: str) -> None:
        inner = getattr(owner, name)

        def timed(*given: object) -> object:
            self.marks.setdefault(before, time.perf_counter())
            found = inner(*given)
            self.marks[after] = time.perf_counter()
            return found

        setattr(owner, name, timed)

    def _drawn(self, _event: object) -> None:
        if "shown" in self.marks:
            self.marks.setdefault("drawn", time.perf_counter())

    def time(self, move: Callable[[], object]) -> dict[str, float]:
        """Milliseconds from `move` to the picture, and its parts."""
        self.marks = {}
        start = time.perf_counter()
        move()
        wait(lambda: "drawn" in self.marks)
        at = {name: 1000 * (mark - start) for name, mark in self.marks.items()}
        return {
            "whole": at["drawn"],
            "until begun": at["begun"],
            "computing": at["computed"] - at["begun"],
            "way back": at["arrived"] - at["computed"],
            "showing": at["shown"] - at["arrived"],
            "drawing": at["drawn"] - at["shown"],
        }


def wait(until: Callable[[], object] | None = None, seconds: float = 60) -> None:
    """Run the event loop until something is true, at most so long."""
    end = time.perf_counter() + seconds
    while time.perf_counter() < end and not (until and until()):
        QApplication.processEvents()


def main() -> None:
    """Print the median and the longest time of every slider at every side."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--sides", type=int, nargs="+", default=[1250, 512])
    options.add_argument("--moves", type=int, default=12)
    options.add_argument("--json", action="store_true")
    chosen = options.parse_args()
    found = {}
    for side in chosen.sides:
        viewer = napari.Viewer()
        with tempfile.TemporaryDirectory() as folder:
            found[side] = measured(viewer, side, Path(folder), chosen.moves)
            viewer.close()
            wait(seconds=2)
    if chosen.json:
        print(json.dumps(found))
        return
    for side, rows in found.items():
        for name, row in rows.items():
            told(side, name, row)


def told(side: int, name: str, row: dict[str, float]) -> None:
    """Print one row."""
    limits = LIMITS_MS.get(name, {})
    limit = limits[max(first for first in limits if first <= side)] if limits else None
    parts = "  ".join(f"{part} {value:.0f}" for part, value in row.items() if part != "whole")
    aim = f" (at most {limit})" if limit else ""
    print(f"{side:5} {name:15} {row['whole']:5.0f} ms{aim:15} {parts}")


def measured(
    viewer: napari.Viewer, side: int, folder: Path, moves: int
) -> dict[str, dict[str, float]]:
    """Rows of median milliseconds for a section of `side` x `side` pixels."""
    segment = with_result(viewer, side, folder)
    watch = Stopwatch(viewer)
    segment.live_preview.live.setChecked(True)
    wait(lambda: "drawn" in watch.marks)
    wait(seconds=1)
    rows = {name: timed(segment, watch, name, moves) for name in VALUES}
    return rows | {"plain napari": plain(segment, watch, moves)}


def with_result(viewer: napari.Viewer, side: int, folder: Path) -> SegmentDock:
    """The Segment dock after a run, with an image, an interior map and labels of three sections."""
    section, _ = blurred_walls(side)
    stack = np.stack([section, section[::-1], section[:, ::-1]])
    labels = np.stack([label_section(one, START) for one in stack])
    image = Volume(np.rint(255 * stack).astype(np.uint8), FRAME)
    viewer.add_layer(Layer.create(*volume_to_layer(image, "image")))
    dock = open_docks(viewer).segment
    parts = {"map": Volume(stack, FRAME), "labels": Volume(labels, FRAME)}
    paths = {
        name: str(write(volume, folder / f"{name}.ome.zarr")) for name, volume in parts.items()
    }
    dock.labelling.sliders.set(START)
    dock.labelling.more.set(START)
    made = {"labels": paths["labels"], "probabilities": paths["map"], "labelling": START}
    dock._add_result(segmenting.as_result(made, "cells"))  # noqa: SLF001
    wait(seconds=2)
    return dock


def timed(segment: SegmentDock, watch: Stopwatch, name: str, moves: int) -> dict[str, float]:
    """The medians over moves of one slider, after two that warm up, and the longest."""
    form = (
        segment.labelling.sliders
        if name in segment.labelling.sliders.shown()
        else segment.labelling.more
    )
    rows = []
    for move in range(moves + 2):
        value = VALUES[name][move % len(VALUES[name])]
        rows.append(watch.time(lambda value=value: form.row(name).editor.write(value)))
        wait(seconds=0.1)
    form.set(START)
    wait(seconds=1)
    return medians(rows[2:])


def plain(segment: SegmentDock, watch: Stopwatch, moves: int) -> dict[str, float]:
    """napari alone: other labels of the same kind in the same layer."""
    layer = segment.live_preview.labels.layer
    data = layer.data
    rows = []
    for move in range(moves):
        turned = np.ascontiguousarray(data[:, ::-1] if move % 2 == 0 else data)
        watch.marks = {}
        start = time.perf_counter()
        layer.data = turned
        shown = 1000 * (time.perf_counter() - start)
        watch.marks["shown"] = start
        wait(lambda: "drawn" in watch.marks)
        drawn = 1000 * (watch.marks["drawn"] - start)
        rows.append({"whole": drawn, "showing": shown, "drawing": drawn - shown})
    return medians(rows)


def medians(rows: list[dict[str, float]]) -> dict[str, float]:
    """The median of every part, and the longest whole."""
    found = {name: statistics.median(row[name] for row in rows) for name in rows[0]}
    return found | {"longest": max(row["whole"] for row in rows)}


if __name__ == "__main__":
    main()
