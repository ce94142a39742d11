"""What scoring costs beside scikit-image: time, memory, their growth with the volume, and edits.

Run `python benchmarks/score.py [--sections 125] [--side 1250] [--ids 10000] [--json]`. Each way
runs in a process of its own, so that its peak memory is its own; times are of the scoring alone,
without the making of the labels, and without compilation (numba's cache is filled first).

The growth runs from 1 to 64 times a volume of a 64th of the sections; an exponent of 1 means twice
the time, or memory over the inputs, for twice the volume. Edits are made to a live score of the
whole volume: their times are of the edit and the new score together.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import psutil
from skimage.metrics import adapted_rand_error as scikit_rand
from skimage.metrics import variation_of_information as scikit_voi

from napari_advseg import score
from napari_advseg.scoring.measures.information import variation_of_information
from napari_advseg.scoring.measures.live import LiveScore
from napari_advseg.scoring.measures.rand import adapted_rand_error
from napari_advseg.scoring.table.contingency import Contingency, tabulate

TIMES = (1, 4, 16, 64)
PAINTED = tuple(10**k for k in range(1, 7))
EDITS = 200

Labels = np.ndarray[Any, np.dtype[np.uint32]]


def phantom(sections: int, side: int, ids: int) -> tuple[Labels, Labels]:
    """Dense cells through all sections, and the same with walls moved and one cell in 20 joined."""
    rng = np.random.default_rng(0)
    pitch = max(2, round(side / np.sqrt(ids)))
    count = -(-side // pitch)
    y, x = np.mgrid[:side, :side].astype(np.float32)
    waves = rng.uniform(0, 2 * np.pi, (sections, 4)).astype(np.float32)
    truth = np.empty((sections, side, side), np.uint32)
    labels = np.empty_like(truth)
    joined = 1 + rng.permutation(count * count + 1).astype(np.uint32)
    joined[20::20] = joined[19:-1:20]
    for z, wave in enumerate(waves):
        for stack, shift in ((truth, 0.0), (labels, 1.5)):
            down = y + 0.3 * pitch * np.sin(x / pitch + wave[0] / 9) + shift
            right = x + 0.3 * pitch * np.sin(y / pitch + wave[1] / 9) + shift
            row = np.clip(down // pitch, 0, count - 1)
            stack[z] = (row * count + np.clip(right // pitch, 0, count - 1)).astype(np.uint32) + 1
        labels[z] = joined[labels[z]]
    return labels, truth


def with_scikit_image(labels: Labels, truth: Labels) -> tuple[float, ...]:
    """Its two calls, one after the other."""
    return (*map(float, scikit_voi(truth, labels)), float(scikit_rand(truth, labels)[0]))


def with_one_table(labels: Labels, truth: Labels) -> tuple[float, ...]:
    """The same numbers from our table."""
    table = tabulate(labels, truth)
    return (*variation_of_information(table), adapted_rand_error(table, "scikit-image"))


def with_score_by_section(labels: Labels, truth: Labels) -> tuple[float, ...]:
    """The verb with its defaults: by section, borders masked, flattering score beside."""
    return three(score(labels, truth))


def with_score_by_volume(labels: Labels, truth: Labels) -> tuple[float, ...]:
    """The same with ids that run through the volume."""
    return three(score(labels, truth, by="volume"))


def three(measured: Any) -> tuple[float, ...]:
    """VOI split and merge, and the adapted Rand error."""
    return measured.voi_split, measured.voi_merge, measured.adapted_rand_error


WAYS = {
    "scikit-image": with_scikit_image,
    "table": with_one_table,
    "score by section": with_score_by_section,
    "score by volume": with_score_by_volume,
}


def measured(way: str, options: argparse.Namespace) -> dict[str, Any]:
    """Seconds (best of `rounds`; by the clock, and of all cores together), memory and numbers."""
    labels, truth = phantom(options.sections, options.side, options.ids)
    WAYS[way](labels[:1], truth[:1])
    before = forget_peak()
    seconds, busy = [], []
    for _ in range(options.rounds):
        begin, idle = time.perf_counter(), time.process_time()
        numbers = WAYS[way](labels, truth)
        seconds.append(time.perf_counter() - begin)
        busy.append(time.process_time() - idle)
    return {
        "voxels": labels.size,
        "seconds": min(seconds),
        "cpu_seconds": min(busy),
        "extra_gb": (peak_bytes() - before) / 1e9,
        "numbers": numbers,
    }


def forget_peak() -> int:
    """Let the peak memory of this process begin now (Linux); the bytes it holds."""
    Path("/proc/self/clear_refs").write_text("5")
    return int(psutil.Process().memory_info().rss)


def peak_bytes() -> int:
    """Peak memory of this process since `forget_peak`."""
    status = Path("/proc/self/status").read_text().splitlines()
    return 1024 * next(int(line.split()[1]) for line in status if line.startswith("VmHWM"))


def edits(options: argparse.Namespace) -> dict[str, Any]:
    """Milliseconds of merges (median and worst) and of painting boxes of more and more voxels."""
    labels, truth = phantom(options.sections, options.side, options.ids)
    table = tabulate(labels, truth)
    live = LiveScore(table)
    pairs = neighbours(table)
    asked = [milliseconds(lambda a=a, b=b: live.gain_of_merge(a, b)) for a, b in pairs]
    merged = [milliseconds(lambda a=a, b=b: (live.merge(a, b), live.values)) for a, b in pairs]
    anew = milliseconds(lambda: LiveScore(tabulate(labels, truth)).values)
    live = LiveScore(table)
    flat, under = labels.reshape(-1), truth.reshape(-1)
    painted = {n: painting(live, flat[:n], under[:n]) for n in PAINTED if n <= flat.size}
    large = [n for n in painted if n >= 10_000]
    return {
        "pairs_of_ids": len(table.counts),
        "gain_of_merge_ms": [float(np.median(asked)), max(asked)],
        "merge_ms": [float(np.median(merged)), max(merged)],
        "anew_ms": anew,
        "repaint_ms": painted,
        "repaint_exponent": exponent(large, [painted[n] for n in large]),
    }


def neighbours(table: Contingency) -> list[tuple[int, int]]:
    """Some pairs of labels that lie on the same true id."""
    order = np.lexsort((table.predicted, table.truth))
    labels, truth = table.predicted[order], table.truth[order]
    places = np.flatnonzero(truth[1:] == truth[:-1])
    chosen = np.random.default_rng(0).permutation(places)[:EDITS]
    return list(zip(labels[chosen].tolist(), labels[chosen + 1].tolist(), strict=True))


def painting(live: LiveScore, before: Labels, truth: Labels) -> float:
    """Milliseconds of giving some voxels one new id; they are given back."""
    after = np.full_like(before, 1)
    times = []
    for _ in range(5):
        times.append(milliseconds(lambda: (live.repaint(before, after, truth), live.values)))
        live.repaint(after, before, truth)
    return min(times)


def milliseconds(work: Callable[[], object]) -> float:
    """How long it takes."""
    begin = time.perf_counter()
    work()
    return (time.perf_counter() - begin) * 1e3


def exponent(sizes: list[int], values: list[float]) -> float:
    """The power of the size with which values grow."""
    return float(np.polyfit(np.log(sizes), np.log(values), 1)[0]) if len(sizes) > 1 else 0.0


def growth(way: str, options: argparse.Namespace) -> dict[str, Any]:
    """Time and memory of 1 to 64 times a volume, and the exponents fitted to them."""
    base = max(1, round(options.sections / TIMES[-1]))
    steps = [apart(way, options, sections=base * times) for times in TIMES]
    voxels = [step["voxels"] for step in steps]
    return {
        "voxels": voxels,
        "seconds": [step["seconds"] for step in steps],
        "extra_gb": [step["extra_gb"] for step in steps],
        "time_exponent": exponent(voxels, [step["seconds"] for step in steps]),
        # What is below 1 MB is no memory of the work.
        "memory_exponent": exponent(voxels, [max(step["extra_gb"], 1e-3) for step in steps]),
    }


def apart(way: str, options: argparse.Namespace, **changed: int) -> dict[str, Any]:
    """What is measured of one way, in a process of its own."""
    chosen = {**vars(options), **changed}
    sizes = [f"--{name}={chosen[name]}" for name in ("sections", "side", "ids", "rounds")]
    command = [sys.executable, __file__, f"--way={way}", *sizes]
    result: dict[str, Any] = json.loads(subprocess.check_output(command))
    return result


def report(results: dict[str, Any]) -> None:
    """All results as tables."""
    for way, result in results["ways"].items():
        numbers = "split {:.4f}, merge {:.4f}, adapted Rand error {:.4f}".format(*result["numbers"])
        print(
            f"{way:>16}: {result['seconds']:6.2f} s ({result['cpu_seconds']:.2f} s of processor), "
            f"{result['ratio']:.1f} x scikit-image, +{result['extra_gb']:.3f} GB, {numbers}"
        )
    for way, result in results["growth"].items():
        seconds = ", ".join(f"{value:.3f}" for value in result["seconds"])
        memory = ", ".join(f"{value:.3f}" for value in result["extra_gb"])
        print(
            f"{way:>16}: {seconds} s (exponent {result['time_exponent']:.2f}) and +{memory} GB "
            f"(exponent {result['memory_exponent']:.2f}) for {TIMES} x {result['voxels'][0]} voxels"
        )
    live = results["edits"]
    for name in ("gain_of_merge_ms", "merge_ms"):
        print(f"{name:>16}: median {live[name][0]:.3f}, worst {live[name][1]:.3f}")
    painted = ", ".join(f"{n}: {value:.2f}" for n, value in live["repaint_ms"].items())
    print(f"{'repaint_ms':>16}: {painted} (exponent {live['repaint_exponent']:.2f} from 10000 on)")
    print(f"{'anew_ms':>16}: {live['anew_ms']:.0f} ({live['pairs_of_ids']} pairs of ids)")


def main() -> None:
    """Print the tables, or all as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sections", type=int, default=125)
    parser.add_argument("--side", type=int, default=1250)
    parser.add_argument("--ids", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--way", choices=[*WAYS, "edits"])
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    if options.way:
        print(
            json.dumps(edits(options) if options.way == "edits" else measured(options.way, options))
        )
        return
    ways = {way: apart(way, options) for way in WAYS}
    for result in ways.values():
        result["ratio"] = ways["scikit-image"]["seconds"] / result["seconds"]
    results = {
        "ways": ways,
        "growth": {way: growth(way, options) for way in ("scikit-image", "table")},
        "edits": apart("edits", options),
    }
    if options.json:
        print(json.dumps(results))
    else:
        report(results)


if __name__ == "__main__":
    main()
