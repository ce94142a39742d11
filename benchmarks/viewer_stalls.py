"""How long the viewer stands still while the docks work: the longest gap of a 16 ms timer, phase by phase.

`python benchmarks/viewer_stalls.py [--side 512] [--steps 60] [--where]` on a screen (or under xvfb-run).
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import threading
import time
import traceback
from collections.abc import Callable
from pathlib import Path

import napari
from napari.layers import Layer
from qtpy.QtCore import QTimer
from qtpy.QtWidgets import QApplication

from napari_advseg.gui.opening import Docks, open_docks
from napari_advseg.gui.score_dock import ScoreDock
from napari_advseg.gui.tune_dock import TuneDock
from napari_advseg.napari_io import volume_to_layer
from napari_advseg.samples import neuropil

TICK_MS = 16
LATE_S = 0.1


class Meter:
    """Gaps between the ticks of a timer, and the processor time of the Qt thread in them: the rest is waiting.

    With `where`, what the Qt thread was doing when a tick was late.
    """

    def __init__(self, *, where: bool) -> None:
        self._last = (time.perf_counter(), time.thread_time())
        self._gaps: list[tuple[float, float]] = []
        self._timer = QTimer()
        self._timer.timeout.connect(self._tick)
        self._timer.start(TICK_MS)
        if where:
            threading.Thread(target=self._watch, daemon=True).start()

    def _tick(self) -> None:
        now = (time.perf_counter(), time.thread_time())
        self._gaps.append((now[0] - self._last[0], now[1] - self._last[1]))
        self._last = now

    def _watch(self) -> None:
        main = threading.main_thread().ident
        while True:
            time.sleep(0.02)
            late = time.perf_counter() - self._last[0]
            if late > LATE_S and main is not None:
                frames = traceback.extract_stack(sys._current_frames()[main])[-8:]  # noqa: SLF001
                places = [f"{Path(f.filename).name}:{f.lineno} {f.name}" for f in frames]
                print(f"   late {1000 * late:.0f} ms: {' < '.join(reversed(places))}")
                time.sleep(0.1)

    def phase(self, name: str) -> None:
        """Print the longest gap and the 99th percentile since the last phase."""
        gaps = sorted(self._gaps) or [(0.0, 0.0)]
        late = sum(gap > LATE_S for gap, _ in gaps)
        busy = max(own for _, own in gaps)
        often = gaps[int(0.99 * (len(gaps) - 1))][0]
        print(
            f"{name:30} longest {1000 * gaps[-1][0]:5.0f} ms (Qt thread busy for {1000 * busy:4.0f})"
            f"   99 % below {1000 * often:4.0f} ms   over 100 ms: {late}"
        )
        self._gaps.clear()
        self._last = (time.perf_counter(), time.thread_time())


def wait(until: Callable[[], object] | None = None, seconds: float = 120) -> None:
    """Run the event loop until something is true, at most so long."""
    end = time.perf_counter() + seconds
    while time.perf_counter() < end and not (until and until()):
        QApplication.processEvents()
        time.sleep(0.001)


def main() -> None:
    """Train, segment, move sliders and sections, apply, score and tune, on synthetic neuropil."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--side", type=int, default=512)
    options.add_argument("--steps", type=int, default=60)
    options.add_argument("--where", action="store_true")
    chosen = options.parse_args()
    viewer = napari.Viewer()
    for volume, kind in zip(
        neuropil((8, chosen.side, chosen.side)), ("image", "labels"), strict=True
    ):
        viewer.add_layer(Layer.create(*volume_to_layer(volume, kind)))
    wait(seconds=1)
    meter = Meter(where=chosen.where)
    wait(seconds=1)
    meter.phase("idle")
    plain(meter, viewer)
    docks = open_docks(viewer)
    wait(seconds=1)
    meter.phase("docks open")
    with tempfile.TemporaryDirectory() as folder:
        measure(meter, docks, Path(folder), chosen.steps)
        viewer.close()
        wait(seconds=3)


def plain(meter: Meter, viewer: napari.Viewer) -> None:
    """What napari itself takes for the same: a new labels layer, other data in it, its removal."""
    data = viewer.layers[1].data
    layer = viewer.add_labels(data.copy())
    wait(seconds=1)
    meter.phase("plain napari: add")
    for _ in range(20):
        layer.data = data.copy()
        wait(seconds=0.05)
    meter.phase("plain napari: data")
    viewer.layers.remove(layer)
    wait(seconds=1)
    meter.phase("plain napari: remove")


def measure(meter: Meter, docks: Docks, folder: Path, steps: int) -> None:
    """All phases of work, each with its line."""
    viewer = napari.current_viewer()
    train, segment = docks.train, docks.segment
    wait(lambda: train._session.device is not None)  # noqa: SLF001
    wait(seconds=1)
    meter.phase("child starts")
    train.length.row("steps").editor.write(steps)
    train.out.set(folder / "model")
    train.out.chosen.emit()
    wait(seconds=1)
    meter.phase("typing")
    train.buttons.run.click()
    wait(lambda: train._job.done > 1)  # noqa: SLF001
    meter.phase("job start")
    wait(lambda: train._job.is_over)  # noqa: SLF001
    meter.phase("training")
    wait(seconds=1)
    segment.out.set(folder / "labels.ome.zarr")
    segment.out.chosen.emit()
    wait(segment.buttons.run.isEnabled)
    meter.phase("model is read")
    segment.buttons.run.click()
    wait(lambda: segment._job.is_over)  # noqa: SLF001
    meter.phase("segmenting")
    wait(lambda: segment._result is not None)  # noqa: SLF001
    wait(seconds=1)
    meter.phase("result is added")
    segment.sliders.row("threshold").editor.write(0.51)
    wait(seconds=3)
    meter.phase("first preview")
    for tick in range(40):
        segment.sliders.row("threshold").editor.write(0.5 + tick / 100)
        wait(seconds=0.05)
    wait(seconds=1)
    meter.phase("threshold slider")
    for tick in range(40):
        segment.sliders.row("edge_threshold").editor.write(0.5 + tick / 100)
        wait(seconds=0.05)
    meter.phase("gap slider")
    for section in range(8):
        viewer.dims.set_current_step(0, section)
        wait(seconds=0.2)
    meter.phase("scrolling")
    segment.apply.click()
    wait(lambda: segment._job.is_over)  # noqa: SLF001
    wait(seconds=1)
    meter.phase("apply to all")
    score(meter, docks.score)
    tune(meter, docks.tune, folder)


def score(meter: Meter, dock: ScoreDock) -> None:
    """Score the newest labels by the truth, go through the errors, paint them."""
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
    dock.what.setCurrentIndex(dock.what.count() - 1)
    for column in range(5):
        dock.table.sortByColumn(column, dock.table.horizontalHeader().sortIndicatorOrder())
        wait(seconds=0.2)
    meter.phase("filter and sort")
    dock.overlay.click()
    wait(lambda: dock._paint.layer is not None)  # noqa: SLF001
    wait(seconds=1)
    meter.phase("error overlay (adds a layer)")
    dock.overlay.click()
    wait(seconds=1)
    meter.phase("overlay off (removes it)")


def tune(meter: Meter, dock: TuneDock, folder: Path) -> None:
    """Search thresholds and click through the cells."""
    dock.out.set(folder / "search")
    dock.out.chosen.emit()
    wait(dock.buttons.run.isEnabled)
    meter.phase("search is ready")
    dock.buttons.run.click()
    wait(lambda: dock._job is not None and dock._job.is_over)  # noqa: SLF001
    meter.phase("searching")
    wait(lambda: dock._preview.layer is not None)  # noqa: SLF001
    wait(seconds=1)
    meter.phase("search is shown (adds a layer)")
    for place in list(dock._grid.cells)[:20]:  # noqa: SLF001
        dock.maps.picked.emit(place)
        wait(seconds=0.2)
    meter.phase("clicking cells")


if __name__ == "__main__":
    main()
