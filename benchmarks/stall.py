"""How long the viewer stands still while its child trains, predicts and labels: gaps of a 16 ms timer.

`xvfb-run -a -s "-screen 0 1600x1000x24" python benchmarks/stall.py [--json] [--all] [--where]`, in about a minute.
A training, a segmentation and a labelling of the stack run in the real viewer, with a preview of the section on
screen every second and the curves on. The first two seconds after Start, Segment and Apply count apart. With --json
the last line is an object of `p99_ms`, `max_ms`, `start_max_ms` and `updates_drawn`: previews and curves that reached
the screen. --all goes through the other docks too, and through what napari itself takes; --where says where the Qt
thread was in gaps over 100 ms, and where it computed for more than 50 ms.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import sys
import tempfile
import threading
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import cycle
from pathlib import Path
from typing import Any

import napari
import numpy as np
import pyqtgraph
from napari.layers import Layer
from qtpy.QtCore import QEvent, QEventLoop, QObject, Qt, QTimer

from napari_advseg.gui.opening import Docks, open_docks
from napari_advseg.napari_io import volume_to_layer
from napari_advseg.samples import neuropil
from napari_advseg.volume.volume import Volume

TICK_MS = 16
LATE_MS = 100
DEPTH = 10
AFTER_START_S = 2.0
PREVIEW_EVERY_S = 1.0
TRAINS_S = 20.0
LATEST_S = 600.0
SHAPE = (4, 768, 768)
REPEATS = 5


@dataclasses.dataclass(frozen=True)
class Gap:
    """Time between two ticks and how much of it the Qt thread computed, in ms; the rest is waiting."""

    long: float
    busy: float
    is_start: bool


class Meter:
    """Gaps between the ticks of a timer, phase by phase; with `where`, what the Qt thread did in long ones."""

    def __init__(self, *, where: bool) -> None:
        self._gaps: list[Gap] = []
        self._kept: list[Gap] = []
        self._seen: list[str] = []
        self._started = -AFTER_START_S
        self._last = (time.perf_counter(), time.thread_time())
        self._timer = QTimer()
        self._timer.setTimerType(Qt.TimerType.PreciseTimer)
        self._timer.timeout.connect(self._tick)
        self._timer.start(TICK_MS)
        if where:
            threading.Thread(target=self._watch, daemon=True).start()

    def start(self) -> None:
        """A job is started at this moment."""
        self._started = time.perf_counter()

    def phase(self, name: str, *, counts: bool = False) -> None:
        """Print the gaps since the last phase, and keep those that count."""
        running = [gap for gap in self._gaps if not gap.is_start]
        starting = [gap for gap in self._gaps if gap.is_start]
        for words, gaps in ((name, running), (f"{name}, first 2 s", starting)):
            if gaps:
                longest, often = np.percentile([gap.long for gap in gaps], (100, 99))
                busy = max(gap.busy for gap in gaps)
                print(
                    f"{words:32} longest {longest:5.0f} ms (Qt thread busy for {busy:4.0f})   "
                    f"99 % below {often:4.0f} ms",
                    file=sys.stderr,
                )
        if counts:
            self._kept += self._gaps
        self._gaps.clear()
        self._last = (time.perf_counter(), time.thread_time())

    def summary(self) -> dict[str, float]:
        """The figures over all phases that count."""
        running = [gap.long for gap in self._kept if not gap.is_start]
        return {
            "p99_ms": round(float(np.percentile(running, 99)), 1),
            "max_ms": round(max(running), 1),
            "start_max_ms": round(max(gap.long for gap in self._kept if gap.is_start), 1),
        }

    def _tick(self) -> None:
        now = (time.perf_counter(), time.thread_time())
        long, busy = (1000 * (new - old) for new, old in zip(now, self._last, strict=True))
        # A gap belongs to a start that lies within it too.
        is_start = self._last[0] < self._started + AFTER_START_S and now[0] >= self._started
        self._gaps.append(Gap(long, busy, is_start))
        self._last = now
        if self._seen:
            self._tell_where(self._gaps[-1])

    def _watch(self) -> None:
        main = threading.main_thread().ident or 0
        while True:
            time.sleep(0.01)
            frames = traceback.extract_stack(sys._current_frames()[main])[-DEPTH:]  # noqa: SLF001
            places = [f"{Path(f.filename).name}:{f.lineno} {f.name}" for f in reversed(frames)]
            self._seen.append(" < ".join(places))

    def _tell_where(self, gap: Gap) -> None:
        if max(gap.long, 2 * gap.busy) > LATE_MS:
            print(f"   {gap.long:.0f} ms, busy for {gap.busy:.0f}:", file=sys.stderr)
            for places, count in Counter(self._seen).most_common(4):
                print(f"      {count} x {places}", file=sys.stderr)
        self._seen.clear()


class Drawn(QObject):
    """Counts the previews and curves that reach the screen: data that changed, and then was drawn."""

    def __init__(self, viewer: Any) -> None:
        super().__init__()
        self.count = 0
        self._viewer = viewer
        self._changed = False
        self._plots: dict[QObject, bool] = {}
        viewer.layers.events.inserted.connect(self._follow_layer)
        canvas = viewer.window._qt_viewer.canvas._scene_canvas  # noqa: SLF001
        canvas.events.draw.connect(self._draw)

    def follow_curves(self, dock: Any) -> None:
        """Count the curves of a job that a dock follows from now on."""
        dock._job.changed.connect(lambda: self._curves_changed(dock))  # noqa: SLF001

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """A plot is painted."""
        if event.type() == QEvent.Type.Paint and self._plots.get(watched):
            self._plots[watched] = False
            self.count += 1
        return False

    def _curves_changed(self, dock: Any) -> None:
        for plot in dock.findChildren(pyqtgraph.PlotWidget):
            if plot.viewport() not in self._plots:
                plot.viewport().installEventFilter(self)
            self._plots[plot.viewport()] = True

    def _follow_layer(self, event: Any) -> None:
        event.value.events.set_data.connect(self._change)
        self._changed = True

    def _change(self, *_: Any) -> None:
        self._changed = True

    def _draw(self, *_: Any) -> None:
        self.count += self._changed
        self._changed = False


def wait(until: Callable[[], object] | None = None, seconds: float = LATEST_S) -> None:
    """Run the event loop until something is true, at most so long."""
    end = time.perf_counter() + seconds
    while time.perf_counter() < end and not (until and until()):
        loop = QEventLoop()
        QTimer.singleShot(20, loop.quit)
        loop.exec()


@contextmanager
def sliding(dock: Any) -> Iterator[None]:
    """A preview every second: the threshold of the Segment dock moves to and fro."""
    row, places, timer = dock.labelling.sliders.row("threshold"), cycle((0.45, 0.55)), QTimer()
    timer.timeout.connect(lambda: row.editor.write(next(places)))
    timer.start(int(1000 * PREVIEW_EVERY_S))
    try:
        yield
    finally:
        timer.stop()


def main() -> None:
    """Train, segment and label in a viewer with all docks, and print what it cost the viewer."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--json", action="store_true")
    options.add_argument("--all", action="store_true")
    options.add_argument("--where", action="store_true")
    chosen = options.parse_args()
    with tempfile.TemporaryDirectory() as home:
        # Proposed folders and what the docks remember lie in the home folder.
        os.environ["HOME"] = os.environ["USERPROFILE"] = home
        found = measured(Path(home), chosen)
    if chosen.json:
        print(json.dumps(found))


def measured(home: Path, chosen: argparse.Namespace) -> dict[str, float]:
    """The figures, from a viewer of its own."""
    viewer = napari.Viewer()
    for volume, kind in zip(neuropil(SHAPE), ("image", "labels"), strict=True):
        whole = Volume(np.tile(volume.numpy(), (REPEATS, 1, 1)), volume.frame, kind=volume.kind)
        viewer.add_layer(Layer.create(*volume_to_layer(whole, kind)))
    wait(seconds=1)
    meter, drawn = Meter(where=chosen.where), Drawn(viewer)
    wait(seconds=1)
    meter.phase("idle")
    if chosen.all:
        plain(meter, viewer)
    docks = open_docks(viewer)
    wait(lambda: docks.train._session.device is not None)  # noqa: SLF001
    wait(docks.train.buttons.run.isEnabled)
    meter.phase("docks open, child starts")
    drawn.count = 0
    train(meter, drawn, docks, home)
    segment(meter, docks, home)
    label(meter, docks)
    found = {**meter.summary(), "updates_drawn": drawn.count}
    if chosen.all:
        others(meter, viewer, docks, home)
    viewer.close()
    wait(seconds=1)
    return found


def train(meter: Meter, drawn: Drawn, docks: Docks, home: Path) -> None:
    """Learn for a while, then cancel."""
    dock = docks.train
    dock.parentWidget().raise_()
    dock.out.set(home / "model")
    dock.out.chosen.emit()
    wait(dock.buttons.run.isEnabled)
    wait(seconds=1)
    meter.phase("typing")
    meter.start()
    dock.buttons.run.click()
    drawn.follow_curves(dock)
    wait(lambda: dock._job.done > 0 and dock._job.phase == "training")  # noqa: SLF001
    wait(lambda: dock._job.is_over, TRAINS_S)  # noqa: SLF001
    dock.buttons.cancel.click()
    wait(lambda: dock._job.is_over)  # noqa: SLF001
    wait(seconds=1)
    meter.phase("training", counts=True)


def segment(meter: Meter, docks: Docks, home: Path) -> None:
    """Segment what is on screen and then the stack, with a slider that moves every second."""
    dock = docks.segment
    dock.parentWidget().raise_()
    dock.model.take(str(home / "model"))
    dock.out.set(home / "labels.ome.zarr")
    dock.out.chosen.emit()
    wait(dock.buttons.run.isEnabled)
    wait(seconds=1)
    meter.phase("model is read")
    meter.start()
    dock.buttons.run.click()
    with sliding(dock):
        wait(lambda: dock._result is not None)  # noqa: SLF001
        wait(seconds=2)
    meter.phase("predicting", counts=True)


def label(meter: Meter, docks: Docks) -> None:
    """Label the stack as the sliders say, with a slider that moves every second."""
    dock = docks.segment
    before = dock._result  # noqa: SLF001
    wait(dock.apply.isEnabled)
    meter.phase("between")
    meter.start()
    dock.apply.click()
    with sliding(dock):
        wait(lambda: dock._result is not before)  # noqa: SLF001
        wait(seconds=2)
    meter.phase("labelling", counts=True)


def others(meter: Meter, viewer: napari.Viewer, docks: Docks, home: Path) -> None:
    """What a user does while nothing runs: sliders, sections, scores, errors, thresholds."""
    dock = docks.segment
    for name in ("threshold", "gap_threshold"):
        for tick in range(40):
            dock.labelling.sliders.row(name).editor.write(0.5 + tick / 100)
            wait(seconds=0.05)
        meter.phase(f"slider: {name.replace('_', ' ')}")
    for section in range(8):
        viewer.dims.set_current_step(0, section)
        wait(seconds=0.2)
    meter.phase("scrolling")
    score(meter, docks.score)
    tune(meter, docks.tune, home)
    proofread(meter, viewer, docks.proofread)


def plain(meter: Meter, viewer: napari.Viewer) -> None:
    """What napari itself takes for the same: a new labels layer, other data in it, its removal."""
    data = viewer.layers[1].data
    layer = viewer.add_labels(data.copy())
    wait(seconds=1)
    meter.phase("plain napari: add")
    for _ in range(10):
        layer.data = data.copy()
        wait(seconds=0.05)
    meter.phase("plain napari: data")
    viewer.layers.remove(layer)
    wait(seconds=1)
    meter.phase("plain napari: remove")


def score(meter: Meter, dock: Any) -> None:
    """Score the newest labels by the truth, go through the errors, paint them."""
    dock.parentWidget().raise_()
    wait(dock.buttons.run.isEnabled)
    dock.buttons.run.click()
    wait(lambda: dock._found is not None)  # noqa: SLF001
    wait(lambda: dock.objects.rows.rowCount() > 0)
    wait(seconds=1)
    meter.phase("scoring")
    for row in range(min(20, len(dock.table.errors.rows))):
        dock.table.selectRow(row)
        wait(seconds=0.2)
    meter.phase("going to errors")
    for words in ("on", "off"):
        dock.overlay.click()
        wait(lambda: (dock._paint.layer is not None) == dock.overlay.isChecked())  # noqa: SLF001
        wait(seconds=1)
        meter.phase(f"error overlay {words}")


def proofread(meter: Meter, viewer: napari.Viewer, dock: Any) -> None:
    """Open the labels with the truth beside them, fill the queue, accept and reject, undo and redo."""
    dock.parentWidget().raise_()
    truth = viewer.layers[1]
    newest = next(one for one in reversed(viewer.layers) if one in dock.labels.choices)
    dock.labels.choose(newest)
    dock.truth.choose(truth)
    wait(dock.buttons.run.isEnabled)
    wait(seconds=1)
    meter.phase("before proofreading")
    dock.buttons.run.click()
    wait(lambda: dock.opened is not None and dock.layer.visible)
    wait(seconds=2)
    meter.phase("proofreading begins")
    dock.buttons.run.click()
    wait(lambda: not dock._is_running)  # noqa: SLF001
    wait(seconds=1)
    meter.phase("places are found")
    for turn in range(20):
        wait(lambda: dock.state.proposal is not None or dock.queue.table.item is None)
        (dock.reject if turn % 4 == 3 else dock.accept)()
        wait(seconds=0.3)
    meter.phase("accepting and rejecting")
    for do in (dock.undo, dock.redo) * 5:
        do()
        wait(seconds=0.2)
    meter.phase("undo and redo")
    dock.end()
    wait(seconds=1)
    meter.phase("proofreading ends")


def tune(meter: Meter, dock: Any, home: Path) -> None:
    """Search thresholds and click through the cells."""
    dock.parentWidget().raise_()
    dock.out.set(home / "search")
    dock.out.chosen.emit()
    wait(dock.buttons.run.isEnabled)
    meter.phase("search is ready")
    dock.buttons.run.click()
    wait(lambda: dock._job is not None and dock._job.is_over)  # noqa: SLF001
    meter.phase("searching")
    wait(lambda: "Preview of thresholds" in dock._viewer.layers)  # noqa: SLF001
    wait(seconds=1)
    meter.phase("search is shown")
    for place in list(dock._grid.cells)[:10]:  # noqa: SLF001
        dock.maps.picked.emit(place)
        wait(seconds=0.2)
    meter.phase("clicking cells")


if __name__ == "__main__":
    main()
