"""What labelling costs beside scikit-image, and how well gap closing does on tissue of known truth.

Run `python benchmarks/gap_closing.py [--side 1250] [--json]`. Times are of one thread, best of
three, after compilation. The stages are those of `labelling.gap_closing`; a slider over the gap
threshold repeats only `close_gaps`.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable
from typing import Any

import numpy as np
from scipy.ndimage import gaussian_filter
from skimage.segmentation import watershed

from napari_advseg import drain
from napari_advseg.labelling.gap_closing import close_gaps, prepare
from napari_advseg.labelling.watershed import flood, grow
from napari_advseg.samples import neuropil
from napari_advseg.settings.labelling import LabellingSettings
from napari_advseg.tuning import choose_thresholds


def blurred_walls(side: int) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """An interior map as a network gives it (soft walls, faint spots, noise), and its truth."""
    rng = np.random.default_rng(0)
    truth = neuropil((side, side), seed=11)[1].numpy()
    drawn = neuropil((side, side), seed=11, wall=2)[1].numpy()
    faint = gaussian_filter(rng.standard_normal((side, side)), 5)
    darkness = np.clip(1.0 - 0.85 * (faint > 1.2 * faint.std()), 0, 1)
    wall = gaussian_filter((drawn == 0) * darkness, 1.2)
    noise = gaussian_filter(rng.standard_normal((side, side)), 2) * 0.7
    return np.clip(0.97 - 0.95 * wall + noise, 0, 1).astype(np.float32), truth


def seconds(work: Callable[[], object]) -> float:
    """The best of three, after one to compile."""
    work()
    times = []
    for _ in range(3):
        begin = time.perf_counter()
        work()
        times.append(time.perf_counter() - begin)
    return min(times)


def stages(map_: np.ndarray[Any, Any]) -> dict[str, float]:
    """Seconds of each stage on one section, scikit-image's watershed beside ours."""
    settings = LabellingSettings(threshold=0.7, edge_threshold=0.8)
    prepared = prepare(map_, settings)
    walls = close_gaps(prepared, settings.changed(thin=False))
    levels = np.rint((1 - map_) * np.float32(255)).astype(np.uint8)
    equal = flood(levels, walls) == watershed(levels, walls, connectivity=1)
    return {
        "prepare": seconds(lambda: prepare(map_, settings)),
        "close_gaps": seconds(lambda: close_gaps(prepared, settings)),
        "close_gaps_without_growing": seconds(
            lambda: close_gaps(prepared, settings.changed(thin=False))
        ),
        "grow": seconds(lambda: grow(walls, map_)),
        "watershed_scikit_image": seconds(lambda: watershed(levels, walls, connectivity=1)),
        "share_of_equal_pixels": float(equal.mean()),
    }


def main() -> None:
    """Print the stages and the chosen thresholds, or all as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--side", type=int, default=1250)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    map_, truth = blurred_walls(options.side)
    half = min(options.side, 512)
    sections = (
        [map_[:half, :half], map_[-half:, -half:]],
        [truth[:half, :half], truth[-half:, -half:]],
    )
    begin = time.perf_counter()
    chosen = drain(choose_thresholds(*sections))
    took = time.perf_counter() - begin
    result = {**stages(map_), "choose_thresholds": took, **chosen.to_json()}
    if options.json:
        print(json.dumps(result))
        return
    for name, value in result.items():
        if isinstance(value, float):
            print(f"{name:>28}: {value:.4f}")
    for name in ("plain", "best"):
        cell = result[name]
        print(f"{name:>28}: " + ", ".join(f"{k} {v:.3f}" for k, v in cell.items()))


if __name__ == "__main__":
    main()
