"""A scripted proofreader in the real viewer: the curve of VOI over decisions, and how long an edit takes to be seen.

`xvfb-run -a -s "-screen 0 1600x1000x24" python benchmarks/proofread.py --labels labels.tif --truth truth.tif
[--interior map.ome.zarr] [--orders truth,evidence,random] [--sections A:B] [--decisions 100] --out DIR [--rows FILE]`
follows the queue of the Proofread dock in each order, from the labels as they are: Enter where the proposed step would
lower VOI, Backspace where not. "random" goes through the places of all other orders in a shuffled order. One row per
decision goes to the CSV, pictures of the first order to DIR; the last line is an object.

`--speed` measures 125 x 1250 x 1250 labels with an interior map instead, in memory, in zarr and as a pyramid: from
Enter to the picture of a merge and of a split, and from the last click to the preview,
`--between` .8 s after the first click.
Without either the labels are synthetic, and DIR gets the pictures of the documentation:
`python benchmarks/proofread.py --out docs/images`.
"""

from __future__ import annotations

import argparse
import csv
import dataclasses
import json
import os
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import napari
import numpy as np
from napari.layers import Layer
from qtpy.QtWidgets import QApplication, QTabWidget

from camera import Camera, bring_to_front, run_for, wait
from napari_advseg.gui.docks.proofread import finding as proof_finding
from napari_advseg.gui.docks.proofread.dock import ProofreadDock
from napari_advseg.gui.opening import open_docks
from napari_advseg.napari_io import volume_to_layer
from napari_advseg.proofreading.state import Question
from napari_advseg.recipes import parse_span
from napari_advseg.samples import neuropil
from napari_advseg.volume.arrays.lazy import Level
from napari_advseg.volume.formats.files import levels, read, write
from napari_advseg.volume.frame import Frame
from napari_advseg.volume.volume import Volume
from score import phantom
from session import memory_of_its_own

HEAD = (
    "order",
    "seed",
    "decision",
    "accepted",
    "action",
    "voi",
    "voi_split",
    "voi_merge",
    "adapted_rand_error",
)
FRAME = Frame("zyx", (40.0, 4.0, 4.0), ("nanometer",) * 3, name="labels")
LARGE = (125, 1250, 10_000)
EDITS = 20
BETWEEN_S = 0.8
PROPOSED = 50
SMALL = (6, 320, 320)


def main() -> None:
    """Proofread, or measure, and print what came of it."""
    chosen = options().parse_args()
    with tempfile.TemporaryDirectory() as folder:
        os.environ |= memory_of_its_own(Path(folder))
        result = (measured if chosen.speed else proofread)(chosen, Path(folder))
    print(json.dumps(result))


def options() -> argparse.ArgumentParser:
    """What can be asked for."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--labels", type=Path)
    parser.add_argument("--truth", type=Path)
    parser.add_argument("--interior", type=Path)
    parser.add_argument("--image", type=Path)
    parser.add_argument("--orders", default="truth,evidence")
    parser.add_argument("--sections")
    parser.add_argument("--decisions", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--rows", type=Path)
    parser.add_argument("--speed", action="store_true")
    parser.add_argument("--between", type=float, default=BETWEEN_S)
    return parser


class Bench:
    """A viewer with labels, truth and map, and the dock on them."""

    def __init__(self, given: dict[str, Any], *, theme: str = "dark") -> None:
        self.proposals_a_second: float | None = None
        self.viewer = napari.Viewer(title="napari-advseg")
        self.viewer.theme = theme
        self.viewer.window.resize(1280, 800)
        for name in ("image", "map", "truth", "labels"):
            if given.get(name) is not None:
                self.viewer.add_layer(layer_of(given[name], name))
        self.dock: ProofreadDock = open_docks(self.viewer).proofread
        run_for(1)
        bring_to_front(self.dock)
        layers = self.viewer.layers
        self.dock.labels.choose(layers["labels"])
        for choice, name in ((self.dock.truth, "truth"), (self.dock.interior_map, "map")):
            if name in layers:
                choice.choose(layers[name])
                layers[name].visible = False
        wait("Begin can be pressed", self.dock.buttons.run.isEnabled)

    def begin(self) -> None:
        """Open the labels."""
        dock = self.dock
        dock.buttons.run.click()
        wait("the labels are open", lambda: dock.opened is not None and dock.layer.visible)
        if dock.truth.layer is not None:
            wait("the score", lambda: dock.score.cells["Now", "voi"].text() != "–")
        run_for(0.5)

    def find(self, order: str) -> None:
        """Fill the queue."""
        dock = self.dock
        dock.order.setCurrentIndex(dock.order.findData(order))
        wait("Find places can be pressed", dock.buttons.run.isEnabled)
        dock.buttons.run.click()
        wait("the queue", lambda: not dock._is_running)  # noqa: SLF001

    def ready(self) -> None:
        """Wait for the next proposal, or for the end of the queue."""
        dock = self.dock
        wait("a proposal", lambda: dock.state.proposal is not None or dock.queue.table.item is None)

    def drawn(self, do: Callable[[], object]) -> float:
        """Milliseconds from calling `do` to the picture that shows it."""
        canvas = self.viewer.window._qt_viewer.canvas  # noqa: SLF001
        pictures: list[float] = []

        def note(_event: object) -> None:
            pictures.append(time.perf_counter())

        canvas._scene_canvas.events.draw.connect(note, position="last")  # noqa: SLF001
        begun = time.perf_counter()
        do()
        while not pictures:
            QApplication.processEvents()
        canvas._scene_canvas.events.draw.disconnect(note)  # noqa: SLF001
        return 1000 * (pictures[0] - begun)

    def close(self) -> None:
        """End."""
        self.dock.end()
        self.viewer.close()
        run_for(1)


def layer_of(given: Any, name: str) -> Layer:
    """A volume, or the levels of a pyramid, as a layer."""
    first = given[0] if isinstance(given, list) else given
    kind = "image" if name in ("image", "map") else "labels"
    data, attributes, kind = volume_to_layer(first, kind)
    attributes["name"] = name
    if isinstance(given, list):
        data = [Level(level.array) for level in given]
        attributes["multiscale"] = True
    if name == "map":
        attributes["contrast_limits"] = (0, 1)
    return Layer.create(data, attributes, kind)


def proofread(chosen: argparse.Namespace, folder: Path) -> dict[str, Any]:
    """The curve of each order on the same labels."""
    given = synthetic() if chosen.labels is None else opened(chosen)
    rows: list[dict[str, Any]] = []
    result: dict[str, Any] = {}
    for order in chosen.orders.split(","):
        place = folder / f"{order}.ome.zarr"
        write(given["labels"], place)
        bench = Bench({**given, "labels": read(place)})
        bench.begin()
        is_first = order == chosen.orders.split(",")[0]
        pictures = Camera(bench.viewer, chosen.out) if chosen.out and is_first else None
        curve, times = followed(bench, order, chosen, pictures)
        rows += [{"order": order, "seed": chosen.seed, **row} for row in curve]
        result[order] = {
            "decisions": len(curve) - 1,
            "accepted": sum(row["accepted"] for row in curve),
            "voi_before": curve[0]["voi"],
            "voi_after": curve[-1]["voi"],
            "enter_to_picture_ms": round(statistics.median(times), 1) if times else None,
            "slowest_ms": round(max(times), 1) if times else None,
            "proposals_a_second": bench.proposals_a_second,
        }
        bench.close()
    if chosen.rows is not None:
        with chosen.rows.open("w", newline="") as file:
            writer = csv.DictWriter(file, HEAD)
            writer.writeheader()
            writer.writerows(rows)
    return result


def followed(
    bench: Bench, order: str, chosen: argparse.Namespace, pictures: Camera | None
) -> tuple[list[dict[str, Any]], list[float]]:
    """Decisions with the scores after each, and milliseconds from Enter to the picture."""
    dock = bench.dock
    bench.find("evidence" if order == "random" else order)
    if order == "random":
        items = list(dock.queue.table.queue.items)
        np.random.default_rng(chosen.seed).shuffle(items)  # type: ignore[arg-type]
        dock.queue.table.show_items(items)
    bench.ready()
    if pictures is not None:
        pictures.take("proofread-queue")
    bench.proposals_a_second = proposals_a_second(bench)
    curve, times = [scores(bench, 0, accepted=False, action="")], []
    for decision in range(1, chosen.decisions + 1):
        bench.ready()
        proposal = dock.state.proposal
        if proposal is None:
            break
        is_better = (proposal.gain or 0) > 0
        if is_better:
            times.append(bench.drawn(dock.accept))
        else:
            dock.reject()
        run_for(0.05)
        curve.append(scores(bench, decision, accepted=is_better, action=proposal.item.action))
    if pictures is not None:
        dock.findChildren(QTabWidget)[0].setCurrentIndex(1)
        pictures.take("proofread-score")
    return curve, times


def proposals_a_second(bench: Bench) -> float | None:
    """How many of the first places get their proposal in a second, one after the other on one thread."""
    dock = bench.dock
    items = dock.queue.table.queue.items[:PROPOSED]
    interior_map, _ = dock.choices.interior(dock.opened.proof)
    begun = time.perf_counter()
    for item in items:
        proof_finding.answered(dock.opened, Question(item=item), interior_map, 0)
    return round(len(items) / (time.perf_counter() - begun), 1) if items else None


def scores(bench: Bench, decision: int, *, accepted: bool, action: str) -> dict[str, Any]:
    """The score of now, when it has caught up."""
    followed_score = bench.dock.opened.working_copy.score()
    values = followed_score.values
    return {
        "decision": decision,
        "accepted": int(accepted),
        "action": action,
        "voi": round(values.voi, 6),
        "voi_split": round(values.voi_split, 6),
        "voi_merge": round(values.voi_merge, 6),
        "adapted_rand_error": round(values.adapted_rand_error, 6),
    }


def opened(chosen: argparse.Namespace) -> dict[str, Any]:
    """The volumes of the files, cut to the sections."""
    given = {
        "labels": chosen.labels,
        "truth": chosen.truth,
        "map": chosen.interior_map,
        "image": chosen.image,
    }
    found = {name: read(path) for name, path in given.items() if path is not None}
    if chosen.sections:
        first, end = parse_span(chosen.sections)
        found = {
            name: one if one.size("z") == end - first else one.cut(first, end)
            for name, one in found.items()
        }
    return found


def synthetic() -> dict[str, Any]:
    """Synthetic neuropil whose largest objects are cut in two, or joined with a neighbour."""
    image, truth = neuropil(SMALL)
    labels = truth.numpy().astype(np.uint32)
    sizes = np.bincount(labels.ravel())
    sizes[0] = 0
    order = np.argsort(sizes)[::-1]
    for one in order[1:9]:
        here = labels == one
        middle = np.median(np.nonzero(here)[2])
        labels[here & (np.arange(labels.shape[2]) > middle)] = labels.max() + 1
    right = np.roll(labels, -1, 2)
    for one in order[9:14]:
        beside = np.unique(right[(labels == one) & (right != one)])
        beside = [other for other in beside if 0 < other < len(sizes)]
        if beside:
            labels[labels == beside[0]] = one
    return {
        "image": image,
        "truth": truth,
        "map": Volume(walls(truth.numpy()), truth.frame),
        "labels": Volume(labels, truth.frame, kind="labels"),
    }


def measured(chosen: argparse.Namespace, folder: Path) -> dict[str, Any]:
    """From Enter to the picture, in milliseconds, on large labels in memory, in zarr, and as a pyramid."""
    labels = phantom(*LARGE)[0]
    given = {
        "labels": Volume(labels, FRAME, kind="labels"),
        "map": Volume(walls(labels), dataclasses.replace(FRAME, name="map")),
    }
    paths = {name: write(one, folder / f"{name}.ome.zarr") for name, one in given.items()}
    ways: dict[str, Callable[[], dict[str, Any]]] = {
        "memory": lambda: given,
        "zarr": lambda: {name: read(path) for name, path in paths.items()},
        "pyramid": lambda: {name: levels(path) for name, path in paths.items()},
    }
    return {name: timed(way(), chosen.between) for name, way in ways.items()}


def walls(labels: Any) -> Any:
    """An interior map whose walls lie where labels meet in a section."""
    interior_map = np.full(labels.shape, 0.9, np.float32)
    interior_map[:, :, 1:][labels[:, :, 1:] != labels[:, :, :-1]] = 0.1
    interior_map[:, 1:][labels[:, 1:] != labels[:, :-1]] = 0.1
    return interior_map


def timed(given: dict[str, Any], between_s: float) -> dict[str, Any]:
    """Merges and splits of objects in the middle section, each with two clicks so long after each other."""
    bench = Bench(given)
    bench.begin()
    dock, viewer = bench.dock, bench.viewer
    z = LARGE[0] // 2
    viewer.dims.set_current_step(0, z)
    viewer.reset_view()
    run_for(1)
    rng = np.random.default_rng(0)
    found: dict[str, Any] = {}
    for mode in ("merge", "split"):
        dock.modes.turn(mode)
        times, previews = [], []
        for _ in range(EDITS):
            section = np.asarray(dock.opened.proof.labels[z])
            points = pair(section, mode, rng, z)
            dock.click_tool.click(points[0])
            run_for(between_s)
            begun = time.perf_counter()
            dock.click_tool.click(points[1], is_next=mode == "split")
            while dock.state.pending is None:
                QApplication.processEvents()
            previews.append(1000 * (time.perf_counter() - begun))
            run_for(0.3)
            times.append(bench.drawn(dock.accept))
            run_for(0.2)
        found[mode] = {
            "enter_to_picture_ms": round(statistics.median(times), 1),
            "slowest_ms": round(max(times), 1),
            "click_to_step_ms": round(statistics.median(previews), 1),
        }
    bench.close()
    return found


def pair(section: Any, mode: str, rng: np.random.Generator, z: int) -> list[tuple[int, int, int]]:
    """A place in each of two objects that meet, or two places far apart in one."""
    while True:
        y, x = (int(k) for k in rng.integers(50, np.array(section.shape) - 50))
        one = section[y, x]
        if not one:
            continue
        corner = np.array([y - 50, x - 50])
        near = section[y - 50 : y + 50, x - 50 : x + 50]
        places = np.argwhere(near == one) + corner
        if mode == "split":
            if len(places) > 100:
                ends = places[0], places[-1]
                return [(z, int(a), int(b)) for a, b in ends]
            continue
        others = np.argwhere((near != one) & (near != 0)) + corner
        if len(others):
            a, b = others[rng.integers(len(others))]
            return [(z, y, x), (z, int(a), int(b))]


if __name__ == "__main__":
    main()
