"""What scoring costs beside scikit-image: VOI and adapted Rand error of a whole labelled volume.

Run `python benchmarks/score.py [--sections 125] [--side 1250] [--ids 10000] [--json]`. Each way
runs in a process of its own, so that its peak memory is its own; times are of the scoring alone,
without the making of the labels, and without compilation (numba's cache is filled first).
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
from skimage.metrics import adapted_rand_error as scikit_rand
from skimage.metrics import variation_of_information as scikit_voi

from napari_advseg import score
from napari_advseg.scoring.contingency import contingency, merged
from napari_advseg.scoring.information import variation_of_information
from napari_advseg.scoring.rand import adapted_rand_error

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
    """The same numbers from our table, section by section on all cores."""
    with ThreadPoolExecutor() as pool:
        table = merged(pool.map(contingency, labels, truth))
    return (*variation_of_information(table), adapted_rand_error(table, "scikit-image"))


def with_score(labels: Labels, truth: Labels) -> tuple[float, ...]:
    """The public verb with its defaults: by section, border masked, the flattering score beside."""
    measured = score(labels, truth)
    return measured.voi_split, measured.voi_merge, measured.adapted_rand_error


WAYS = {"scikit-image": with_scikit_image, "table": with_one_table, "score": with_score}


def measured(way: str, options: argparse.Namespace) -> dict[str, Any]:
    """Seconds (best of `rounds`; by the clock, and of all cores together), memory and numbers."""
    labels, truth = phantom(options.sections, options.side, options.ids)
    WAYS[way](labels[:1], truth[:1])
    before = peak_gb()
    seconds, busy = [], []
    for _ in range(options.rounds):
        begin, idle = time.perf_counter(), time.process_time()
        numbers = WAYS[way](labels, truth)
        seconds.append(time.perf_counter() - begin)
        busy.append(time.process_time() - idle)
    return {
        "seconds": min(seconds),
        "cpu_seconds": min(busy),
        "extra_gb": peak_gb() - before,
        "numbers": numbers,
    }


def peak_gb() -> float:
    """Peak memory of this process so far."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20


def apart(way: str, options: argparse.Namespace) -> dict[str, Any]:
    """`measured` in a process of its own."""
    sizes = [f"--{name}={getattr(options, name)}" for name in ("sections", "side", "ids", "rounds")]
    command = [sys.executable, __file__, f"--way={way}", *sizes]
    result: dict[str, Any] = json.loads(subprocess.check_output(command))
    return result


def main() -> None:
    """Print one line a way, or all as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sections", type=int, default=125)
    parser.add_argument("--side", type=int, default=1250)
    parser.add_argument("--ids", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--way", choices=sorted(WAYS))
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    if options.way:
        print(json.dumps(measured(options.way, options)))
        return
    results = {way: apart(way, options) for way in WAYS}
    for result in results.values():
        result["ratio"] = results["scikit-image"]["seconds"] / result["seconds"]
    if options.json:
        print(json.dumps(results))
        return
    for way, result in results.items():
        print(
            f"{way:>12}: {result['seconds']:6.2f} s ({result['cpu_seconds']:.2f} s of processor), "
            f"{result['ratio']:.1f} x scikit-image, "
            f"+{result['extra_gb']:.2f} GB, split {result['numbers'][0]:.4f}, "
            f"merge {result['numbers'][1]:.4f}, adapted Rand error {result['numbers'][2]:.4f}"
        )


if __name__ == "__main__":
    main()
