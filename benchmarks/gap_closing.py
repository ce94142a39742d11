"""What labelling costs beside the same steps written out with scipy and scikit-image.

Run `python benchmarks/gap_closing.py [--side 1250] [--json]`. Both ways have a process of their own
for each setting, so that peak memory is their own; times are the best of `--rounds` on one thread,
after compilation. Labels are compared up to numbering (the best one-to-one map of ids), and by
their scores against the known truth. The plain way shares our definitions: distances in eighths of a
pixel, evidence in 255 steps, one seed a maximum (the first of its highest pixels), lines as thick
as the connectivity asks. `moves` is the computing behind a slider, without the viewer.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, Self

import edt
import numpy as np
import psutil
from bioimage_cpp.distance import distance_transform
from scipy import ndimage
from scipy.optimize import linear_sum_assignment
from scipy.sparse import coo_array
from scipy.spatial import KDTree
from skimage.measure import label as scikit_label
from skimage.measure import regionprops
from skimage.morphology import disk, local_maxima, reconstruction
from skimage.segmentation import watershed

from napari_advseg import score
from napari_advseg.labelling.section.distance import distance_to_walls
from napari_advseg.labelling.section.gap_closing import (
    close_gaps,
    label_section,
    line_statistics,
    prepare,
)
from napari_advseg.labelling.section.seeds import HIGHEST, find_seeds, quantise
from napari_advseg.labelling.section.watershed import flood, grow
from napari_advseg.samples import neuropil
from napari_advseg.settings.labelling import LabellingSettings
from napari_advseg.volume.by_section import cores, in_order

Array = np.ndarray[Any, Any]

START = LabellingSettings(threshold=0.7, gap_threshold=0.8)
CASES = {
    "depth": START,
    "distance": START.changed(minima="distance"),
    "median": START.changed(edge_radius=2, edge_statistic="median"),
    "corners": START.changed(connectivity=2),
}


def blurred_walls(side: int) -> tuple[Array, Array]:
    """An interior map as a network gives it (soft walls, faint spots, noise), and its truth."""
    rng = np.random.default_rng(0)
    truth = neuropil((side, side), seed=11)[1].numpy()
    drawn = neuropil((side, side), seed=11, wall=2)[1].numpy()
    faint = ndimage.gaussian_filter(rng.standard_normal((side, side)), 5)
    darkness = np.clip(1.0 - 0.85 * (faint > 1.2 * faint.std()), 0, 1)
    wall = ndimage.gaussian_filter((drawn == 0) * darkness, 1.2)
    noise = ndimage.gaussian_filter(rng.standard_normal((side, side)), 2) * 0.7
    return np.clip(0.97 - 0.95 * wall + noise, 0, 1).astype(np.float32), truth


def written_out(map_: Array, settings: LabellingSettings) -> Array:
    """Steps 1-10 of methods, section 5, with scipy and scikit-image."""
    interior = map_ > np.float32(settings.threshold)
    distance = ndimage.distance_transform_edt(interior)
    heights = np.ceil(np.minimum(distance, 511.875) * 8).astype(np.int32)
    basins = watershed(-heights, plain_seeds(heights, settings))
    line = np.zeros(interior.shape, bool)
    line[:, :-1] |= basins[:, :-1] != basins[:, 1:]
    line[:-1] |= basins[:-1] != basins[1:]
    if settings.connectivity == 2:
        line[:-1, :-1] |= basins[:-1, :-1] != basins[1:, 1:]
        line[:-1, 1:] |= basins[:-1, 1:] != basins[1:, :-1]
    lines = scikit_label(line & interior, connectivity=2)
    judged = plain_statistics(map_, lines, settings)
    accepted = np.concatenate([[False], judged < np.float32(settings.gap_threshold)])
    labels = scikit_label(interior & ~accepted[lines], connectivity=settings.connectivity)
    return np.asarray(watershed(np.rint((1 - map_) * np.float32(255)), labels))


def plain_seeds(heights: Array, settings: LabellingSettings) -> Array:
    """One pixel for each maximum that is deep, or far, enough."""
    if settings.minima == "depth":
        lowered = np.maximum(heights - (int(np.ceil(settings.depth * 8)) - 1), 0)
        rebuilt = reconstruction(lowered, heights, footprint=np.ones((3, 3)))
        regions = scikit_label(local_maxima(rebuilt) & (rebuilt > 0), connectivity=2)
    else:
        regions = scikit_label(local_maxima(heights) & (heights > 0), connectivity=2)
    tops = ndimage.maximum(heights, regions, np.arange(regions.max() + 1))
    first = np.flatnonzero((regions > 0) & (heights == tops[regions]))
    first = first[np.unique(regions.flat[first], return_index=True)[1]]
    if settings.minima == "distance":
        first = first[apart(first, heights, settings.distance)]
    seeds = np.zeros(heights.shape, np.int32)
    seeds.flat[np.sort(first)] = np.arange(1, len(first) + 1)
    return seeds


def apart(places: Array, heights: Array, distance: float) -> Array:
    """Which places stay when of any two nearer than `distance` the higher stays."""
    order = np.argsort(-heights.flat[places], kind="stable")
    points = np.stack(np.unravel_index(places[order], heights.shape), -1)
    stays = np.ones(len(points), bool)
    near = KDTree(points).query_ball_point(points, np.nextafter(distance, 0))
    for k, others in enumerate(near):
        if stays[k]:
            stays[[other for other in others if other > k]] = False
    return np.asarray(order[stays])


def plain_statistics(map_: Array, lines: Array, settings: LabellingSettings) -> Array:
    """Mean along each line, or the median near it."""
    if settings.edge_radius == 0:
        return np.asarray(ndimage.mean(map_, lines, np.arange(1, lines.max() + 1)))
    reach = settings.edge_radius
    padded = np.pad(map_, reach, constant_values=np.nan)
    medians = []
    for line in regionprops(lines):
        y0, x0, y1, x1 = line.bbox
        near = ndimage.binary_dilation(np.pad(line.image, reach), disk(reach))
        medians.append(np.nanmedian(padded[y0 : y1 + 2 * reach, x0 : x1 + 2 * reach][near]))
    return np.array(medians)


WAYS: dict[str, Callable[[Array, LabellingSettings], Array]] = {
    "written out": written_out,
    "ours": label_section,
}


def measured(way: str, case: str, options: argparse.Namespace) -> dict[str, float]:
    """Seconds by the clock and of the processor, and memory over the map; the labels go to a file."""
    map_ = np.load(options.folder / "map.npy")
    WAYS[way](map_[:64, :64], CASES[case])
    with Peak() as peak:
        np.save(options.folder / f"{way}.npy", WAYS[way](map_, CASES[case]))
    work = partial(WAYS[way], map_, CASES[case])
    return {
        "seconds": seconds(work, options.rounds),
        "cpu_seconds": seconds(work, options.rounds, time.process_time),
        "extra_mb": peak.extra_mb,
    }


class Peak:
    """Highest memory of this process over what it had before, looked at every half millisecond."""

    def __enter__(self) -> Self:
        self.process, self.is_over = psutil.Process(), threading.Event()
        self.before = self.most = self.process.memory_info().rss
        self.watch = threading.Thread(target=self._look)
        self.watch.start()
        return self

    def _look(self) -> None:
        while not self.is_over.wait(0.0005):
            self.most = max(self.most, self.process.memory_info().rss)

    def __exit__(self, *_: object) -> None:
        self.is_over.set()
        self.watch.join()

    @property
    def extra_mb(self) -> float:
        return (self.most - self.before) / 2**20


def seconds(
    work: Callable[[], object], rounds: int = 3, clock: Callable[[], float] = time.perf_counter
) -> float:
    """The best of some rounds, after one to compile."""
    work()
    times = []
    for _ in range(rounds):
        begin = clock()
        work()
        times.append(clock() - begin)
    return min(times)


def compared(case: str, truth: Array, options: argparse.Namespace) -> dict[str, Any]:
    """Both ways on one setting: their costs, and how far their labels agree."""
    costs: dict[str, dict[str, float]] = {}
    for way in WAYS:
        sizes = [f"--{name}={getattr(options, name)}" for name in ("folder", "rounds")]
        command = [sys.executable, __file__, f"--way={way}", f"--case={case}", *sizes]
        costs[way] = json.loads(subprocess.check_output(command))
    plain, ours = (np.load(options.folder / f"{way}.npy") for way in WAYS)
    scores = [score(labels, truth) for labels in (plain, ours)]
    return {
        **costs,
        "ratio": costs["written out"]["seconds"] / costs["ours"]["seconds"],
        "cpu_ratio": costs["written out"]["cpu_seconds"] / costs["ours"]["cpu_seconds"],
        "labels": [int(labels.max()) for labels in (plain, ours)],
        "equal_pixels": equal_share(plain, ours),
        "voi": [one.voi for one in scores],
        "voi_difference": abs(scores[0].voi - scores[1].voi),
        "adapted_rand_error": [one.adapted_rand_error for one in scores],
        "adapted_rand_difference": abs(scores[0].adapted_rand_error - scores[1].adapted_rand_error),
    }


def equal_share(one: Array, other: Array) -> float:
    """Share of pixels with the same label under the best one-to-one map of ids."""
    pairs = coo_array((np.ones(one.size), (one.ravel(), other.ravel()))).toarray()
    rows, columns = linear_sum_assignment(pairs, maximize=True)
    return float(pairs[rows, columns].sum() / one.size)


def stages(map_: Array) -> dict[str, float]:
    """Milliseconds of each stage on one section."""
    prepared = prepare(map_, START)
    heights = quantise(distance_to_walls(prepared.interior))
    seeds = find_seeds(heights, START)
    walls = close_gaps(prepared, START.changed(thin=False))
    works: dict[str, Callable[[], object]] = {
        "distance": lambda: quantise(distance_to_walls(prepared.interior)),
        "distance by edt": lambda: quantise(edt.edt(prepared.interior, black_border=False)),
        "distance by bioimage-cpp": lambda: quantise(distance_transform(prepared.interior)),
        "seeds": lambda: find_seeds(heights, START),
        "flood": lambda: flood(HIGHEST - heights, seeds),
        "prepare (all of them)": lambda: prepare(map_, START),
        "line statistics": lambda: anew(prepared),
        "close_gaps without growing": lambda: close_gaps(prepared, START.changed(thin=False)),
        "grow": lambda: grow(walls, map_),
    }
    return {name: 1000 * seconds(work) for name, work in works.items()}


def anew(prepared: Any) -> object:
    """The statistics of lines that nothing is known of."""
    prepared.judged.clear()
    return line_statistics(prepared, START)


def moves(map_: Array) -> dict[str, float]:
    """Milliseconds of computing after a slider was moved, the median of eight moves."""
    prepared = prepare(map_, START)
    shifts: dict[str, Callable[[int], object]] = {
        "edge threshold": lambda k: close_gaps(
            prepared, START.changed(gap_threshold=0.72 + k / 50)
        ),
        "edge statistic": lambda k: close_gaps(
            prepared,
            START.changed(edge_radius=2, edge_statistic="quantile", edge_quantile=k / 10),
        ),
        "minimum size": lambda k: close_gaps(prepared, START.changed(minimum_size=20 * k)),
        "threshold": lambda k: label_section(map_, START.changed(threshold=0.6 + k / 50)),
    }
    found = {}
    for name, shift in shifts.items():
        shift(9)
        times = []
        for k in range(8):
            begin = time.perf_counter()
            shift(k)
            times.append(1000 * (time.perf_counter() - begin))
        found[name] = float(np.median(times))
    return found


def threads(map_: Array) -> dict[str, float]:
    """Sections at once on all cores, beside one after the other."""
    alone = seconds(lambda: [label_section(map_, START) for _ in range(8)])
    together = seconds(lambda: list(in_order(lambda one: label_section(one, START), [map_] * 8)))
    return {"cores": cores(), "times_faster": alone / together}


def gained(map_: Array, truth: Array) -> dict[str, float]:
    """VOI with the gaps open and closed."""
    labels = {
        "open": label_section(map_, START.changed(gap_threshold=START.threshold)),
        "closed": label_section(map_, START),
    }
    return {name: score(one, truth).voi for name, one in labels.items()}


def main() -> None:
    """Print what was measured, or all as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--side", type=int, default=1250)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--way", choices=sorted(WAYS), help=argparse.SUPPRESS)
    parser.add_argument("--case", choices=sorted(CASES), help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.way:
        print(json.dumps(measured(options.way, options.case, options)))
        return
    map_, truth = blurred_walls(options.side)
    with tempfile.TemporaryDirectory() as folder:
        options.folder = Path(folder)
        np.save(options.folder / "map.npy", map_)
        beside = {case: compared(case, truth, options) for case in CASES}
    result = {
        "beside": beside,
        "stages_ms": stages(map_),
        "moves_ms": {side: moves(map_[:side, :side]) for side in (options.side, 512)},
        "threads": threads(map_),
        "voi": gained(map_, truth),
    }
    print(json.dumps(result) if options.json else told(result))


def told(result: dict[str, Any]) -> str:
    """The result in lines."""
    lines = []
    for case, one in result["beside"].items():
        plain, ours = one["written out"], one["ours"]
        lines.append(
            f"{case:>9}: written out {plain['seconds']:.3f} s, +{plain['extra_mb']:.0f} MB; "
            f"ours {ours['seconds']:.3f} s, +{ours['extra_mb']:.0f} MB; {one['ratio']:.1f} times "
            f"({one['cpu_ratio']:.1f} by processor time); "
            f"{100 * one['equal_pixels']:.3f} % equal, VOI {one['voi'][1]:.4f} "
            f"({one['voi_difference']:.1e} apart), adapted Rand error "
            f"{one['adapted_rand_error'][1]:.4f} ({one['adapted_rand_difference']:.1e} apart)"
        )
    for name in ("stages_ms", "threads", "voi"):
        lines += [f"{key:>26}: {value:.2f}" for key, value in result[name].items()]
    for side, found in result["moves_ms"].items():
        lines += [f"{side:>5} px, {key:>16}: {value:.1f} ms" for key, value in found.items()]
    return "\n".join(lines)


if __name__ == "__main__":
    main()
